//! Carries out the work of the command line and prints what it cost.

use std::error::Error;

use freesmtp_bench::{Meter, Work};

fn main() -> Result<(), Box<dyn Error>> {
    let work = Work::from_args()?;
    let meter = Meter::new();
    work.carry_out()?;
    meter.report(work.count)
}
