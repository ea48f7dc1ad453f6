//! `freesmtp blast`.

use std::{
    io::{self, IsTerminal},
    process::ExitCode,
    time::Duration,
};

use clap::{Args, Subcommand};
use indicatif::{ProgressBar, ProgressStyle};
use serde_json::{Value, json};

use super::{
    Exit,
    agent_socket::{Failure, SpoolArguments, clean, ok},
    print,
    queue_text::{array, string},
    table::{Table, age, number, rate, span},
};
use crate::clock;

/// Shows how far blasts are, and pauses, resumes or cancels them.
///
/// A blast is all messages that were submitted under one name. Exit status: 0 when it was done, 1 when there is no such blast,
/// 2 when the arguments are not right, 75 when no agent runs, it does not answer, or the time to wait is over.
#[derive(Debug, Args)]
#[command(after_help = "Example:\n  freesmtp blast status newsletter-2026-11 --watch")]
pub(crate) struct Arguments {
    #[command(subcommand)]
    order: Order,
    #[command(flatten)]
    spool: SpoolArguments,
}

#[derive(Debug, Subcommand)]
enum Order {
    /// Lists blasts, the newest first
    List {
        /// The most blasts
        #[arg(long, value_name = "NUMBER", default_value_t = 20)]
        limit: u32,
    },
    /// Shows how far a blast is
    Status {
        /// The blast
        name: String,
        /// Show it as it proceeds, until it is done
        #[arg(long)]
        watch: bool,
        /// How often, in seconds
        #[arg(long, value_name = "SECONDS", default_value_t = 0.5)]
        interval: f64,
    },
    /// Waits until each recipient of a blast has a result
    Wait {
        /// The blast
        name: String,
        /// No longer than this, in seconds
        #[arg(long, value_name = "SECONDS")]
        timeout: Option<f64>,
    },
    /// Keeps the messages of a blast until it is resumed
    Pause {
        /// The blast
        name: String,
    },
    /// Lets a paused blast go on
    Resume {
        /// The blast
        name: String,
    },
    /// Takes all messages of a blast out that are not delivered, without reports to their senders
    Cancel {
        /// The blast
        name: String,
    },
}

/// Runs it.
pub(crate) fn run(arguments: &Arguments) -> ExitCode {
    let spool = &arguments.spool;
    let ask = |request: &Value| spool.connect().and_then(|mut agent| agent.ask(request));
    match &arguments.order {
        Order::List { limit } => spool.finish(ask(&json!({ "request": "blasts", "limit": limit })), list),
        Order::Status { name, watch: false, .. } => {
            spool.finish(ask(&json!({ "request": "blast", "blast": name })), text)
        }
        Order::Status { name, interval, .. } => match watch(spool, name, *interval) {
            Ok(()) => Exit::Done.into(),
            Err(failure) => spool.fail(&failure),
        },
        Order::Wait { name, timeout } => {
            let answer = ask(&json!({ "request": "wait", "blast": name, "timeout": timeout }));
            let over = answer.as_ref().is_ok_and(|answer| answer["done"] == false);
            let code = spool.finish(answer, |answer| text(&answer["status"]));
            if over { Exit::TryLater.into() } else { code }
        }
        Order::Pause { name } => spool.finish(ask(&json!({ "request": "pause_blast", "blast": name })), text),
        Order::Resume { name } => {
            spool.finish(ask(&json!({ "request": "resume_blast", "blast": name })), text)
        }
        Order::Cancel { name } => {
            spool.finish(ask(&json!({ "request": "cancel_blast", "blast": name })), text)
        }
    }
}

fn list(answer: &Value) -> String {
    let blasts = array(answer, "blasts");
    if blasts.is_empty() {
        return "no blasts\n".to_owned();
    }
    let columns = [
        ("NAME", 40),
        ("STATE", 10),
        ("AGE", 12),
        ("RECIPIENTS", 16),
        ("DELIVERED", 16),
        ("DEFERRED", 16),
        ("FAILED", 16),
        ("OPEN", 16),
        ("RATE", 12),
    ];
    let mut table = Table::new(&columns);
    for blast in blasts {
        table.row(vec![
            string(blast, "name"),
            string(blast, "state"),
            age(&string(blast, "created"), clock::now()),
            count(blast, "recipients"),
            count(blast, "delivered"),
            count(blast, "deferred"),
            number(failed(blast)),
            count(blast, "open"),
            per_second(blast),
        ]);
    }
    table.text()
}

fn text(blast: &Value) -> String {
    let ended = blast["recipients"].as_i64().unwrap_or(0) - blast["open"].as_i64().unwrap_or(0);
    format!(
        "{}: {}, {} of {} recipients have a result\n{}\n",
        clean(&string(blast, "name")),
        string(blast, "state"),
        number(ended),
        count(blast, "recipients"),
        figures(blast)
    )
}

/// Where its recipients are, how fast it goes and how long it takes.
fn figures(blast: &Value) -> String {
    let mut text = format!("delivered {}", count(blast, "delivered"));
    for (name, count) in [
        ("deferred", blast["deferred"].as_i64().unwrap_or(0)),
        ("failed", blast["failed"].as_i64().unwrap_or(0)),
        ("expired", blast["expired"].as_i64().unwrap_or(0)),
        ("cancelled", blast["cancelled"].as_i64().unwrap_or(0)),
    ] {
        if count > 0 {
            text.push_str(&format!(", {name} {}", number(count)));
        }
    }
    if blast["done"] == true {
        return text;
    }
    text.push_str(&format!(", {}", per_second(blast)));
    match blast["eta_seconds"].as_f64() {
        #[allow(clippy::cast_possible_truncation, reason = "seconds; too long is as good as the most")]
        Some(eta) => text.push_str(&format!(", {} left", span(eta as i64))),
        None => text.push_str(&format!(", {}", string(blast, "state"))),
    }
    text
}

fn per_second(blast: &Value) -> String {
    format!("{}/s", rate(blast["rate"].as_f64().unwrap_or(0.0)))
}

fn failed(blast: &Value) -> i64 {
    ["failed", "expired", "cancelled"].iter().filter_map(|name| blast[*name].as_i64()).sum()
}

fn count(blast: &Value, name: &str) -> String {
    number(blast[name].as_i64().unwrap_or(0))
}

/// A bar on a terminal, lines elsewhere, JSON lines where they are asked for.
fn watch(spool: &SpoolArguments, name: &str, interval: f64) -> Result<(), Failure> {
    let mut agent = spool.connect()?;
    agent.send(&json!({ "request": "watch", "blast": name, "interval": interval }))?;
    let bar = (!spool.json && io::stderr().is_terminal()).then(|| {
        let bar = ProgressBar::new(0);
        let style = ProgressStyle::with_template("{prefix} {wide_bar:.green} {percent:>3} %\n{msg}");
        bar.set_style(style.unwrap_or_else(|_| ProgressStyle::default_bar()).progress_chars("━╸─"));
        bar.enable_steady_tick(Duration::from_millis(200));
        bar.set_prefix(clean(name));
        bar
    });
    loop {
        let (blast, more) = agent.next()?;
        let recipients = blast["recipients"].as_u64().unwrap_or(0);
        let open = blast["open"].as_u64().unwrap_or(0);
        match &bar {
            Some(bar) => {
                bar.set_length(recipients);
                bar.set_position(recipients.saturating_sub(open));
                bar.set_message(figures(&blast));
                if !more {
                    bar.abandon();
                }
            }
            None if spool.json => print(&format!("{}\n", ok(&blast))),
            None => {
                let ended = i64::try_from(recipients.saturating_sub(open)).unwrap_or(i64::MAX);
                print(&format!(
                    "{} of {}: {}\n",
                    number(ended),
                    count(&blast, "recipients"),
                    figures(&blast)
                ));
            }
        }
        if !more {
            return Ok(());
        }
    }
}
