//! A lane of a bulk: takes messages from the queue, and gives their results back.

use std::{borrow::Cow, collections::BTreeSet, sync::Arc, time::Instant};

use super::{
    super::{
        Smtp,
        lane::{Job, Lane, Supply},
        mail::Mail,
    },
    BulkResult,
    queue::{Queue, Turn, Waiting, Wants, What},
};
use crate::{
    error::{Error, ErrorKind},
    net::{Operation, Runtime},
    types::{Report, Stage},
};

/// A lane's side of the queue. However the lane ends, each message that it took has a result.
pub(super) struct BulkSupply {
    queue: Arc<Queue>,
    /// The messages that it took and that have no result yet.
    taken: BTreeSet<usize>,
    /// Results that the queue does not have yet: given together, before the lane waits.
    done: Vec<BulkResult>,
    /// It has not asked for a message yet.
    starting: bool,
    /// It has a message for which it opens a session.
    opening: bool,
    connected: bool,
    /// The server lets it have no session.
    superfluous: bool,
}

impl BulkSupply {
    pub(super) fn new(queue: Arc<Queue>) -> Self {
        Self {
            queue,
            taken: BTreeSet::new(),
            done: Vec::new(),
            starting: true,
            opening: false,
            connected: false,
            superfluous: false,
        }
    }

    /// The message, ready to be sent; `None` when it has its result already.
    fn prepare(&mut self, waiting: Waiting, smtp: &Smtp) -> Option<Job<'static>> {
        let index = waiting.index;
        self.taken.insert(index);
        let message = match waiting.what {
            What::Begun(job) => return Some(*job),
            What::New(message) => message,
        };
        let checked =
            smtp.check_servers().and_then(|()| Mail::new(smtp, Cow::Owned(*message), Instant::now()));
        match checked {
            Ok(mail) => Some(Job::new(index, mail)),
            Err(error) => {
                self.finish(index, Err(error));
                None
            }
        }
    }

    fn finish(&mut self, index: usize, result: Result<Report, Error>) {
        self.taken.remove(&index);
        self.done.push(BulkResult { index, result });
    }

    fn flush(&mut self) {
        if !self.done.is_empty() {
            self.queue.exchange(&mut self.done, Wants::Nothing);
        }
    }

    fn opening_ends(&mut self) {
        if std::mem::take(&mut self.opening) {
            self.queue.opening_ends();
        }
    }

    fn disconnect(&mut self) {
        if std::mem::take(&mut self.connected) {
            self.queue.disconnected();
        }
    }
}

impl Drop for BulkSupply {
    fn drop(&mut self) {
        let lost = || {
            let text = "the connection's task ended in the middle; the message may have been delivered";
            Error::new(ErrorKind::Internal, Stage::Command, text)
        };
        self.flush();
        for index in std::mem::take(&mut self.taken) {
            self.queue.finish(index, Err(lost()));
        }
        self.opening_ends();
        self.disconnect();
        self.queue.lane_ends(self.starting);
    }
}

/// What a lane shows of the supply while it sends.
struct Feed<'a> {
    supply: &'a mut BulkSupply,
    smtp: &'a Smtp,
}

impl Supply<'static> for Feed<'_> {
    fn next(&mut self, under_way: usize) -> Option<Job<'static>> {
        // One message ahead costs nobody time, and saves waking an idle lane; a window full would.
        let wants = if under_way < 2 { Wants::Any } else { Wants::Spare };
        while self.smtp.is_turn() {
            let waiting = self.supply.queue.exchange(&mut self.supply.done, wants)?;
            if let Some(job) = self.supply.prepare(waiting, self.smtp) {
                return Some(job);
            }
        }
        None
    }

    fn finished(&mut self, index: usize, result: Result<Report, Error>) {
        self.supply.finish(index, result);
    }

    fn before_wait(&mut self) {
        self.supply.flush();
    }

    fn opened(&mut self) {
        if !std::mem::replace(&mut self.supply.connected, true) {
            self.supply.queue.connected();
        }
        self.supply.opening_ends();
    }

    fn unopened(&mut self, job: Job<'static>, error: Error) {
        self.supply.disconnect();
        self.supply.taken.remove(&job.index);
        self.supply.superfluous |= !self.supply.queue.unopened(job, error);
        self.supply.opening_ends();
    }
}

/// Sends messages until there are no more; connections are kept on `home` afterwards.
pub(super) async fn run(smtp: Smtp, mut supply: BulkSupply, runtime: Runtime, home: Runtime) {
    deliver(&smtp, &mut supply, runtime, home).await;
    // Before the supply says that the lane has ended: who waited for that may let go of what the listeners use.
    drop(smtp);
}

async fn deliver(smtp: &Smtp, supply: &mut BulkSupply, runtime: Runtime, home: Runtime) {
    let queue = Arc::clone(&supply.queue);
    let _running = smtp.register(&queue.cancel);
    let operation = Operation::new(runtime, &queue.cancel, smtp.timeouts().operation);
    let mut lane = Lane::new(smtp, operation).at_home_on(home);
    while !supply.superfluous {
        supply.flush();
        supply.opening_ends();
        let starts = std::mem::take(&mut supply.starting);
        let opens = !supply.connected;
        let waiting = match queue.take(runtime, starts, opens).await {
            Turn::Message(waiting) => {
                supply.opening = opens;
                waiting
            }
            Turn::Fails(index, error) => {
                queue.finish(index, Err(error));
                continue;
            }
            Turn::End => break,
        };
        let Some(job) = supply.prepare(waiting, smtp) else { continue };
        if let Err(error) = lane.await_turn().await {
            supply.finish(job.index, Err(error));
            continue;
        }
        lane.deliver(job, &mut Feed { supply: &mut *supply, smtp }).await;
    }
    lane.close();
}
