//! One connection: requests in, answers out, in turn.

use std::{io, time::Duration};

use serde_json::Value;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{
        UnixStream,
        unix::{OwnedReadHalf, OwnedWriteHalf},
    },
};

use super::{Context, Refusal, Trouble, VERSION, answer::json, orders, questions, request::Request, streams};

/// The longest request.
const LONGEST: usize = 128 << 10;

/// How long somebody may take to read an answer.
const PATIENCE: Duration = Duration::from_secs(30);

/// Reads requests.
pub(super) struct Requests {
    stream: OwnedReadHalf,
    buffer: Vec<u8>,
}

/// What came.
pub(super) enum Came {
    Line(String),
    TooLong,
    End,
}

impl Requests {
    /// The next line. Who is dropped while it waits has lost nothing.
    async fn next(&mut self) -> Came {
        loop {
            if let Some(end) = self.buffer.iter().position(|byte| *byte == b'\n') {
                let line: Vec<u8> = self.buffer.drain(..=end).collect();
                if line.len() > LONGEST {
                    return Came::TooLong;
                }
                let line = String::from_utf8_lossy(&line).trim().to_owned();
                if line.is_empty() {
                    continue;
                }
                return Came::Line(line);
            }
            if self.buffer.len() > LONGEST {
                return Came::TooLong;
            }
            match self.stream.read_buf(&mut self.buffer).await {
                Ok(0) | Err(_) => return Came::End,
                Ok(_) => {}
            }
        }
    }

    /// Waits until the other side says anything, or leaves: the end of a stream.
    pub(super) async fn said_anything(&mut self) {
        if self.buffer.is_empty() {
            drop(self.stream.read_buf(&mut self.buffer).await);
        }
    }
}

/// Writes answers.
pub(super) struct Answers(OwnedWriteHalf);

impl Answers {
    /// An answer; `more` when others follow it.
    pub(super) async fn give(&mut self, answer: &Value, more: bool) -> io::Result<()> {
        let line = if more {
            serde_json::json!({ "v": VERSION, "ok": true, "more": true, "answer": answer })
        } else {
            serde_json::json!({ "v": VERSION, "ok": true, "answer": answer })
        };
        self.line(&line).await
    }

    pub(super) async fn refuse(&mut self, refusal: &Refusal) -> io::Result<()> {
        self.line(&serde_json::json!({ "v": VERSION, "ok": false, "error": refusal.json() })).await
    }

    async fn line(&mut self, line: &Value) -> io::Result<()> {
        let mut text = line.to_string();
        text.push('\n');
        match tokio::time::timeout(PATIENCE, self.0.write_all(text.as_bytes())).await {
            Ok(written) => written,
            Err(_) => Err(io::ErrorKind::TimedOut.into()),
        }
    }
}

/// Serves one connection to its end; `may_all` is false of a guest.
pub(super) async fn serve(stream: UnixStream, context: Context, may_all: bool) {
    let (read, write) = stream.into_split();
    let mut requests = Requests { stream: read, buffer: Vec::new() };
    let mut answers = Answers(write);
    loop {
        let came = tokio::select! {
            came = requests.next() => came,
            () = context.ends() => return,
        };
        let written = match came {
            Came::End => return,
            Came::TooLong => {
                let text = format!("the request is longer than {LONGEST} octets");
                let _ =
                    answers.refuse(&Refusal::new(Trouble::BadRequest, text, "Send fewer ids at once.")).await;
                return;
            }
            Came::Line(line) => match Request::parse(&line) {
                Ok(request) if !may_all && !request.names_what_it_is_about() => {
                    answers.refuse(&denied()).await
                }
                Ok(request) => answer(&request, &context, &mut requests, &mut answers).await,
                Err(refusal) => answers.refuse(&refusal).await,
            },
        };
        if written.is_err() {
            return;
        }
    }
}

/// The user at the other side, unless it is the agent's own, or root: others are there because they may submit.
pub(super) fn guest(stream: &UnixStream) -> Option<u32> {
    let own = rustix::process::geteuid().as_raw();
    // Whose it is not known of is nobody's who may do more.
    let user = stream.peer_cred().map_or(u32::MAX, |peer| peer.uid());
    (user != 0 && user != own).then_some(user)
}

/// Tells a guest that there is no place, and closes the connection.
pub(super) fn turn_away(stream: UnixStream) {
    let line = serde_json::json!({ "v": VERSION, "ok": false, "error": Refusal::busy().json() });
    // It waits in the buffer of this side, where nothing was written yet, whatever the guest has room for: nobody is
    // waited for.
    let _ = stream
        .into_std()
        .and_then(|mut stream| io::Write::write_all(&mut stream, format!("{line}\n").as_bytes()));
}

fn denied() -> Refusal {
    let text = "this tells of the mail of others, and only the agent's own user and root may ask for it";
    let remedy = "Ask by the id of a message or the name of a blast, or as the user that the agent runs as.";
    Refusal::new(Trouble::Denied, text, remedy)
}

async fn answer(
    request: &Request,
    context: &Context,
    requests: &mut Requests,
    answers: &mut Answers,
) -> io::Result<()> {
    let answer = match request {
        Request::Watch(watch) => return streams::watch(watch, context, requests, answers).await,
        Request::Events(events) => return streams::events(events, context, requests, answers).await,
        Request::Wait(wait) => tokio::select! {
            answer = streams::wait(wait, context) => answer,
            // Who leaves has no use for it; who says more has to wait for it no longer.
            () = requests.said_anything() => Err(Refusal::new(
                Trouble::BadRequest,
                "another request came while this one waited",
                "Use a connection for each wait.",
            )),
        },
        Request::Orders(order, which) => {
            orders::carry_out(*order, which, context).await.map(|done| json(&done))
        }
        Request::Purge(which) => orders::purge(which, context).await.map(|done| json(&done)),
        Request::BlastOrder(order, name) => {
            orders::blast(*order, name, context).await.map(|blast| json(&blast))
        }
        question => questions::answer(question, context).await,
    };
    match answer {
        Ok(answer) => answers.give(&answer, false).await,
        Err(refusal) => answers.refuse(&refusal).await,
    }
}
