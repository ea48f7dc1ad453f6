//! What `freesmtp queue` prints for a person.

use std::fmt::Write as _;

use serde_json::Value;

use super::{
    agent_socket::clean,
    table::{Table, age, number, short, size, when},
};

/// Recipients and attempts that are shown.
const SHOWN: usize = 50;

/// A list of messages.
pub(super) fn list(answer: &Value, now: i64) -> String {
    let messages = array(answer, "messages");
    let mut text = String::new();
    if messages.is_empty() {
        text.push_str("no messages\n");
    } else {
        let columns = [
            ("ID", 26),
            ("AGE", 12),
            ("STATE", 16),
            ("SIZE", 8),
            ("SENDER", 28),
            ("RECIPIENTS", 36),
            ("LAST ANSWER", 60),
        ];
        let mut table = Table::new(&columns);
        for message in messages {
            table.row(vec![
                string(message, "id"),
                age(&string(message, "submitted"), now),
                state(message, now),
                size(message["octets"].as_u64().unwrap_or(0)),
                mailbox(&string(message, "sender")),
                recipients(message),
                answered(&message["last"]),
            ]);
        }
        text = table.text();
    }
    if let Some(next) = answer["next"].as_str() {
        let _ = writeln!(text, "There may be more: --after {next}");
    }
    text
}

fn mailbox(address: &str) -> String {
    if address.is_empty() { "<>".to_owned() } else { address.to_owned() }
}

fn state(message: &Value, now: i64) -> String {
    let state = string(message, "state");
    match message["next_attempt"].as_str() {
        Some(next) if state == "later" => when(next, now),
        _ => state,
    }
}

fn recipients(message: &Value) -> String {
    let named: Vec<String> =
        array(message, "recipients").iter().filter_map(Value::as_str).map(str::to_owned).collect();
    let open = message["recipients_open"].as_u64().unwrap_or(0);
    let more = open.saturating_sub(1);
    match (named.first(), more) {
        (Some(first), 0) => first.clone(),
        (Some(first), more) => format!("{} +{more}", short(first, 30)),
        (None, _) => String::new(),
    }
}

/// `451 4.7.1 greylisted (greylisting)`.
fn answered(words: &Value) -> String {
    let code =
        words["code"].as_u64().filter(|code| *code > 0).map(|code| code.to_string()).unwrap_or_default();
    let cause = string(words, "cause");
    let cause = if cause.is_empty() { String::new() } else { format!("({cause})") };
    let text = string(words, "text");
    // The enhanced code is often in the text, too.
    let status = string(words, "status");
    let status = if text.starts_with(&status) { String::new() } else { status };
    let pieces = [cause, code, status, text];
    pieces.iter().filter(|piece| !piece.is_empty()).cloned().collect::<Vec<_>>().join(" ")
}

/// Everything about a message.
pub(super) fn message(answer: &Value, now: i64) -> String {
    let mut text = String::new();
    let mut line = |name: &str, value: &str| {
        if !value.is_empty() {
            let _ = writeln!(text, "{name:<13}{}", clean(&short(&value.replace('\n', " / "), 1_000)));
        }
    };
    line("Id", &string(answer, "id"));
    line("State", &string(answer, "state"));
    line("Message-ID", &string(answer, "message_id"));
    line("Subject", &string(answer, "subject"));
    line("Sender", &mailbox(&string(answer, "sender")));
    line("Blast", &string(answer, "blast"));
    if let Some(priority) = answer["priority"].as_i64().filter(|priority| *priority != 0) {
        line("Priority", &priority.to_string());
    }
    if let Some(octets) = answer["octets"].as_u64() {
        line("Size", &size(octets));
    }
    for (name, member) in [("Submitted", "submitted"), ("Ended", "ended"), ("Given up", "expires")] {
        if let Some(at) = answer[member].as_str() {
            line(name, &format!("{at} ({})", when(at, now)));
        }
    }
    let recipients = array(answer, "recipients");
    let total = answer["recipients_total"].as_i64().unwrap_or(0);
    let open = answer["recipients_open"].as_i64().unwrap_or(0);
    line("Recipients", &format!("{}, {} without a result", number(total), number(open)));
    for recipient in recipients.iter().take(SHOWN) {
        text.push_str(&one(recipient, now));
    }
    cut(&mut text, recipients.len(), "recipients");
    let attempts = array(answer, "attempts");
    if !attempts.is_empty() {
        text.push_str("\nAttempts, oldest first\n");
    }
    cut(&mut text, attempts.len(), "attempts before these");
    for attempt in &attempts[attempts.len().saturating_sub(SHOWN)..] {
        let whom = string(attempt, "email");
        let whom = if whom.is_empty() { String::new() } else { format!(" {whom}") };
        let (at, outcome, server) =
            (string(attempt, "at"), string(attempt, "outcome"), string(attempt, "server"));
        let said = short(&answered(attempt).replace('\n', " / "), 300);
        let _ = writeln!(text, "  {}", clean(&format!("{at} {outcome}{whom} [{server}] {said}")));
        for said in array(attempt, "transcript").iter().filter_map(Value::as_str) {
            let _ = writeln!(text, "    | {}", clean(said));
        }
    }
    text
}

fn one(recipient: &Value, now: i64) -> String {
    let mut text = String::new();
    let next = match recipient["next_attempt"].as_str() {
        Some(next) if recipient["state"] == "later" => format!(" {}", when(next, now)),
        _ => String::new(),
    };
    let tried = match recipient["attempts"].as_u64() {
        Some(attempts @ 1..) => format!(", attempts: {attempts}"),
        _ => String::new(),
    };
    let (email, state) = (string(recipient, "email"), string(recipient, "state"));
    let _ = writeln!(text, "  {}", clean(&format!("{email}: {state}{next}{tried}")));
    let said = answered(recipient);
    if !said.is_empty() {
        let server = string(recipient, "server");
        let server = if server.is_empty() { String::new() } else { format!("[{server}] ") };
        let _ =
            writeln!(text, "    {}", clean(&format!("{server}{}", short(&said.replace('\n', " / "), 300))));
    }
    if recipient["state"] != "delivered" {
        for remedy in string(recipient, "remedy").lines() {
            let _ = writeln!(text, "    - {}", clean(remedy));
        }
    }
    text
}

fn cut(text: &mut String, count: usize, what: &str) {
    if count > SHOWN {
        let _ = writeln!(text, "  … {} more {what}: --json has them", count - SHOWN);
    }
}

/// What an order did.
pub(super) fn ordered(answer: &Value, done: &str) -> String {
    let count = answer["count"].as_i64().unwrap_or(0);
    let mut text = format!(
        "{} {done}\n",
        if count == 1 { "1 message".to_owned() } else { format!("{} messages", number(count)) }
    );
    for id in array(answer, "unknown").iter().filter_map(Value::as_str) {
        let _ = writeln!(text, "not in the queue: {}", clean(id));
    }
    text
}

pub(super) fn string(value: &Value, name: &str) -> String {
    value[name].as_str().unwrap_or_default().to_owned()
}

pub(super) fn array<'a>(value: &'a Value, name: &str) -> &'a [Value] {
    value[name].as_array().map(Vec::as_slice).unwrap_or_default()
}
