//! The small language in which rules name words; `rules.txt` explains it.
//!
//! ```text
//! pattern := clause ('+' clause)*            all of them hold
//! clause  := ['!'] (binding | nearby)        '!': nowhere in the text
//! nearby  := choice ('~' choice)*            near each other, in any order
//! binding := nouns '=' choice                the noun nearest to the choice is one of these: what is said, of whom
//! nouns   := noun ('|' noun)*                noun: <Concept> with a capital letter, or <none>
//! choice  := phrase ('|' phrase)*            one of them
//! phrase  := element element …               one after the other
//! element := word | word* | *word | *word* | _ | <concept> | {address} {ip} {domain} {url} {number}
//! ```

use std::collections::HashMap;

use super::lexicon::{Atom, Lexicon, Places};
use super::text::{Kind, Token, tokenise};

/// At most this many words may stand between two parts joined by `~`, and between a noun and what is said of it.
const NEAR: usize = 6;

/// The end of a sentence parts as much as this many words.
const STOP: usize = 3;

/// Words that stand between a noun and what is said of it, and part nothing.
pub(super) const SMALL: [&str; 40] = [
    "is",
    "was",
    "are",
    "were",
    "be",
    "been",
    "being",
    "has",
    "have",
    "had",
    "the",
    "a",
    "an",
    "this",
    "that",
    "your",
    "our",
    "my",
    "its",
    "currently",
    "ist",
    "wurde",
    "wird",
    "sind",
    "die",
    "der",
    "das",
    "est",
    "a",
    "ete",
    "le",
    "la",
    "es",
    "ha",
    "esta",
    "sido",
    "stato",
    "e",
    "foi",
    "jest",
];

/// Tokens `start..end` of the text.
type Span = (usize, usize);

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Element {
    Atom(Atom),
    Any,
    Concept(usize),
}

#[derive(Clone, Debug)]
struct Phrase(Vec<Element>);

#[derive(Clone, Debug)]
struct Choice(Vec<Phrase>);

#[derive(Clone, Debug)]
enum Clause {
    Nearby(Vec<Choice>),
    /// The numbers of the concepts, `None` for `<none>`.
    Binding(Vec<Option<usize>>, Choice),
}

/// A compiled pattern: each clause with whether it must be absent.
#[derive(Clone, Debug)]
pub(super) struct Pattern(Vec<(bool, Clause)>);

/// The named sets of words. One may use those defined before it.
#[derive(Debug, Default)]
pub(super) struct Concepts {
    lexicon: Lexicon,
    names: HashMap<String, usize>,
    choices: Vec<Choice>,
    /// Which of them are nouns.
    nouns: Vec<bool>,
    /// Their names.
    titles: Vec<String>,
}

impl Concepts {
    /// Defines `<name>` as the phrases of `source`.
    pub(super) fn define(&mut self, name: &str, source: &str) -> Result<(), String> {
        let choice = Choice::parse(source, self)?;
        let number = self.choices.len();
        if self.names.insert(name.to_owned(), number).is_some() {
            return Err(format!("<{name}> is defined twice"));
        }
        self.choices.push(choice);
        self.titles.push(name.to_owned());
        self.nouns.push(name.starts_with(|c: char| c.is_ascii_uppercase()));
        Ok(())
    }

    fn number(&self, name: &str) -> Result<usize, String> {
        self.names.get(name).copied().ok_or_else(|| format!("<{name}> is not defined"))
    }
}

impl Pattern {
    pub(super) fn parse(source: &str, concepts: &mut Concepts) -> Result<Self, String> {
        let clause = |source: &str| {
            let source = source.trim();
            let (absent, source) = source.strip_prefix('!').map_or((false, source), |rest| (true, rest));
            Ok((absent, Clause::parse(source, concepts)?))
        };
        source.split('+').map(clause).collect::<Result<_, String>>().map(Self)
    }

    /// Whether `text` has what the pattern asks for.
    pub(super) fn matches(&self, text: &Text<'_>) -> bool {
        self.0.iter().all(|(absent, clause)| clause.found(text) != *absent)
    }
}

impl Clause {
    fn parse(source: &str, concepts: &mut Concepts) -> Result<Self, String> {
        let Some((nouns, said)) = source.split_once(" = ") else {
            let near = source.split('~').map(|c| Choice::parse(c, concepts)).collect::<Result<_, _>>()?;
            return Ok(Self::Nearby(near));
        };
        let noun = |name: &str| match name.trim().strip_prefix('<').and_then(|n| n.strip_suffix('>')) {
            Some("none") => Ok(None),
            Some(name) => concepts.number(name).and_then(|n| {
                concepts.nouns[n].then_some(Some(n)).ok_or_else(|| format!("<{name}> is not a noun"))
            }),
            None => Err(format!("{name:?} is not the name of a noun")),
        };
        let nouns = nouns.split('|').map(noun).collect::<Result<_, _>>()?;
        Ok(Self::Binding(nouns, Choice::parse(said, concepts)?))
    }

    fn found(&self, text: &Text<'_>) -> bool {
        match self {
            Self::Nearby(choices) => {
                let Some((first, rest)) = choices.split_first() else { return true };
                // The places of the parts found so far.
                let mut reached: Vec<Vec<Span>> =
                    first.spans(text).into_iter().map(|span| vec![span]).collect();
                for choice in rest {
                    if reached.is_empty() {
                        return false;
                    }
                    let next = choice.spans(text);
                    reached.retain_mut(|parts| text.extend(parts, &next));
                }
                !reached.is_empty()
            }
            Self::Binding(nouns, said) => said.spans(text).iter().any(|span| text.bound(*span, nouns)),
        }
    }
}

impl Choice {
    fn parse(source: &str, concepts: &mut Concepts) -> Result<Self, String> {
        source.split('|').map(|p| Phrase::parse(p, concepts)).collect::<Result<_, _>>().map(Self)
    }

    /// All places where one of the phrases stands, in the order of their beginnings.
    fn spans(&self, text: &Text<'_>) -> Vec<Span> {
        let mut spans = Vec::new();
        for phrase in &self.0 {
            phrase.find(text, &mut spans);
        }
        spans.sort_unstable();
        spans.dedup();
        spans
    }
}

impl Phrase {
    fn parse(source: &str, concepts: &mut Concepts) -> Result<Self, String> {
        let mut elements = Vec::new();
        for word in source.split_whitespace() {
            parse_word(word, concepts, &mut elements)?;
        }
        match elements.first() {
            None | Some(Element::Any) => Err(format!("a phrase begins with a word: {source:?}")),
            Some(_) => Ok(Self(elements)),
        }
    }

    /// Adds the places of the phrase to `spans`.
    fn find(&self, text: &Text<'_>, spans: &mut Vec<Span>) {
        match self.0.split_first() {
            Some((Element::Atom(atom), rest)) => {
                for at in text.places.of(*atom) {
                    spans.extend(text.end_of(rest, at + 1).map(|end| (at, end)));
                }
            }
            Some((Element::Concept(number), rest)) => {
                for (at, end) in text.concept(*number) {
                    spans.extend(text.end_of(rest, *end).map(|end| (*at, end)));
                }
            }
            Some((Element::Any, _)) | None => {}
        }
    }
}

fn parse_word(word: &str, concepts: &mut Concepts, elements: &mut Vec<Element>) -> Result<(), String> {
    if let Some(name) = word.strip_prefix('<').and_then(|w| w.strip_suffix('>')) {
        elements.push(Element::Concept(concepts.number(name)?));
        return Ok(());
    }
    let lexicon = &mut concepts.lexicon;
    let element = match word {
        "_" => Some(Element::Any),
        "{address}" => Some(Element::Atom(lexicon.kind(Kind::Address))),
        "{ip}" => Some(Element::Atom(lexicon.kind(Kind::Ip))),
        "{domain}" => Some(Element::Atom(lexicon.kind(Kind::Domain))),
        "{url}" => Some(Element::Atom(lexicon.kind(Kind::Url))),
        "{number}" => Some(Element::Atom(lexicon.number())),
        _ if word.contains(['{', '}', '<', '>', '=']) => return Err(format!("{word} is not known")),
        _ => None,
    };
    if let Some(element) = element {
        elements.push(element);
        return Ok(());
    }
    let (bare, front) = word.strip_prefix('*').map_or((word, false), |w| (w, true));
    let (bare, back) = bare.strip_suffix('*').map_or((bare, false), |w| (w, true));
    if front && !bare.is_empty() {
        let part = bare.to_lowercase();
        elements.push(Element::Atom(if back { lexicon.within(&part) } else { lexicon.suffix(&part) }));
        return Ok(());
    }
    // The word goes through the same mill as the text, so that `e-mail` and `größe` can be written as they are.
    let words: Vec<Token> = tokenise(bare).into_iter().filter(|t| t.kind != Kind::Stop).collect();
    let (last, others) = words.split_last().ok_or_else(|| format!("{word:?} has no letters"))?;
    elements.extend(others.iter().map(|t| Element::Atom(lexicon.exact(&t.text))));
    elements.push(Element::Atom(if back { lexicon.prefix(&last.text) } else { lexicon.exact(&last.text) }));
    Ok(())
}

/// A text with the places of every word and concept in it.
#[derive(Debug)]
pub(super) struct Text<'a> {
    tokens: &'a [Token],
    places: Places,
    /// How far from the beginning each token ends, in words.
    distance: Vec<usize>,
    /// By concept.
    concepts: Vec<Vec<Span>>,
    /// The nouns, with the number of their concept; none overlaps another.
    nouns: Vec<(Span, usize)>,
}

impl<'a> Text<'a> {
    pub(super) fn new(tokens: &'a [Token], concepts: &Concepts) -> Self {
        let mut at = 0;
        let distance = tokens.iter().map(|token| {
            at += match token.kind {
                Kind::Stop => STOP,
                Kind::Word if SMALL.contains(&token.text.as_str()) => 0,
                _ => 1,
            };
            at
        });
        let mut text = Self {
            tokens,
            places: concepts.lexicon.places(tokens),
            distance: distance.collect(),
            concepts: Vec::with_capacity(concepts.choices.len()),
            nouns: Vec::new(),
        };
        for choice in &concepts.choices {
            let spans = choice.spans(&text);
            text.concepts.push(spans);
        }
        text.nouns = text.longest_nouns(concepts);
        text
    }

    /// Of nouns that overlap, the longest counts: "sender IP address" is about an IP address.
    fn longest_nouns(&self, concepts: &Concepts) -> Vec<(Span, usize)> {
        let numbers = concepts.nouns.iter().enumerate().filter_map(|(number, noun)| noun.then_some(number));
        let mut all: Vec<(Span, usize)> =
            numbers.flat_map(|number| self.concept(number).iter().map(move |span| (*span, number))).collect();
        // Stable: of equal length, the concept defined first goes first.
        all.sort_by_key(|((start, end), _)| std::cmp::Reverse(end - start));
        let mut nouns: Vec<(Span, usize)> = Vec::new();
        for (span, number) in all {
            if !nouns.iter().any(|(taken, _)| overlap(*taken, span)) {
                nouns.push((span, number));
            }
        }
        nouns.sort_unstable();
        self.merge_names(nouns)
    }

    /// A name that follows a noun belongs to it: "the sender a@b.example", "client host [192.0.2.1]".
    fn merge_names(&self, nouns: Vec<(Span, usize)>) -> Vec<(Span, usize)> {
        let name = |(start, end): Span| {
            let kind = self.tokens.get(start).map(|token| token.kind);
            end == start + 1 && matches!(kind, Some(Kind::Address | Kind::Ip | Kind::Domain | Kind::Url))
        };
        let mut merged: Vec<(Span, usize)> = Vec::new();
        for (span, number) in nouns {
            match merged.last_mut() {
                Some((last, _)) if last.1 == span.0 && name(span) => last.1 = span.1,
                _ => merged.push((span, number)),
            }
        }
        merged
    }

    /// Calls `found` with each noun, each predicate, and each predicate with the noun that stands nearest to it.
    pub(super) fn sayings(&self, concepts: &Concepts, found: &mut impl FnMut(Option<&str>, Option<&str>)) {
        let title = |number: usize| concepts.titles.get(number).map(String::as_str);
        for (_, number) in &self.nouns {
            found(title(*number), None);
        }
        for (number, spans) in self.concepts.iter().enumerate() {
            if spans.is_empty() || concepts.nouns.get(number).copied().unwrap_or(true) {
                continue;
            }
            found(None, title(number));
            for span in spans {
                match self.nearest(*span) {
                    None => found(Some("none"), title(number)),
                    Some(least) => {
                        let nouns = self.near(*span).filter(|(words, _)| *words == least);
                        nouns.for_each(|(_, noun)| found(title(noun), title(number)));
                    }
                }
            }
        }
    }

    /// The nouns that stand near, and how many words are between.
    fn near(&self, said: Span) -> impl Iterator<Item = (usize, usize)> {
        self.nouns.iter().filter_map(move |(span, number)| {
            self.between(said, *span).filter(|words| *words <= NEAR).map(|words| (words, *number))
        })
    }

    fn nearest(&self, said: Span) -> Option<usize> {
        self.near(said).map(|(words, _)| words).min()
    }

    fn concept(&self, number: usize) -> &[Span] {
        self.concepts.get(number).map_or(&[], Vec::as_slice)
    }

    /// The furthest end of `elements` when they begin at token `at`.
    fn end_of(&self, elements: &[Element], at: usize) -> Option<usize> {
        let Some((first, rest)) = elements.split_first() else { return Some(at) };
        match first {
            Element::Atom(atom) if self.places.has(*atom, at) => self.end_of(rest, at + 1),
            Element::Any if at < self.tokens.len() => self.end_of(rest, at + 1),
            // A concept may match several lengths at one place.
            Element::Concept(number) => {
                let ends = self.concept(*number).iter().filter(|(start, _)| *start == at);
                ends.filter_map(|(_, end)| self.end_of(rest, *end)).max()
            }
            Element::Atom(_) | Element::Any => None,
        }
    }

    /// The words between two spans; `None` when they overlap.
    fn between(&self, a: Span, b: Span) -> Option<usize> {
        let (front, back) = if a.1 <= b.0 { (a, b) } else { (b, a) };
        if front.1 > back.0 {
            return None;
        }
        let at = |token: usize| self.distance.get(token.wrapping_sub(1)).copied().unwrap_or(0);
        Some(at(back.0) - at(front.1))
    }

    /// Adds to `parts` the first of `spans` that is near to one of them and none of them.
    fn extend(&self, parts: &mut Vec<Span>, spans: &[Span]) -> bool {
        let near = |span: &&Span| {
            let between = |part: &Span| self.between(*part, **span);
            parts.iter().all(|part| between(part).is_some())
                && parts.iter().any(|part| between(part).is_some_and(|words| words <= NEAR))
        };
        let found = spans.iter().find(near).copied();
        parts.extend(found);
        found.is_some()
    }

    /// Whether the noun nearest to `said` is one of `wanted`.
    fn bound(&self, said: Span, wanted: &[Option<usize>]) -> bool {
        let Some(least) = self.nearest(said) else { return wanted.contains(&None) };
        self.near(said).any(|(words, number)| words == least && wanted.contains(&Some(number)))
    }
}

fn overlap(a: Span, b: Span) -> bool {
    a.0 < b.1 && b.0 < a.1
}

#[cfg(test)]
mod tests {
    use super::*;

    fn matches(pattern: &str, text: &str) -> bool {
        let mut concepts = Concepts::default();
        concepts.define("user", "user | mail box | mailbox").unwrap();
        concepts.define("no-user", "no such <user> | unknown <user>").unwrap();
        concepts.define("Box", "user | mailbox | address").unwrap();
        concepts.define("Sender", "sender | sender address").unwrap();
        concepts.define("Domain", "domain | {domain}").unwrap();
        let pattern = Pattern::parse(pattern, &mut concepts).unwrap();
        let tokens = tokenise(text);
        pattern.matches(&Text::new(&tokens, &concepts))
    }

    #[test]
    fn words_and_phrases() {
        assert!(matches("relay*", "550 Relaying denied"));
        assert!(!matches("relay", "550 Relaying denied"));
        assert!(matches("no such <user> here", "no such mail box here"));
        assert!(matches("<no-user> here", "no such mail box here"));
        assert!(!matches("no such user", "such user no"));
        assert!(matches("sender _ rejected", "Sender address rejected"));
        assert!(matches("用户不存在", "550 用户不存在。"));
        assert!(matches("größe", "GROESSE"));
    }

    #[test]
    fn near_absent_and_all() {
        assert!(matches("denied ~ relay", "relay access denied"));
        assert!(!matches("denied ~ relay", "relay one two three four five six seven denied"));
        assert!(matches("denied + relay", "relay one two three four five six seven denied"));
        assert!(!matches("denied + !relay", "relay denied"));
        assert!(matches("a ~ b ~ c", "c x b x a") && matches("a ~ b ~ c", "a c b"));
        assert!(!matches("user ~ user", "one user"), "one word is not near itself");
        assert!(matches("{ip} ~ listed", "192.0.2.1 is listed"));
        assert!(matches("a ~ b", "a. one two three b"));
        assert!(!matches("a ~ b", "a. one two three four b"), "the end of a sentence parts");
    }

    #[test]
    fn what_is_said_of_whom() {
        assert!(matches("<Box> = unknown", "user unknown in domain"));
        assert!(matches("<Domain> = unknown", "user: the domain is unknown"));
        assert!(!matches("<Box> = unknown", "user: the domain is unknown"));
        assert!(matches("<Sender> = rejected", "sender address rejected"), "the longest noun counts");
        assert!(!matches("<Box> = rejected", "sender address rejected"));
        assert!(matches("<Box> | <Sender> = rejected", "address rejected"));
        assert!(matches("<Box> = unknown", "unknown user") && matches("<Box> = unknown", "user x unknown"));
        assert!(matches("<none> = unknown", "it is unknown") && !matches("<none> = unknown", "unknown user"));
        assert!(matches("!<Box> = unknown", "domain unknown"));
    }

    #[test]
    fn hosts_and_addresses_are_not_words() {
        assert!(!matches("spam*", "spam@example.com spam.example.com http://spam.example/"));
        assert!(matches("*spamhaus*", "zen.spamhaus.org"));
        assert!(!matches("*spamhaus*", "info@spamhaus.org"));
    }

    #[test]
    fn mistakes_in_the_table_are_named() {
        let mut concepts = Concepts::default();
        concepts.define("word", "a").unwrap();
        for bad in [
            "<nobody>",
            "a | | b",
            "a + ",
            "{what}",
            "*",
            "a ~ ",
            "_ a",
            "<word> = a",
            "a = b",
            "<Nobody> = a",
        ] {
            assert!(Pattern::parse(bad, &mut concepts).is_err(), "{bad}");
        }
    }
}
