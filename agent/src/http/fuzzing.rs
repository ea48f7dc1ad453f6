//! Doors for the fuzzers to the web server: the body of `POST /api/messages`, and the router as a connection has it.

use std::{path::Path, sync::Arc, time::Duration};

use freesmtp_core::{
    EmailMessage, Error, ErrorKind, Stage,
    message::SpoolOptions,
    spool::{Durability, Spool},
    types::Moment,
};
use hyper_util::{rt::TokioIo, service::TowerToHyperService};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    runtime::Runtime,
};

use super::{Door, Parts, Web, listener::rules, message::NewMessage, pulse::Pulse, router, token::Token};
use crate::{
    agent::Agent,
    config::{AgentSettings, HealthSettings},
    control::Context,
    intake::{Intake, Rounds},
};

/// Largest message, in octets.
const MOST_OCTETS: usize = 4_096;

/// The message of a body in JSON; `None` where it is refused.
///
/// # Panics
/// When a recipient has no name in the request.
#[must_use]
pub fn message_of_json(json: &[u8]) -> Option<EmailMessage> {
    let (message, places) = NewMessage::parse(json).ok()?.message().ok()?;
    // Every name that an error of composing may ask for.
    for index in 0..=message.recipients.len() {
        assert!(!places.name(&format!("Recipients[{index}].Email")).is_empty());
    }
    Some(message)
}

/// The web server of an agent that takes nothing in and delivers nothing: its queue changes by orders alone.
pub struct WebServer {
    runtime: Runtime,
    here: axum::Router,
    elsewhere: axum::Router,
    /// What changes need.
    pub token: String,
    /// The ids of the messages in its queue.
    pub ids: Vec<String>,
    _agent: Agent,
}

impl std::fmt::Debug for WebServer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("WebServer").field("ids", &self.ids).finish_non_exhaustive()
    }
}

impl WebServer {
    /// Over the spool in `folder`, which is made with three messages: one alone, two of the blast `news`.
    ///
    /// # Errors
    /// What the agent says when it cannot be opened.
    pub fn open(folder: &Path) -> Result<Self, Error> {
        let failed =
            |error: &std::io::Error| Error::io(ErrorKind::Spool, Stage::Compose, "the runtime", error);
        let runtime =
            tokio::runtime::Builder::new_current_thread().enable_all().build().map_err(|e| failed(&e))?;
        let entered = runtime.enter();
        let path = folder.join("spool");
        let mut settings = AgentSettings { spool: Some(path.clone()), ..AgentSettings::default() };
        (settings.smtp.listen, settings.http.listen) = (Some(Vec::new()), Some(Vec::new()));
        let agent = Agent::open(settings, Arc::new(()))?;
        let ids = fill(&Spool::open(&path)?)?;
        let rounds = Arc::new(Rounds::default());
        // Whoever waits for what goes on is told at once that the agent ends: no stream is endless.
        let (context, _) = agent.context(&rounds);
        runtime.block_on(take_in(&agent, &context)).map_err(|error| failed(&error))?;
        let token = Token::read(&path.join("queue/token"), true)?;
        let text = token.text();
        let context = Context { patience: Duration::ZERO, ..context };
        let parts = Arc::new(Parts {
            pulse: Pulse::start(&context),
            context,
            folder: folder.to_owned(),
            name: "fuzz.test".to_owned(),
            token,
            hosts: vec!["fuzz.test".to_owned()],
            max_size: MOST_OCTETS,
            health: HealthSettings::default(),
        });
        let [here, elsewhere] =
            [Door::Here, Door::Elsewhere].map(|door| router(&Web { parts: Arc::clone(&parts), door }));
        drop(entered);
        Ok(Self { runtime, here, elsewhere, token: text, ids, _agent: agent })
    }

    /// What it says on a connection on which these pieces come, and then the end.
    #[must_use]
    pub fn talk(&self, here: bool, pieces: &[&[u8]]) -> Vec<u8> {
        let router = if here { self.here.clone() } else { self.elsewhere.clone() };
        self.runtime.block_on(async {
            let (client, server) = tokio::io::duplex(1 << 16);
            let serving = rules().serve_connection(TokioIo::new(server), TowerToHyperService::new(router));
            let (mut reading, mut writing) = tokio::io::split(client);
            let mut said = Vec::new();
            let hears = async {
                for piece in pieces {
                    if writing.write_all(piece).await.is_err() {
                        return;
                    }
                    tokio::task::yield_now().await;
                }
                drop(writing.shutdown().await);
            };
            drop(tokio::join!(serving, hears, reading.read_to_end(&mut said)));
            said
        })
    }
}

/// Messages that are not delivered before long.
fn fill(spool: &Spool) -> Result<Vec<String>, Error> {
    let message = |blast: Option<&str>| {
        let mut message = EmailMessage::new();
        message.from = "sender@client.test".into();
        message.add_recipient("recipient@domain.test");
        message.subject = "Hello".to_owned();
        message.add_text("Hello\n");
        message.spool = SpoolOptions {
            not_before: Some(Moment::new(4_000_000_000)),
            blast: blast.map(str::to_owned),
            ..SpoolOptions::default()
        };
        message
    };
    let messages = [message(None), message(Some("news")), message(Some("news"))];
    messages.iter().map(|message| Ok(spool.submit_message(message, Durability::None)?.to_string())).collect()
}

/// Takes in what is in the spool, and nothing afterwards.
async fn take_in(agent: &Agent, context: &Context) -> std::io::Result<()> {
    let handle = agent.handle();
    let site = |email: &str| email.rsplit('@').next().unwrap_or_default().to_owned();
    let rounds = Arc::clone(&context.rounds);
    let intake = Intake::new(handle.spool.clone(), handle.queue.clone(), Arc::new(site), rounds);
    let stopper = intake.stopper();
    let runtime = tokio::runtime::Handle::current();
    let thread = std::thread::Builder::new().spawn(move || intake.run(&runtime))?;
    context.rounds.catch_up(Duration::from_secs(10)).await;
    stopper.store(true, std::sync::atomic::Ordering::Relaxed);
    drop(tokio::task::spawn_blocking(move || thread.join()).await);
    Ok(())
}
