//! Orders: what is done with messages and blasts. Each goes on to its end, also when its client has gone.

use std::collections::BTreeMap;

use axum::{
    Json,
    body::Bytes,
    extract::{FromRequest, FromRequestParts, Request, State},
    http::{HeaderMap, StatusCode, header},
    response::{IntoResponse, Response},
};
use serde::Deserialize;
use utoipa::{
    IntoResponses, ToSchema,
    openapi::{self, RefOr},
};

use super::{
    Web,
    answer::{Problem, Refusals, refusal},
    asked::{Asked, Name},
};
use crate::{
    control::{
        Refusal,
        answer::{BlastAnswer, Done},
        orders,
        request::{BlastOrder, Selection, Which},
    },
    queue::Order,
};

/// Which messages: by their ids, by what fits, or all; one of the three.
#[derive(Debug, Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Chosen {
    /// At most 1,000.
    #[serde(default)]
    #[schema(max_items = 1000)]
    ids: Vec<String>,
    filter: Option<Filter>,
    /// It is meant.
    #[serde(default)]
    all: bool,
}

/// What fits: everything that is given must.
#[derive(Debug, Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Filter {
    /// Part of an address, of the Message-ID, or a whole id.
    text: Option<String>,
    /// Part of the subject.
    subject: Option<String>,
    /// The name of the blast.
    blast: Option<String>,
    /// The destination, as `/api/destinations` names it.
    site: Option<String>,
    /// `ready`, `later` or `held`.
    state: Option<String>,
    /// What the last attempt of a recipient came to.
    cause: Option<String>,
}

impl Chosen {
    fn read(headers: &HeaderMap, body: &[u8]) -> Result<Which, Problem> {
        let media_type = headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok());
        let media_type = media_type.unwrap_or_default().split(';').next().unwrap_or_default().trim();
        if !media_type.eq_ignore_ascii_case("application/json") {
            let text = "Send application/json, and say so in Content-Type";
            return Err(Problem::new(StatusCode::UNSUPPORTED_MEDIA_TYPE, text));
        }
        let reader = &mut serde_json::Deserializer::from_slice(body);
        let chosen: Self = serde_path_to_error::deserialize(reader).map_err(|error| {
            let path = error.path().to_string();
            // It may not even be JSON, and then has no parts.
            let field = if path == "." || path == "?" { "body".to_owned() } else { path };
            Problem::field(field, error.inner().to_string())
        })?;
        let filtered = chosen.filter.is_some();
        let filter = chosen.filter.unwrap_or_default();
        let Filter { text, subject, blast, site, state, cause } = filter;
        let has_ids = !chosen.ids.is_empty();
        if has_ids && filtered {
            return Err(Problem::field("filter", "stands beside ids; say one or the other"));
        }
        let selection = Selection {
            ids: chosen.ids,
            text,
            subject,
            blast,
            site,
            state,
            cause,
            all: chosen.all,
            ..Selection::default()
        };
        selection.some().map_err(|mut refusal: Refusal| {
            if filtered {
                refusal.field = refusal.field.map(|field| format!("filter.{field}"));
            }
            refusal.into()
        })
    }
}

/// The messages that the body of a request chooses; its query is empty.
pub(super) struct Messages(Which);

impl<S: Send + Sync> FromRequest<S> for Messages {
    type Rejection = Response;

    async fn from_request(request: Request, state: &S) -> Result<Self, Response> {
        let (mut parts, body) = request.into_parts();
        let asked =
            Asked::from_request_parts(&mut parts, state).await.map_err(IntoResponse::into_response)?;
        let headers = parts.headers.clone();
        let body = Bytes::from_request(Request::from_parts(parts, body), state)
            .await
            .map_err(IntoResponse::into_response)?;
        let read = asked.finish().and_then(|()| Chosen::read(&headers, &body));
        read.map(Self).map_err(IntoResponse::into_response)
    }
}

/// The answers to a body that chooses no messages, and the other refusals, described.
struct ChosenRefusals;

impl IntoResponses for ChosenRefusals {
    fn responses() -> BTreeMap<String, RefOr<openapi::Response>> {
        let mut all = Refusals::responses();
        all.insert("413".to_owned(), refusal("It is too large").into());
        all.insert("415".to_owned(), refusal("It is not JSON").into());
        all
    }
}

/// Carries it out as a task: one that is under way does not end in the middle.
async fn carry_out(web: Web, order: Order, which: Which) -> Result<Json<Done>, Problem> {
    let context = web.context.clone();
    let done = tokio::spawn(async move { orders::carry_out(order, &which, &context).await });
    Ok(Json(done.await.unwrap_or_else(|_| Err(Refusal::ending()))?))
}

async fn blast_order(web: Web, order: BlastOrder, name: String) -> Result<Json<BlastAnswer>, Problem> {
    let context = web.context.clone();
    let done = tokio::spawn(async move { orders::blast(order, &name, &context).await });
    Ok(Json(done.await.unwrap_or_else(|_| Err(Refusal::ending()))?))
}

/// Tries messages now that wait for their time, and destinations that rest.
#[utoipa::path(
    post, path = "/api/queue/retry", tag = "queue", security(("token" = [])), request_body = Chosen,
    responses(
        (status = 200, description = "What was done", body = Done),
        ChosenRefusals
    )
)]
pub(super) async fn retry(State(web): State<Web>, Messages(which): Messages) -> Result<Json<Done>, Problem> {
    carry_out(web, Order::Retry, which).await
}

/// Keeps messages until they are released.
#[utoipa::path(
    post, path = "/api/queue/hold", tag = "queue", security(("token" = [])), request_body = Chosen,
    responses(
        (status = 200, description = "What was done", body = Done),
        ChosenRefusals
    )
)]
pub(super) async fn hold(State(web): State<Web>, Messages(which): Messages) -> Result<Json<Done>, Problem> {
    carry_out(web, Order::Hold, which).await
}

/// Lets messages go that are held, at the time they had.
#[utoipa::path(
    post, path = "/api/queue/release", tag = "queue", security(("token" = [])), request_body = Chosen,
    responses(
        (status = 200, description = "What was done", body = Done),
        ChosenRefusals
    )
)]
pub(super) async fn release(
    State(web): State<Web>,
    Messages(which): Messages,
) -> Result<Json<Done>, Problem> {
    carry_out(web, Order::Release, which).await
}

/// Takes messages out; their senders get no report.
#[utoipa::path(
    post, path = "/api/queue/cancel", tag = "queue", security(("token" = [])), request_body = Chosen,
    responses(
        (status = 200, description = "What was done", body = Done),
        ChosenRefusals
    )
)]
pub(super) async fn cancel(State(web): State<Web>, Messages(which): Messages) -> Result<Json<Done>, Problem> {
    carry_out(web, Order::Cancel, which).await
}

/// The same: takes all messages out that fit; their senders get no report.
#[utoipa::path(
    post, path = "/api/queue/purge", tag = "queue", security(("token" = [])), request_body = Chosen,
    responses(
        (status = 200, description = "What was done", body = Done),
        ChosenRefusals
    )
)]
pub(super) async fn purge(State(web): State<Web>, Messages(which): Messages) -> Result<Json<Done>, Problem> {
    carry_out(web, Order::Cancel, which).await
}

/// Lets no message of the blast begin until it is resumed.
#[utoipa::path(
    post, path = "/api/blasts/{name}/pause", tag = "blasts", security(("token" = [])),
    params(("name" = String, Path, description = "Its name, percent-encoded")),
    responses(
        (status = 200, description = "The blast as it is then", body = BlastAnswer),
        (status = 409, description = "It was cancelled", body = super::answer::Failure),
        Refusals
    )
)]
pub(super) async fn pause_blast(
    State(web): State<Web>,
    Name(name): Name,
    asked: Asked,
) -> Result<Json<BlastAnswer>, Problem> {
    asked.finish()?;
    blast_order(web, BlastOrder::Pause, name).await
}

/// Lets a blast go on.
#[utoipa::path(
    post, path = "/api/blasts/{name}/resume", tag = "blasts", security(("token" = [])),
    params(("name" = String, Path, description = "Its name, percent-encoded")),
    responses(
        (status = 200, description = "The blast as it is then", body = BlastAnswer),
        (status = 409, description = "It was cancelled", body = super::answer::Failure),
        Refusals
    )
)]
pub(super) async fn resume_blast(
    State(web): State<Web>,
    Name(name): Name,
    asked: Asked,
) -> Result<Json<BlastAnswer>, Problem> {
    asked.finish()?;
    blast_order(web, BlastOrder::Resume, name).await
}

/// Takes all messages of the blast out, and those that come; their senders get no report.
#[utoipa::path(
    post, path = "/api/blasts/{name}/cancel", tag = "blasts", security(("token" = [])),
    params(("name" = String, Path, description = "Its name, percent-encoded")),
    responses(
        (status = 200, description = "The blast as it is then", body = BlastAnswer),
        (status = 409, description = "It was cancelled", body = super::answer::Failure),
        Refusals
    )
)]
pub(super) async fn cancel_blast(
    State(web): State<Web>,
    Name(name): Name,
    asked: Asked,
) -> Result<Json<BlastAnswer>, Problem> {
    asked.finish()?;
    blast_order(web, BlastOrder::Cancel, name).await
}
