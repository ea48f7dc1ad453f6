//! The agent's web server: messages from programs, the monitor's API and page, metrics and health.
//!
//! Purpose: [`router`] is the whole of what is served, and with it its description (OpenAPI): a route that is not described
//! cannot be added. What is asked and ordered is what the control socket has, by the same code in `control`.
//!
//! Policy: whatever changes something needs the token, and so does every question that comes from another machine. No page
//! of another site reaches it: the `Host` must be this server's (else a name that points to 127.0.0.1 would do), and so must
//! the `Origin` where there is one. Every question is answered in a bounded time, from what is counted as it changes or
//! was looked at lately, however long the queue is.

mod answer;
mod asked;
mod content;
#[cfg(feature = "fuzzing")]
pub(crate) mod fuzzing;
mod guard;
mod health;
mod listener;
mod message;
mod messages;
mod metrics;
mod orders;
mod page;
mod pulse;
mod questions;
mod repetition;
mod stream;
mod token;

use std::{ops::Deref, path::PathBuf, sync::Arc};

use axum::{
    Json, Router,
    middleware::{from_fn, from_fn_with_state},
    routing::get,
};
use utoipa::OpenApi;
use utoipa_axum::{router::OpenApiRouter, routes};

use self::token::{Scheme, Token};
pub(crate) use self::{listener::Listeners, pulse::Pulse};
use crate::{config::HealthSettings, control::Context};

/// What every route works with.
#[derive(Clone)]
pub(crate) struct Web {
    parts: Arc<Parts>,
    door: Door,
}

impl Deref for Web {
    type Target = Parts;

    fn deref(&self) -> &Parts {
        &self.parts
    }
}

/// Where a request comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Door {
    /// From this machine, without anybody between.
    Here,
    /// From anywhere.
    Elsewhere,
}

pub(crate) struct Parts {
    context: Context,
    pulse: Arc<Pulse>,
    /// Where a long message is while it comes in.
    folder: PathBuf,
    /// This server's name.
    name: String,
    token: Token,
    /// Names that it is known by, beside those of this machine.
    hosts: Vec<String>,
    /// Largest message, in octets.
    max_size: usize,
    health: HealthSettings,
}

/// What the API is.
#[derive(OpenApi)]
#[openapi(
    info(
        title = "freesmtp agent",
        description = "Hands messages over to the agent for delivery, tells how it gets on, and gives it orders. What changes \
                       something needs the token; so does every request from another machine."
    ),
    components(schemas(answer::Failure, questions::JobState)),
    modifiers(&Scheme)
)]
struct Description;

/// All routes that are described.
fn api(web: &Web) -> OpenApiRouter<Web> {
    let guarded = OpenApiRouter::new()
        .routes(routes!(content::content))
        .route_layer(from_fn_with_state(web.clone(), guard::token_always));
    described().merge(guarded)
}

fn described() -> OpenApiRouter<Web> {
    OpenApiRouter::with_openapi(Description::openapi())
        .routes(routes!(messages::submit))
        .routes(routes!(questions::status))
        .routes(routes!(questions::history))
        .routes(routes!(questions::destinations))
        .routes(routes!(questions::queue))
        .routes(routes!(questions::message))
        .routes(routes!(questions::blasts))
        .routes(routes!(questions::blast))
        .routes(routes!(stream::events))
        .routes(routes!(orders::retry))
        .routes(routes!(orders::hold))
        .routes(routes!(orders::release))
        .routes(routes!(orders::cancel))
        .routes(routes!(orders::purge))
        .routes(routes!(orders::pause_blast))
        .routes(routes!(orders::resume_blast))
        .routes(routes!(orders::cancel_blast))
        .routes(routes!(metrics::metrics))
        .routes(routes!(health::health))
}

/// The description of the API (`OpenAPI` 3.1), as `docs/openapi.json` has it.
#[must_use]
pub fn openapi() -> String {
    let content = OpenApiRouter::new().routes(routes!(content::content));
    let mut text =
        serde_json::to_string_pretty(&described().merge(content).into_openapi()).unwrap_or_default();
    text.push('\n');
    text
}

/// Everything that is served.
pub(crate) fn router(web: &Web) -> Router {
    let (mut router, description) = api(web).split_for_parts();
    for path in page::paths() {
        router = router.route(path, get(page::file));
    }
    router
        .route("/api/openapi.json", get(async move || Json(description)))
        .fallback(answer::nothing_here)
        .method_not_allowed_fallback(answer::other_method)
        .layer(from_fn_with_state(web.clone(), guard::token))
        .layer(from_fn_with_state(web.clone(), guard::origin))
        .layer(from_fn(guard::headers))
        .with_state(web.clone())
}
