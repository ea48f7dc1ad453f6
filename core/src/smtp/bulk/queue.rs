//! What the caller of a bulk and its lanes share: messages that wait, results that are ready, lanes that live.

use std::{
    collections::VecDeque,
    ops::ControlFlow,
    sync::{Condvar, Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};

use super::{super::lane::Job, BulkResult};
use crate::{
    error::{Error, ErrorKind},
    message::EmailMessage,
    net::{Cancel, Runtime},
    types::Report,
};

/// Messages kept ahead for the first connection: a window of pipelined BDAT, and as many on their way to it.
const AHEAD: usize = 128;

/// Messages kept ahead for each further connection.
const AHEAD_PER_LANE: usize = 4;

/// Octets in memory kept ahead, beyond one message.
const AHEAD_OCTETS: usize = 16 * 1024 * 1024;

/// For how long messages fail without an attempt, after no session could be opened.
const PAUSE: Duration = Duration::from_secs(5);

/// A message that waits for a lane.
pub(super) struct Waiting {
    pub(super) index: usize,
    octets: usize,
    pub(super) what: What,
}

/// How far it is.
pub(super) enum What {
    New(Box<EmailMessage>),
    /// A lane that could not be opened gave it back.
    Begun(Box<Job<'static>>),
}

/// What a lane does next.
pub(super) enum Turn {
    Message(Waiting),
    /// No attempt is made for it now: it fails like those before.
    Fails(usize, Error),
    End,
}

/// What a lane that is sending takes.
#[derive(Clone, Copy, Debug)]
pub(super) enum Wants {
    Nothing,
    Any,
    /// Only what no idle lane is there for.
    Spare,
}

#[derive(Default)]
struct State {
    waiting: VecDeque<Waiting>,
    octets: usize,
    results: VecDeque<BulkResult>,
    /// Messages that were given.
    given: usize,
    /// The caller is fetching a message.
    asked: bool,
    /// Messages that have no result yet.
    open: usize,
    /// No message will follow.
    closed: bool,
    /// The caller waits: a ring that nobody hears costs a system call all the same.
    caller_waits: bool,
    /// Most lanes; fewer once the server let no more connect.
    most: usize,
    lanes: usize,
    /// Lanes that have not asked for a message yet.
    starting: usize,
    idle: usize,
    /// Lanes that have a message and no session yet: they may give it back.
    opening: usize,
    /// Lanes with an open session.
    connected: usize,
    /// A session was opened: the settings are right.
    proven: bool,
    /// Why no session could be opened, and until when that counts; `None` for good.
    down: Option<(Error, Option<Instant>)>,
}

/// See the head of this file.
pub(super) struct Queue {
    state: Mutex<State>,
    /// Rings for the caller.
    caller: Bell,
    /// Rings for the lanes.
    lanes: Bell,
    pub(super) cancel: Cancel,
}

impl std::fmt::Debug for Queue {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Queue")
    }
}

impl Queue {
    pub(super) fn new(most: usize, cancel: Cancel) -> Self {
        let state = State { most: most.max(1), ..State::default() };
        Self { state: Mutex::new(state), caller: Bell::default(), lanes: Bell::default(), cancel }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    // --- The caller ------------------------------------------------------------------------------------------------

    /// Whether the next message is to be fetched now.
    pub(super) fn ask(&self) -> bool {
        let mut state = self.state();
        let wanted = !state.closed && !state.asked && state.has_room();
        state.asked |= wanted;
        wanted
    }

    /// How many messages it was given.
    pub(super) fn given(&self) -> usize {
        self.state().given
    }

    /// The next message, or why it could not be made. After the end it is forgotten.
    pub(super) fn push(&self, message: Result<EmailMessage, Error>) -> Option<usize> {
        let mut state = self.state();
        state.asked = false;
        if state.closed {
            return None;
        }
        let index = state.given;
        state.given += 1;
        match message {
            Ok(message) => {
                let octets = message.octets_in_memory();
                state.octets += octets;
                state.open += 1;
                state.waiting.push_back(Waiting { index, octets, what: What::New(Box::new(message)) });
            }
            Err(error) => state.results.push_back(BulkResult { index, result: Err(error) }),
        }
        let somebody_waits = state.idle > 0 && !state.waiting.is_empty();
        self.tell(state);
        if somebody_waits {
            self.lanes.ring();
        }
        Some(index)
    }

    /// The results that are ready, in an empty `results`.
    pub(super) fn look(&self, results: &mut VecDeque<BulkResult>) {
        std::mem::swap(&mut self.state().results, results);
    }

    /// No message will follow.
    pub(super) fn close(&self) {
        let mut state = self.state();
        state.closed = true;
        self.tell(state);
        self.lanes.ring_all();
    }

    /// Nobody waits for results any more.
    pub(super) fn stop(&self) {
        let mut state = self.state();
        let under_way = state.open > 0;
        state.closed = true;
        state.open -= state.waiting.len().min(state.open);
        state.waiting.clear();
        self.tell(state);
        if under_way {
            self.cancel.cancel();
        }
        self.lanes.ring_all();
    }

    /// Whether another lane would have something to do; it counts as begun then.
    pub(super) fn lane_begins(&self) -> bool {
        let mut state = self.state();
        let begins = state.wants_lane();
        state.lanes += usize::from(begins);
        state.starting += usize::from(begins);
        begins
    }

    /// The results that are ready, in `results`; `Break` when there are no more, and nothing to do. It goes on without
    /// any where the caller is to do something before: there is room for messages, or a lane is wanted.
    pub(super) async fn next(&self, runtime: Runtime, results: &mut VecDeque<BulkResult>) -> ControlFlow<()> {
        self.caller
            .until(runtime, self, |state| {
                std::mem::swap(&mut state.results, results);
                // Not before the last lane has put its connection back: the caller may want it next.
                let done = state.closed && state.open == 0 && state.lanes == 0 && results.is_empty();
                let wanted = !results.is_empty() || state.wants_lane() || state.wants_messages();
                state.caller_waits = !done && !wanted;
                if done { Some(ControlFlow::Break(())) } else { wanted.then_some(ControlFlow::Continue(())) }
            })
            .await
    }

    /// Blocks until no lane is left.
    pub(super) fn await_end_of_lanes(&self) {
        let mut state = self.state();
        while state.lanes > 0 {
            state.caller_waits = true;
            state = self.caller.threads.wait(state).unwrap_or_else(PoisonError::into_inner);
        }
    }

    // --- The lanes -------------------------------------------------------------------------------------------------

    /// The next message for a lane that has nothing to do; `opens` says that it will have to open a session for it. There
    /// is none any more only when no other lane can give one back.
    pub(super) async fn take(&self, runtime: Runtime, starts: bool, opens: bool) -> Turn {
        {
            let mut state = self.state();
            state.starting -= usize::from(starts);
            state.idle += 1;
        }
        let turn = self
            .lanes
            .until(runtime, self, |state| {
                let Some(waiting) = state.pop() else {
                    return (state.closed && state.opening == 0).then_some(Turn::End);
                };
                Some(match state.down() {
                    Some(error) => Turn::Fails(waiting.index, error),
                    None => {
                        state.opening += usize::from(opens);
                        Turn::Message(waiting)
                    }
                })
            })
            .await;
        let mut state = self.state();
        state.idle -= 1;
        self.tell(state);
        turn
    }

    /// Gives results back, and takes another message for a lane that is sending.
    pub(super) fn exchange(&self, results: &mut Vec<BulkResult>, wants: Wants) -> Option<Waiting> {
        let mut state = self.state();
        state.open = state.open.saturating_sub(results.len());
        state.results.extend(results.drain(..));
        let spare = state.waiting.len() > state.idle + state.starting;
        let waiting = match wants {
            Wants::Any => state.pop(),
            Wants::Spare if spare => state.pop(),
            Wants::Spare | Wants::Nothing => None,
        };
        self.tell(state);
        waiting
    }

    pub(super) fn finish(&self, index: usize, result: Result<Report, Error>) {
        self.exchange(&mut vec![BulkResult { index, result }], Wants::Nothing);
    }

    /// Wakes the caller, when it waits for what there is now.
    fn tell(&self, mut state: MutexGuard<'_, State>) {
        let news = !state.results.is_empty()
            || state.wants_messages()
            || state.wants_lane()
            || (state.closed && state.lanes == 0);
        let wake = news && std::mem::take(&mut state.caller_waits);
        drop(state);
        if wake {
            self.caller.ring();
        }
    }

    /// A lane has opened a session.
    pub(super) fn connected(&self) {
        let mut state = self.state();
        state.connected += 1;
        state.proven = true;
        state.down = None;
        self.tell(state);
    }

    /// A lane that was to open a session has done so, or will not.
    pub(super) fn opening_ends(&self) {
        let mut state = self.state();
        state.opening -= 1;
        let last = state.closed && state.opening == 0;
        drop(state);
        if last {
            self.lanes.ring_all();
        }
    }

    pub(super) fn disconnected(&self) {
        self.state().connected -= 1;
    }

    /// A lane could not open a session for that message. While other lanes have theirs, they take it over, and there
    /// are no more lanes than that; else it fails, and so do those of the next seconds.
    pub(super) fn unopened(&self, job: Job<'static>, error: Error) -> bool {
        let mut state = self.state();
        let temporary =
            !matches!(error.kind(), ErrorKind::Authentication | ErrorKind::Message) || error.is_temporary();
        if state.connected > 0 && temporary && error.kind() != ErrorKind::Cancelled {
            state.most = state.connected;
            let index = job.index;
            state.waiting.push_front(Waiting { index, octets: 0, what: What::Begun(Box::new(job)) });
            drop(state);
            self.lanes.ring();
            return false;
        }
        let until = temporary.then(|| Instant::now().checked_add(PAUSE)).flatten();
        if error.kind() != ErrorKind::Cancelled {
            state.down = Some((error.clone(), until));
        }
        drop(state);
        self.finish(job.index, Err(error));
        true
    }

    /// A lane has ended.
    pub(super) fn lane_ends(&self, starts: bool) {
        let mut state = self.state();
        state.lanes -= 1;
        state.starting -= usize::from(starts);
        self.tell(state);
    }

    /// A lane could not begin.
    pub(super) fn lane_failed(&self, error: &Error) {
        let mut state = self.state();
        if state.lanes > 0 {
            state.most = state.lanes;
            return;
        }
        for waiting in std::mem::take(&mut state.waiting) {
            state.open = state.open.saturating_sub(1);
            state.results.push_back(BulkResult { index: waiting.index, result: Err(error.clone()) });
        }
        self.tell(state);
    }
}

impl State {
    fn ahead(&self) -> usize {
        AHEAD.saturating_add(AHEAD_PER_LANE.saturating_mul(self.most - 1))
    }

    fn has_room(&self) -> bool {
        self.waiting.is_empty() || (self.waiting.len() < self.ahead() && self.octets < AHEAD_OCTETS)
    }

    /// Whether it is worth waking the caller for more messages.
    fn wants_messages(&self) -> bool {
        !self.closed && !self.asked && self.has_room() && self.waiting.len() <= self.ahead() / 2
    }

    fn wants_lane(&self) -> bool {
        self.waiting.len() > self.idle + self.starting
            && self.lanes < self.most
            && (self.lanes == 0 || self.proven)
    }

    fn pop(&mut self) -> Option<Waiting> {
        let waiting = self.waiting.pop_front()?;
        self.octets -= waiting.octets;
        Some(waiting)
    }

    /// Why nothing is tried at the moment.
    fn down(&mut self) -> Option<Error> {
        if self.connected > 0 {
            return None;
        }
        if matches!(&self.down, Some((_, Some(until))) if Instant::now() >= *until) {
            self.down = None;
        }
        self.down.as_ref().map(|(error, _)| error.clone())
    }
}

/// Wakes who waits for a change of the state.
#[derive(Default)]
struct Bell {
    threads: Condvar,
    tasks: tokio::sync::Notify,
}

impl Bell {
    /// Wakes one.
    fn ring(&self) {
        self.threads.notify_one();
        self.tasks.notify_one();
    }

    fn ring_all(&self) {
        self.threads.notify_all();
        self.tasks.notify_waiters();
    }

    /// Waits until `ready` has something.
    async fn until<T>(
        &self,
        runtime: Runtime,
        queue: &Queue,
        mut ready: impl FnMut(&mut State) -> Option<T>,
    ) -> T {
        loop {
            // Made before the look, so that no ring between the two is lost.
            let notified = self.tasks.notified();
            {
                let mut state = queue.state();
                loop {
                    if let Some(value) = ready(&mut state) {
                        return value;
                    }
                    if runtime != Runtime::Thread {
                        break;
                    }
                    state = self.threads.wait(state).unwrap_or_else(PoisonError::into_inner);
                }
            }
            notified.await;
        }
    }
}
