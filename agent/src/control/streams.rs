//! Answers that come over time: progress, events, and the end of what is waited for.

use std::{io, time::Duration};

use serde_json::Value;
use tokio::{sync::broadcast::error::RecvError, time::Instant};

use super::{
    Context, Refusal,
    answer::json,
    connection::{Answers, Requests},
    questions::{blast, blast_now, message, status},
    request::{Listen, Wait, WaitFor, Watch},
};
use crate::events::Event;

/// How often to look whether what is waited for is done, when no bell rings.
const LOOK: Duration = Duration::from_millis(500);

/// At most so often, however often it rings.
const SOON: Duration = Duration::from_millis(20);

/// Progress at an interval, until a blast is done or the other side says anything.
pub(super) async fn watch(
    asked: &Watch,
    context: &Context,
    requests: &mut Requests,
    answers: &mut Answers,
) -> io::Result<()> {
    let interval = Duration::from_secs_f64(asked.interval);
    let mut first = true;
    loop {
        let answer = match &asked.blast {
            Some(name) if first => blast(context, name).await.map(|blast| (json(&blast), blast.done)),
            Some(name) => blast_now(context, name).await.map(|blast| (json(&blast), blast.done)),
            None => status(context).await.map(|status| (json(&status), false)),
        };
        first = false;
        let (answer, done) = match answer {
            Ok(answer) => answer,
            Err(refusal) => return answers.refuse(&refusal).await,
        };
        answers.give(&answer, !done).await?;
        if done {
            return Ok(());
        }
        tokio::select! {
            () = tokio::time::sleep(interval) => {}
            () = requests.said_anything() => return answers.give(&answer, false).await,
            () = context.ends() => return answers.refuse(&Refusal::ending()).await,
        }
    }
}

/// An answer once it is done, or the time is over.
pub(super) async fn wait(asked: &Wait, context: &Context) -> Result<Value, Refusal> {
    // A limit beyond that of any clock is none.
    let limit = asked.timeout.map(Duration::from_secs_f64);
    let end = limit.and_then(|limit| Instant::now().checked_add(limit));
    let mut first = true;
    loop {
        // Before the look, so that no bell is missed.
        let rings = context.memory.recent.bell.notified();
        let (answer, done) = match &asked.what {
            WaitFor::Message(id) => {
                let message = message(context, *id, false).await?;
                (json(&message), message.is_done())
            }
            WaitFor::Blast(name) => {
                let blast = if first { blast(context, name).await } else { blast_now(context, name).await }?;
                (json(&blast), blast.done)
            }
        };
        first = false;
        let is_over = end.is_some_and(|end| Instant::now() >= end);
        if done || is_over {
            return Ok(serde_json::json!({ "done": done, "status": answer }));
        }
        let until = end.map_or(LOOK, |end| LOOK.min(end.saturating_duration_since(Instant::now())));
        tokio::select! {
            () = rings => tokio::time::sleep(SOON.min(until)).await,
            () = tokio::time::sleep(until) => {}
            () = context.ends() => return Err(Refusal::ending()),
        }
    }
}

/// What happens from now on.
pub(super) async fn events(
    asked: &Listen,
    context: &Context,
    requests: &mut Requests,
    answers: &mut Answers,
) -> io::Result<()> {
    let mut feed = context.events.listen();
    answers.give(&serde_json::json!({ "event": "listening" }), true).await?;
    loop {
        let came = tokio::select! {
            came = feed.recv() => came,
            () = requests.said_anything() => return answers.give(&serde_json::json!({ "event": "end" }), false).await,
            () = context.ends() => return answers.refuse(&Refusal::ending()).await,
        };
        let answer = match came {
            Ok(event) if asked.fits(&event) => serde_json::to_value(&*event).unwrap_or_default(),
            Ok(_) => continue,
            Err(RecvError::Lagged(count)) => serde_json::json!({ "event": "lost", "count": count }),
            Err(RecvError::Closed) => return answers.refuse(&Refusal::ending()).await,
        };
        answers.give(&answer, true).await?;
    }
}

impl Listen {
    fn fits(&self, event: &Event) -> bool {
        self.id.is_none_or(|id| event.id == id.to_string())
            && self.blast.as_ref().is_none_or(|blast| event.blast.as_ref() == Some(blast))
            && (self.kinds.is_empty() || self.kinds.contains(&event.event))
    }
}
