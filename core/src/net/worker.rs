//! The threads that wait for servers where the program's own must not: as many as there is work, kept for a while after it.
//!
//! Purpose: a program with an event loop, such as Node's or asyncio's, gives each call that may wait for minutes a thread,
//! and hears of its end through the loop. On the few threads that such a loop keeps for itself, a few such calls would stop
//! every file operation and name look-up of the program.
//!
//! Policy: a job takes a thread that is idle, else a new one begins; one that found nothing to do for a while ends.

use std::{
    collections::VecDeque,
    fmt,
    panic::{AssertUnwindSafe, catch_unwind},
    sync::{Condvar, Mutex, MutexGuard, OnceLock, PoisonError},
    thread,
    time::Duration,
};

/// A piece of work; it reports for itself.
type Job = Box<dyn FnOnce() + Send>;

/// Long enough to serve a program that sends now and then, short enough not to be noticed.
const IDLE: Duration = Duration::from_secs(10);

/// Far more than composing and TLS need, and enough for what a program does when it is called back.
const STACK: usize = 2 << 20;

static POOL: Pool =
    Pool { state: Mutex::new(State { jobs: VecDeque::new(), idle: 0, threads: 0 }), work: Condvar::new() };

struct Pool {
    state: Mutex<State>,
    work: Condvar,
}

struct State {
    jobs: VecDeque<Job>,
    idle: usize,
    threads: usize,
}

/// Runs `job` soon on another thread; in place, where the system has no thread to give.
///
/// ```
/// use std::sync::mpsc;
///
/// use freesmtp_core::net::worker;
///
/// let (done, ended) = mpsc::channel();
/// worker::run(move || done.send(std::thread::current().id()).unwrap());
/// assert_ne!(ended.recv().unwrap(), std::thread::current().id());
/// ```
pub fn run(job: impl FnOnce() + Send + 'static) {
    POOL.add(Box::new(job));
}

/// What is around all that a thread does.
type Around = fn(&mut (dyn FnMut() + Send));

static AROUND: OnceLock<Around> = OnceLock::new();

/// Has each thread that begins from now on do its work inside of `around`, which calls what it is given once. A runtime that
/// calls of a thread come back to, such as Python's, has to know the thread: to make it known for each job costs more than
/// most jobs. Only the first call counts.
///
/// ```
/// use std::{cell::Cell, sync::mpsc};
///
/// use freesmtp_core::net::worker;
///
/// thread_local!(static KNOWN: Cell<bool> = const { Cell::new(false) });
/// worker::inside(|work| {
///     KNOWN.set(true);
///     work();
/// });
/// let (done, ended) = mpsc::channel();
/// worker::run(move || done.send(KNOWN.get()).unwrap());
/// assert_eq!(ended.recv(), Ok(true));
/// ```
pub fn inside(around: fn(&mut (dyn FnMut() + Send))) {
    let _ = AROUND.set(around);
}

/// Holds the threads still for as long as it lives, so that the process can be forked: no lock of theirs is closed then.
pub struct Still(MutexGuard<'static, State>);

/// Waits until no thread is taking or giving back work.
#[must_use]
pub fn hold_still() -> Still {
    Still(POOL.lock())
}

impl Still {
    /// In the child of a fork, where none of the threads is: the next job begins one, and what waited for one is gone,
    /// as it is the parent's.
    pub fn forget_threads(mut self) {
        *self.0 = State { jobs: VecDeque::new(), idle: 0, threads: 0 };
    }
}

impl fmt::Debug for Still {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Still").finish_non_exhaustive()
    }
}

impl Pool {
    fn add(&'static self, job: Job) {
        let mut state = self.lock();
        state.jobs.push_back(job);
        if state.jobs.len() <= state.idle {
            self.work.notify_one();
            return;
        }
        state.threads += 1;
        drop(state);
        let builder = thread::Builder::new().name("freesmtp".to_owned()).stack_size(STACK);
        let work = || match AROUND.get() {
            Some(around) => around(&mut || self.work()),
            None => self.work(),
        };
        if builder.spawn(work).is_err() {
            let mut state = self.lock();
            state.threads -= 1;
            // The system has no more threads. Those that exist will come to it; where there are none,
            // slow is better than never.
            let job = if state.threads == 0 { state.jobs.pop_back() } else { None };
            drop(state);
            if let Some(job) = job {
                job();
            }
        }
    }

    fn work(&self) {
        let mut state = self.lock();
        loop {
            if let Some(job) = state.jobs.pop_front() {
                drop(state);
                // A job that panics has told so; the thread goes on with the next one.
                let _ = catch_unwind(AssertUnwindSafe(job));
                state = self.lock();
                continue;
            }
            state.idle += 1;
            let (woken, timeout) =
                self.work.wait_timeout(state, IDLE).unwrap_or_else(PoisonError::into_inner);
            state = woken;
            state.idle -= 1;
            if timeout.timed_out() && state.jobs.is_empty() {
                // After a fork by a job this thread is one that nobody counts.
                state.threads = state.threads.saturating_sub(1);
                return;
            }
        }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use std::sync::{Arc, Barrier, mpsc};

    use super::*;

    #[test]
    fn every_job_gets_a_thread_while_the_others_wait() {
        const JOBS: usize = 12;
        let together = Arc::new(Barrier::new(JOBS));
        let (done, results) = mpsc::channel();
        for job in 0..JOBS {
            let (together, done) = (Arc::clone(&together), done.clone());
            run(move || {
                together.wait();
                done.send(job).unwrap();
            });
        }
        drop(done);
        let mut finished: Vec<usize> = results.iter().collect();
        finished.sort_unstable();
        assert_eq!(finished, (0..JOBS).collect::<Vec<_>>());
    }

    #[test]
    fn jobs_of_an_idle_thread_are_not_lost() {
        for _ in 0..1000 {
            let (done, result) = mpsc::channel();
            run(move || done.send(()).unwrap());
            result.recv().unwrap();
        }
        assert!(POOL.lock().threads < 1000);
    }
}
