//! The threads that wait for servers: as many as there is work, kept for a while after it.
//!
//! A send may wait for minutes. On libuv's four threads four such sends would stop every file operation and name
//! look-up of the program, so there are threads of our own: a job takes one that is idle, else a new one begins;
//! one that found nothing to do for a while ends.

use std::{
    collections::VecDeque,
    sync::{Condvar, Mutex, MutexGuard, PoisonError},
    thread,
    time::Duration,
};

/// A piece of work; it reports for itself.
pub(crate) type Job = Box<dyn FnOnce() + Send>;

/// Long enough to serve a program that sends now and then, short enough not to be noticed.
const IDLE: Duration = Duration::from_secs(10);

/// Far more than composing and TLS need.
const STACK: usize = 1 << 20;

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

/// Runs `job` soon on another thread.
pub(crate) fn run(job: Job) {
    POOL.add(job);
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
        if builder.spawn(|| self.work()).is_err() {
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
                job();
                state = self.lock();
                continue;
            }
            state.idle += 1;
            let (woken, timeout) =
                self.work.wait_timeout(state, IDLE).unwrap_or_else(PoisonError::into_inner);
            state = woken;
            state.idle -= 1;
            if timeout.timed_out() && state.jobs.is_empty() {
                state.threads -= 1;
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
            run(Box::new(move || {
                together.wait();
                done.send(job).unwrap();
            }));
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
            run(Box::new(move || done.send(()).unwrap()));
            result.recv().unwrap();
        }
        assert!(POOL.lock().threads < 1000);
    }
}
