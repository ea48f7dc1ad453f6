//! An agent as a whole, from the spool to mail exchangers, back to the sender, and to who listens.

use std::{collections::BTreeMap, path::Path, sync::Arc, time::Duration};

use freesmtp_core::{
    message::{Notify, RecipientOptions},
    spool::{Durability, Envelope, Message, Recipient, Spool, SpoolOptions},
    types::Moment,
};
use hickory_resolver::proto::rr::RecordType;
use mail_parser::{MessageParser, PartType};
use serde_json::{Value, json};

use super::{
    asking,
    mailserver::{MailServers, Manner},
    nameserver::{Fault, NameServer},
};
use crate::{
    agent::Agent,
    config::{AgentSettings, EventSettings, MxSettings},
};

const MESSAGE: &[u8] = b"From: ann@sender.example\r\nTo: bob@example.com\r\nSubject: Plans\r\n\
    Message-ID: <1@sender.example>\r\n\r\nSee you there.\r\n";

fn zone() -> NameServer {
    NameServer::new()
        .mx("example.com", 10, "down.example.com.")
        .mx("example.com", 20, "mx.example.com.")
        .a("down.example.com", "127.0.0.40")
        .a("mx.example.com", "127.0.0.41")
        .mx("sender.example", 10, "mx.sender.example.")
        .a("mx.sender.example", "127.0.0.42")
        .mx("null.example", 0, ".")
}

/// The lines of a file, once there are so many.
async fn lines(path: &Path, count: usize) -> Vec<Value> {
    let read = || {
        let text = std::fs::read_to_string(path).unwrap_or_default();
        text.lines().map(|line| serde_json::from_str(line).unwrap()).collect::<Vec<Value>>()
    };
    let wait = async {
        while read().len() < count {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(30), wait).await.expect("events");
    read()
}

/// The fields of the delivery reports that arrived, by recipient.
fn reports(letters: &[String]) -> BTreeMap<String, String> {
    let mut found = BTreeMap::new();
    for letter in letters {
        let message = MessageParser::new().parse(letter.as_bytes()).unwrap();
        assert!(letter.starts_with("Return-Path: <>\r\n"), "{letter}");
        let status = message.parts.iter().find_map(|part| match &part.body {
            PartType::Text(text) if text.contains("Reporting-MTA") => Some(text.to_string()),
            PartType::Binary(bytes) => Some(String::from_utf8_lossy(bytes).into_owned()),
            _ => None,
        });
        let status = status.unwrap_or_else(|| panic!("{letter}"));
        assert!(status.contains("Reporting-MTA: dns; agent.example"), "{status}");
        for block in status.replace("\r\n", "\n").split("\n\n") {
            let field =
                |name: &str| block.lines().find_map(|line| line.strip_prefix(name)).map(str::to_owned);
            if let (Some(recipient), Some(status)) = (field("Final-Recipient: rfc822; "), field("Status: ")) {
                let action = field("Action: ").unwrap();
                found.insert(recipient, format!("{action} {status}"));
            }
        }
    }
    found
}

fn recipient(email: &str, notify: Notify) -> Recipient {
    Recipient { email: email.to_owned(), options: RecipientOptions { notify, ..RecipientOptions::default() } }
}

/// An agent of that zone, its events in `events.jsonl` of the folder.
fn settings(folder: &Path, server: &NameServer, mail: &MailServers) -> AgentSettings {
    AgentSettings {
        spool: Some(folder.join("spool")),
        name: "agent.example".to_owned(),
        mx: MxSettings { port: mail.port, ..asking(server) },
        events: EventSettings { file: Some(folder.join("events.jsonl")), ..EventSettings::default() },
        ..AgentSettings::default()
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_ends_while_it_waits_is_told_and_reported() {
    let folder = tempfile::tempdir().unwrap();
    let mail = MailServers::new(&[("127.0.0.42", Manner::Clear)]);
    let server = zone().fault("broken.example", RecordType::MX, Fault::ServFail);
    let settings = settings(folder.path(), &server, &mail);
    let agent = Agent::open(settings.clone(), Arc::new(())).unwrap();
    let handle = agent.handle();
    let running = tokio::spawn(agent.run(move || Ok(settings.clone())));
    let spool = Spool::open(folder.path().join("spool")).unwrap();
    let submit = |expires: Option<Moment>| {
        let options = SpoolOptions { expires, blast: Some("news".to_owned()), ..SpoolOptions::default() };
        let envelope = Envelope {
            reverse_path: "ann@sender.example".to_owned(),
            recipients: vec![recipient("bob@broken.example", Notify::DEFAULT)],
            options,
            ..Envelope::default()
        };
        spool.submit(&envelope, Message::Bytes(MESSAGE), Durability::Full).unwrap()
    };
    let file = folder.path().join("events.jsonl");
    let long = submit(None);
    let event = &lines(&file, 1).await[0];
    assert_eq!(event["event"], "deferred", "{event}");
    assert_eq!((&event["status"], &event["cause"]), (&json!("4.4.3"), &json!("dns-failed")), "{event}");
    assert!(event["text"].as_str().unwrap().contains("SERVFAIL") && event["next_attempt"].is_string());
    // The one is cancelled; the time of the other is over before its blast goes on, and its report is delivered.
    assert!(handle.queue.pause_blast("news").await.unwrap());
    let short = submit(Some(Moment::new(crate::clock::now() / 1_000 + 2)));
    assert!(handle.queue.cancel(long).await.unwrap());
    let events = lines(&file, 4).await;
    handle.stop();
    running.await.unwrap().unwrap();
    for (id, name, attempt) in [(long, "cancelled", 1), (short, "expired", 0)] {
        let event = events.iter().rfind(|event| event["id"] == id.to_string()).unwrap();
        let said = (&event["event"], &event["attempt"], &event["recipient"], &event["blast"]);
        assert_eq!(said, (&json!(name), &json!(attempt), &json!("bob@broken.example"), &json!("news")));
        assert_eq!(event["message_id"], "<1@sender.example>");
    }
    let reports = reports(&mail.letters("127.0.0.42"));
    assert_eq!(reports, BTreeMap::from([("bob@broken.example".to_owned(), "failed 4.4.7".to_owned())]));
}

#[tokio::test(flavor = "multi_thread")]
async fn each_recipient_has_its_way_its_result_and_its_report() {
    let folder = tempfile::tempdir().unwrap();
    let mail = MailServers::new(&[("127.0.0.41", Manner::Clear), ("127.0.0.42", Manner::Clear)]);
    let server = zone();
    let file = folder.path().join("events.jsonl");
    let settings = settings(folder.path(), &server, &mail);
    let agent = Agent::open(settings.clone(), Arc::new(())).unwrap();
    let handle = agent.handle();
    let running = tokio::spawn(agent.run(move || Ok(settings.clone())));
    let never = Notify::NEVER;
    let envelope = Envelope {
        reverse_path: "ann@sender.example".to_owned(),
        recipients: vec![
            recipient("bob@example.com", Notify::SUCCESS | Notify::FAILURE),
            recipient("nobody@example.com", Notify::DEFAULT),
            recipient("carol@null.example", Notify::FAILURE),
            recipient("dave@nowhere.example", Notify::DEFAULT),
            recipient("eve@nowhere.example", never),
        ],
        ..Envelope::default()
    };
    let spool = Spool::open(folder.path().join("spool")).unwrap();
    let id = spool.submit(&envelope, Message::Bytes(MESSAGE), Durability::Full).unwrap();

    // Five recipients; and each report is a message of its own that is delivered.
    let mut count = 6;
    let events = loop {
        let events = lines(&file, count).await;
        if reports(&mail.letters("127.0.0.42")).len() == 4 {
            break events;
        }
        count = events.len() + 1;
    };
    handle.stop();
    running.await.unwrap().unwrap();

    let of_message: BTreeMap<&str, (&str, &str)> = events
        .iter()
        .filter(|event| event["id"] == id.to_string())
        .map(|event| {
            let status = event["status"].as_str().unwrap_or_default();
            (event["recipient"].as_str().unwrap(), (event["event"].as_str().unwrap(), status))
        })
        .collect();
    assert_eq!(
        of_message,
        BTreeMap::from([
            ("bob@example.com", ("delivered", "")),
            ("nobody@example.com", ("bounced", "5.1.1")),
            ("carol@null.example", ("bounced", "5.1.10")),
            ("dave@nowhere.example", ("bounced", "5.1.2")),
            ("eve@nowhere.example", ("bounced", "5.1.2")),
        ])
    );
    let letters = mail.letters("127.0.0.41");
    assert!(letters.len() == 1 && letters[0].contains("See you there."), "{letters:?}");
    let failed = |status: &str| format!("failed {status}");
    let text = mail.letters("127.0.0.42").join("\n");
    for words in
        ["takes no mail.", "What to do: Check the spelling of what stands behind", "What to do: Check"]
    {
        assert!(text.contains(words), "{text}");
    }
    assert_eq!(
        reports(&mail.letters("127.0.0.42")),
        BTreeMap::from([
            // Its server does not report deliveries.
            ("bob@example.com".to_owned(), "relayed 2.0.0".to_owned()),
            ("nobody@example.com".to_owned(), failed("5.1.1")),
            ("carol@null.example".to_owned(), failed("5.1.10")),
            ("dave@nowhere.example".to_owned(), failed("5.1.2")),
        ])
    );
}
