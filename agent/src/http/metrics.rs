//! `GET /metrics`, for Prometheus.

use std::sync::atomic::Ordering;

use axum::{
    extract::State,
    http::{StatusCode, header},
    response::{IntoResponse, Response},
};
use prometheus_client::{
    encoding::text::encode,
    metrics::{counter::Counter, family::Family, gauge::Gauge, info::Info},
    registry::{Registry, Unit},
};

use super::{
    Web,
    answer::{Problem, Refusals},
};
use crate::control::questions;

type Labels = Vec<(&'static str, String)>;

/// What Prometheus calls the format.
const MEDIA_TYPE: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";

/// What is counted, in the format of `OpenMetrics` 1.0, which Prometheus reads.
#[utoipa::path(
    get, path = "/metrics", tag = "monitor", security((), ("token" = [])),
    responses(
        (
            status = 200,
            description = "The metrics",
            body = String,
            content_type = "application/openmetrics-text; version=1.0.0; charset=utf-8"
        ),
        Refusals
    )
)]
pub(super) async fn metrics(State(web): State<Web>) -> Result<Response, Problem> {
    let mut metrics = Metrics(Registry::with_prefix("freesmtp"));
    let status = questions::own_status(&web.context).await?;
    let now = web.context.now();
    metrics.0.register("build", "The agent", Info::new(vec![("version", status.version)]));
    #[allow(clippy::cast_precision_loss, reason = "a moment, in seconds")]
    let started = web.context.started as f64 / 1_000.0;
    metrics.seconds("start_time", "When the agent was started, since 1970", started);

    metrics.gauge("queue_messages", "Messages of which a recipient has no result yet", status.queue.messages);
    let states = [("ready", status.queue.ready), ("later", status.queue.later), ("held", status.queue.held)];
    metrics.gauges("queue_deliveries", "Deliveries that wait, by what for", "state", states);
    #[allow(clippy::cast_precision_loss, reason = "an age, in seconds")]
    let age = |millis: i64| millis.max(0) as f64 / 1_000.0;
    let oldest = web.context.handle.queue.oldest().ok().flatten().map(crate::control::answer::submitted);
    metrics.seconds(
        "queue_oldest_age",
        "Age of the oldest message, 0 without one",
        age(oldest.map_or(0, |at| now - at)),
    );
    let ready = web.context.surveys.get(&web.context).await?.oldest_ready;
    metrics.seconds(
        "queue_oldest_ready_age",
        "How long a delivery has been waiting for a session that could have one, 0 without one",
        age(ready.map_or(0, |at| now - at)),
    );

    metrics.gauge("sessions_open", "Sessions with servers", status.sessions.open);
    metrics.gauge("sessions_limit", "The most sessions at the same time", status.sessions.limit);
    let counters = web.context.handle.delivery.counters();
    let tallies = web.context.memory.tallies.counts();
    metrics.counters(
        "recipients",
        "Recipients by what attempts came to; one that is put off counts each time",
        "result",
        [
            ("delivered", counters.delivered.load(Ordering::Relaxed)),
            ("deferred", counters.deferred.load(Ordering::Relaxed)),
            ("failed", counters.failed.load(Ordering::Relaxed)),
            ("unknown", counters.unknown.load(Ordering::Relaxed)),
            ("expired", tallies.expired),
            ("cancelled", tallies.cancelled),
        ],
    );
    let failures = Family::<Labels, Counter>::default();
    for ((outcome, cause), count) in tallies.causes {
        let labels = vec![("outcome", outcome.to_owned()), ("cause", cause)];
        failures.get_or_create(&labels).inc_by(count);
    }
    let help = "Recipients that an attempt did not deliver to, by diagnosis";
    metrics.0.register("failures", help, failures);

    metrics.counter("intake_messages", "Messages taken in from the spool", web.context.rounds.adopted());
    if let Some(disk) = web.disk().await {
        let octets = |count: u64| i64::try_from(count).unwrap_or(i64::MAX);
        metrics.bytes("spool_free", "Room on the disk of the spool", octets(disk.free));
        metrics.bytes("spool_size", "Size of the disk of the spool", octets(disk.size));
    }
    let (watchers, limit) = web.pulse.watchers();
    metrics.gauge("http_streams_open", "Clients of /api/events", watchers);
    metrics.gauge("http_streams_limit", "The most of them at the same time", limit);
    let mut text = String::new();
    encode(&mut text, &metrics.0).map_err(|error| {
        Problem::new(StatusCode::INTERNAL_SERVER_ERROR, format!("The metrics cannot be written: {error}"))
    })?;
    Ok(([(header::CONTENT_TYPE, MEDIA_TYPE)], text).into_response())
}

/// Metrics in the making.
struct Metrics(Registry);

impl Metrics {
    fn gauge(&mut self, name: &str, help: &str, value: impl TryInto<i64>) {
        let gauge = Gauge::<i64>::default();
        gauge.set(value.try_into().unwrap_or(i64::MAX));
        self.0.register(name, help, gauge);
    }

    fn bytes(&mut self, name: &str, help: &str, value: i64) {
        let gauge = Gauge::<i64>::default();
        gauge.set(value);
        self.0.register_with_unit(name, help, Unit::Bytes, gauge);
    }

    fn seconds(&mut self, name: &str, help: &str, value: f64) {
        let gauge = Gauge::<f64, std::sync::atomic::AtomicU64>::default();
        gauge.set(value);
        self.0.register_with_unit(name, help, Unit::Seconds, gauge);
    }

    fn gauges<const N: usize>(
        &mut self,
        name: &str,
        help: &str,
        label: &'static str,
        values: [(&str, i64); N],
    ) {
        let family = Family::<Labels, Gauge>::default();
        for (state, value) in values {
            family.get_or_create(&vec![(label, state.to_owned())]).set(value);
        }
        self.0.register(name, help, family);
    }

    fn counter(&mut self, name: &str, help: &str, value: u64) {
        let counter = Counter::<u64>::default();
        counter.inc_by(value);
        self.0.register(name, help, counter);
    }

    fn counters<const N: usize>(
        &mut self,
        name: &str,
        help: &str,
        label: &'static str,
        values: [(&str, u64); N],
    ) {
        let family = Family::<Labels, Counter>::default();
        for (state, value) in values {
            family.get_or_create(&vec![(label, state.to_owned())]).inc_by(value);
        }
        self.0.register(name, help, family);
    }
}
