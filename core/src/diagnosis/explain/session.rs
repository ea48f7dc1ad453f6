//! A model of the session that a transcript shows: who said what before, so that a refusal is seen in its context.

use std::collections::VecDeque;

use super::{
    Explanation,
    line::{Line, Says},
};
use crate::{
    diagnosis::{Context, Failure, diagnose},
    types::{Diagnosis, Reply, Stage, digits},
};

/// Lines that a server offers extensions in, at most: as many as a reply of this library's may have.
const MOST_OFFERED: usize = 1_000;

/// What is known of a session so far.
#[derive(Debug, Default)]
pub(super) struct Session {
    host: String,
    port: u16,
    greeting_host: Option<String>,
    ehlo_name: Option<String>,
    greeted: bool,
    connected: bool,
    /// A command was seen.
    spoken: bool,
    offered: Vec<String>,
    tls: bool,
    authenticated: bool,
    mechanism: Option<String>,
    tried_login: bool,
    sender: Option<String>,
    size: Option<u64>,
    recipients: usize,
    /// Commands without an answer yet, in order, with the recipient of RCPT.
    pending: VecDeque<(Stage, Option<String>)>,
    /// The reply that is not complete yet.
    reply: Option<(usize, u16, Vec<String>)>,
    last_line: usize,
    failures: Vec<Found>,
}

/// A failure, before it is known what came after it.
#[derive(Debug)]
struct Found {
    stage: Option<Stage>,
    explanation: Explanation,
}

impl Session {
    /// Takes the next line; `left` says how many failures are explained yet.
    pub(super) fn take(&mut self, number: usize, line: &Line, left: &mut usize) {
        self.last_line = number;
        match &line.says {
            Says::Reply(code, more, text) => self.reply_line(number, *code, *more, text, left),
            says => {
                self.end_reply(left);
                match says {
                    Says::Command(command) => self.command(command),
                    Says::Note(note) => self.note(note),
                    Says::Reply(..) => {}
                }
            }
        }
    }

    /// Whether both sides were heard, so that a refusal without an explanation was mended.
    pub(super) fn is_conversation(&self) -> bool {
        self.greeted && self.spoken
    }

    /// The failures, and a command that was never answered.
    pub(super) fn finish(mut self, left: &mut usize) -> Vec<Explanation> {
        self.end_reply(left);
        let silent = match self.pending.front() {
            Some((Stage::Quit, _)) => None,
            Some((stage, _)) => Some(*stage),
            None if self.connected && !self.greeted && self.failures.is_empty() => Some(Stage::Connect),
            None => None,
        };
        if let (Some(stage), true) = (silent, self.failures.is_empty() && (self.greeted || self.connected)) {
            let failure =
                if stage == Stage::Connect { Failure::GreetingTimeout } else { Failure::ReplyTimeout };
            let recipient = self.pending.front().and_then(|(_, recipient)| recipient.clone());
            let diagnosis = self.diagnose(Some(stage), None, Some(failure), recipient.as_deref());
            let explanation = self.explanation(self.last_line, Some(stage), None, recipient, diagnosis);
            self.failures.push(Found { stage: Some(stage), explanation });
        }
        self.failures.into_iter().map(|found| found.explanation).collect()
    }

    fn reply_line(&mut self, number: usize, code: u16, more: bool, text: &str, left: &mut usize) {
        match &mut self.reply {
            Some((_, open, lines)) if *open == code => lines.push(text.to_owned()),
            _ => {
                self.end_reply(left);
                self.reply = Some((number, code, vec![text.to_owned()]));
            }
        }
        if !more {
            self.end_reply(left);
        }
    }

    fn end_reply(&mut self, left: &mut usize) {
        let Some((number, code, lines)) = self.reply.take() else { return };
        let reply = Reply::new(code, lines);
        // A greeting where none is due begins another session in the same file.
        if code == 220 && self.greeted && !matches!(self.pending.front(), Some((Stage::StartTls, _))) {
            self.start(String::new(), 0);
        }
        let (stage, recipient) = match self.pending.pop_front() {
            Some((stage, recipient)) => (Some(stage), recipient),
            None if !self.greeted && (self.connected || reply.is_positive()) => (Some(Stage::Connect), None),
            None => (None, None),
        };
        if reply.is_positive() || reply.is_intermediate() {
            self.accepted(stage, &reply);
        } else if stage != Some(Stage::Quit) {
            self.greeted = true;
            let Some(fewer) = left.checked_sub(1) else { return };
            *left = fewer;
            let diagnosis = self.diagnose(stage, Some(&reply), None, recipient.as_deref());
            let explanation = self.explanation(number, stage, Some(reply), recipient, diagnosis);
            self.failures.push(Found { stage, explanation });
        }
    }

    fn accepted(&mut self, stage: Option<Stage>, reply: &Reply) {
        match (stage, reply.code()) {
            (Some(Stage::Connect), _) => {
                self.greeted = true;
                let name = reply.text().split_whitespace().next().unwrap_or_default().to_owned();
                if self.host.is_empty() && name.contains('.') {
                    self.host.clone_from(&name);
                }
                self.greeting_host = Some(name).filter(|name| !name.is_empty());
            }
            (Some(Stage::Ehlo), _) => {
                self.offered = reply.lines().iter().skip(1).take(MOST_OFFERED).cloned().collect();
                // EHLO was refused and HELO was not: nothing failed.
                self.failures.retain(|found| found.stage != Some(Stage::Ehlo));
            }
            (Some(Stage::StartTls), _) => self.tls = true,
            // The exchange goes on; its lines are the client's secret.
            (Some(Stage::Auth), 334) => self.pending.push_front((Stage::Auth, None)),
            (Some(Stage::Auth), _) => {
                self.authenticated = true;
                // A mechanism was refused and the next one was not.
                self.failures.retain(|found| found.stage != Some(Stage::Auth));
            }
            (Some(Stage::Data), 354) => self.pending.push_front((Stage::Eom, None)),
            _ => {}
        }
    }

    fn command(&mut self, command: &str) {
        // What a message says is no command.
        if matches!(self.pending.back(), Some((Stage::Eom, _))) {
            return;
        }
        // A refusal before the first command stood in place of the greeting.
        if let (false, Some(first)) =
            (self.spoken, self.failures.first().filter(|found| found.stage.is_none()))
        {
            let stage = Some(Stage::Connect);
            let diagnosis = self.diagnose(stage, first.explanation.reply.as_ref(), None, None);
            if let Some(first) = self.failures.first_mut() {
                first.stage = stage;
                first.explanation = Explanation { stage, diagnosis, ..first.explanation.clone() };
            }
        }
        self.spoken = true;
        let mut words = command.split_whitespace();
        let verb = words.next().unwrap_or_default().to_ascii_uppercase();
        let stage = match verb.as_str() {
            "EHLO" | "HELO" | "LHLO" => {
                self.ehlo_name = words.next().map(str::to_owned);
                Stage::Ehlo
            }
            "STARTTLS" => Stage::StartTls,
            "AUTH" => {
                self.tried_login = true;
                self.mechanism = words.next().map(str::to_owned);
                Stage::Auth
            }
            "MAIL" => {
                self.sender = path(command);
                self.size = words.find_map(|word| digits(word.to_ascii_uppercase().strip_prefix("SIZE=")?));
                self.recipients = 0;
                Stage::Mail
            }
            "RCPT" => {
                self.recipients += 1;
                Stage::Rcpt
            }
            "DATA" => Stage::Data,
            "BDAT" => Stage::Eom,
            "QUIT" => Stage::Quit,
            _ => Stage::Command,
        };
        let recipient = (stage == Stage::Rcpt).then(|| path(command)).flatten();
        self.pending.push_back((stage, recipient));
    }

    /// Sentences of clients: a connection, encryption.
    fn note(&mut self, note: &str) {
        if let Some((host, port)) = connection(note) {
            if self.greeted || !self.failures.is_empty() {
                self.start(host, port);
            } else {
                self.host = host;
                self.port = port;
            }
            self.connected = true;
            self.tls = port == 465;
            return;
        }
        let lower = note.to_ascii_lowercase();
        let encrypted =
            ["tls established", "tls started", "ssl connection using", "tls connection established"];
        if encrypted.iter().any(|words| lower.contains(words)) {
            self.tls = true;
        }
        if let Some(bytes) = lower.strip_prefix("message sent. ").and_then(|rest| rest.split(' ').next()) {
            self.size = bytes.parse().ok().or(self.size);
        }
    }

    /// Another session begins; what failed before stays.
    fn start(&mut self, host: String, port: u16) {
        let failures = std::mem::take(&mut self.failures);
        *self = Self { host, port, failures, last_line: self.last_line, ..Self::default() };
    }

    fn diagnose(
        &self,
        stage: Option<Stage>,
        reply: Option<&Reply>,
        failure: Option<Failure>,
        recipient: Option<&str>,
    ) -> Diagnosis {
        diagnose(&Context {
            stage,
            reply,
            failure,
            host: &self.host,
            port: self.port,
            greeting_host: self.greeting_host.as_deref(),
            offered: &self.offered,
            credentials_set: self.tried_login,
            authenticated: self.authenticated,
            tls: self.tls,
            mechanism: self.mechanism.as_deref(),
            ehlo_name: self.ehlo_name.as_deref(),
            sender: self.sender.as_deref(),
            recipient,
            message_size: self.size,
            recipient_count: self.recipients,
            ..Context::default()
        })
    }

    fn explanation(
        &self,
        line: usize,
        stage: Option<Stage>,
        reply: Option<Reply>,
        recipient: Option<String>,
        diagnosis: Diagnosis,
    ) -> Explanation {
        Explanation {
            line,
            stage,
            host: self.host.clone(),
            sender: self.sender.clone(),
            recipient,
            reply,
            diagnosis,
        }
    }
}

/// The address in `MAIL FROM:<a@b> SIZE=1`.
fn path(command: &str) -> Option<String> {
    let (_, rest) = command.split_once(':')?;
    let address = match rest.split_once('<') {
        Some((_, inside)) => inside.split('>').next()?,
        None => rest.split_whitespace().next()?,
    };
    (!address.is_empty()).then(|| address.to_owned())
}

/// Host and port in the sentence with which a client begins.
fn connection(note: &str) -> Option<(String, u16)> {
    let clean = |text: &str| text.trim_matches(|c: char| "()[]'\",.:".contains(c)).to_owned();
    // This library: `Connect to server. mail.example.com Port: 587`.
    if let Some(rest) = note.strip_prefix("Connect to server. ") {
        let (host, port) = rest.split_once(" Port: ").unwrap_or((rest, "25"));
        return Some((host.trim().to_owned(), port.trim().parse().unwrap_or(25)));
    }
    // curl: `* Connected to host (192.0.2.1) port 25 (#0)`; swaks: `=== Connected to host.`
    if let Some((_, rest)) = note.split_once("Connected to ") {
        let host = clean(rest.split_whitespace().next()?);
        let port = rest.split_once(" port ").and_then(|(_, p)| p.split_whitespace().next()?.parse().ok());
        return Some((host, port.unwrap_or(0)));
    }
    // PHPMailer: `Connection: opening to ssl://host:587, timeout=…`; MailKit: `Connected to smtp://host:587/`.
    if let Some((_, rest)) = note.split_once("Connection: opening to ") {
        let target = rest.split(',').next()?.rsplit("//").next()?;
        let (host, port) = target.rsplit_once(':')?;
        return Some((clean(host), port.parse().ok()?));
    }
    // smtplib: `connect: to ('host', 25) None` or `connect: ('host', 25)`.
    let rest = note.strip_prefix("connect:")?;
    let (_, inside) = rest.split_once('(')?;
    let (host, port) = inside.split(')').next()?.split_once(',')?;
    Some((clean(host.trim()), port.trim().parse().ok()?))
}
