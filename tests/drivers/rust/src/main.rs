//! The driver of the test suite for Rust: carries out a job from standard input through the public API.
//!
//! The job and the answers are those of `tests/drivers/README.md`. Nothing here decides, defaults or repairs.

mod answer;
mod job;
mod session;

use std::{
    io::{self, BufRead, Write},
    process::ExitCode,
};

use session::{Failed, Session};

fn main() -> ExitCode {
    match run(io::stdin().lock(), &mut io::stdout().lock()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(fault) => {
            eprintln!("freesmtp-driver-rust: {fault}");
            ExitCode::from(2)
        }
    }
}

/// Carries out the job; `Err` is a fault of the job, not of a send.
fn run(job: impl BufRead, out: &mut impl Write) -> Result<(), String> {
    let mut session = Session::default();
    for line in job.lines() {
        let line = line.map_err(|error| format!("the job: {error}"))?;
        let Some((key, value)) = job::read_line(&line)? else { continue };
        let answer = match session.carry_out(key, &value) {
            Ok(None) => continue,
            Ok(Some(sent)) => {
                print(out, &sent)?;
                continue;
            }
            Err(Failed::Job(fault)) => return Err(format!("{key}: {fault}")),
            Err(Failed::Api(error)) => answer::failure(key, 0, &error),
        };
        return print(out, &answer);
    }
    Ok(())
}

fn print(out: &mut impl Write, answer: &serde_json::Value) -> Result<(), String> {
    writeln!(out, "{answer}").and_then(|()| out.flush()).map_err(|error| format!("standard output: {error}"))
}
