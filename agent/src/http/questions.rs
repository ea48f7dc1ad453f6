//! Questions: how the agent is, what waits, what became of it.

use std::time::Duration;

use axum::{Json, extract::State};

use super::{
    Web,
    answer::{Problem, Refusals},
    asked::{Asked, MessageId, Name},
    pulse::History,
};
use crate::control::{
    answer::{BlastAnswer, Blasts, Destinations, Status},
    letters::{Found, Page},
    questions,
    request::Selection,
};

/// How long a page of a long queue is looked for before it is given as far as it is.
const PATIENCE: Duration = Duration::from_millis(60);

type Answer<T> = Result<Json<T>, Problem>;

/// How the agent is.
#[utoipa::path(
    get, path = "/api/status", tag = "monitor", security((), ("token" = [])),
    responses((status = 200, description = "How it is", body = Status), Refusals)
)]
pub(super) async fn status(State(web): State<Web>, asked: Asked) -> Answer<Status> {
    asked.finish()?;
    Ok(Json(questions::status(&web.context).await?))
}

/// How fast it went, in the last ten minutes.
#[utoipa::path(
    get, path = "/api/history", tag = "monitor", security((), ("token" = [])),
    responses((status = 200, description = "Oldest first", body = History), Refusals)
)]
pub(super) async fn history(State(web): State<Web>, asked: Asked) -> Answer<History> {
    asked.finish()?;
    Ok(Json(web.pulse.history()))
}

/// Where mail waits, and why.
#[utoipa::path(
    get, path = "/api/destinations", tag = "monitor", security((), ("token" = [])),
    params(("limit" = Option<u32>, Query, minimum = 1, maximum = 1000, description = "The most sites, and causes; 100")),
    responses((status = 200, description = "The most first", body = Destinations), Refusals)
)]
pub(super) async fn destinations(State(web): State<Web>, mut asked: Asked) -> Answer<Destinations> {
    let limit = asked.limit()?;
    asked.finish()?;
    Ok(Json(questions::destinations(&web.context, limit).await?))
}

/// Messages of the queue: all, or those that fit everything that is asked. In a long queue a page is what was found in a
/// moment; it may be empty and still have a `next`.
#[utoipa::path(
    get, path = "/api/queue", tag = "queue", security((), ("token" = [])),
    params(
        ("text" = Option<String>, Query, description = "Part of an address, of the Message-ID, or a whole id"),
        ("subject" = Option<String>, Query, description = "Part of the subject"),
        ("blast" = Option<String>, Query, description = "The name of the blast"),
        ("site" = Option<String>, Query, description = "The destination, as `/api/destinations` names it"),
        ("state" = Option<JobState>, Query, description = "What a recipient waits for"),
        ("cause" = Option<String>, Query, description = "What the last attempt of a recipient came to"),
        ("limit" = Option<u32>, Query, minimum = 1, maximum = 1000, description = "The most messages; 100"),
        (
            "after" = Option<String>,
            Query,
            pattern = "^[0-9A-HJKMNP-TV-Z]{26}$",
            description = "`next` of the page before"
        )
    ),
    responses((status = 200, description = "A page", body = Page), Refusals)
)]
pub(super) async fn queue(State(web): State<Web>, mut asked: Asked) -> Answer<Page> {
    let selection = Selection {
        text: asked.text("text")?,
        subject: asked.text("subject")?,
        blast: asked.text("blast")?,
        site: asked.text("site")?,
        state: asked.text("state")?,
        cause: asked.text("cause")?,
        after: asked.text("after")?,
        limit: Some(asked.limit()?),
        ..Selection::default()
    };
    asked.finish()?;
    let mut which = selection.which()?;
    which.filter.patience = PATIENCE;
    Ok(Json(questions::list(&web.context, which).await?))
}

/// Everything about a message: of the queue, or one that ended lately.
#[utoipa::path(
    get, path = "/api/messages/{id}", tag = "queue", security((), ("token" = [])),
    params(
        ("id" = String, Path, pattern = "^[0-7][0-9A-HJKMNP-TV-Z]{25}$", description = "Its id"),
        ("transcripts" = Option<bool>, Query, description = "Whether the conversations are wanted")
    ),
    responses((status = 200, description = "The message", body = Found), Refusals)
)]
pub(super) async fn message(
    State(web): State<Web>,
    MessageId(id): MessageId,
    mut asked: Asked,
) -> Answer<Found> {
    let transcripts = asked.flag("transcripts")?;
    asked.finish()?;
    Ok(Json(questions::message(&web.context, id, transcripts).await?))
}

/// The blasts.
#[utoipa::path(
    get, path = "/api/blasts", tag = "blasts", security((), ("token" = [])),
    params(("limit" = Option<u32>, Query, minimum = 1, maximum = 1000, description = "The most; 100")),
    responses((status = 200, description = "The newest first", body = Blasts), Refusals)
)]
pub(super) async fn blasts(State(web): State<Web>, mut asked: Asked) -> Answer<Blasts> {
    let limit = asked.limit()?;
    asked.finish()?;
    Ok(Json(questions::blasts(&web.context, limit).await?))
}

/// A blast.
#[utoipa::path(
    get, path = "/api/blasts/{name}", tag = "blasts", security((), ("token" = [])),
    params(("name" = String, Path, description = "Its name, percent-encoded")),
    responses((status = 200, description = "The blast", body = BlastAnswer), Refusals)
)]
pub(super) async fn blast(State(web): State<Web>, Name(name): Name, asked: Asked) -> Answer<BlastAnswer> {
    asked.finish()?;
    Ok(Json(questions::blast(&web.context, &name).await?))
}

/// What a recipient waits for.
#[derive(utoipa::ToSchema)]
#[schema(rename_all = "lowercase")]
#[allow(dead_code, reason = "it is there to be described")]
pub(super) enum JobState {
    Ready,
    Later,
    Held,
}
