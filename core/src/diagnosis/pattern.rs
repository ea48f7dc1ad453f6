//! The small language in which rules name words; `rules.txt` explains it.
//!
//! ```text
//! pattern := clause ('+' clause)*            all of them hold
//! clause  := ['!'] choice ('~' choice)*      '~': near each other, in any order; '!': nowhere in the text
//! choice  := phrase ('|' phrase)*            one of them
//! phrase  := element element …               one after the other
//! element := word | word* | *word | *word* | _ | <concept> | {address} {ip} {domain} {url} {number}
//! ```

use std::collections::HashMap;

use super::text::{Kind, Token, tokenise};

/// At most this many words may stand between two parts joined by `~`.
const NEAR: usize = 6;

/// Tokens `start..end` of the text.
type Span = (usize, usize);

#[derive(Clone, Debug, PartialEq, Eq)]
enum Element {
    Exact(String),
    Prefix(String),
    /// Matches within host names and URLs too.
    Suffix(String),
    /// Matches within host names and URLs too.
    Within(String),
    Kind(Kind),
    Number,
    Any,
    Concept(usize),
}

#[derive(Clone, Debug)]
struct Phrase(Vec<Element>);

#[derive(Clone, Debug)]
struct Choice(Vec<Phrase>);

#[derive(Clone, Debug)]
struct Clause {
    absent: bool,
    near: Vec<Choice>,
}

/// A compiled pattern.
#[derive(Clone, Debug)]
pub(super) struct Pattern(Vec<Clause>);

/// The named sets of words. One may use those defined before it.
#[derive(Debug, Default)]
pub(super) struct Concepts {
    names: HashMap<String, usize>,
    choices: Vec<Choice>,
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
        Ok(())
    }
}

impl Pattern {
    pub(super) fn parse(source: &str, concepts: &Concepts) -> Result<Self, String> {
        let clause = |source: &str| {
            let source = source.trim();
            let (absent, source) = source.strip_prefix('!').map_or((false, source), |rest| (true, rest));
            let near = source.split('~').map(|c| Choice::parse(c, concepts)).collect::<Result<_, _>>()?;
            Ok(Clause { absent, near })
        };
        source.split('+').map(clause).collect::<Result<_, String>>().map(Self)
    }

    /// Whether `text` has what the pattern asks for.
    pub(super) fn matches(&self, text: &Text<'_>) -> bool {
        self.0.iter().all(|clause| clause.found(text) != clause.absent)
    }
}

impl Choice {
    fn parse(source: &str, concepts: &Concepts) -> Result<Self, String> {
        source.split('|').map(|p| Phrase::parse(p, concepts)).collect::<Result<_, _>>().map(Self)
    }

    /// All places where one of the phrases stands, in the order of their beginnings.
    fn spans(&self, text: &Text<'_>) -> Vec<Span> {
        let mut spans: Vec<Span> = (0..text.tokens.len())
            .flat_map(|at| self.0.iter().filter_map(move |p| Some((at, p.end_from(at, text)?))))
            .collect();
        spans.dedup();
        spans
    }
}

impl Phrase {
    fn parse(source: &str, concepts: &Concepts) -> Result<Self, String> {
        let mut elements = Vec::new();
        for word in source.split_whitespace() {
            elements.extend(parse_word(word, concepts)?);
        }
        if elements.is_empty() { Err(format!("an empty phrase in {source:?}")) } else { Ok(Self(elements)) }
    }

    /// Where the phrase ends if it begins at token `at`.
    fn end_from(&self, at: usize, text: &Text<'_>) -> Option<usize> {
        let first = self.0.first()?;
        if !matches!(first, Element::Concept(_)) && !text.tokens.get(at).is_some_and(|t| first.is(t)) {
            return None;
        }
        // A concept may match several lengths at one place: all of them are carried along.
        let mut ends = vec![at];
        for element in &self.0 {
            let mut next: Vec<usize> = Vec::new();
            for end in ends {
                match element {
                    Element::Concept(number) => next.extend(text.concept_ends(*number, end)),
                    _ => next.extend(text.tokens.get(end).filter(|t| element.is(t)).map(|_| end + 1)),
                }
            }
            next.sort_unstable();
            next.dedup();
            ends = next;
        }
        ends.into_iter().next_back()
    }
}

fn parse_word(word: &str, concepts: &Concepts) -> Result<Vec<Element>, String> {
    if let Some(name) = word.strip_prefix('<').and_then(|w| w.strip_suffix('>')) {
        let number = concepts.names.get(name).ok_or_else(|| format!("<{name}> is not defined"))?;
        return Ok(vec![Element::Concept(*number)]);
    }
    let element = match word {
        "_" => Some(Element::Any),
        "{address}" => Some(Element::Kind(Kind::Address)),
        "{ip}" => Some(Element::Kind(Kind::Ip)),
        "{domain}" => Some(Element::Kind(Kind::Domain)),
        "{url}" => Some(Element::Kind(Kind::Url)),
        "{number}" => Some(Element::Number),
        _ if word.contains(['{', '}', '<', '>']) => return Err(format!("{word} is not known")),
        _ => None,
    };
    if let Some(element) = element {
        return Ok(vec![element]);
    }
    let (bare, front) = word.strip_prefix('*').map_or((word, false), |w| (w, true));
    let (bare, back) = bare.strip_suffix('*').map_or((bare, false), |w| (w, true));
    if front && back && !bare.is_empty() {
        return Ok(vec![Element::Within(bare.to_lowercase())]);
    }
    // The word goes through the same mill as the text, so that `e-mail` and `größe` can be written as they are.
    let mut elements: Vec<Element> = tokenise(bare).into_iter().map(|t| Element::Exact(t.text)).collect();
    let edge = |i: usize, elements: &[Element]| match elements.get(i) {
        Some(Element::Exact(text)) => text.clone(),
        _ => String::new(),
    };
    let last = elements.len().checked_sub(1).ok_or_else(|| format!("{word:?} has no letters"))?;
    match (front, back) {
        (false, false) => {}
        (false, true) => elements[last] = Element::Prefix(edge(last, &elements)),
        (true, _) => elements[0] = Element::Suffix(edge(0, &elements)),
    }
    Ok(elements)
}

impl Element {
    fn is(&self, token: &Token) -> bool {
        let word = token.kind == Kind::Word;
        match self {
            Self::Exact(text) => word && token.text == *text,
            Self::Prefix(text) => word && token.text.starts_with(text.as_str()),
            Self::Suffix(text) => token.kind != Kind::Address && token.text.ends_with(text.as_str()),
            Self::Within(text) => token.kind != Kind::Address && token.text.contains(text.as_str()),
            Self::Kind(kind) => token.kind == *kind,
            Self::Number => word && token.text.bytes().all(|b| b.is_ascii_digit()),
            Self::Any => true,
            Self::Concept(_) => false,
        }
    }
}

impl Clause {
    fn found(&self, text: &Text<'_>) -> bool {
        let Some((first, rest)) = self.near.split_first() else { return true };
        let mut reached = first.spans(text);
        for choice in rest {
            if reached.is_empty() {
                return false;
            }
            let next = choice.spans(text);
            reached = reached.iter().filter_map(|span| nearest(*span, &next)).collect();
        }
        !reached.is_empty()
    }
}

/// The first of `spans` that is near to `span`, grown to cover both.
fn nearest((start, end): Span, spans: &[Span]) -> Option<Span> {
    let overlaps = |s: usize, e: usize| s < end && start < e;
    let near = |s: usize, e: usize| if s >= end { s - end <= NEAR } else { start.saturating_sub(e) <= NEAR };
    spans.iter().find(|(s, e)| !overlaps(*s, *e) && near(*s, *e)).map(|(s, e)| (start.min(*s), end.max(*e)))
}

/// A text with the places of every concept in it.
pub(super) struct Text<'a> {
    tokens: &'a [Token],
    /// By concept, then by beginning: the ends.
    concepts: Vec<HashMap<usize, Vec<usize>>>,
}

impl<'a> Text<'a> {
    pub(super) fn new(tokens: &'a [Token], concepts: &Concepts) -> Self {
        let mut text = Self { tokens, concepts: Vec::with_capacity(concepts.choices.len()) };
        for choice in &concepts.choices {
            let mut ends: HashMap<usize, Vec<usize>> = HashMap::new();
            for (start, end) in choice.spans(&text) {
                ends.entry(start).or_default().push(end);
            }
            text.concepts.push(ends);
        }
        text
    }

    fn concept_ends(&self, number: usize, start: usize) -> impl Iterator<Item = usize> {
        self.concepts.get(number).and_then(|ends| ends.get(&start)).into_iter().flatten().copied()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn matches(pattern: &str, text: &str) -> bool {
        let mut concepts = Concepts::default();
        concepts.define("user", "user | mail box | mailbox").unwrap();
        concepts.define("no-user", "no such <user> | unknown <user>").unwrap();
        let tokens = tokenise(text);
        Pattern::parse(pattern, &concepts).unwrap().matches(&Text::new(&tokens, &concepts))
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
        assert!(matches("a ~ b ~ c", "c x b x a"));
        assert!(!matches("user ~ user", "one user"), "one word is not near itself");
        assert!(matches("{ip} ~ listed", "192.0.2.1 is listed"));
    }

    #[test]
    fn hosts_and_addresses_are_not_words() {
        assert!(!matches("spam*", "spam@example.com spam.example.com http://spam.example/"));
        assert!(matches("*spamhaus*", "zen.spamhaus.org"));
        assert!(!matches("*spamhaus*", "info@spamhaus.org"));
    }

    #[test]
    fn mistakes_in_the_table_are_named() {
        let concepts = Concepts::default();
        for bad in ["<nobody>", "a | | b", "a + ", "{what}", "*", "a ~ "] {
            assert!(Pattern::parse(bad, &concepts).is_err(), "{bad}");
        }
    }
}
