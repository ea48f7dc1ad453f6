//! What the senders share: the command line, the text, and the report of what it cost.

use std::{env, fs, time::Instant};

/// `PORT N SIZE CONNECTIONS [ATTACHMENT]`
pub struct Work {
    pub port: u16,
    pub count: usize,
    pub connections: usize,
    pub text: String,
    pub attachment: Option<String>,
}

impl Work {
    pub fn from_args() -> Self {
        let mut args = env::args().skip(1);
        let mut number = || -> usize {
            let arg = args.next().expect("usage: PORT N SIZE CONNECTIONS [ATTACHMENT]");
            arg.parse().expect("a number")
        };
        let port = u16::try_from(number()).expect("a port");
        let (count, size, connections) = (number(), number(), number().max(1));
        let text = format!("{}\r\n", "x".repeat(70)).repeat((size / 72).max(1));
        Self { port, count, connections, text, attachment: args.next() }
    }

    /// Recipients and subjects.
    pub fn given(&self) -> Vec<(String, String)> {
        (0..1000).map(|i| (format!("r{i}@example.test"), format!("Message {i}"))).collect()
    }

    /// The numbers of the messages that this connection sends.
    pub fn share(&self, connection: usize) -> impl Iterator<Item = usize> + use<> {
        (connection..self.count).step_by(self.connections)
    }
}

/// Measures from here until [`Meter::report`].
pub struct Meter {
    started: Instant,
    cpu: f64,
}

impl Meter {
    #[allow(clippy::new_without_default)]
    pub fn new() -> Self {
        Self { started: Instant::now(), cpu: cpu_seconds() }
    }

    /// How many megabytes of so many bytes there were for each second of the processor.
    pub fn megabytes(&self, bytes: usize) -> f64 {
        bytes as f64 / 1e6 / (cpu_seconds() - self.cpu)
    }

    pub fn report(&self, sent: usize) {
        let (wall, cpu) = (self.started.elapsed().as_secs_f64(), cpu_seconds() - self.cpu);
        let status = fs::read_to_string("/proc/self/status").expect("Linux");
        let peak = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).expect("VmHWM");
        let peak = peak.trim().trim_end_matches("kB").trim();
        println!("sent={sent} wall={wall:.6} cpu={cpu:.6} peak_kb={peak}");
    }
}

fn cpu_seconds() -> f64 {
    let mut time = libc::timespec { tv_sec: 0, tv_nsec: 0 };
    // SAFETY: `time` is a timespec that lives as long as the call.
    unsafe { libc::clock_gettime(libc::CLOCK_PROCESS_CPUTIME_ID, &raw mut time) };
    time.tv_sec as f64 + time.tv_nsec as f64 / 1e9
}
