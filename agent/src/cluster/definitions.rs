//! What the servers keep for the queue: its streams, consumers, buckets and the store of bodies.

use std::time::Duration;

use async_nats::jetstream::{
    consumer::{AckPolicy, DeliverPolicy, ReplayPolicy, pull},
    stream::{Config, DiscardPolicy, RetentionPolicy, StorageType},
};

use super::{Class, subject};

/// The queue itself.
pub const MAIL: &str = "MAILQ";
/// The counters of blasts.
pub const COUNTS: &str = "MAILQ_COUNT";
/// The bucket of blasts: their state, such as paused.
pub const BLASTS: &str = "MAILQ_BLASTS";
/// The bucket of the ledger: which agents there are, and who may open which sessions of limited destinations.
pub const SHARES: &str = "MAILQ_SHARES";
/// The bucket of idempotency keys.
pub const KEYS: &str = "MAILQ_KEYS";
/// The store of bodies that are large, or shared by many messages.
pub const BODIES: &str = "MAILQ_BODIES";

/// The same message within this time is taken once.
pub const DUPLICATES: Duration = Duration::from_secs(600);
/// An agent that says nothing for so long has lost what it took.
pub const ACK_WAIT: Duration = Duration::from_secs(60);
/// Messages of a class that all agents together may have taken: above agents x sessions.
pub const MAX_ACK_PENDING: i64 = 100_000;
/// How long an idempotency key is known.
pub const KEY_LIFETIME: Duration = Duration::from_secs(7 * 86_400);
/// How long a mark of what expired in a bucket stays, for those that watch it.
const MARKS: Duration = Duration::from_secs(60);

/// Every stream, those below buckets and the store of bodies too.
#[must_use]
pub fn streams(replicas: usize) -> Vec<Config> {
    vec![
        mail(replicas),
        counts(replicas),
        bucket(BLASTS, replicas, Duration::ZERO),
        bucket(SHARES, replicas, Duration::ZERO),
        bucket(KEYS, replicas, KEY_LIFETIME),
        bodies(replicas),
    ]
}

/// All limits are said: servers put numbers of their own where nothing is.
fn unlimited(name: &str, replicas: usize) -> Config {
    Config {
        name: name.to_owned(),
        max_bytes: -1,
        max_messages: -1,
        max_messages_per_subject: -1,
        max_message_size: -1,
        max_consumers: -1,
        storage: StorageType::File,
        num_replicas: replicas,
        duplicate_window: DUPLICATES,
        allow_direct: true,
        ..Config::default()
    }
}

fn mail(replicas: usize) -> Config {
    Config {
        description: Some("freesmtp: the queue".to_owned()),
        subjects: ["mailq.ready.>", "mailq.later.>", "mailq.held.>", "mailq.parked.>"]
            .map(str::to_owned)
            .to_vec(),
        retention: RetentionPolicy::WorkQueue,
        // Servers take `new` with no schedules. Without a limit neither discards anything: a full disk refuses.
        discard: DiscardPolicy::Old,
        allow_message_schedules: true,
        allow_message_ttl: true,
        // A server turns it on with schedules.
        allow_rollup: true,
        ..unlimited(MAIL, replicas)
    }
}

fn counts(replicas: usize) -> Config {
    Config {
        description: Some("freesmtp: the counters of blasts".to_owned()),
        subjects: vec!["mailq.count.>".to_owned()],
        allow_message_counter: true,
        // What is known of duplicates after a start is read from what is stored.
        max_messages_per_subject: 10_000,
        duplicate_window: Duration::from_secs(3_600),
        discard: DiscardPolicy::Old,
        ..unlimited(COUNTS, replicas)
    }
}

/// A bucket as NATS's ADR-8 has it, with lifetimes of keys (ADR-48).
fn bucket(name: &str, replicas: usize, lifetime: Duration) -> Config {
    Config {
        description: Some("freesmtp".to_owned()),
        subjects: vec![format!("$KV.{name}.>")],
        max_messages_per_subject: 1,
        max_age: lifetime,
        discard: DiscardPolicy::New,
        allow_rollup: true,
        deny_delete: true,
        allow_message_ttl: true,
        subject_delete_marker_ttl: Some(MARKS),
        // No longer than what is in it lives.
        duplicate_window: if lifetime.is_zero() { DUPLICATES } else { DUPLICATES.min(lifetime) },
        ..unlimited(&format!("KV_{name}"), replicas)
    }
}

/// A store of objects as NATS's ADR-20 has it.
fn bodies(replicas: usize) -> Config {
    Config {
        description: Some("freesmtp: bodies".to_owned()),
        subjects: vec![format!("$O.{BODIES}.C.>"), format!("$O.{BODIES}.M.>")],
        discard: DiscardPolicy::New,
        allow_rollup: true,
        ..unlimited(&format!("OBJ_{BODIES}"), replicas)
    }
}

/// The consumer of a class.
#[must_use]
pub fn consumer(class: Class) -> pull::Config {
    pull::Config {
        durable_name: Some(class.as_str().to_owned()),
        description: Some("freesmtp: what is ready to go".to_owned()),
        filter_subject: subject::all_ready(class),
        deliver_policy: DeliverPolicy::All,
        ack_policy: AckPolicy::Explicit,
        ack_wait: ACK_WAIT,
        max_deliver: -1,
        max_ack_pending: MAX_ACK_PENDING,
        max_waiting: 512,
        replay_policy: ReplayPolicy::Instant,
        ..pull::Config::default()
    }
}
