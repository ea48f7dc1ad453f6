//! The driver of the test suite for Rust: carries out a job from standard input through the public API.
//!
//! The job and the answers are those of `tests/drivers/README.md`. Nothing here decides, defaults or repairs.

#![forbid(unsafe_code)]

mod answer;
mod calls;
mod job;
mod operations;
mod session;

use std::{
    env,
    io::{self, BufRead, Write},
    process::ExitCode,
};

use operations::Operations;
use session::{Failed, Session};

fn main() -> ExitCode {
    let operations = Operations::from_args(env::args().skip(1));
    match operations.and_then(|operations| run(&operations, io::stdin().lock(), &mut io::stdout().lock())) {
        Ok(()) => ExitCode::SUCCESS,
        Err(fault) => {
            eprintln!("freesmtp-driver-rust: {fault}");
            ExitCode::from(2)
        }
    }
}

/// Carries out the jobs; `Err` is a fault of a job, not of a send.
fn run(operations: &Operations, jobs: impl BufRead, out: &mut impl Write) -> Result<(), String> {
    let mut session = Session::default();
    let mut failed = false;
    for line in jobs.lines() {
        let line = line.map_err(|error| format!("the job: {error}"))?;
        let Some((key, value)) = job::read_line(&line)? else { continue };
        if key == "job.end" {
            session = Session::default();
            failed = false;
            print(out, &answer::end())?;
            continue;
        }
        if failed {
            continue;
        }
        match session.carry_out(operations, key, &value) {
            Ok(answers) => answers.iter().try_for_each(|sent| print(out, sent))?,
            Err(Failed::Job(fault)) => return Err(format!("{key}: {fault}")),
            Err(Failed::Api(error)) => {
                failed = true;
                print(out, &answer::failure(key, 0, &error))?;
            }
        }
    }
    Ok(())
}

fn print(out: &mut impl Write, answer: &serde_json::Value) -> Result<(), String> {
    writeln!(out, "{answer}").and_then(|()| out.flush()).map_err(|error| format!("standard output: {error}"))
}
