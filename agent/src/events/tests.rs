//! Events in a file, and at web servers on loopback that take them or do not.

use std::{
    collections::VecDeque,
    fs,
    io::{BufRead, BufReader, Write},
    net::{Ipv4Addr, TcpListener},
    path::Path,
    sync::{Arc, Mutex, mpsc},
    thread,
    time::Duration,
};

use serde_json::{Value, json};

use super::{Event, EventKind, Events, Subject, webhook::signature};
use crate::{
    config::{AgentSettings, EventSettings, WebhookSettings},
    delivery::Observer,
    queue::{Done, Ending, Final, Job, JobKey, Place, Target, TargetResult, Verdict, Words},
};

const SECRET: &str = "a secret of the test";

/// 2026-11-23 12:00:00.250 UTC.
const NOW: i64 = 1_795_435_200_250;

fn id() -> freesmtp_core::spool::Id {
    freesmtp_core::spool::Id::new(1_795_435_000_000, [7; 16])
}

fn event(number: usize, kind: EventKind) -> Event {
    let subject = Subject { id: id(), message_id: "<1@a>", sender: "ann@a.test", blast: None, attempts: 1 };
    let index = u32::try_from(number).unwrap();
    Event::new(&subject, kind, index, &format!("{number}@b.test"), &Words::default(), NOW)
}

/// What a request held.
#[derive(Clone, Debug)]
struct Heard {
    fields: Vec<(String, String)>,
    body: String,
}

impl Heard {
    fn field(&self, name: &str) -> &str {
        self.fields.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str()).unwrap()
    }

    fn recipients(&self) -> Vec<String> {
        let body: Value = serde_json::from_str(&self.body).unwrap();
        assert_eq!(body["type"], "mail.events");
        let events = body["data"]["events"].as_array().unwrap();
        events.iter().map(|event| event["recipient"].as_str().unwrap().to_owned()).collect()
    }
}

/// A web server that gives these answers, and then always the last of them; "" closes.
struct WebServer {
    port: u16,
    heard: mpsc::Receiver<Heard>,
    answers: Arc<Mutex<VecDeque<&'static str>>>,
}

const TAKEN: &str = "204 No Content\r\n";

impl WebServer {
    fn new(answers: &[&'static str]) -> Self {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let port = listener.local_addr().unwrap().port();
        let (sender, heard) = mpsc::channel();
        let answers: Arc<Mutex<VecDeque<_>>> = Arc::new(Mutex::new(answers.iter().copied().collect()));
        let next = Arc::clone(&answers);
        thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let mut stream = BufReader::new(stream);
                while let Some(heard) = read(&mut stream) {
                    let answer = {
                        let mut next = next.lock().unwrap();
                        if next.len() > 1 { next.pop_front().unwrap() } else { next[0] }
                    };
                    if sender.send(heard).is_err() || answer.is_empty() {
                        break;
                    }
                    let text = format!("HTTP/1.1 {answer}Content-Length: 0\r\n\r\n");
                    stream.get_mut().write_all(text.as_bytes()).unwrap();
                }
            }
        });
        Self { port, heard, answers }
    }

    fn next(&self) -> Heard {
        self.heard.recv_timeout(Duration::from_secs(20)).unwrap()
    }
}

fn read(stream: &mut impl BufRead) -> Option<Heard> {
    let mut fields = Vec::new();
    loop {
        let mut line = String::new();
        if stream.read_line(&mut line).ok()? == 0 {
            return None;
        }
        match line.trim_end().split_once(": ") {
            Some((name, value)) => fields.push((name.to_ascii_lowercase(), value.to_owned())),
            None if line == "\r\n" => break,
            None => assert_eq!(line, "POST /hook?token=1 HTTP/1.1\r\n"),
        }
    }
    let heard = Heard { fields, body: String::new() };
    let mut body = vec![0; heard.field("content-length").parse().unwrap()];
    stream.read_exact(&mut body).ok()?;
    Some(Heard { body: String::from_utf8(body).unwrap(), ..heard })
}

fn hook(folder: &Path, port: u16) -> WebhookSettings {
    let secret = folder.join("secret");
    fs::write(&secret, format!("{SECRET}\n")).unwrap();
    WebhookSettings {
        url: format!("http://127.0.0.1:{port}/hook?token=1"),
        secret_file: Some(secret),
        ..WebhookSettings::default()
    }
}

fn start(folder: &Path, webhook: WebhookSettings) -> Events {
    let settings = EventSettings { webhook: vec![webhook], ..EventSettings::default() };
    let pauses = (Duration::from_millis(5), Duration::from_millis(20));
    Events::start_with(&settings, folder, None, pauses).unwrap()
}

fn all(range: std::ops::Range<usize>) -> Vec<String> {
    range.map(|number| format!("{number}@b.test")).collect()
}

fn job() -> Job {
    Job {
        key: JobKey { message: 1, n: 0 },
        lane: 1,
        id: id(),
        message_id: "<1@a>".to_owned(),
        sender: "ann@a.test".to_owned(),
        targets: Vec::new(),
        total: 3,
        attempts: 2,
        place: Place {
            segment: "s".into(),
            record: 0,
            body: freesmtp_core::spool::Body::Inline { offset: 0, length: 1 },
        },
        segment: 1,
        has_options: false,
        utf8: false,
        expires: None,
        blast: 0,
        priority: 0,
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn each_recipient_of_an_attempt_is_a_line() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("events.jsonl");
    let settings = EventSettings { file: Some(path.clone()), ..EventSettings::default() };
    let events = Events::start(&settings, folder.path(), None).unwrap();
    let words = Words {
        server: "mx.b.test:25".to_owned(),
        stage: "rcpt-to".to_owned(),
        code: 550,
        status: "5.1.1".to_owned(),
        text: "no \"such\"\nuser".to_owned(),
        cause: "recipient-unknown".to_owned(),
        remedy: "Check it.".to_owned(),
    };
    let result = |index: u32, verdict, words: &Words| TargetResult {
        target: Target { index, email: format!("{index}@b.test") },
        verdict,
        words: words.clone(),
    };
    let last = |outcome| Verdict::Final { outcome, report: false };
    let done = Done {
        job: JobKey { message: 1, n: 0 },
        lane: 1,
        whole: true,
        tried: true,
        segment: Some(1),
        blast: 0,
        at: NOW,
        results: vec![
            result(0, last(Final::Delivered), &Words::default()),
            result(1, last(Final::Failed), &words),
            result(2, Verdict::Later { due: NOW + 60_000, unknown: true }, &Words::default()),
        ],
        transcript: String::new(),
        trouble: false,
    };
    events.attempted(&job(), &done);
    events.ended(&Ending {
        message: 1,
        id: id(),
        message_id: "<1@a>".to_owned(),
        sender: String::new(),
        blast: 0,
        attempts: 0,
        outcome: Final::Expired,
        at: NOW,
        targets: vec![Target { index: 4, email: "4@b.test".to_owned() }],
        words: Words::default(),
    });
    events.close();
    let text = fs::read_to_string(&path).unwrap();
    let lines: Vec<Value> = text.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let (at, id) = ("2026-11-23T12:00:00.250Z", id().to_string());
    assert_eq!(
        lines,
        [
            json!({ "key": format!("{id}.0.3.delivered"), "event": "delivered", "at": at, "id": id, "message_id": "<1@a>",
                    "sender": "ann@a.test", "recipient": "0@b.test", "attempt": 3 }),
            json!({ "key": format!("{id}.1.3.bounced"), "event": "bounced", "at": at, "id": id, "message_id": "<1@a>",
                    "sender": "ann@a.test", "recipient": "1@b.test", "attempt": 3, "server": "mx.b.test:25",
                    "stage": "rcpt-to", "code": 550, "status": "5.1.1", "text": "no \"such\"\nuser",
                    "cause": "recipient-unknown", "remedy": "Check it." }),
            json!({ "key": format!("{id}.2.3.deferred"), "event": "deferred", "at": at, "id": id, "message_id": "<1@a>",
                    "sender": "ann@a.test", "recipient": "2@b.test", "attempt": 3,
                    "next_attempt": "2026-11-23T12:01:00.250Z", "unknown": true }),
            json!({ "key": format!("{id}.4.0.expired"), "event": "expired", "at": at, "id": id, "message_id": "<1@a>",
                    "sender": "", "recipient": "4@b.test", "attempt": 0 }),
        ]
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_web_server_gets_what_it_wants_to_hear_signed() {
    let folder = tempfile::tempdir().unwrap();
    let server = WebServer::new(&[TAKEN]);
    let kinds = vec![EventKind::Bounced, EventKind::Expired];
    let events = start(folder.path(), WebhookSettings { events: kinds, ..hook(folder.path(), server.port) });
    events.emit(&event(0, EventKind::Delivered));
    events.emit(&event(1, EventKind::Bounced));
    let heard = server.next();
    assert_eq!(heard.recipients(), ["1@b.test"]);
    assert_eq!(heard.field("content-type"), "application/json");
    let (id, timestamp) = (heard.field("webhook-id"), heard.field("webhook-timestamp"));
    let expected = signature(SECRET.as_bytes(), id, timestamp, &heard.body);
    assert_eq!(heard.field("webhook-signature"), expected);
    assert!(timestamp.parse::<i64>().unwrap().abs_diff(crate::clock::now() / 1_000) < 60);
    events.close();
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_not_taken_comes_again_with_the_same_id() {
    let folder = tempfile::tempdir().unwrap();
    let refusals =
        ["500 Broken\r\n", "", "302 Found\r\nLocation: /\r\n", "429 Wait\r\nRetry-After: 0\r\n", TAKEN];
    let server = WebServer::new(&refusals);
    let events = start(folder.path(), hook(folder.path(), server.port));
    events.emit(&event(0, EventKind::Bounced));
    let first = server.next();
    for _ in &refusals[1..] {
        let again = server.next();
        assert_eq!(again.body, first.body);
        assert_eq!(again.field("webhook-id"), first.field("webhook-id"));
    }
    events.emit(&event(1, EventKind::Bounced));
    let next = server.next();
    assert_eq!(next.recipients(), ["1@b.test"]);
    assert_ne!(next.field("webhook-id"), first.field("webhook-id"));
    events.close();
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_not_taken_is_told_by_the_next_agent_in_order() {
    let folder = tempfile::tempdir().unwrap();
    let server = WebServer::new(&["503 Not now\r\n"]);
    let settings = || WebhookSettings { batch: 30, ..hook(folder.path(), server.port) };
    let events = start(folder.path(), settings());
    for number in 0..100 {
        events.emit(&event(number, EventKind::Delivered));
    }
    server.next();
    events.close();
    drop(events);
    *server.answers.lock().unwrap() = VecDeque::from([TAKEN]);
    while server.heard.try_recv().is_ok() {}
    let events = start(folder.path(), settings());
    events.emit(&event(100, EventKind::Delivered));
    let mut heard = Vec::new();
    while heard.len() < 101 {
        let some = server.next().recipients();
        assert!(some.len() <= 30);
        heard.extend(some);
    }
    // The first batch may have been under way when the first agent ended.
    heard.dedup();
    assert_eq!(heard, all(0..101));
    events.close();
}

#[tokio::test(flavor = "multi_thread")]
async fn events_are_given_up_in_their_time() {
    let folder = tempfile::tempdir().unwrap();
    let server = WebServer::new(&["500 Broken\r\n"]);
    let lifetime = crate::config::Span::seconds(0);
    let events = start(folder.path(), WebhookSettings { lifetime, ..hook(folder.path(), server.port) });
    events.emit(&event(0, EventKind::Delivered));
    assert_eq!(server.next().recipients(), all(0..1));
    events.emit(&event(1, EventKind::Delivered));
    assert_eq!(server.next().recipients(), all(1..2));
    events.close();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_never_answers_holds_nothing_up() {
    let folder = tempfile::tempdir().unwrap();
    let silent = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    let events = start(folder.path(), hook(folder.path(), silent.local_addr().unwrap().port()));
    let one = event(0, EventKind::Delivered);
    for _ in 0..200_000 {
        events.emit(&one);
    }
    events.close();
    let journal = fs::read_dir(folder.path()).unwrap().flatten().find(|entry| entry.path().is_dir()).unwrap();
    let kept: u64 =
        fs::read_dir(journal.path()).unwrap().map(|file| file.unwrap().metadata().unwrap().len()).sum();
    assert!(kept > 1 << 20, "{kept}");
}

#[tokio::test]
async fn bad_settings_are_named() {
    let folder = tempfile::tempdir().unwrap();
    let secret = folder.path().join("secret");
    fs::write(&secret, "x").unwrap();
    let empty = folder.path().join("empty");
    fs::write(&empty, "").unwrap();
    let field = |text: &str| {
        let settings = AgentSettings::parse(text).unwrap().events;
        Events::start(&settings, folder.path(), None).unwrap_err().field().unwrap_or_default().to_owned()
    };
    let hook = |url: &str, more: &str| format!("[[events.webhook]]\nurl = {url:?}\n{more}");
    let with = |path: &Path| format!("secret_file = {path:?}\n");
    assert_eq!(field(&hook("nowhere", &with(&secret))), "events.webhook[0].url");
    assert_eq!(field(&hook("http://a.example/", &with(&secret))), "events.webhook[0].url");
    assert_eq!(field(&hook("http://127.0.0.1.a.example/", &with(&secret))), "events.webhook[0].url");
    assert_eq!(field(&hook("https://a.example/", "")), "events.webhook[0].secret_file");
    assert_eq!(field(&hook("https://a.example/", &with(&empty))), "events.webhook[0].secret_file");
    let zero = format!("{}batch = 0", with(&secret));
    assert_eq!(field(&hook("http://[::1]:1/", &zero)), "events.webhook[0].batch");
    let none = format!("{}ca_file = \"/nowhere\"", with(&secret));
    assert_eq!(field(&hook("https://a.example/", &none)), "events.webhook[0].ca_file");
    assert_eq!(field("[events]\nfile = \"/nowhere/at/all\""), "events.file");
    let unknown = AgentSettings::parse("[[events.webhook]]\nevents = [\"opened\"]").unwrap_err();
    assert!(unknown.message().contains("opened"), "{unknown}");
}
