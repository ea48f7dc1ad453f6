//! `freesmtp queue`.

use std::{
    io::{self, Write},
    os::unix::fs::FileExt,
    process::ExitCode,
};

use clap::{Args, Subcommand, ValueEnum};
use freesmtp_core::spool::{Body, Id};
use serde_json::{Value, json};

use super::{
    Exit,
    agent_socket::{Failure, SpoolArguments},
    complain, print, queue_text as text,
};
use crate::{
    clock,
    control::{Messages, Refusal, alone, answer, request::Request},
    queue::QueueError,
};

/// The most messages of one question.
const PAGE: u32 = 1_000;

/// Shows what is in the queue, and does something with it.
///
/// `list`, `show` and `cat` need no agent: without one they read the queue as the last one left it. Exit status: 0 when it was
/// done, 1 when there is no such message, 2 when the arguments are not right, 75 when no agent runs or it does not
/// answer.
#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  freesmtp queue list --site example.com --state later\n  \
    freesmtp queue show 01KB3P4Q5R6S7T8V9WXYZ01234 --transcript\n  \
    freesmtp queue retry --site example.com")]
pub(crate) struct Arguments {
    #[command(subcommand)]
    order: Order,
    #[command(flatten)]
    spool: SpoolArguments,
}

#[derive(Debug, Subcommand)]
enum Order {
    /// Lists messages, oldest first
    List {
        #[command(flatten)]
        filter: Filter,
        /// The most messages
        #[arg(long, value_name = "NUMBER", default_value_t = 50)]
        limit: u32,
        /// Only messages after this one
        #[arg(long, value_name = "ID")]
        after: Option<Id>,
    },
    /// Shows everything about a message: recipients, attempts, why it waits
    Show {
        /// The message
        id: Id,
        /// The conversations of its attempts too
        #[arg(long)]
        transcript: bool,
    },
    /// Prints a message as it was submitted
    Cat {
        /// The message
        id: Id,
    },
    /// Tries messages now that wait for their time
    Retry(Which),
    /// Keeps messages until they are released
    Hold(Which),
    /// Lets messages go that are held
    Release(Which),
    /// Takes messages out, without a report to their senders
    Cancel {
        /// The messages
        #[arg(required = true, value_name = "ID")]
        ids: Vec<Id>,
    },
    /// Takes all messages out that fit, without reports to their senders
    Purge {
        #[command(flatten)]
        filter: Filter,
        /// All there are
        #[arg(long)]
        all: bool,
        /// It is meant
        #[arg(long)]
        yes: bool,
    },
}

/// Which messages an order is for.
#[derive(Clone, Debug, Args)]
struct Which {
    /// The messages
    #[arg(value_name = "ID")]
    ids: Vec<Id>,
    #[command(flatten)]
    filter: Filter,
    /// All there are
    #[arg(long)]
    all: bool,
}

/// Which messages fit.
#[derive(Clone, Debug, Args)]
struct Filter {
    /// Part of an address of a sender or recipient, or of the Message-ID
    #[arg(long, value_name = "TEXT")]
    text: Option<String>,
    /// Part of the subject
    #[arg(long, value_name = "TEXT")]
    subject: Option<String>,
    /// The blast
    #[arg(long, value_name = "NAME")]
    blast: Option<String>,
    /// The site: the domain of recipients, or the name of a route
    #[arg(long, value_name = "SITE")]
    site: Option<String>,
    /// What they wait for
    #[arg(long, value_enum)]
    state: Option<State>,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum State {
    /// A session
    Ready,
    /// Their time
    Later,
    /// Somebody to release them
    Held,
}

impl Filter {
    fn json(&self, request: &str) -> Value {
        let state = self.state.map(|state| match state {
            State::Ready => "ready",
            State::Later => "later",
            State::Held => "held",
        });
        let members = [
            ("text", self.text.as_deref()),
            ("subject", self.subject.as_deref()),
            ("blast", self.blast.as_deref()),
            ("site", self.site.as_deref()),
            ("state", state),
        ];
        let mut json = json!({ "request": request });
        for (name, value) in members {
            if let Some(value) = value {
                json[name] = value.into();
            }
        }
        json
    }
}

impl Which {
    fn json(&self, request: &str) -> Value {
        let mut json = self.filter.json(request);
        if !self.ids.is_empty() {
            json["ids"] = strings(&self.ids);
        }
        if self.all {
            json["all"] = true.into();
        }
        json
    }
}

fn strings(ids: &[Id]) -> Value {
    ids.iter().map(ToString::to_string).collect::<Vec<_>>().into()
}

/// Runs it.
pub(crate) fn run(arguments: &Arguments) -> ExitCode {
    let spool = &arguments.spool;
    match &arguments.order {
        Order::List { filter, limit, after } => {
            let mut request = filter.json("list");
            if let Some(after) = after {
                request["after"] = after.to_string().into();
            }
            let answer = list(spool, &request, (*limit).max(1));
            spool.finish(answer, |answer| text::list(answer, clock::now()))
        }
        Order::Show { id, transcript } => {
            let request = json!({ "request": "message", "id": id.to_string(), "transcripts": transcript });
            spool.finish(question(spool, &request), |answer| text::message(answer, clock::now()))
        }
        Order::Cat { id } => match message(spool, *id) {
            Ok(bytes) if spool.json => {
                let text = String::from_utf8_lossy(&bytes);
                let is_text = std::str::from_utf8(&bytes).is_ok();
                let answer = json!({ "ok": true, "id": id.to_string(), "is_utf8": is_text, "message": text });
                print(&format!("{answer:#}\n"));
                Exit::Done.into()
            }
            Ok(bytes) => {
                // That nobody reads it (`| head`) is no failure.
                drop(io::stdout().lock().write_all(&bytes));
                Exit::Done.into()
            }
            Err(failure) => spool.fail(&failure),
        },
        Order::Retry(which) => order(spool, &which.json("retry"), "tried now"),
        Order::Hold(which) => order(spool, &which.json("hold"), "held"),
        Order::Release(which) => order(spool, &which.json("release"), "released"),
        Order::Cancel { ids } => {
            order(spool, &json!({ "request": "cancel", "ids": strings(ids) }), "taken out")
        }
        Order::Purge { filter, all, yes } => {
            if !yes {
                let remedy =
                    "`freesmtp queue list` with the same options shows which; say --yes when it is meant.";
                let text = "purge takes messages out for good, and their senders are not told";
                return spool.fail(&Failure::new("bad-request", text, remedy));
            }
            let mut request = filter.json("purge");
            if *all {
                request["all"] = true.into();
            }
            order(spool, &request, "taken out")
        }
    }
}

fn order(spool: &SpoolArguments, request: &Value, done: &str) -> ExitCode {
    let answer = spool.connect().and_then(|mut agent| agent.ask(request));
    let unknown =
        answer.as_ref().is_ok_and(|answer| answer["unknown"].as_array().is_some_and(|ids| !ids.is_empty()));
    let code = spool.finish(answer, |answer| text::ordered(answer, done));
    if unknown { Exit::Refused.into() } else { code }
}

/// As many as are wanted, page by page.
fn list(spool: &SpoolArguments, request: &Value, limit: u32) -> Result<Value, Failure> {
    let mut request = request.clone();
    let mut messages: Vec<Value> = Vec::new();
    loop {
        let left = limit.saturating_sub(u32::try_from(messages.len()).unwrap_or(u32::MAX));
        request["limit"] = left.min(PAGE).into();
        let mut page = question(spool, &request)?;
        if let Some(more) = page["messages"].as_array_mut() {
            messages.append(more);
        }
        let next = page["next"].clone();
        if next.is_null() || messages.len() >= limit as usize {
            return Ok(json!({ "messages": messages, "next": next }));
        }
        request["after"] = next;
    }
}

/// Asks the agent, or looks into the queue that the last one left.
fn question(spool: &SpoolArguments, request: &Value) -> Result<Value, Failure> {
    match spool.connect() {
        Ok(mut agent) => agent.ask(request),
        Err(failure) if failure.is_no_agent() => without_agent(spool, request, &failure),
        Err(failure) => Err(failure),
    }
}

fn without_agent(spool: &SpoolArguments, request: &Value, no_agent: &Failure) -> Result<Value, Failure> {
    let path = spool.path();
    let (queue, letters) = alone(&path).map_err(|error| unreadable(no_agent, &error))?;
    let mut request = request.clone();
    request["v"] = crate::control::VERSION.into();
    let messages = Messages::alone(&queue, &letters);
    let answer = match Request::parse(&request.to_string())? {
        Request::List(which) => answer::json(&messages.list(&which)?),
        Request::Message(id, transcripts) => {
            answer::json(&messages.show(id, transcripts)?.ok_or_else(|| Refusal::unknown(id))?)
        }
        _ => return Err(no_agent.clone()),
    };
    if !spool.json {
        complain(&format!(
            "{}: this is the queue as the last one left it, without what was submitted since.\n",
            no_agent.message
        ));
    }
    Ok(answer)
}

fn unreadable(no_agent: &Failure, error: &QueueError) -> Failure {
    let message = format!("{}, and its queue cannot be read: {error}", no_agent.message);
    Failure::new("no-agent", message, no_agent.remedy.clone())
}

/// The bytes of a message, from the spool itself.
fn message(spool: &SpoolArguments, id: Id) -> Result<Vec<u8>, Failure> {
    let path = spool.path();
    let (queue, letters) = alone(&path).map_err(|error| {
        let remedy = "Run the command as the owner of the spool; an agent must have run for it.";
        Failure::new("denied", error.to_string(), remedy)
    })?;
    // The agent takes in what was just submitted before it answers.
    if let Ok(mut agent) = spool.connect() {
        agent.ask(&json!({ "request": "message", "id": id.to_string() }))?;
    }
    let Some(found) = queue.show(id).map_err(Refusal::from)? else {
        return elsewhere(spool, id);
    };
    let place = &found.summary.place;
    let what = match &place.body {
        Body::Inline { .. } => format!("incoming/{}", place.segment),
        Body::File { name, .. } => format!("bodies/{name}"),
    };
    letters.bytes(place).map_err(|error| {
        let message = format!("{} cannot be read: {error}", path.join(what).display());
        Failure::new(
            "spool",
            message,
            "The message may just have been delivered; look for it with `queue show`.",
        )
    })
}

/// The bytes of a message that the agent has from a queue that it shares with others.
fn elsewhere(spool: &SpoolArguments, id: Id) -> Result<Vec<u8>, Failure> {
    let Ok(mut agent) = spool.connect() else { return Err(Refusal::unknown(id).into()) };
    let answer = agent.ask(&json!({ "request": "content", "id": id.to_string() }))?;
    let number = |name: &str| answer[name].as_u64().unwrap_or_default();
    let path = answer["path"].as_str().unwrap_or_default();
    let read = || {
        let file = std::fs::File::open(path)?;
        let mut bytes = vec![0; usize::try_from(number("length")).unwrap_or_default()];
        file.read_exact_at(&mut bytes, number("offset"))?;
        Ok(bytes)
    };
    read().map_err(|error: io::Error| {
        let remedy = "Run the command as the owner of the spool, and look for the message with `queue show`.";
        Failure::new("spool", format!("{path} cannot be read: {error}"), remedy)
    })
}
