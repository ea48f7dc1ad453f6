//! The bytes of a message.

use std::io::Read;

use axum::{
    body::{Body, Bytes},
    extract::State,
    http::{HeaderMap, HeaderValue, StatusCode, header},
    response::{IntoResponse, Response},
};
use futures_util::stream;
use tokio::sync::mpsc;

use super::{
    Web,
    answer::{Problem, Refusals},
    asked::{Asked, MessageId},
};
use crate::control::questions;

/// Octets that are read at once, and pieces that wait for a client that is slow.
const PIECE: usize = 64 << 10;
const WAITING: usize = 2;

/// A message of the queue as it was submitted, to keep in a file. It needs the token always.
#[utoipa::path(
    get, path = "/api/messages/{id}/content", tag = "queue", security(("token" = [])),
    params(("id" = String, Path, pattern = "^[0-7][0-9A-HJKMNP-TV-Z]{25}$", description = "Its id")),
    responses((status = 200, description = "The message", body = Vec<u8>, content_type = "message/rfc822"), Refusals)
)]
pub(super) async fn content(
    State(web): State<Web>,
    MessageId(id): MessageId,
    asked: Asked,
) -> Result<Response, Problem> {
    asked.finish()?;
    let (mut reader, length) = questions::content(&web.context, id).await?;
    let (sender, receiver) = mpsc::channel::<std::io::Result<Bytes>>(WAITING);
    // It ends with the message, or when the client has gone.
    tokio::task::spawn_blocking(move || {
        loop {
            let mut piece = vec![0; PIECE];
            let read = match reader.read(&mut piece) {
                Ok(0) => return,
                Ok(length) => {
                    piece.truncate(length);
                    Ok(piece.into())
                }
                // The client sees that the message is not whole.
                Err(error) => Err(error),
            };
            if sender.blocking_send(read).is_err() {
                return;
            }
        }
    });
    let pieces = stream::unfold(receiver, async |mut receiver| Some((receiver.recv().await?, receiver)));
    let mut headers = HeaderMap::new();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("message/rfc822"));
    headers.insert(header::CONTENT_LENGTH, HeaderValue::from(length));
    let name = HeaderValue::from_str(&format!("attachment; filename=\"{id}.eml\""));
    headers.insert(
        header::CONTENT_DISPOSITION,
        name.unwrap_or(HeaderValue::from_static("attachment; filename=\"message.eml\"")),
    );
    Ok((StatusCode::OK, headers, Body::from_stream(pieces)).into_response())
}
