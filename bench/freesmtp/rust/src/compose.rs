//! Composes the messages of the command line without sending them, and prints what it cost.

use std::{error::Error, hint::black_box};

use freesmtp_bench::{Meter, Work};

fn main() -> Result<(), Box<dyn Error>> {
    let work = Work::from_args()?;
    let meter = Meter::new();
    work.compose(|bytes| drop(black_box(bytes)))?;
    meter.report(work.count)
}
