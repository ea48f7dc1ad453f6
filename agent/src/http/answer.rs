//! Answers, as JSON.

use axum::{
    Json,
    http::{StatusCode, header},
    response::{IntoResponse, Response},
};
use freesmtp_core::{Error, ErrorKind};
use serde::Serialize;
use utoipa::ToSchema;

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

/// Why nothing was done.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct Problem {
    #[serde(skip)]
    status: u16,
    /// What is not right, where it is a part of the request, such as `to[1]` or `spool.priority`.
    field: Option<String>,
    /// What is wrong with it, and what to do.
    message: String,
}

impl Problem {
    /// About the request as a whole.
    pub(super) fn new(status: StatusCode, message: impl Into<String>) -> Self {
        Self { status: status.as_u16(), field: None, message: message.into() }
    }

    /// About a part of the request.
    pub(super) fn field(field: impl Into<String>, message: impl Into<String>) -> Self {
        let field = Some(field.into());
        Self { status: StatusCode::BAD_REQUEST.as_u16(), field, message: message.into() }
    }

    /// A failure of the spool or the message; `name` gives the request's own name of a property.
    pub(super) fn of(error: &Error, name: impl Fn(&str) -> String) -> Self {
        match error.kind() {
            ErrorKind::Message => Self {
                status: StatusCode::BAD_REQUEST.as_u16(),
                field: error.field().map(name),
                message: error.message().to_owned(),
            },
            _ => {
                // Paths are the administrator's business.
                eprintln!("freesmtp agent: a message could not be taken: {error}");
                if error.is_temporary() {
                    Self::new(
                        StatusCode::INSUFFICIENT_STORAGE,
                        "There is no room for the message; try again later",
                    )
                } else {
                    Self::new(
                        StatusCode::SERVICE_UNAVAILABLE,
                        "The message could not be kept; see the agent's log",
                    )
                }
            }
        }
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let status = StatusCode::from_u16(self.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        let mut response = (status, Json(serde_json::json!({ "error": self }))).into_response();
        if status == StatusCode::UNAUTHORIZED {
            response
                .headers_mut()
                .insert(header::WWW_AUTHENTICATE, header::HeaderValue::from_static("Bearer"));
        }
        response
    }
}

/// The answer to a path that nobody serves.
pub(super) async fn nothing_here() -> Problem {
    Problem::new(StatusCode::NOT_FOUND, "There is nothing here; /api/openapi.json says what there is")
}
