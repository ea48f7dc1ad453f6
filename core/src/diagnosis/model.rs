//! The words of a reply weighed: a linear model, learned from the tables of `tests/corpus/`, that stands beside the
//! rules. It knows what many words say a little; a rule knows what few words say for certain. What the rules name is one
//! thing more that the reply has, and weighs as much as it was right.
//!
//! `model.txt` is data, written by `training.rs` (`make model`); a test fails when it is not what the tables give.

use std::sync::LazyLock;

use super::features::{self, PAIR, WORD};
use super::reading::SMALL;
use super::rules::Verdict;
use crate::types::Cause;

const SOURCE: &str = include_str!("model.txt");

/// The model. One that cannot be read knows nothing: the rules decide alone.
pub(super) static MODEL: LazyLock<Model> = LazyLock::new(|| Model::parse(SOURCE).unwrap_or_default());

/// Weights of features for causes, in hundredths.
#[derive(Debug, Default)]
pub(super) struct Model {
    causes: Vec<Cause>,
    bias: Vec<i32>,
    /// By the hash of the name, ascending: the name, and where its weights begin; they end where the next one's begin.
    features: Vec<(u64, &'static str, usize)>,
    /// The number of the cause, and the weight.
    weights: Vec<(u8, i16)>,
}

/// What the model says of a reply.
#[derive(Debug)]
pub(super) struct Judgement {
    pub(super) cause: Cause,
    /// The cause that comes next.
    pub(super) next: Cause,
    /// By how much it comes behind, in ten-thousandths: 10,000 is what lies between a sure yes and no.
    pub(super) lead: i32,
    /// The words that say the most for the cause, the strongest first.
    pub(super) words: Vec<&'static str>,
}

impl Model {
    pub(super) fn parse(source: &'static str) -> Option<Self> {
        let mut lines = source.lines().filter(|line| !line.starts_with('#') && !line.is_empty());
        let causes: Vec<Cause> = lines
            .next()?
            .strip_prefix("causes ")?
            .split(' ')
            .map(|c| c.parse().ok())
            .collect::<Option<_>>()?;
        let bias: Vec<i32> =
            lines.next()?.strip_prefix("bias ")?.split(' ').map(|w| w.parse().ok()).collect::<Option<_>>()?;
        let mut entries = Vec::new();
        for line in lines {
            let (name, weights) = line.split_once('\t')?;
            entries.push((features::hash_of(name), name, weights));
        }
        entries.sort_unstable();
        let mut model =
            Self { causes, bias, features: Vec::with_capacity(entries.len()), weights: Vec::new() };
        for (hash, name, weights) in entries {
            model.features.push((hash, name, model.weights.len()));
            for weight in weights.split(' ') {
                let (letter, weight) = weight.split_at_checked(1)?;
                let cause = letter_number(letter.bytes().next()?)?;
                model.weights.push((cause, weight.parse().ok()?));
            }
        }
        let fits = model.bias.len() == model.causes.len()
            && model.weights.iter().all(|(cause, _)| usize::from(*cause) < model.causes.len());
        fits.then_some(model)
    }

    /// The weights of a feature, and its name.
    fn weights_of(&self, hash: u64) -> Option<(&'static str, &[(u8, i16)])> {
        let at = self.features.binary_search_by_key(&hash, |(hash, _, _)| *hash).ok()?;
        let (_, name, start) = self.features.get(at)?;
        let end = self.features.get(at + 1).map_or(self.weights.len(), |(_, _, start)| *start);
        Some((name, self.weights.get(*start..end)?))
    }

    /// Weighs a reply, beside what the rules found. `None` where there is no word to weigh.
    pub(super) fn judge(&self, verdict: &Verdict<'_>) -> Option<Judgement> {
        if self.causes.is_empty() || !verdict.has_words() {
            return None;
        }
        let mut hashes: Vec<(u64, i32)> = Vec::with_capacity(verdict.tokens.len() * 6 + 32);
        verdict.each_feature(&mut |feature| hashes.push((feature.hash(), features::value(feature.kind))));
        hashes.sort_unstable();
        hashes.dedup();

        let mut scores: Vec<i32> = self.bias.iter().map(|bias| bias * 100).collect();
        for (hash, value) in &hashes {
            for (cause, weight) in self.weights_of(*hash).map_or(&[][..], |(_, weights)| weights) {
                if let Some(score) = scores.get_mut(usize::from(*cause)) {
                    *score += i32::from(*weight) * value;
                }
            }
        }
        let (best, second) = two_best(&scores)?;
        Some(Judgement {
            cause: *self.causes.get(best)?,
            next: *self.causes.get(second)?,
            lead: scores.get(best)?.saturating_sub(*scores.get(second)?),
            words: self.reasons(&hashes, best, second),
        })
    }

    /// At most three words, or pairs of words, that speak the most for one cause against another.
    fn reasons(&self, hashes: &[(u64, i32)], cause: usize, against: usize) -> Vec<&'static str> {
        let mut found: Vec<(i16, &'static str)> = Vec::new();
        for (name, weights) in hashes.iter().filter_map(|(hash, _)| self.weights_of(*hash)) {
            let Some((kind, words)) = name.split_once(' ') else { continue };
            let of =
                |wanted: usize| weights.iter().find(|(c, _)| usize::from(*c) == wanted).map_or(0, |w| w.1);
            let lead = of(cause) - of(against);
            if of(cause) > 0 && lead > 0 && says_something(kind, words) {
                found.push((lead, words));
            }
        }
        found.sort_unstable_by(|a, b| b.cmp(a));
        found.truncate(3);
        found.into_iter().map(|(_, words)| words).collect()
    }
}

/// Of equal scores the first.
fn two_best(scores: &[i32]) -> Option<(usize, usize)> {
    let best_but = |but: Option<usize>| {
        let others = (0..scores.len()).rev().filter(|at| Some(*at) != but);
        others.max_by_key(|at| scores.get(*at).copied())
    };
    let best = best_but(None)?;
    Some((best, best_but(Some(best))?))
}

/// Words, and pairs of them, that a person would name: not "is not", and nothing that only marks the end of a sentence.
fn says_something(kind: &str, words: &str) -> bool {
    let small = |word: &str| word.chars().count() < 3 && word.is_ascii() || SMALL.contains(&word);
    let marks = words.split(' ').any(|word| matches!(word, "^" | "$" | "."));
    [WORD, PAIR].contains(&kind) && !marks && !words.split(' ').all(small)
}

/// The causes are `A` to `Z`, then `a` to `z`, in the order of the first line.
fn letter_number(letter: u8) -> Option<u8> {
    match letter {
        b'A'..=b'Z' => Some(letter - b'A'),
        b'a'..=b'z' => Some(letter - b'a' + 26),
        _ => None,
    }
}
