//! A text as the rules read it: where its words, its nouns and what is said of them stand.

use super::lexicon::Places;
use super::pattern::{Concepts, Element};
use super::text::{Kind, Token};

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
pub(super) type Span = (usize, usize);

/// A text with the places of every word and concept in it.
#[derive(Debug)]
pub(super) struct Text<'a> {
    tokens: &'a [Token],
    pub(super) places: Places,
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
        let mut taken = vec![false; self.tokens.len()];
        for (span, number) in all {
            let Some(own) = taken.get_mut(span.0..span.1) else { continue };
            if !own.contains(&true) {
                own.fill(true);
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

    pub(super) fn concept(&self, number: usize) -> &[Span] {
        self.concepts.get(number).map_or(&[], Vec::as_slice)
    }

    /// The furthest end of `elements` when they begin at token `at`.
    pub(super) fn end_of(&self, elements: &[Element], at: usize) -> Option<usize> {
        let Some((first, rest)) = elements.split_first() else { return Some(at) };
        match first {
            Element::Atom(atom) if self.places.has(*atom, at) => self.end_of(rest, at + 1),
            Element::Any if at < self.tokens.len() => self.end_of(rest, at + 1),
            // A concept may match several lengths at one place.
            Element::Concept(number) => {
                let spans = self.concept(*number);
                let first = spans.partition_point(|(start, _)| *start < at);
                let ends = spans[first..].iter().take_while(|(start, _)| *start == at);
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
    pub(super) fn extend(&self, parts: &mut Vec<Span>, spans: &[Span]) -> bool {
        let near = |span: &&Span| {
            let between = |part: &Span| self.between(*part, **span);
            parts.iter().all(|part| between(part).is_some())
                && parts.iter().any(|part| between(part).is_some_and(|words| words <= NEAR))
        };
        let found = spans.iter().find(near).copied();
        parts.extend(found);
        found.is_some()
    }

    /// Whether `spans`, in order, leave out nothing but small words, stops and status codes; never true without words.
    pub(super) fn has_only(&self, spans: &[Span]) -> bool {
        let left_out = |range: std::ops::Range<usize>| {
            let tokens = self.tokens.get(range).unwrap_or_default();
            tokens.iter().all(|token| match token.kind {
                Kind::Stop | Kind::Code => true,
                Kind::Word => SMALL.contains(&token.text.as_str()),
                _ => false,
            })
        };
        let mut covered = 0;
        for (start, end) in spans {
            if !left_out(covered..*start) {
                return false;
            }
            covered = covered.max(*end);
        }
        !spans.is_empty() && left_out(covered..self.tokens.len())
    }

    /// Whether the noun nearest to `said` is one of `wanted`.
    pub(super) fn bound(&self, said: Span, wanted: &[Option<usize>]) -> bool {
        let Some(least) = self.nearest(said) else { return wanted.contains(&None) };
        self.near(said).any(|(words, number)| words == least && wanted.contains(&Some(number)))
    }
}
