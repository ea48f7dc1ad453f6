//! The agent's web server: messages from programs, and a place for what else is looked at in a browser.
//!
//! Policy: whatever changes something needs the token. No page of another site reaches it: the `Host` must be this server's
//! (else a name that points to 127.0.0.1 would do), and so must the `Origin` where there is one. [`router`] is the whole of
//! what is served; another part adds its routes there, behind the same guard.

mod answer;
mod guard;
mod health;
mod listener;
mod message;
mod messages;
mod token;

use std::{path::PathBuf, sync::Arc};

use axum::{
    Json, Router,
    middleware::{from_fn, from_fn_with_state},
    routing::{get, post},
};
use freesmtp_core::spool::Spool;
use utoipa::OpenApi;

pub(crate) use self::listener::Listeners;
use self::token::{Scheme, Token};

/// What every route works with.
#[derive(Clone, Debug)]
pub(crate) struct Web(Arc<Parts>);

#[derive(Debug)]
struct Parts {
    spool: Spool,
    /// Where a long message is while it comes in.
    folder: PathBuf,
    /// This server's name.
    name: String,
    token: Token,
    /// Names that it is known by, beside those of this machine.
    hosts: Vec<String>,
    /// Largest message, in octets.
    max_size: usize,
}

/// What the API is.
#[derive(OpenApi)]
#[openapi(
    info(title = "freesmtp agent", description = "Hands messages over to the agent for delivery."),
    paths(messages::submit, health::health),
    components(schemas(message::NewMessage, answer::Accepted, answer::Problem)),
    modifiers(&Scheme)
)]
struct Description;

/// Everything that is served.
pub(crate) fn router(web: &Web) -> Router {
    Router::new()
        .route("/api/messages", post(messages::submit))
        .route("/api/openapi.json", get(async || Json(Description::openapi())))
        .route("/healthz", get(health::health))
        .fallback(answer::nothing_here)
        .layer(from_fn_with_state(web.clone(), guard::token))
        .layer(from_fn_with_state(web.clone(), guard::origin))
        .layer(from_fn(guard::headers))
        .with_state(web.clone())
}
