//! Whether it is well.

use axum::{
    Json,
    extract::State,
    http::StatusCode,
    response::{IntoResponse, Response},
};
use serde::Serialize;
use utoipa::ToSchema;

use super::{
    Web,
    answer::{Failure, Problem},
};

/// That it is well.
#[derive(Serialize, ToSchema)]
pub(super) struct Well {
    /// `ok`.
    status: &'static str,
}

/// Whether the agent is well. It is not when the disk of the spool is nearly full, when a message that could be sent has
/// waited too long for a session, or when the queue cannot be read; `[http.health]` has the limits.
#[utoipa::path(
    get,
    path = "/healthz",
    tag = "monitor",
    responses((status = 200, description = "It is well", body = Well), (status = 503, description = "It is not", body = Failure))
)]
pub(super) async fn health(State(web): State<Web>) -> Response {
    match check(&web).await {
        Ok(()) => Json(Well { status: "ok" }).into_response(),
        Err(problem) => problem.into_response(),
    }
}

async fn check(web: &Web) -> Result<(), Problem> {
    let ill = |text: String| Problem::new(StatusCode::SERVICE_UNAVAILABLE, text);
    let disk = web.disk().await.ok_or_else(|| {
        ill("The spool cannot be looked at".to_owned())
            .with("no-spool", "Look whether its disk is there, and whether the agent may read it.")
    })?;
    if disk.free <= web.health.least_free {
        let text = format!("The disk of the spool is nearly full: {} octets are left", disk.free);
        return Err(ill(text).with("disk-full", "Make room on it; http.health.least_free is the limit."));
    }
    if web.context.handle.queue.is_closed() {
        return Err(ill("The agent ends".to_owned()).with("ending", "Ask again when it runs."));
    }
    let survey = web.context.surveys.get(&web.context).await?;
    let limit = web.health.oldest_ready.as_millis();
    let waited = survey.oldest_ready.map_or(0, |since| web.context.now() - since);
    if waited > limit {
        let text = format!("A message that could be sent has waited for {} seconds", waited / 1_000);
        let remedy = "Look whether its destination can be reached (`freesmtp status` names it), and whether there are \
                      sessions enough; http.health.oldest_ready is the limit.";
        return Err(ill(text).with("waits-too-long", remedy));
    }
    Ok(())
}

/// The disk of the spool, in octets.
#[derive(Clone, Copy, Debug)]
pub(super) struct Disk {
    pub(super) free: u64,
    pub(super) size: u64,
}

impl Web {
    /// Looks at the disk; `None` when that cannot be done.
    pub(super) async fn disk(&self) -> Option<Disk> {
        let path = self.context.spool.clone();
        let looked = tokio::task::spawn_blocking(move || rustix::fs::statvfs(&path));
        let disk = looked.await.ok()?.ok()?;
        let octets = |blocks: u64| blocks.saturating_mul(disk.f_frsize);
        Some(Disk { free: octets(disk.f_bavail), size: octets(disk.f_blocks) })
    }
}
