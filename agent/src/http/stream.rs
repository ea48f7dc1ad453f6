//! `GET /api/events`: server-sent events (WHATWG HTML section 9.2).

use std::{collections::VecDeque, convert::Infallible, sync::Arc, time::Duration};

use axum::{
    extract::State,
    http::StatusCode,
    response::{
        IntoResponse, Response,
        sse::{Event, KeepAlive, Sse},
    },
};
use futures_util::stream;
use tokio::sync::broadcast::error::RecvError;

use super::{
    Web,
    answer::{Problem, Refusals},
    asked::Asked,
    pulse::{self, Frame, Watcher},
};

/// When a client whose stream ended may come again.
const RETRY: Duration = Duration::from_secs(1);

/// How often a comment is sent when nothing else is.
const COMMENT: Duration = Duration::from_secs(15);

/// What goes on, as it happens: `status`, `point`, `blasts`, `destinations`, `delivery`, each with JSON as its data. A
/// client that does not read misses some, and is told everything anew.
#[utoipa::path(
    get, path = "/api/events", tag = "monitor", security((), ("token" = [])),
    responses(
        (status = 200, description = "A stream that ends with the agent", body = String, content_type = "text/event-stream"),
        Refusals
    )
)]
pub(super) async fn events(State(web): State<Web>, asked: Asked) -> Result<Response, Problem> {
    asked.finish()?;
    let watcher = web.pulse.watch().ok_or_else(full)?;
    let first = pulse::first(&web.context).await?;
    let told = Told { web, watcher, waiting: first.into(), begun: false };
    let events = stream::unfold(told, async |mut told| {
        let event = told.next().await?;
        Some((Ok::<Event, Infallible>(event), told))
    });
    let comments = KeepAlive::new().interval(COMMENT).text("still here");
    Ok(Sse::new(events).keep_alive(comments).into_response())
}

fn full() -> Problem {
    Problem::new(StatusCode::SERVICE_UNAVAILABLE, "As many watch as may at the same time")
        .with("too-many-streams", "Close a page that watches, or ask /api/status now and then.")
}

/// What a client is told.
struct Told {
    web: Web,
    watcher: Watcher,
    waiting: VecDeque<Arc<Frame>>,
    begun: bool,
}

impl Told {
    /// The next event; `None` when the agent ends.
    async fn next(&mut self) -> Option<Event> {
        if !self.begun {
            self.begun = true;
            return Some(Event::default().retry(RETRY));
        }
        loop {
            if let Some(frame) = self.waiting.pop_front() {
                return Some(Event::default().event(frame.name).data(&frame.data));
            }
            let came = tokio::select! {
                came = self.watcher.frames.recv() => came,
                () = self.web.context.ends() => return None,
            };
            match came {
                Ok(frame) => self.waiting.push_back(frame),
                Err(RecvError::Lagged(_)) => {
                    self.watcher.frames = self.watcher.frames.resubscribe();
                    self.waiting.extend(pulse::first(&self.web.context).await.ok()?);
                }
                Err(RecvError::Closed) => return None,
            }
        }
    }
}
