//! How often the diagnosis names the right cause for replies of real servers, and that it does not get worse.
//!
//! `make accuracy` prints the report: for each table of `tests/corpus/` the figure of the first look, which is the only
//! honest one for rules and words together, and today's; then what is taken for what in all of them. `training.rs` adds
//! the cross-validation of the words.

use std::{collections::BTreeMap, fs, path::PathBuf};

use super::diagnose;
use super::tests::{context, read};
use crate::types::Cause;

/// Wanted and found, and how often.
type Confusion = BTreeMap<(Cause, Cause), usize>;

fn file(name: &str) -> std::io::Result<String> {
    fs::read_to_string(PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("..").join(name))
}

#[test]
fn accuracy_does_not_fall() {
    let measured = file("tests/corpus/measured.tsv").unwrap();
    let mut confusion = Confusion::new();
    let mut worse = Vec::new();
    println!("{:36} {:>7} {:>11} {:>6} {:>5}", "table", "replies", "first look", "today", "right");
    for row in measured.lines().skip(1) {
        let [name, first_look, floor] = row.split('\t').collect::<Vec<_>>().try_into().unwrap();
        let cases = read(&file(name).unwrap());
        let mut right = 0;
        for case in &cases {
            let found = diagnose(&context(case)).cause;
            right += usize::from(found == case.cause);
            *confusion.entry((case.cause, found)).or_default() += 1;
        }
        let today = percent(right, cases.len());
        println!("{name:36} {:7} {first_look:>11} {today:>6} {right:5}", cases.len());
        if right < floor.parse().unwrap() {
            worse.push(format!("{name}: {right} of {} are right, and {floor} were", cases.len()));
        }
    }
    assert!(worse.is_empty(), "{}", worse.join("\n"));
    print(&confusion);
    for (cause, (right, all)) in by_cause(&confusion) {
        // Whether a bare "Blocked" says anything is a matter of opinion: the last blind set says that it does not.
        assert!(
            cause == Cause::Unknown || all < 10 || right * 100 >= all * 85,
            "{cause}: {right} of {all} are right"
        );
    }
}

/// How many of each cause are found, and how many there are.
fn by_cause(confusion: &Confusion) -> BTreeMap<Cause, (usize, usize)> {
    let mut tally: BTreeMap<Cause, (usize, usize)> = BTreeMap::new();
    for ((wanted, found), count) in confusion {
        let (right, all) = tally.entry(*wanted).or_default();
        *all += count;
        *right += if wanted == found { *count } else { 0 };
    }
    tally
}

pub(super) fn print(confusion: &Confusion) {
    println!("\n{:28} {:>5} {:>5} {:>8}  taken for", "cause", "right", "all", "");
    let tally = by_cause(confusion);
    for (cause, (right, all)) in &tally {
        let others = confusion.iter().filter(|((wanted, found), _)| wanted == cause && found != cause);
        let others: Vec<String> = others.map(|((_, found), count)| format!("{found} {count}")).collect();
        println!(
            "{:28} {right:5} {all:5} {:>8}  {}",
            cause.as_str(),
            percent(*right, *all),
            others.join(", ")
        );
    }
    let (right, all) = tally.values().fold((0, 0), |(r, a), (right, all)| (r + right, a + all));
    println!("{:28} {right:5} {all:5} {:>8}", "all", percent(right, all));
}

pub(super) fn percent(part: usize, whole: usize) -> String {
    let tenths = (part * 1000 + whole / 2).checked_div(whole).unwrap_or(0);
    format!("{}.{} %", tenths / 10, tenths % 10)
}
