//! Asking an agent: what it says becomes data, and what it cannot say becomes an error that tells what to do.

#![cfg(unix)]
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test that cannot go on has failed")]

use std::{
    io::{BufRead, BufReader, Write},
    os::unix::net::UnixListener,
    path::Path,
    thread::{self, JoinHandle},
    time::{Duration, Instant},
};

use freesmtp_core::{
    Cancel, ErrorKind, Smtp,
    spool::agent::{BlastState, SpoolEventKind, SpoolState},
};

const ID: &str = "01ARZ3NDEKTSV4RRFFQ69G5FAV";

/// An agent that gives these lines to the first request, and the request.
fn agent(spool: &Path, lines: Vec<String>) -> JoinHandle<String> {
    let listener = UnixListener::bind(spool.join("agent.sock")).unwrap();
    thread::spawn(move || {
        let (stream, _) = listener.accept().unwrap();
        let mut reader = BufReader::new(stream);
        let mut request = String::new();
        reader.read_line(&mut request).unwrap();
        for line in lines {
            // In pieces, as a socket may give it.
            let (first, second) = line.split_at(line.len() / 2);
            reader.get_mut().write_all(first.as_bytes()).unwrap();
            thread::sleep(Duration::from_millis(5));
            reader.get_mut().write_all(format!("{second}\n").as_bytes()).unwrap();
        }
        if request.contains("\"wait\"") {
            // It takes its time.
            let mut rest = String::new();
            let _ = reader.read_line(&mut rest);
        }
        request
    })
}

fn smtp(spool: &Path) -> Smtp {
    let mut smtp = Smtp::default();
    smtp.set_spool_path(spool);
    smtp
}

#[test]
fn a_message_with_its_recipients() {
    let folder = tempfile::tempdir().unwrap();
    let answer = format!(
        r#"{{"v":1,"ok":true,"answer":{{"id":"{ID}","state":"later","message_id":null,"sender":"s@x.test","subject":"Hi",
        "submitted":"2026-01-02T03:04:05.678Z","recipients_total":2,"recipients_open":1,"news":[1],"recipients":[
        {{"email":"a@x.test","state":"delivered","code":250,"status":"2.0.0","text":"ok","next_attempt":null,"at":"2026-01-02T03:04:06.000Z"}},
        {{"email":"b@x.test","state":"later","attempts":3,"next_attempt":"2026-01-02T04:00:00.000Z","code":451,"cause":"greylisted","remedy":"Wait"}}]}}}}"#
    )
    .replace('\n', " ");
    let agent = agent(folder.path(), vec![answer]);
    let status = smtp(folder.path()).spool_status(&ID.to_lowercase()).unwrap();
    assert!(agent.join().unwrap().contains(ID), "it asks for the id as it is written");
    assert_eq!((status.state, status.is_done()), (SpoolState::Later, false));
    assert_eq!((status.message_id.as_str(), status.sender.as_str()), ("", "s@x.test"));
    assert_eq!(status.submitted.unwrap().to_string(), "2026-01-02T03:04:05Z");
    let [first, second] = &status.recipients[..] else { panic!("{status:?}") };
    assert_eq!(
        (first.state.as_str(), first.reply_code, first.enhanced_code.as_str()),
        ("delivered", 250, "2.0.0")
    );
    assert_eq!((second.attempts, second.cause.as_str()), (3, "greylisted"));
    assert_eq!(second.next_attempt.unwrap().to_string(), "2026-01-02T04:00:00Z");
}

#[test]
fn a_blast() {
    let folder = tempfile::tempdir().unwrap();
    let answer = r#"{"v":1,"ok":true,"answer":{"name":"news","state":"strange","done":false,"messages":2,"recipients":5,"open":4,
        "delivered":1,"deferred":2,"failed":0,"expired":0,"cancelled":0,"rate":2.5,"eta_seconds":2.0}}"#;
    let agent = agent(folder.path(), vec![answer.replace('\n', " ")]);
    let status = smtp(folder.path()).pause_blast("news").unwrap();
    assert!(agent.join().unwrap().contains("pause_blast"));
    assert_eq!(status.state, BlastState::Other, "what a later agent says is no failure");
    assert_eq!((status.open, status.rate, status.eta_seconds), (4, 2.5, Some(2.0)));
}

#[test]
fn events_until_the_agent_ends() {
    let folder = tempfile::tempdir().unwrap();
    let more = |answer: &str| format!(r#"{{"v":1,"ok":true,"more":true,"answer":{answer}}}"#);
    let lines = vec![
        more(r#"{"event":"listening"}"#),
        more(&format!(
            r#"{{"event":"deferred","id":"{ID}","recipient":"a@x.test","attempt":1,"code":451,"new":0}}"#
        )),
        more(r#"{"event":"lost","count":7}"#),
        r#"{"v":1,"ok":false,"error":{"code":"ending","message":"the agent ends","remedy":"Ask again."}}"#
            .to_owned(),
    ];
    let agent = agent(folder.path(), lines);
    let mut events = smtp(folder.path()).spool_events("news").unwrap();
    let event = events.next().unwrap().unwrap();
    assert_eq!(
        (event.event, event.reply_code, event.recipient.as_str()),
        (SpoolEventKind::Deferred, 451, "a@x.test")
    );
    let lost = events.next().unwrap().unwrap();
    assert_eq!((lost.event, lost.count), (SpoolEventKind::Lost, 7));
    let error = events.next().unwrap().unwrap_err();
    assert_eq!((error.kind(), error.is_temporary()), (ErrorKind::Spool, true));
    assert!(events.next().is_none());
    assert!(agent.join().unwrap().contains(r#""blast":"news""#));
}

#[test]
fn without_an_agent_it_is_said_how_to_start_one() {
    let folder = tempfile::tempdir().unwrap();
    for killed in [false, true] {
        if killed {
            drop(UnixListener::bind(folder.path().join("agent.sock")).unwrap());
        }
        let error = smtp(folder.path()).blast_status("news").unwrap_err();
        assert_eq!((error.kind(), error.field()), (ErrorKind::Spool, Some("SpoolPath")));
        assert!(error.is_temporary());
        assert!(error.message().contains("freesmtp agent --spool"), "{error}");
    }
}

#[test]
fn what_is_not_known_names_its_field() {
    for (code, field) in [("unknown-id", "Id"), ("unknown-blast", "Blast"), ("blast-cancelled", "Blast")] {
        let folder = tempfile::tempdir().unwrap();
        let line = format!(
            r#"{{"v":1,"ok":false,"error":{{"code":"{code}","message":"no","remedy":"Check it."}}}}"#
        );
        let agent = agent(folder.path(), vec![line]);
        let error = smtp(folder.path()).spool_status(ID).unwrap_err();
        assert_eq!(
            (error.kind(), error.field(), error.message()),
            (ErrorKind::Spool, Some(field), "no; check it")
        );
        assert!(!error.is_temporary());
        agent.join().unwrap();
    }
    let error = Smtp::default().spool_status("short").unwrap_err();
    assert_eq!((error.kind(), error.field()), (ErrorKind::Message, Some("Id")));
}

#[test]
fn nonsense_is_no_answer() {
    for line in ["nonsense", "{}", r#"{"v":1,"ok":true}"#, r#"{"v":1,"ok":false}"#] {
        let folder = tempfile::tempdir().unwrap();
        let agent = agent(folder.path(), vec![line.to_owned()]);
        let error = smtp(folder.path()).spool_status(ID).unwrap_err();
        assert_eq!((error.kind(), error.field()), (ErrorKind::Spool, Some("SpoolPath")), "{line}");
        agent.join().unwrap();
    }
}

#[test]
fn a_wait_can_be_cancelled() {
    let folder = tempfile::tempdir().unwrap();
    let agent = agent(folder.path(), Vec::new());
    let cancel = Cancel::new();
    let other = cancel.clone();
    let begun = Instant::now();
    let canceller = thread::spawn(move || {
        thread::sleep(Duration::from_millis(50));
        other.cancel();
    });
    let error = smtp(folder.path()).wait_for_blast_with("news", None, &cancel).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Cancelled);
    assert!(begun.elapsed() < Duration::from_secs(20));
    canceller.join().unwrap();
    agent.join().unwrap();
}

#[test]
fn a_spool_with_a_long_path() {
    let folder = tempfile::tempdir().unwrap();
    let spool = folder.path().join("deep".repeat(40));
    std::fs::create_dir(&spool).unwrap();
    assert!(smtp(&spool).spool_status(ID).unwrap_err().message().contains("no agent runs"));
}
