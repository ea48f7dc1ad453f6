//! The queue that agents on many machines share, kept by NATS servers (JetStream).
//!
//! Theory: the servers keep each message on several disks before they confirm it, elect a leader anew when one is lost, and
//! give each message to one agent at a time until it is acknowledged. Nothing here is trusted unseen: servers that are too
//! old, and streams that somebody made with other settings, are refused before anything is put into them, for they would
//! lose mail silently.

mod class;
mod compare;
mod connection;
pub mod definitions;
mod ledger;
mod members;
mod server;
mod slots;
pub mod subject;

use std::{collections::BTreeMap, fmt};

use async_nats::{
    Client,
    jetstream::{
        self, Context, ErrorCode,
        account::Account,
        consumer::{Consumer, pull},
        context::{AccountErrorKind, CreateStreamErrorKind, GetStreamErrorKind},
        kv,
        object_store::ObjectStore,
        stream::{Config, ConsumerCreateStrictErrorKind, Stream},
    },
};
use freesmtp_core::{Error, ErrorKind, Stage};

pub(crate) use self::members::id as agent_id;
pub use self::{
    class::Class,
    members::Members,
    server::{Greeting, Node},
    slots::Slots,
};
use self::{
    compare::Thing,
    connection::{ANSWER, causes},
};
use crate::config::ClusterSettings;

/// Messages that wait for the servers' word at the same time: each costs a sync on several servers, which those that come
/// together share.
const WINDOW: usize = 4_096;

/// The shared queue, looked at and found right.
#[derive(Clone)]
pub struct Cluster {
    /// The connection; it comes back by itself.
    pub client: Client,
    /// The interface to streams. It publishes through a wide window, and waits for a place in it.
    pub context: Context,
    /// The queue.
    pub mail: Stream,
    /// The counters of blasts.
    pub counts: Stream,
    /// What is ready, by class.
    pub consumers: BTreeMap<Class, Consumer<pull::Config>>,
    /// Blasts and their state.
    pub blasts: kv::Store,
    /// Who may open which sessions; [`Members`] writes it.
    pub shares: kv::Store,
    /// Idempotency keys.
    pub keys: kv::Store,
    /// Bodies that are large, or shared.
    pub bodies: ObjectStore,
    /// The servers, as they were found.
    pub nodes: Vec<Node>,
}

impl fmt::Debug for Cluster {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Cluster").field("nodes", &self.nodes).finish_non_exhaustive()
    }
}

impl Cluster {
    /// Connects, looks at the servers, makes what is missing of the queue and compares what is there.
    ///
    /// `name` is this agent's, for those who look at the servers' connections.
    ///
    /// # Errors
    /// `is_temporary()` when the servers are down, or without a leader: the same succeeds later. Otherwise somebody must
    /// change something, and the text says what.
    pub async fn connect(settings: &ClusterSettings, name: &str) -> Result<Self, Error> {
        let addresses = settings.addresses()?;
        let nodes = server::survey(settings, &addresses, name).await?;
        let client = connection::connect(settings, &addresses, name).await?;
        let context = jetstream::ContextBuilder::new()
            .max_ack_inflight(WINDOW)
            .backpressure_on_inflight(true)
            .timeout(ANSWER)
            .build(client.clone());
        account(&context).await?;
        let mut streams = BTreeMap::new();
        for wanted in definitions::streams(settings.replicas) {
            let stream = stream(&context, &wanted).await?;
            streams.insert(wanted.name.clone(), stream);
        }
        let mut take = |name: &str| {
            streams.remove(name).ok_or_else(|| Error::input("cluster", format!("stream {name} was not made")))
        };
        let (mail, counts) = (take(definitions::MAIL)?, take(definitions::COUNTS)?);
        let mut consumers = BTreeMap::new();
        for class in Class::ALL {
            consumers.insert(class, consumer(&mail, class).await?);
        }
        Ok(Self {
            blasts: bucket(&context, definitions::BLASTS).await?,
            shares: bucket(&context, definitions::SHARES).await?,
            keys: bucket(&context, definitions::KEYS).await?,
            bodies: context
                .get_object_store(definitions::BODIES)
                .await
                .map_err(|error| later(&format!("store {}", definitions::BODIES), &causes(&error)))?,
            client,
            context,
            mail,
            counts,
            consumers,
            nodes,
        })
    }
}

/// Whether the account that the login belongs to has JetStream, and the servers have a leader for it.
async fn account(context: &Context) -> Result<Account, Error> {
    context.query_account().await.map_err(|error| match error.kind() {
        AccountErrorKind::JetStream(inner)
            if [ErrorCode::JETSTREAM_NOT_ENABLED, ErrorCode::JETSTREAM_NOT_ENABLED_FOR_ACCOUNT]
                .contains(&inner.error_code()) =>
        {
            Error::input(
                "cluster",
                "the account that the login belongs to has no JetStream, which keeps the queue; add `jetstream: enabled` \
                 to the account in the servers' configuration",
            )
        }
        _ => later("JetStream", &causes(&error)),
    })
}

/// A stream, made if it is missing.
async fn stream(context: &Context, wanted: &Config) -> Result<Stream, Error> {
    let thing = Thing { stream: &wanted.name, consumer: None };
    let found = match context.get_stream(&wanted.name).await {
        Ok(found) => found,
        Err(error) => match error.kind() {
            GetStreamErrorKind::JetStream(inner) if inner.error_code() == ErrorCode::STREAM_NOT_FOUND => {
                // Of agents that begin at the same time each asks for the same.
                context
                    .create_stream(wanted.clone())
                    .await
                    .map_err(|error| not_made(&thing, wanted, &error.kind()))?
            }
            _ => return Err(later(&thing.name(), &causes(&error))),
        },
    };
    thing.compare(wanted, &found.cached_info().config)?;
    Ok(found)
}

fn not_made(thing: &Thing<'_>, wanted: &Config, kind: &CreateStreamErrorKind) -> Error {
    match kind {
        CreateStreamErrorKind::JetStream(error) => match error.error_code() {
            ErrorCode::STREAM_REPLICAS_NOT_SUPPORTED | ErrorCode::CLUSTER_NO_PEERS => Error::new(
                ErrorKind::Message,
                Stage::Compose,
                format!(
                    "is {0}, and {1} cannot have {0} copies: {error}; start {0} servers with JetStream as one cluster, or \
                     set it to 1 where the loss of one disk may lose mail",
                    wanted.num_replicas,
                    thing.name()
                ),
            )
            .with_field("cluster.replicas")
            // Servers that are down now may be up later.
            .with_temporary(error.error_code() == ErrorCode::CLUSTER_NO_PEERS),
            // Of a bucket with other settings that another agent has just made, or a leader that just changed.
            code if error.code() == 503 || code == ErrorCode::STREAM_NAME_EXIST => {
                later(&thing.name(), &error.to_string())
            }
            _ => Error::input("cluster", format!("{} cannot be made: {error}", thing.name())),
        },
        other => later(&thing.name(), &other.to_string()),
    }
}

/// The consumer of a class, made if it is missing.
async fn consumer(mail: &Stream, class: Class) -> Result<Consumer<pull::Config>, Error> {
    let thing = Thing { stream: definitions::MAIL, consumer: Some(class.as_str()) };
    let wanted = definitions::consumer(class);
    let found = match mail.create_consumer_strict(wanted.clone()).await {
        Ok(made) => made,
        Err(error) => match error.kind() {
            ConsumerCreateStrictErrorKind::AlreadyExists => mail
                .get_consumer::<pull::Config>(class.as_str())
                .await
                .map_err(|error| later(&thing.name(), &causes(error.as_ref())))?,
            ConsumerCreateStrictErrorKind::JetStream(inner) if inner.code() != 503 => {
                return Err(Error::input("cluster", format!("{} cannot be made: {inner}", thing.name())));
            }
            _ => return Err(later(&thing.name(), &causes(&error))),
        },
    };
    thing.compare(
        &jetstream::consumer::IntoConsumerConfig::into_consumer_config(wanted),
        &found.cached_info().config,
    )?;
    Ok(found)
}

async fn bucket(context: &Context, name: &str) -> Result<kv::Store, Error> {
    context.get_key_value(name).await.map_err(|error| later(&format!("bucket {name}"), &causes(&error)))
}

/// What the servers cannot say now.
fn later(what: &str, why: &str) -> Error {
    Error::new(
        ErrorKind::Connect,
        Stage::Connect,
        format!(
            "the servers say nothing of {what}: {why}; most of them must be up and reach each other, and a leader is then \
             elected within seconds"
        ),
    )
    .with_field("cluster.servers")
    .with_temporary(true)
}
