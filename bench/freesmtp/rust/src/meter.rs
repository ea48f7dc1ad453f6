//! What a run cost.
#![allow(unsafe_code, reason = "libc's clock; that of rustix does not run under valgrind")]

use std::{error::Error, fs, time::Instant};

/// Measures from its beginning until [`Meter::report`].
#[derive(Debug)]
pub struct Meter {
    started: Instant,
    cpu: f64,
}

impl Meter {
    /// Begins now.
    #[must_use]
    #[allow(clippy::new_without_default, reason = "it is a moment, not a value")]
    pub fn new() -> Self {
        Self { started: Instant::now(), cpu: cpu_seconds() }
    }

    /// How many megabytes of so many bytes there were for each second of the processor.
    #[must_use]
    #[allow(clippy::cast_precision_loss, reason = "it is a figure to look at")]
    pub fn megabytes(&self, bytes: usize) -> f64 {
        bytes as f64 / 1e6 / (cpu_seconds() - self.cpu)
    }

    /// Prints what `count` messages cost since the beginning.
    ///
    /// # Errors
    /// When the kernel does not tell the peak of memory.
    pub fn report(&self, count: usize) -> Result<(), Box<dyn Error>> {
        let (wall, cpu) = (self.started.elapsed().as_secs_f64(), cpu_seconds() - self.cpu);
        println!("sent={count} wall={wall:.6} cpu={cpu:.6} peak_kb={}", peak_kilobytes()?);
        Ok(())
    }
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
