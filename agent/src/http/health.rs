//! Whether it is well.

use axum::{
    Json,
    extract::State,
    http::StatusCode,
    response::{IntoResponse, Response},
};
use serde_json::json;

use super::{Web, answer::Problem};

/// The disk is nearly full when so many octets are left, or fewer.
const LEAST_FREE: u64 = 64 << 20;

/// Whether the agent is well: 503 when the disk of the spool is nearly full.
#[utoipa::path(
    get,
    path = "/healthz",
    responses((status = 200, description = "It is well"), (status = 503, description = "It is not", body = Problem))
)]
pub(super) async fn health(State(web): State<Web>) -> Response {
    let path = web.0.spool.path().to_owned();
    let free = tokio::task::spawn_blocking(move || {
        rustix::fs::statvfs(&path).map(|disk| disk.f_bavail.saturating_mul(disk.f_frsize))
    });
    match free.await {
        Ok(Ok(free)) if free > LEAST_FREE => Json(json!({ "status": "ok" })).into_response(),
        Ok(Ok(free)) => {
            let text = format!("The disk of the spool is nearly full: {free} octets are left");
            Problem::new(StatusCode::SERVICE_UNAVAILABLE, text).into_response()
        }
        _ => Problem::new(StatusCode::SERVICE_UNAVAILABLE, "The spool cannot be looked at").into_response(),
    }
}
