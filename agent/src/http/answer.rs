//! Answers, and what is said when there is none.

use std::collections::BTreeMap;

use axum::{
    Json,
    http::{HeaderValue, StatusCode, header},
    response::{IntoResponse, Response},
};
use freesmtp_core::{Error, ErrorKind};
use serde::Serialize;
use utoipa::{
    IntoResponses, ToSchema,
    openapi::{ContentBuilder, RefOr, ResponseBuilder},
};

use crate::control::{Refusal, Trouble};

/// Says where the requests are described.
const DESCRIBED: &str = "GET /api/openapi.json describes the requests.";

/// A message that is in the spool.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct Accepted {
    /// Its id, which queue and events name it by.
    #[schema(example = "01K9Z3W6T1Q2V4X5Y6Z7A8B9C0")]
    pub(super) id: String,
}

impl IntoResponse for Accepted {
    fn into_response(self) -> Response {
        (StatusCode::ACCEPTED, Json(self)).into_response()
    }
}

/// The body of every answer that is not what was asked for.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct Failure {
    error: Problem,
}

/// Why nothing was done.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct Problem {
    #[serde(skip)]
    status: StatusCode,
    /// Its stable name.
    #[schema(example = "unknown-id")]
    code: &'static str,
    /// What is wrong.
    message: String,
    /// What to do.
    remedy: String,
    /// The part of the request that is not right, where it is one: `to[1]`, `spool.priority`, `limit`.
    #[serde(skip_serializing_if = "Option::is_none")]
    field: Option<String>,
}

impl Problem {
    /// About the request as a whole.
    pub(super) fn new(status: StatusCode, message: impl Into<String>) -> Self {
        let (code, remedy) = match status {
            StatusCode::UNAUTHORIZED => ("token", "Send the token that the agent's settings name."),
            StatusCode::FORBIDDEN => {
                ("foreign", "Open the monitor at its own address; http.hosts adds names.")
            }
            StatusCode::NOT_FOUND => ("not-found", DESCRIBED),
            StatusCode::METHOD_NOT_ALLOWED => ("method", DESCRIBED),
            StatusCode::PAYLOAD_TOO_LARGE => {
                ("too-large", "Send less at once; http.max_size limits a message.")
            }
            StatusCode::UNSUPPORTED_MEDIA_TYPE => ("media-type", DESCRIBED),
            StatusCode::INSUFFICIENT_STORAGE => {
                ("no-room", "Make room on the disk of the spool, and try again.")
            }
            StatusCode::SERVICE_UNAVAILABLE => ("unavailable", "Look into the agent's log, and try again."),
            StatusCode::INTERNAL_SERVER_ERROR => ("internal", "Look into the agent's log, and report it."),
            _ => ("bad-request", DESCRIBED),
        };
        Self { status, code, message: message.into(), remedy: remedy.to_owned(), field: None }
    }

    /// About a part of the request.
    pub(super) fn field(field: impl Into<String>, message: impl Into<String>) -> Self {
        Self { field: Some(field.into()), ..Self::new(StatusCode::BAD_REQUEST, message) }
    }

    /// With a name and a remedy of its own.
    pub(super) fn with(self, code: &'static str, remedy: impl Into<String>) -> Self {
        Self { code, remedy: remedy.into(), ..self }
    }

    /// A failure of the spool or the message; `name` gives the request's own name of a property.
    pub(super) fn of(error: &Error, name: impl Fn(&str) -> String) -> Self {
        match error.kind() {
            ErrorKind::Message => {
                Self { field: error.field().map(name), ..Self::new(StatusCode::BAD_REQUEST, error.message()) }
            }
            _ => {
                // Paths are the administrator's business.
                eprintln!("freesmtp agent: a message could not be taken: {error}");
                if error.is_temporary() {
                    Self::new(StatusCode::INSUFFICIENT_STORAGE, "There is no room for the message")
                } else {
                    Self::new(StatusCode::SERVICE_UNAVAILABLE, "The message could not be kept")
                }
            }
        }
    }
}

impl From<Refusal> for Problem {
    fn from(refusal: Refusal) -> Self {
        let status = match refusal.trouble {
            Trouble::BadRequest | Trouble::Version => StatusCode::BAD_REQUEST,
            Trouble::UnknownId | Trouble::UnknownBlast | Trouble::NoMonitor => StatusCode::NOT_FOUND,
            Trouble::Cancelled => StatusCode::CONFLICT,
            Trouble::Denied => StatusCode::FORBIDDEN,
            Trouble::Queue | Trouble::Ending | Trouble::Busy => StatusCode::SERVICE_UNAVAILABLE,
        };
        let is_bad = refusal.trouble == Trouble::BadRequest;
        let remedy = if is_bad { DESCRIBED } else { refusal.remedy };
        let problem = Self::new(status, refusal.text).with(refusal.trouble.as_str(), remedy);
        Self { field: refusal.field, ..problem }
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let status = self.status;
        let mut response = (status, Json(Failure { error: self })).into_response();
        let (name, value) = match status {
            StatusCode::UNAUTHORIZED => (header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer")),
            StatusCode::SERVICE_UNAVAILABLE => (header::RETRY_AFTER, HeaderValue::from_static("1")),
            _ => return response,
        };
        response.headers_mut().insert(name, value);
        response
    }
}

/// The answers that are not what was asked for, described.
pub(super) struct Refusals;

impl IntoResponses for Refusals {
    fn responses() -> BTreeMap<String, RefOr<utoipa::openapi::Response>> {
        let all = [
            ("400", "Something is not right; a part of the request is named as `field`"),
            ("401", "The token is missing or another one"),
            ("403", "Another site's page, or another host's name"),
            ("404", "There is none"),
            ("503", "The agent cannot answer now: it ends, or its disk is full"),
        ];
        all.into_iter().map(|(status, text)| (status.to_owned(), refusal(text).into())).collect()
    }
}

/// The description of an answer with a [`Failure`].
pub(super) fn refusal(text: &str) -> utoipa::openapi::Response {
    let content = ContentBuilder::new().schema(Some(Failure::schema_ref())).build();
    ResponseBuilder::new().description(text).content("application/json", content).build()
}

impl Failure {
    /// The place of its description.
    fn schema_ref() -> RefOr<utoipa::openapi::schema::Schema> {
        utoipa::openapi::Ref::from_schema_name(Self::name()).into()
    }
}

/// The answer to a path that nobody serves.
pub(super) async fn nothing_here() -> Problem {
    Problem::new(StatusCode::NOT_FOUND, "There is nothing here")
}

/// The answer to a method that a path does not know.
pub(super) async fn other_method() -> Problem {
    Problem::new(StatusCode::METHOD_NOT_ALLOWED, "This path has no such method")
}
