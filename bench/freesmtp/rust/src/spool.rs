//! Hands messages over to a spool, or writes the same octets to a file, and prints what it cost.
//!
//! `WORK FOLDER N SIZE THREADS`: `single` (each message durable by itself), `bulk` (one sync for all), `append` (a plain file: one
//! write and one `fdatasync` for each message) or `overwrite` (the same in a file that is long enough already).

use std::{
    env,
    error::Error,
    fs::File,
    io::{Seek, SeekFrom, Write},
    path::{Path, PathBuf},
    thread,
};

use freesmtp_bench::{Meter, Work};
use freesmtp_core::{Smtp, spool::SegmentReader};

fn main() -> Result<(), Box<dyn Error>> {
    let args: Vec<String> = env::args().skip(1).collect();
    let [kind, folder, count, size, threads] = &args[..] else {
        return Err("usage: single|bulk|append|overwrite FOLDER N SIZE THREADS".into());
    };
    let threads: usize = threads.parse()?;
    let work =
        Work { port: 0, count: count.parse()?, size: size.parse()?, connections: threads, attachment: None };
    let folder = PathBuf::from(folder);
    let mut smtp = Smtp::default();
    smtp.set_spool_path(folder.join("spool"));
    // What is measured is a program that runs, not how its first message opens the spool.
    smtp.submit_to_spool(&work.message(0, &work.text()))?;
    match kind.as_str() {
        "single" => {
            let meter = Meter::new();
            in_threads(&work, |i, text| {
                smtp.submit_to_spool(&work.message(i, text)).map(drop).map_err(Into::into)
            })?;
            meter.report(work.count)
        }
        "bulk" => {
            let text = work.text();
            let meter = Meter::new();
            smtp.submit_bulk((0..work.count).map(|i| work.message(i, &text)))?;
            meter.report(work.count)
        }
        "append" | "overwrite" => {
            let record = vec![b'x'; length_of_a_record(&folder)?];
            let path = folder.join(format!("{kind}-{}", std::process::id()));
            let mut file = File::create_new(&path)?;
            if kind == "overwrite" {
                file.write_all(&vec![0; record.len() * (work.count + 1)])?;
                file.seek(SeekFrom::Start(0))?;
            }
            file.write_all(&record)?;
            file.sync_all()?;
            let meter = Meter::new();
            for _ in 0..work.count {
                file.write_all(&record)?;
                file.sync_data()?;
            }
            meter.report(work.count)
        }
        _ => Err("no such work".into()),
    }
}

/// The octets of the record that was just written.
fn length_of_a_record(folder: &Path) -> Result<usize, Box<dyn Error>> {
    for entry in folder.join("spool/incoming").read_dir()? {
        let mut reader = SegmentReader::open(entry?.path(), 0)?;
        let from = reader.offset();
        reader.next()?;
        if reader.offset() > from {
            return Ok(usize::try_from(reader.offset() - from)?);
        }
    }
    Err("there is no record".into())
}

fn in_threads(
    work: &Work,
    submit: impl Fn(usize, &str) -> Result<(), Box<dyn Error + Send + Sync>> + Sync,
) -> Result<(), Box<dyn Error>> {
    let text = work.text();
    thread::scope(|scope| {
        let threads: Vec<_> = (0..work.connections)
            .map(|thread| {
                let (submit, text) = (&submit, &text);
                scope.spawn(move || {
                    (thread..work.count).step_by(work.connections).try_for_each(|i| submit(i, text))
                })
            })
            .collect();
        threads.into_iter().try_for_each(|thread| match thread.join() {
            Ok(done) => done.map_err(|error| error as Box<dyn Error>),
            Err(panic) => std::panic::resume_unwind(panic),
        })
    })
}
