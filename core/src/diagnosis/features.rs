//! What the model looks at in a reply: its words, pairs of words and beginnings of words, what is said of whom, its
//! codes, the phase, the names in hosts and links, and what the rules say of it. `model.txt` weighs them.

use super::pattern::Concepts;
use super::reading::Text;
use super::rules::Facts;
use super::text::{Kind, Token};
use crate::types::Cause;

/// One thing that a reply has. Its name in `model.txt` is the kind and the parts, with blanks between them.
#[derive(Clone, Copy, Debug)]
pub(super) struct Feature<'a> {
    pub(super) kind: &'static str,
    pub(super) first: &'a str,
    pub(super) second: &'a str,
}

/// A word alone, or two that follow each other: what can be shown to people as the reason.
pub(super) const WORD: &str = "w";
pub(super) const PAIR: &str = "b";
const STEM: &str = "s";
const NAME: &str = "u";
const CODE: &str = "c";
const ENHANCED: &str = "e";
const PHASE: &str = "p";
const NOUN: &str = "n";
const SAID: &str = "v";
const SAID_OF: &str = "o";
const RULE: &str = "r";

/// What a feature counts, in hundredths: beginnings of words and names say less than words.
pub(super) fn value(kind: &str) -> i32 {
    if kind == STEM || kind == NAME { 70 } else { 100 }
}

/// Beginnings of this many characters stand for the word's other forms.
const STEMS: [usize; 2] = [4, 6];

impl Feature<'_> {
    /// FNV-1a of its name.
    pub(super) fn hash(&self) -> u64 {
        let mut hash = Fnv::default();
        hash.add(self.kind);
        for part in [self.first, self.second] {
            if !part.is_empty() {
                hash.add(" ");
                hash.add(part);
            }
        }
        hash.0
    }
}

/// The hash of a name as it stands in `model.txt`.
pub(super) fn hash_of(name: &str) -> u64 {
    let mut hash = Fnv::default();
    hash.add(name);
    hash.0
}

struct Fnv(u64);

impl Default for Fnv {
    fn default() -> Self {
        Self(0xcbf2_9ce4_8422_2325)
    }
}

impl Fnv {
    fn add(&mut self, text: &str) {
        self.0 =
            text.bytes().fold(self.0, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3));
    }
}

/// Calls `found` for each feature; one may come several times. `rule` is the cause that the rules name.
pub(super) fn each(
    facts: &Facts,
    tokens: &[Token],
    text: &Text<'_>,
    concepts: &Concepts,
    rule: Option<Cause>,
    found: &mut impl FnMut(Feature<'_>),
) {
    if let Some(cause) = rule {
        found(Feature { kind: RULE, first: cause.as_str(), second: "" });
    }
    numbers(facts, found);
    words(tokens, found);
    text.sayings(concepts, &mut |noun, said| match (noun, said) {
        (Some(noun), None) => found(Feature { kind: NOUN, first: noun, second: "" }),
        (None, Some(said)) => found(Feature { kind: SAID, first: said, second: "" }),
        (Some(noun), Some(said)) => found(Feature { kind: SAID_OF, first: noun, second: said }),
        (None, None) => {}
    });
}

fn numbers(facts: &Facts, found: &mut impl FnMut(Feature<'_>)) {
    let class = match facts.code / 100 {
        4 => "4xx",
        5 => "5xx",
        _ => "",
    };
    found(Feature { kind: CODE, first: class, second: "" });
    let mut digits = [0; 5];
    found(Feature { kind: CODE, first: decimal(facts.code, &mut digits), second: "" });
    if let Some(stage) = facts.stage {
        found(Feature { kind: PHASE, first: stage.as_str(), second: "" });
        found(Feature { kind: PHASE, first: stage.as_str(), second: class });
    }
    match facts.enhanced {
        None => found(Feature { kind: ENHANCED, first: "none", second: "" }),
        Some(code) => {
            let (mut subject, mut detail) = ([0; 5], [0; 5]);
            let subject = decimal(code.subject, &mut subject);
            found(Feature { kind: ENHANCED, first: subject, second: decimal(code.detail, &mut detail) });
            found(Feature { kind: ENHANCED, first: subject, second: "" });
        }
    }
}

/// A number in decimal digits, without allocating.
fn decimal(number: u16, digits: &mut [u8; 5]) -> &str {
    let mut rest = number;
    let mut start = digits.len();
    while let Some(place) = start.checked_sub(1) {
        digits[place] = b'0' + u8::try_from(rest % 10).unwrap_or_default();
        rest /= 10;
        start = place;
        if rest == 0 {
            break;
        }
    }
    std::str::from_utf8(&digits[start..]).unwrap_or_default()
}

fn words(tokens: &[Token], found: &mut impl FnMut(Feature<'_>)) {
    let mut before = "^";
    for token in tokens {
        let word = shown(token);
        found(Feature { kind: WORD, first: word, second: "" });
        found(Feature { kind: PAIR, first: before, second: word });
        before = word;
        match token.kind {
            Kind::Word => {
                for length in STEMS {
                    if let Some((end, _)) = word.char_indices().nth(length) {
                        found(Feature { kind: STEM, first: &word[..end], second: "" });
                    }
                }
            }
            Kind::Url | Kind::Domain => {
                let parts = token.text.split(|c: char| !c.is_ascii_alphanumeric());
                for part in parts.filter(|p| p.len() > 2 && !p.bytes().all(|b| b.is_ascii_digit())) {
                    found(Feature { kind: NAME, first: part, second: "" });
                }
            }
            _ => {}
        }
    }
    found(Feature { kind: PAIR, first: before, second: "$" });
}

/// What stands for a token: itself, or its kind where it is a name or a number.
fn shown(token: &Token) -> &str {
    match token.kind {
        Kind::Word if token.text.bytes().all(|b| b.is_ascii_digit()) => "{number}",
        Kind::Word if token.text.len() > 3 && token.text.bytes().any(|b| b.is_ascii_digit()) => "{id}",
        Kind::Word => &token.text,
        Kind::Address => "{address}",
        Kind::Ip => "{ip}",
        Kind::Domain => "{domain}",
        Kind::Url => "{url}",
        Kind::Code => "{code}",
        Kind::Stop => ".",
    }
}
