//! What is taken out of the way when a blast is paused or cancelled: set aside in the stream, made ready again, or ended.
//!
//! Policy: an agent hears of a state at some time, while it takes jobs in, sets some aside and has others under way. Whoever
//! changes where a job is looks at the state once more after that, and whoever hears of a state looks for jobs after that: so
//! one of the two finds each, whatever comes first. What is set aside is asked of the stream itself, whose answer counts.

use std::{collections::BTreeSet, sync::Arc, time::Duration};

use async_nats::{
    HeaderMap,
    jetstream::{Message, consumer::pull, stream::LastRawMessageErrorKind},
};
use freesmtp_core::spool::read_copy;
use futures_util::{StreamExt, TryStreamExt, stream};

use super::{
    super::{BlastState, Final, Queue, QueueError},
    Shared, WINDOW,
    carried::Carried,
    count::What,
    lease::Lease,
    lock,
    publish::Going,
    unanswered,
};

/// How long to wait when the servers do not answer.
const PAUSE: Duration = Duration::from_secs(1);

/// How long the servers look for what is parked.
const PATIENCE: Duration = Duration::from_secs(2);

/// How long a consumer stays that nobody uses.
const IDLE: Duration = Duration::from_secs(300);

impl Shared {
    /// Takes what no session has of a blast that is stopped out of this agent's queue.
    pub(super) async fn take_out(self: &Arc<Self>, queue: &Queue, token: &str) -> Result<(), QueueError> {
        let state = self.blasts.state(token);
        if state == BlastState::Running {
            return Ok(());
        }
        let taken = self.leases().take_idle(|lease| lease.blast.as_deref() == Some(token));
        let mut failed = Ok(());
        for (_, lease) in &taken {
            let out = match state {
                BlastState::Cancelled => self.cancel_leased(lease).await,
                _ => self.park_leased(lease).await,
            };
            if let Err(error) = out {
                // Whoever gets it again does the same with it.
                drop(self.nats.client.publish(lease.ack.clone(), "-NAK".into()).await);
                failed = Err(error);
            }
        }
        self.room.notify_waiters();
        queue.drop_leased(taken.into_iter().map(|(message, _)| message).collect()).await?;
        if state == BlastState::Paused {
            self.was_parked(queue, token);
        }
        failed
    }

    async fn cancel_leased(&self, lease: &Lease) -> Result<(), QueueError> {
        let recipients = self.leased(&lease.place)?.0.envelope.recipients.len();
        self.cancelled(lease, recipients).await
    }

    async fn park_leased(&self, lease: &Lease) -> Result<(), QueueError> {
        self.park(lease, self.content(&lease.place, None)?).await
    }

    /// The job waits until its blast goes on.
    pub(super) async fn park(&self, lease: &Lease, content: Vec<u8>) -> Result<(), QueueError> {
        let Some(token) = &lease.blast else { return Ok(()) };
        let going =
            Going { name: &lease.name, class: lease.class, site: &lease.site, carried: &lease.carried };
        self.put_away(&going, content, going.parked(token), format!("parked:{}", lease.sequence)).await?;
        self.acknowledge(lease).await
    }

    /// The blast of a job was cancelled.
    pub(super) async fn cancelled(&self, lease: &Lease, recipients: usize) -> Result<(), QueueError> {
        let what = What { name: &lease.name, carried: &lease.carried, blast: lease.blast.as_deref() };
        self.count_ended(what, Final::Cancelled, recipients).await?;
        self.acknowledge(lease).await
    }

    /// Something of a blast was set aside: it may go on by now.
    pub(super) fn was_parked(self: &Arc<Self>, queue: &Queue, token: &str) {
        if self.blasts.state(token) != BlastState::Paused {
            self.begin_to_unpark(queue, token);
        }
    }

    /// Makes ready what is set aside of a blast that is not paused, beside the watch: that takes seconds, and meanwhile
    /// another blast may be paused.
    pub(super) fn begin_to_unpark(self: &Arc<Self>, queue: &Queue, token: &str) {
        let (shared, token) = (Arc::clone(self), token.to_owned());
        self.begin_to_try(queue, move || {
            let (shared, token) = (Arc::clone(&shared), token.clone());
            async move { shared.unpark(&token).await }
        });
    }

    /// The same for all blasts: what was to be done when an agent died that had heard of it.
    pub(super) fn begin_to_unpark_all(self: &Arc<Self>, queue: &Queue) {
        let (shared, of) = (Arc::clone(self), queue.clone());
        self.begin_to_try(queue, move || {
            let (shared, of) = (Arc::clone(&shared), of.clone());
            async move {
                let names = shared.names("mailq.parked.>").await?;
                let tokens: BTreeSet<&str> = names.iter().filter_map(|name| name.split('.').nth(2)).collect();
                tokens.into_iter().for_each(|token| shared.was_parked(&of, token));
                Ok(())
            }
        });
    }

    /// Does something until it does not fail.
    fn begin_to_try<F>(&self, queue: &Queue, what: impl Fn() -> F + Send + 'static)
    where
        F: Future<Output = Result<(), QueueError>> + Send,
    {
        let queue = queue.clone();
        let task = tokio::spawn(async move {
            while let Err(error) = what().await {
                if queue.is_closed() {
                    return;
                }
                eprintln!("freesmtp agent: {error}");
                tokio::time::sleep(PAUSE).await;
            }
        });
        let mut tasks = lock(&self.tasks);
        tasks.retain(|task| !task.is_finished());
        tasks.push(task);
    }

    /// Makes ready what is set aside of a blast; every agent does some of it.
    async fn unpark(&self, token: &str) -> Result<(), QueueError> {
        let name = format!("unpark-{token}");
        let config = pull::Config {
            durable_name: Some(name.clone()),
            filter_subject: format!("mailq.parked.{token}.>"),
            inactive_threshold: IDLE,
            ..pull::Config::default()
        };
        let failed = |error: &dyn std::fmt::Display| unanswered("what is parked", error);
        // What is paused again would only come back. A consumer that gives nothing says nothing: it may have no leader yet, or
        // an agent that was killed has what it gave.
        while self.blasts.state(token) != BlastState::Paused && self.is_parked(token).await? {
            let consumer = self.nats.mail.get_or_create_consumer(&name, config.clone()).await;
            let consumer = consumer.map_err(|error| failed(&error))?;
            let messages = consumer.batch().max_messages(WINDOW).expires(PATIENCE).messages().await;
            let messages: Vec<_> = messages.map_err(|error| failed(&error))?.collect().await;
            let gives = messages.iter().all(Result::is_ok);
            let some = stream::iter(messages.into_iter().filter_map(Result::ok).map(Ok));
            some.try_for_each_concurrent(WINDOW, |message| self.make_ready(message)).await?;
            if !gives {
                tokio::time::sleep(PAUSE).await;
            }
        }
        Ok(())
    }

    /// Whether anything of a blast is set aside.
    async fn is_parked(&self, token: &str) -> Result<bool, QueueError> {
        match self.nats.mail.get_last_raw_message_by_subject(&format!("mailq.parked.{token}.>")).await {
            Ok(_) => Ok(true),
            Err(error) if error.kind() == LastRawMessageErrorKind::NoMessageFound => Ok(false),
            Err(error) => Err(unanswered("what is parked", &error)),
        }
    }

    async fn make_ready(&self, message: Message) -> Result<(), QueueError> {
        let headers = message.headers.as_ref();
        let ready = headers.and_then(|headers| headers.get("Freesmtp-Ready")).map(ToString::to_string);
        let ready = match (ready, read_copy(&message.payload)) {
            (Some(ready), Ok(_)) => ready,
            (_, read) => return self.put_off_bad(&message, &read.err().unwrap_or_default()).await,
        };
        let parked = message.info().map_or(0, |info| info.stream_sequence);
        let mut carried = HeaderMap::new();
        Carried::read(headers).write(&mut carried);
        self.send(ready, format!("unparked:{parked}"), carried, message.payload.to_vec()).await?;
        message.double_ack().await.map_err(|error| QueueError::new(error.to_string()))
    }
}
