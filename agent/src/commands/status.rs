//! `freesmtp status`.

use std::{
    fmt::Write as _,
    io::{self, IsTerminal},
    process::ExitCode,
    time::Duration,
};

use clap::Args;
use indicatif::{ProgressBar, ProgressStyle};
use serde_json::{Value, json};

use super::{
    Exit,
    agent_socket::{Failure, SpoolArguments, clean, ok},
    print,
    queue_text::{array, string},
    table::{Table, number, rate, short, span},
};

/// Shows how the agent is: its queue, its sessions, how fast it delivers, where mail waits and why.
///
/// Exit status: 0 when an agent answered, 75 when none runs.
#[derive(Debug, Args)]
#[command(after_help = "Example:\n  freesmtp status --json | jq .queue.oldest_age_seconds")]
pub(crate) struct Arguments {
    /// Show it as it changes, until it is interrupted
    #[arg(long)]
    watch: bool,
    /// How often, in seconds
    #[arg(long, value_name = "SECONDS", default_value_t = 1.0)]
    interval: f64,
    /// The most destinations and causes
    #[arg(long, value_name = "NUMBER", default_value_t = 10)]
    limit: u32,
    #[command(flatten)]
    spool: SpoolArguments,
}

/// Runs it.
pub(crate) fn run(arguments: &Arguments) -> ExitCode {
    let spool = &arguments.spool;
    if arguments.watch {
        return match watch(arguments) {
            Ok(()) => Exit::Done.into(),
            Err(failure) => spool.fail(&failure),
        };
    }
    let answer = spool.connect().and_then(|mut agent| {
        let mut status = agent.ask(&json!({ "request": "status" }))?;
        let waits = agent.ask(&json!({ "request": "destinations", "limit": arguments.limit }))?;
        for name in ["sites", "causes"] {
            status[name] = waits[name].clone();
        }
        Ok(status)
    });
    spool.finish(answer, text)
}

fn text(status: &Value) -> String {
    let mut text = String::new();
    let queue = &status["queue"];
    let count = |value: &Value| number(value.as_i64().unwrap_or(0));
    let _ = writeln!(
        text,
        "freesmtp agent {}, process {}, up {}",
        string(status, "version"),
        status["pid"],
        span(status["uptime_seconds"].as_i64().unwrap_or(0))
    );
    let _ = writeln!(text, "Spool        {}", clean(&string(status, "spool")));
    let oldest = queue["oldest_age_seconds"].as_i64().map(|age| format!("; the oldest is {} old", span(age)));
    let _ =
        writeln!(text, "Queue        {} messages{}", count(&queue["messages"]), oldest.unwrap_or_default());
    let _ = writeln!(
        text,
        "Deliveries   {} ready, {} later, {} held",
        count(&queue["ready"]),
        count(&queue["later"]),
        count(&queue["held"])
    );
    let _ = writeln!(text, "Sessions     {} of {}", status["sessions"]["open"], status["sessions"]["limit"]);
    let _ = writeln!(text, "Rate         {} recipients/s", rate(status["rate"].as_f64().unwrap_or(0.0)));
    let others = array(status, "others");
    if !others.is_empty() {
        let silent = others.iter().filter(|other| other["answers"] == false);
        let silent = silent.map(|other| {
            let seconds = other["heard_seconds_ago"].as_i64().unwrap_or(0);
            format!("; {} was last heard of {} ago", clean(&string(other, "name")), span(seconds))
        });
        let _ =
            writeln!(text, "Agents       {} share the queue{}", others.len() + 1, silent.collect::<String>());
    }
    let since = &status["since_start"];
    let _ = writeln!(
        text,
        "Since start  {} delivered, {} deferred, {} failed, {} unknown",
        count(&since["delivered"]),
        count(&since["deferred"]),
        count(&since["failed"]),
        count(&since["unknown"])
    );
    let sites = array(status, "sites");
    if !sites.is_empty() {
        let mut table = Table::new(&[
            ("DESTINATION", 50),
            ("READY", 12),
            ("LATER", 12),
            ("HELD", 12),
            ("READY SINCE", 12),
        ]);
        for site in sites {
            let oldest = site["oldest_ready_seconds"].as_i64().map(span).unwrap_or_default();
            table.row(vec![
                string(site, "site"),
                count(&site["ready"]),
                count(&site["later"]),
                count(&site["held"]),
                oldest,
            ]);
        }
        let _ = write!(text, "\n{}", table.text());
    }
    let causes = array(status, "causes");
    if !causes.is_empty() {
        let mut table = Table::new(&[("CAUSE", 40), ("MESSAGES", 12), ("WHAT TO DO", 110)]);
        for cause in causes {
            let remedy = string(cause, "remedy");
            let first = remedy.lines().next().unwrap_or_default();
            table.row(vec![string(cause, "cause"), count(&cause["count"]), short(first, 110)]);
        }
        let _ = write!(text, "\n{}", table.text());
    }
    text
}

fn watch(arguments: &Arguments) -> Result<(), Failure> {
    let spool = &arguments.spool;
    let mut agent = spool.connect()?;
    agent.send(&json!({ "request": "watch", "interval": arguments.interval }))?;
    let line = (!spool.json && io::stderr().is_terminal()).then(|| {
        let line = ProgressBar::new_spinner();
        let style = ProgressStyle::with_template("{spinner} {msg}");
        line.set_style(style.unwrap_or_else(|_| ProgressStyle::default_spinner()));
        line.enable_steady_tick(Duration::from_millis(200));
        line
    });
    loop {
        let (status, more) = agent.next()?;
        let queue = &status["queue"];
        let text = format!(
            "{} messages, {} sessions of {}, {} recipients/s, oldest {}",
            number(queue["messages"].as_i64().unwrap_or(0)),
            status["sessions"]["open"],
            status["sessions"]["limit"],
            rate(status["rate"].as_f64().unwrap_or(0.0)),
            queue["oldest_age_seconds"].as_i64().map_or_else(|| "none".to_owned(), span)
        );
        match &line {
            Some(line) => line.set_message(text),
            None if spool.json => print(&format!("{}\n", ok(&status))),
            None => print(&format!("{text}\n")),
        }
        if !more {
            return Ok(());
        }
    }
}
