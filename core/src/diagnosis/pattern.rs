//! The small language in which rules name words; `rules.txt` explains it.
//!
//! ```text
//! pattern := clause ('+' clause)*            all of them hold
//! clause  := ['!'] (binding | nearby | only) '!': nowhere in the text
//! only    := 'only' choice                   the text has these words and no others
//! nearby  := choice ('~' choice)*            near each other, in any order
//! binding := nouns '=' choice                the noun nearest to the choice is one of these: what is said, of whom
//! nouns   := noun ('|' noun)*                noun: <Concept> with a capital letter, or <none>
//! choice  := phrase ('|' phrase)*            one of them
//! phrase  := element element …               one after the other
//! element := word | word* | *word | *word* | _ | <concept> | {address} {ip} {domain} {url} {number}
//! ```

use std::collections::HashMap;

use super::lexicon::{Atom, Lexicon};
use super::reading::{Span, Text};
use super::text::{Kind, Token, tokenise};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Element {
    Atom(Atom),
    Any,
    Concept(usize),
}

#[derive(Clone, Debug)]
struct Phrase(Vec<Element>);

#[derive(Clone, Debug)]
pub(super) struct Choice(Vec<Phrase>);

#[derive(Clone, Debug)]
enum Clause {
    Nearby(Vec<Choice>),
    /// The numbers of the concepts, `None` for `<none>`.
    Binding(Vec<Option<usize>>, Choice),
    Only(Choice),
}

/// A compiled pattern: each clause with whether it must be absent.
#[derive(Clone, Debug)]
pub(super) struct Pattern(Vec<(bool, Clause)>);

/// The named sets of words. One may use those defined before it.
#[derive(Debug, Default)]
pub(super) struct Concepts {
    pub(super) lexicon: Lexicon,
    names: HashMap<String, usize>,
    pub(super) choices: Vec<Choice>,
    /// Which of them are nouns.
    pub(super) nouns: Vec<bool>,
    /// Their names.
    pub(super) titles: Vec<String>,
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
        if let Some(words) = source.strip_prefix("only ") {
            return Choice::parse(words, concepts).map(Self::Only);
        }
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
            Self::Only(words) => text.has_only(&words.spans(text)),
        }
    }
}

impl Choice {
    fn parse(source: &str, concepts: &mut Concepts) -> Result<Self, String> {
        source.split('|').map(|p| Phrase::parse(p, concepts)).collect::<Result<_, _>>().map(Self)
    }

    /// All places where one of the phrases stands, in the order of their beginnings.
    pub(super) fn spans(&self, text: &Text<'_>) -> Vec<Span> {
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
                    spans.extend(text.end_of(rest, at + 1).map(|end| (*at, end)));
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
    fn no_other_words() {
        assert!(matches("only mail | rejected", "5.7.1 The mail was rejected."));
        assert!(!matches("only mail | rejected", "mail rejected as spam"));
        assert!(!matches("only mail | rejected", "spam mail rejected") && !matches("only mail", "the spam"));
        assert!(
            !matches("only rejected", "rejected by mx.example.com") && !matches("only rejected", "5.7.1")
        );
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
            "only a | ",
        ] {
            assert!(Pattern::parse(bad, &mut concepts).is_err(), "{bad}");
        }
    }
}
