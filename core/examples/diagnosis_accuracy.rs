//! Measures the diagnosis on labelled replies and prints the confusion table.
//!
//! `cargo run --example diagnosis_accuracy -- FILE...`: tab-separated, with a header line that names the columns
//! `phase`, `reply` and `cause`. `--fold I/N` takes only every N-th reply by a hash of its text, so that rules can be
//! written on one part and judged on the rest.

use std::{collections::BTreeMap, error::Error, fs, process::ExitCode};

use freesmtp_core::{
    diagnosis::{Context, deciding_words, diagnose, other_cause},
    types::Reply,
};

type Confusion = BTreeMap<(String, String), usize>;

/// How often the diagnosis names another cause too, and how often it is the right one.
#[derive(Default)]
struct Others {
    named: usize,
    right: usize,
}

fn main() -> Result<ExitCode, Box<dyn Error>> {
    let mut fold = None;
    let (mut confusion, mut others) = (Confusion::new(), Others::default());
    let mut arguments = std::env::args().skip(1);
    while let Some(argument) = arguments.next() {
        if argument == "--fold" {
            let parts = arguments.next().ok_or("--fold takes I/N")?;
            let (part, of) = parts.split_once('/').ok_or("--fold takes I/N")?;
            fold = Some((part.parse()?, of.parse()?));
        } else {
            measure(&fs::read_to_string(&argument)?, fold, &mut confusion, &mut others)?;
        }
    }
    if confusion.is_empty() {
        eprintln!("usage: diagnosis_accuracy [--fold I/N] FILE...");
        return Ok(ExitCode::from(2));
    }
    print(&confusion);
    println!(
        "another cause is named beside it {} times, and is the right one {} times",
        others.named, others.right
    );
    Ok(ExitCode::SUCCESS)
}

/// Diagnoses each row of `table`, prints the wrong ones and counts all.
fn measure(
    table: &str,
    fold: Option<(u64, u64)>,
    confusion: &mut Confusion,
    others: &mut Others,
) -> Result<(), Box<dyn Error>> {
    let mut rows = table.lines().filter(|line| !line.is_empty() && !line.starts_with('#'));
    let header: Vec<&str> = rows.next().ok_or("an empty table")?.split('\t').collect();
    let column = |name: &str| header.iter().position(|c| *c == name).ok_or(format!("no column {name}"));
    let (phase, text, cause) = (column("phase")?, column("reply")?, column("cause")?);
    for row in rows {
        let cells: Vec<&str> = row.split('\t').collect();
        let cell = |index: usize| cells.get(index).copied().ok_or(format!("a short row: {row}"));
        let text = cell(text)?.replace("\\n", "\n");
        if fold.is_some_and(|(part, of)| hash(&text) % of != part) {
            continue;
        }
        let reply = Reply::parse(&text).ok_or(format!("not a reply: {text}"))?;
        let context = Context { stage: cell(phase)?.parse().ok(), reply: Some(&reply), ..Context::default() };
        let (wanted, found) = (cell(cause)?.to_owned(), diagnose(&context).cause.to_string());
        let other = other_cause(&context).map(|cause| cause.to_string());
        others.named += usize::from(other.is_some());
        others.right += usize::from(other.as_ref() == Some(&wanted));
        if wanted != found {
            let words = deciding_words(&context).join(", ");
            let other = other.map(|other| format!(" or {other}")).unwrap_or_default();
            println!(
                "{wanted} taken for {found}{other} ({words}): {} {}",
                cell(phase)?,
                text.replace('\n', " / ")
            );
        }
        *confusion.entry((wanted, found)).or_default() += 1;
    }
    Ok(())
}

/// FNV-1a: the same fold in every run and on every machine.
fn hash(text: &str) -> u64 {
    text.bytes()
        .fold(0xcbf2_9ce4_8422_2325, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3))
}

fn print(confusion: &Confusion) {
    let mut causes: Vec<&str> = confusion.keys().map(|(wanted, _)| wanted.as_str()).collect();
    causes.dedup();
    println!("\n{:28} {:>5} {:>5} {:>6}  taken for", "cause", "right", "all", "");
    let (mut all_right, mut all) = (0, 0);
    for cause in causes {
        let of_cause: Vec<_> = confusion.iter().filter(|((wanted, _), _)| wanted == cause).collect();
        let count: usize = of_cause.iter().map(|(_, n)| **n).sum();
        let right = confusion.get(&(cause.to_owned(), cause.to_owned())).copied().unwrap_or(0);
        let wrong: Vec<String> = of_cause
            .iter()
            .filter(|((_, found), _)| found != cause)
            .map(|((_, f), n)| format!("{f} {n}"))
            .collect();
        println!("{cause:28} {right:5} {count:5} {:>6}  {}", percent(right, count), wrong.join(", "));
        all_right += right;
        all += count;
    }
    println!("{:28} {all_right:5} {all:5} {:>6}", "all", percent(all_right, all));
}

fn percent(part: usize, whole: usize) -> String {
    let tenths = (part * 1000 + whole / 2).checked_div(whole).unwrap_or(0);
    format!("{}.{} %", tenths / 10, tenths % 10)
}
