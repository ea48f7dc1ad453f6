//! Carries out the work of the command line with `SendBulk` and prints what it cost.

use std::error::Error;

use freesmtp_bench::{Meter, Work};

fn main() -> Result<(), Box<dyn Error>> {
    let work = Work::from_args()?;
    let meter = Meter::new();
    work.carry_out_in_bulk()?;
    meter.report(work.count)
}
