//! What a request asks for, read and checked; what is not right is named.

use std::str::FromStr;

use axum::{
    extract::{FromRequestParts, Path, Query},
    http::{StatusCode, request},
};
use freesmtp_core::spool::Id;

use super::answer::Problem;
use crate::{control::request::MOST, digits::digits};

/// The members of a query. Each is there once at most, and all of them are known.
pub(super) struct Asked(Vec<(String, String)>);

impl<S: Send + Sync> FromRequestParts<S> for Asked {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut request::Parts, state: &S) -> Result<Self, Problem> {
        let Query(members) = Query::<Vec<(String, String)>>::from_request_parts(parts, state)
            .await
            .map_err(|rejection| Problem::new(StatusCode::BAD_REQUEST, rejection.body_text()))?;
        Ok(Self(members))
    }
}

impl Asked {
    /// A text, where it is asked for.
    pub(super) fn text(&mut self, name: &str) -> Result<Option<String>, Problem> {
        let Some(place) = self.0.iter().position(|(own, _)| own == name) else { return Ok(None) };
        let (_, value) = self.0.swap_remove(place);
        if self.0.iter().any(|(own, _)| own == name) {
            return Err(Problem::field(name, "stands there twice; say it once"));
        }
        Ok(Some(value))
    }

    /// How many at most.
    pub(super) fn limit(&mut self) -> Result<u32, Problem> {
        let Some(text) = self.text("limit")? else { return Ok(100) };
        match digits(&text) {
            Some(limit) if (1..=MOST).contains(&limit) => Ok(limit),
            _ => Err(Problem::field("limit", format!("{text:?} is no number from 1 to {MOST}"))),
        }
    }

    /// Whether that is asked for.
    pub(super) fn flag(&mut self, name: &str) -> Result<bool, Problem> {
        match self.text(name)?.as_deref() {
            None | Some("false") => Ok(false),
            Some("true") => Ok(true),
            Some(other) => Err(Problem::field(name, format!("{other:?} is neither true nor false"))),
        }
    }

    /// That was all.
    pub(super) fn finish(self) -> Result<(), Problem> {
        match self.0.into_iter().next() {
            None => Ok(()),
            Some((name, _)) => {
                Err(Problem::field(&name, format!("{name:?} is nothing that can be asked here")))
            }
        }
    }
}

/// The last part of a path, decoded: a name.
pub(super) struct Name(pub(super) String);

impl<S: Send + Sync> FromRequestParts<S> for Name {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut request::Parts, state: &S) -> Result<Self, Problem> {
        match Path::<String>::from_request_parts(parts, state).await {
            Ok(Path(name)) => Ok(Self(name)),
            Err(_) => Err(Problem::field("path", "is not percent-encoded UTF-8")),
        }
    }
}

/// The same: the id of a message.
pub(super) struct MessageId(pub(super) Id);

impl<S: Send + Sync> FromRequestParts<S> for MessageId {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut request::Parts, state: &S) -> Result<Self, Problem> {
        let Name(text) = Name::from_request_parts(parts, state).await?;
        let wrong = |_| Problem::field("id", format!("{text:?} is no id, which has 26 letters and digits"));
        Id::from_str(&text).map(Self).map_err(wrong)
    }
}
