//! Carries out the work of the command line and prints what it cost.
#![allow(unsafe_code, reason = "libc's clock; that of rustix does not run under valgrind")]

use std::{error::Error, fs, time::Instant};

use freesmtp_bench::Work;

fn main() -> Result<(), Box<dyn Error>> {
    let work = Work::from_args()?;
    let (started, cpu) = (Instant::now(), cpu_seconds());
    work.carry_out()?;
    let (wall, cpu) = (started.elapsed().as_secs_f64(), cpu_seconds() - cpu);
    println!("sent={} wall={wall:.6} cpu={cpu:.6} peak_kb={}", work.count, peak_kilobytes()?);
    Ok(())
}

/// Of all threads of this process, in user and system mode.
#[allow(clippy::cast_precision_loss, reason = "a process that runs for 2^53 nanoseconds is no benchmark")]
fn cpu_seconds() -> f64 {
    let mut time = libc::timespec { tv_sec: 0, tv_nsec: 0 };
    // SAFETY: `time` is a timespec that lives as long as the call.
    unsafe { libc::clock_gettime(libc::CLOCK_PROCESS_CPUTIME_ID, &raw mut time) };
    time.tv_sec as f64 + time.tv_nsec as f64 / 1e9
}

/// The kernel's own high-water mark; `getrusage` would count what the parent had before `exec`.
fn peak_kilobytes() -> Result<u64, Box<dyn Error>> {
    let status = fs::read_to_string("/proc/self/status")?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).ok_or("no VmHWM")?;
    Ok(line.trim().trim_end_matches("kB").trim().parse()?)
}
