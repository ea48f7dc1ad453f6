//! The last look through the queue, and when there is another one.
//!
//! A small queue is looked through for every question. For a long one that takes a second, so whoever asks gets the last
//! look, and one that is too old has another begun behind it: at most a twentieth of the time is spent on that.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use tokio::sync::watch;

use super::{Context, Refusal};
use crate::queue::{QueueError, Survey};

/// A look that took no longer is done anew for every question.
const QUICK: Duration = Duration::from_millis(5);

/// A look is used for so many times as long as it took.
const SHARE: u32 = 20;

/// How long a question waits for a newer look, when there is one to give.
const PATIENCE: Duration = Duration::from_millis(80);

/// How long it waits for the first one.
const LONGEST: Duration = Duration::from_secs(10);

/// Looks through the queue, one at a time.
#[derive(Debug)]
pub(crate) struct Surveys(watch::Sender<State>);

#[derive(Debug, Default)]
struct State {
    last: Option<Arc<Survey>>,
    /// Why the last try came to nothing.
    trouble: Option<QueueError>,
    is_looking: bool,
}

impl Default for Surveys {
    fn default() -> Self {
        Self(watch::Sender::new(State::default()))
    }
}

impl Surveys {
    /// What the queue is like now, or was like lately.
    pub(crate) async fn get(&self, context: &Context) -> Result<Arc<Survey>, Refusal> {
        let asked = Instant::now();
        let mut news = self.0.subscribe();
        for tries in 0.. {
            let last = {
                let state = news.borrow_and_update();
                // That of somebody who asked before is tried again.
                if let Some(trouble) = state.trouble.as_ref().filter(|_| tries > 0) {
                    return Err(trouble.clone().into());
                }
                state.last.clone()
            };
            if let Some(last) = &last
                && last.begun + grace(last.took) >= asked
            {
                return Ok(Arc::clone(last));
            }
            self.begin(context);
            let patience = if last.is_some() { PATIENCE } else { LONGEST };
            let left = patience.saturating_sub(asked.elapsed());
            match (tokio::time::timeout(left, news.changed()).await, last) {
                (Ok(Ok(())), _) => {}
                (_, Some(last)) => return Ok(last),
                (_, None) => break,
            }
        }
        Err(Refusal::ending())
    }

    /// Begins a look, unless one is under way.
    pub(crate) fn begin(&self, context: &Context) {
        let mut begins = false;
        self.0.send_if_modified(|state| {
            begins = !state.is_looking;
            state.is_looking = true;
            // Nobody who waits has anything from that.
            false
        });
        if !begins {
            return;
        }
        let context = context.clone();
        tokio::task::spawn_blocking(move || {
            let found = context.handle.queue.survey(context.now());
            context.surveys.0.send_modify(|state| {
                state.is_looking = false;
                match found {
                    Ok(survey) => (state.last, state.trouble) = (Some(Arc::new(survey)), None),
                    Err(error) => state.trouble = Some(error),
                }
            });
        });
    }
}

/// How old a look may be that took so long.
fn grace(took: Duration) -> Duration {
    if took <= QUICK { Duration::ZERO } else { took * SHARE }
}
