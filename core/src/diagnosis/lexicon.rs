//! All the words that the table of rules names, each with a number, and where they stand in a text. A text is compared
//! with every word of the table at once, so that thousands of phrases cost no more than a few.

use std::collections::HashMap;

use super::text::{Kind, Token};

/// The number of a word, or of a part of words, of the table.
pub(super) type Atom = usize;

/// The words of the table.
#[derive(Debug, Default)]
pub(super) struct Lexicon {
    exact: HashMap<String, Atom>,
    prefixes: HashMap<String, Atom>,
    /// Ends of words; they match within host names and URLs too.
    suffixes: HashMap<String, Atom>,
    /// Parts of words; they match within host names and URLs too.
    parts: HashMap<String, Atom>,
    /// How long the longest of the prefixes and of the suffixes are, in octets: a hostile server's words may be longer.
    longest_prefix: usize,
    longest_suffix: usize,
    kinds: HashMap<Kind, Atom>,
    number: Option<Atom>,
    /// How many there are.
    count: usize,
}

impl Lexicon {
    pub(super) fn exact(&mut self, word: &str) -> Atom {
        enter(&mut self.exact, word.to_owned(), &mut self.count)
    }

    pub(super) fn prefix(&mut self, word: &str) -> Atom {
        self.longest_prefix = self.longest_prefix.max(word.len());
        enter(&mut self.prefixes, word.to_owned(), &mut self.count)
    }

    pub(super) fn suffix(&mut self, word: &str) -> Atom {
        self.longest_suffix = self.longest_suffix.max(word.len());
        enter(&mut self.suffixes, word.to_owned(), &mut self.count)
    }

    pub(super) fn within(&mut self, word: &str) -> Atom {
        enter(&mut self.parts, word.to_owned(), &mut self.count)
    }

    pub(super) fn kind(&mut self, kind: Kind) -> Atom {
        enter(&mut self.kinds, kind, &mut self.count)
    }

    /// A word of digits.
    pub(super) fn number(&mut self) -> Atom {
        *self.number.get_or_insert_with(|| {
            self.count += 1;
            self.count - 1
        })
    }

    /// Where the words of the table stand in `tokens`.
    pub(super) fn places(&self, tokens: &[Token]) -> Places {
        let mut found: Vec<(Atom, usize)> = Vec::with_capacity(tokens.len() * 4);
        for (at, token) in tokens.iter().enumerate() {
            self.each_of(token, |atom| found.push((atom, at)));
        }
        found.sort_unstable();
        let mut starts = vec![0; self.count + 1];
        for (atom, _) in &found {
            starts[atom + 1] += 1;
        }
        for atom in 0..self.count {
            starts[atom + 1] += starts[atom];
        }
        Places { starts, tokens: found.into_iter().map(|(_, at)| at).collect() }
    }

    /// Calls `found` with everything in the table that `token` is.
    fn each_of(&self, token: &Token, mut found: impl FnMut(Atom)) {
        let text = token.text.as_str();
        self.kinds.get(&token.kind).copied().into_iter().for_each(&mut found);
        if token.kind == Kind::Word {
            self.exact.get(text).copied().into_iter().for_each(&mut found);
            if text.bytes().all(|b| b.is_ascii_digit()) {
                self.number.into_iter().for_each(&mut found);
            }
            let ends = text.char_indices().map(|(at, c)| at + c.len_utf8());
            let ends = ends.take_while(|end| *end <= self.longest_prefix);
            ends.filter_map(|end| self.prefixes.get(&text[..end])).copied().for_each(&mut found);
        }
        if !matches!(token.kind, Kind::Address | Kind::Stop) {
            let tails = text.char_indices().rev().map(|(at, _)| &text[at..]);
            let tails = tails.take_while(|tail| tail.len() <= self.longest_suffix);
            let tails = tails.filter_map(|tail| self.suffixes.get(tail));
            tails.copied().for_each(&mut found);
            if text.len() > 2 {
                let parts = self.parts.iter().filter(|(part, _)| text.contains(part.as_str()));
                parts.map(|(_, atom)| *atom).for_each(&mut found);
            }
        }
    }
}

fn enter<K: std::hash::Hash + Eq>(map: &mut HashMap<K, Atom>, key: K, count: &mut usize) -> Atom {
    *map.entry(key).or_insert_with(|| {
        *count += 1;
        *count - 1
    })
}

/// Where the words of the table stand in a text.
#[derive(Debug)]
pub(super) struct Places {
    /// By atom: where its part of `tokens` begins; one more for the end.
    starts: Vec<usize>,
    /// Numbers of tokens, in order for each atom.
    tokens: Vec<usize>,
}

impl Places {
    pub(super) fn of(&self, atom: Atom) -> &[usize] {
        let range =
            self.starts.get(atom).copied().unwrap_or(0)..self.starts.get(atom + 1).copied().unwrap_or(0);
        self.tokens.get(range).unwrap_or_default()
    }

    pub(super) fn has(&self, atom: Atom, at: usize) -> bool {
        self.of(atom).binary_search(&at).is_ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::diagnosis::text::tokenise;

    #[test]
    fn finds_words_parts_and_kinds() {
        let mut lexicon = Lexicon::default();
        let atoms = [
            lexicon.exact("user"),
            lexicon.prefix("us"),
            lexicon.suffix(".org"),
            lexicon.within("spamhaus"),
            lexicon.kind(Kind::Ip),
            lexicon.number(),
        ];
        assert_eq!(lexicon.exact("user"), atoms[0], "one word, one number");
        let places = lexicon.places(&tokenise("user 12 uses zen.spamhaus.org 192.0.2.1 user"));
        let of = |atom| places.of(atom).to_vec();
        assert_eq!(atoms.map(of), [vec![0, 5], vec![0, 2, 5], vec![3], vec![3], vec![4], vec![1]]);
        assert!(places.has(atoms[0], 5) && !places.has(atoms[0], 1));
    }
}
