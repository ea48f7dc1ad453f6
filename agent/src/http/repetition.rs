//! A message that was handed over before, under the same idempotency key.

use axum::http::StatusCode;
use freesmtp_core::{EmailMessage, spool::Id};

use super::answer::Problem;
use crate::{keyed, queue::Queue};

/// The message that has the key, when it is this one: it is not submitted again. What comes before the first one was taken
/// in is left to the intake, which decides the same.
///
/// # Errors
/// When the key is another message's, or the queue cannot tell.
pub(super) fn taken_before(queue: &Queue, message: &EmailMessage) -> Result<Option<Id>, Problem> {
    let Some(key) = &message.spool.idempotency_key else { return Ok(None) };
    let Some((first, known)) = queue.key(key).map_err(|error| {
        eprintln!("freesmtp agent: an idempotency key could not be asked for: {error}");
        Problem::new(StatusCode::SERVICE_UNAVAILABLE, "The queue could not be asked for the key")
    })?
    else {
        return Ok(None);
    };
    // What cannot be composed is told by its submission.
    let Ok(own) = keyed::digest_of(message) else { return Ok(None) };
    if own == known {
        return Ok(Some(first));
    }
    let text = format!("The idempotency key {key:?} belongs to {first}, which is another message");
    let remedy = "Give another message a key of its own; one that was mended is another.";
    Err(Problem::new(StatusCode::CONFLICT, text).with("key-of-another", remedy))
}
