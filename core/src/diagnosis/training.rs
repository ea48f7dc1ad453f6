//! Learns `model.txt` from the tables of `tests/corpus/`, and measures what it is worth on replies that it has not seen.
//!
//! One linear support vector machine for each cause against all others (L2-regularised squared hinge loss, solved by
//! dual coordinate descent: Hsieh et al., ICML 2008). Only additions, multiplications and divisions in a fixed order:
//! every machine writes the same file.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::fmt::Write as _;
use std::path::PathBuf;

use super::features;
use super::model::Model;
use super::rules::TABLE;
use super::tests::{Case, context, read};
use super::text::tokenise;
use super::{deciding_words, diagnose, facts_of, weigh};
use crate::types::Cause;

const SOURCE: &str = include_str!("model.txt");

/// How much a reply on the wrong side costs, against large weights.
const COST: f64 = 0.2;
const ROUNDS: usize = 15;
/// A feature of fewer replies is chance.
const SEEN: usize = 2;
/// A smaller weight, in hundredths, is not worth its line.
const LEAST: i32 = 3;
/// The tables that no rule was mended by: there the rules are judged honestly too.
const UNSEEN: [&str; 6] =
    ["blind6.tsv", "blind7.tsv", "blind8.tsv", "blind9.tsv", "blind10.tsv", "blind11.tsv"];
/// Replies that share this part of their words and pairs are one for the cross-validation.
const ALIKE: f64 = 0.7;

const HEAD: &str = "\
# What words say: weights in hundredths, learned from tests/corpus/ by src/diagnosis/training.rs. Do not edit: `make model`.
# To teach it, add labelled replies to a table there.
#
# A line is a feature and its weights; the letters are the causes in the order of the first line, A to Z, then a to z.
#   w word    b two words in a row (^ the beginning, $ the end)    s beginning of words    u part of a host or link
#   c reply code    e enhanced code without its class    p phase, and the code's class
#   n noun, v predicate, o noun and what is said of it: the <names> of rules.txt    r the cause that the rules name
";

/// A labelled reply as numbers of features and their values.
struct Sample {
    cause: Cause,
    features: Vec<(usize, f64)>,
}

/// All features by name.
#[derive(Default)]
struct Names {
    numbers: HashMap<String, usize>,
    names: Vec<String>,
    values: Vec<f64>,
}

impl Names {
    fn number(&mut self, name: String, value: f64) -> usize {
        let next = self.names.len();
        *self.numbers.entry(name.clone()).or_insert_with(|| {
            self.names.push(name);
            self.values.push(value);
            next
        })
    }
}

/// The tables: those of the folder in the order of their names.
pub(super) fn tables() -> Vec<(String, Vec<Case>)> {
    let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../tests/corpus");
    let mut names: Vec<String> =
        folder.read_dir().unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    names.sort();
    names.retain(|name| name.ends_with(".tsv") && name != "measured.tsv");
    names.into_iter().map(|n| (n.clone(), read(&std::fs::read_to_string(folder.join(n)).unwrap()))).collect()
}

/// With or without what the rules say.
fn samples(cases: &[&Case], rules: bool, names: &mut Names) -> Vec<Sample> {
    cases
        .iter()
        .map(|case| {
            let facts = facts_of(&context(case), &case.reply);
            let tokens = tokenise(&case.reply.text());
            let mut found = BTreeMap::new();
            let mut verdict = TABLE.verdict(&facts, &tokens);
            verdict.rule = verdict.rule.filter(|_| rules);
            verdict.each_feature(&mut |feature| {
                let value = f64::from(features::value(feature.kind)) / 100.0;
                let mut name = feature.kind.to_owned();
                for part in [feature.first, feature.second].into_iter().filter(|part| !part.is_empty()) {
                    name.push(' ');
                    name.push_str(part);
                }
                assert_eq!(feature.hash(), features::hash_of(&name), "{name}");
                found.insert(names.number(name, value), value);
            });
            Sample { cause: case.cause, features: found.into_iter().collect() }
        })
        .collect()
}

/// Weights, the last one the bias.
fn learn(samples: &[&Sample], cause: Cause, features: usize) -> Vec<f64> {
    let diagonal = 1.0 / (2.0 * COST);
    let sign: Vec<f64> = samples.iter().map(|s| if s.cause == cause { 1.0 } else { -1.0 }).collect();
    let square: Vec<f64> =
        samples.iter().map(|s| s.features.iter().map(|(_, v)| v * v).sum::<f64>() + 1.0 + diagonal).collect();
    let mut alpha = vec![0.0; samples.len()];
    let mut weights = vec![0.0; features + 1];
    let mut order: Vec<usize> = (0..samples.len()).collect();
    let mut random = 1_u64;
    let mut active = order.len();
    for round in 0..ROUNDS {
        if round % 5 == 0 {
            active = order.len();
        }
        for at in (1..active).rev() {
            random = random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            order.swap(at, usize::try_from(random >> 33).unwrap() % (at + 1));
        }
        let mut at = 0;
        while at < active {
            let i = order[at];
            let sample = &samples[i].features;
            let mut product = weights[features];
            for (feature, value) in sample {
                product += weights[*feature] * value;
            }
            let gradient = sign[i] * product - 1.0 + diagonal * alpha[i];
            // Far on the right side: it is left out for some rounds.
            if alpha[i] == 0.0 && gradient > 0.2 && round > 0 {
                active -= 1;
                order.swap(at, active);
                continue;
            }
            let before = alpha[i];
            alpha[i] = f64::max(before - gradient / square[i], 0.0);
            let step = (alpha[i] - before) * sign[i];
            if step != 0.0 {
                for (feature, value) in sample {
                    weights[*feature] += step * value;
                }
                weights[features] += step;
            }
            at += 1;
        }
    }
    weights
}

/// The text of a model that is learned from `samples`.
fn model_of(samples: &[&Sample], names: &Names) -> String {
    let mut seen = vec![0; names.names.len()];
    samples.iter().flat_map(|s| &s.features).for_each(|(feature, _)| seen[*feature] += 1);
    let kept: Vec<Sample> = samples
        .iter()
        .map(|s| Sample {
            cause: s.cause,
            features: s.features.iter().copied().filter(|(f, _)| seen[*f] >= SEEN).collect(),
        })
        .collect();
    let kept: Vec<&Sample> = kept.iter().collect();
    let causes: Vec<Cause> = kept.iter().map(|s| s.cause).collect::<BTreeSet<_>>().into_iter().collect();
    let learn_one = |cause: &Cause| learn(&kept, *cause, names.names.len());
    let (front, back) = causes.split_at(causes.len() / 2);
    let weights: Vec<Vec<f64>> = std::thread::scope(|scope| {
        let other = scope.spawn(|| back.iter().map(learn_one).collect::<Vec<_>>());
        let mut weights: Vec<_> = front.iter().map(learn_one).collect();
        weights.extend(other.join().unwrap());
        weights
    });

    #[expect(clippy::cast_possible_truncation, reason = "weights are small")]
    let hundredths = |weight: f64| (weight * 100.0).round() as i32;
    let mut text = HEAD.to_owned();
    let list = |items: Vec<String>| items.join(" ");
    writeln!(text, "causes {}", list(causes.iter().map(ToString::to_string).collect())).unwrap();
    let bias = |w: &Vec<f64>| hundredths(w[names.names.len()]).to_string();
    writeln!(text, "bias {}", list(weights.iter().map(bias).collect())).unwrap();
    let mut order: Vec<usize> = (0..names.names.len()).filter(|f| seen[*f] >= SEEN).collect();
    order.sort_by_key(|feature| &names.names[*feature]);
    for feature in order {
        let of = weights.iter().map(|w| hundredths(w[feature])).enumerate();
        let of = of.filter(|(_, weight)| weight.abs() >= LEAST);
        let of: Vec<String> = of.map(|(cause, weight)| format!("{}{weight}", letter(cause))).collect();
        if !of.is_empty() {
            writeln!(text, "{}\t{}", names.names[feature], of.join(" ")).unwrap();
        }
    }
    text
}

fn letter(cause: usize) -> char {
    ('A'..='Z').chain('a'..='z').nth(cause).unwrap()
}

#[test]
#[ignore = "writes src/diagnosis/model.txt: make model"]
fn write_the_model() {
    let tables = tables();
    let cases: Vec<&Case> = tables.iter().flat_map(|(_, cases)| cases).collect();
    let mut names = Names::default();
    let samples = samples(&cases, true, &mut names);
    let text = model_of(&samples.iter().collect::<Vec<_>>(), &names);
    std::fs::write(PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("src/diagnosis/model.txt"), text).unwrap();
}

#[test]
fn the_model_is_what_the_tables_give() {
    let tables = tables();
    let cases: Vec<&Case> = tables.iter().flat_map(|(_, cases)| cases).collect();
    let mut names = Names::default();
    let samples = samples(&cases, true, &mut names);
    let text = model_of(&samples.iter().collect::<Vec<_>>(), &names);
    assert!(text == SOURCE, "the tables or the rules' words changed: run make model");
    assert!(Model::parse(SOURCE).is_some(), "model.txt cannot be read");
}

/// Groups replies that are nearly the same: none is judged by a model that saw its like.
fn groups(cases: &[&Case]) -> Vec<usize> {
    let words: Vec<BTreeSet<String>> = cases
        .iter()
        .map(|case| {
            let mut found = BTreeSet::new();
            let facts = facts_of(&context(case), &case.reply);
            let tokens = tokenise(&case.reply.text());
            TABLE.verdict(&facts, &tokens).each_feature(&mut |feature| {
                if [features::WORD, features::PAIR].contains(&feature.kind)
                    && !["{code}", "{url}", "."].contains(&feature.first)
                {
                    found.insert(format!("{} {}", feature.first, feature.second));
                }
            });
            found
        })
        .collect();
    let mut having: HashMap<&str, Vec<usize>> = HashMap::new();
    let mut group: Vec<usize> = (0..cases.len()).collect();
    for (at, own) in words.iter().enumerate() {
        let mut shared: BTreeMap<usize, u32> = BTreeMap::new();
        for word in own {
            having.get(word.as_str()).into_iter().flatten().for_each(|o| *shared.entry(*o).or_default() += 1);
            having.entry(word).or_default().push(at);
        }
        for (other, count) in shared {
            let all = u32::try_from(own.len() + words[other].len()).unwrap() - count;
            if f64::from(count) >= ALIKE * f64::from(all) {
                let (from, to) = (group[at], group[other]);
                group.iter_mut().filter(|g| **g == from).for_each(|g| *g = to);
            }
        }
    }
    group
}

/// Prints how often the words are right on replies whose like they were not learned from, and rules and words together
/// on the tables that no rule was mended by. The confusion is that of the words, and of both on those tables.
#[test]
#[ignore = "takes minutes: make accuracy"]
fn cross_validation() {
    const FOLDS: usize = 10;
    let tables = tables();
    let cases: Vec<&Case> = tables.iter().flat_map(|(_, cases)| cases).collect();
    let group = groups(&cases);
    let mut names = Names::default();
    let samples = [false, true].map(|rules| samples(&cases, rules, &mut names));
    let mut found = vec![[Cause::Unknown; 3]; cases.len()];
    let mut others = vec![None; cases.len()];
    let part = |at: usize| usize::try_from(features::hash_of(&group[at].to_string()) >> 20).unwrap() % FOLDS;
    for fold in 0..FOLDS {
        let [of_words, of_both] = [0, 1].map(|with| {
            let learned = (0..cases.len()).filter(|at| part(*at) != fold).map(|at| &samples[with][at]);
            let text = model_of(&learned.collect::<Vec<_>>(), &names);
            Model::parse(Box::leak(text.into_boxed_str())).unwrap()
        });
        for at in (0..cases.len()).filter(|at| part(*at) == fold) {
            let facts = facts_of(&context(cases[at]), &cases[at].reply);
            let tokens = tokenise(&cases[at].reply.text());
            let mut verdict = TABLE.verdict(&facts, &tokens);
            let by_rule = verdict.rule.map_or(Cause::Unknown, |rule| rule.cause);
            let both = weigh(&of_both, &verdict);
            let together = both.cause.unwrap_or(Cause::Unknown);
            others[at] = both.other;
            verdict.rule = None;
            let by_words = of_words.judge(&verdict).map_or(Cause::Unknown, |judgement| judgement.cause);
            found[at] = [by_words, by_rule, together];
        }
    }
    println!(
        "\ncross-validation, {FOLDS} folds, near-duplicates kept together; - where the rules were mended by the table"
    );
    println!("{:36} {:>7} {:>6} {:>6} {:>9}", "table", "replies", "words", "rules", "together");
    let mut confusion = BTreeMap::new();
    let (mut at, mut unseen) = (0, (0, [0; 3]));
    for (name, cases) in &tables {
        let right = [0, 1, 2]
            .map(|by| (at..at + cases.len()).filter(|i| found[*i][by] == cases[i - at].cause).count());
        let honest = UNSEEN.contains(&name.as_str());
        let shown = |by: usize| {
            if honest || by == 0 { super::accuracy::percent(right[by], cases.len()) } else { "-".to_owned() }
        };
        println!("{name:36} {:7} {:>6} {:>6} {:>9}", cases.len(), shown(0), shown(1), shown(2));
        for case in cases {
            let by = if honest { 2 } else { 0 };
            *confusion.entry((case.cause, found[at][by])).or_default() += 1;
            at += 1;
        }
        if honest {
            unseen.0 += cases.len();
            [0, 1, 2].iter().for_each(|by| unseen.1[*by] += right[*by]);
        }
    }
    let [words, rules, together] = unseen.1.map(|right| super::accuracy::percent(right, unseen.0));
    println!("{:36} {:7} {words:>6} {rules:>6} {together:>9}", "no rule was mended by", unseen.0);
    super::accuracy::print(&confusion);
    let right = (0..cases.len()).filter(|at| found[*at][2] == cases[*at].cause).count();
    let second = (0..cases.len()).filter(|at| others[*at] == Some(cases[*at].cause)).count();
    println!(
        "\nwords and rules: {right} of {} are right; {} leave another cause open, which is the right one for {second}: {}",
        cases.len(),
        others.iter().flatten().count(),
        super::accuracy::percent(right + second, cases.len())
    );
}

#[test]
fn words_that_decided_are_named() {
    let table = "phase\treply\tcause\nRCPT\t550 relaying to this domain is not permitted\trelay-denied\n";
    let cases = read(table);
    let context = context(&cases[0]);
    assert_eq!(diagnose(&context).cause, Cause::RelayDenied);
    let words = deciding_words(&context);
    assert!(words.len() <= 3 && words.iter().any(|word| word.contains("relay")), "{words:?}");
}
