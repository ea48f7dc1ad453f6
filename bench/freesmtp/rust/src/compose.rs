//! Composes the messages of the command line without sending them, and prints what it cost.

use std::error::Error;

use freesmtp_bench::{Meter, Work};

fn main() -> Result<(), Box<dyn Error>> {
    let work = Work::from_args()?;
    let meter = Meter::new();
    work.compose()?;
    meter.report(work.count)
}
