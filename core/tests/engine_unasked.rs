//! Replies that answer nothing, or come too soon for what they could answer, and the answer to a program's own command.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a failure here has failed the test"
)]

mod play;

use std::time::Instant;

use freesmtp_core::{
    ErrorKind, Stage,
    protocol::{Command, Engine, Event, Outcome, Step, TransactionResult},
    types::Failure,
};
use play::{Cut, Play, Server, config, transaction};

const GREETING: (&str, &str) = ("", "220 mail.example.com ESMTP\r\n");
const MAIL: (&str, &str) = ("MAIL FROM:<s@a.test>", "250 ok\r\n");
const RCPT: (&str, &str) = ("RCPT TO:<r1@b.test>", "250 ok\r\n");

/// A session in which the message is being given: with DATA, or with BDAT, whose first chunk waits to be written.
fn in_message(chunks: bool) -> Engine {
    let ehlo = if chunks { "250-a\r\n250-CHUNKING\r\n250 PIPELINING\r\n" } else { "250 a\r\n" };
    let mut script = vec![GREETING, ("EHLO client.test", ehlo), MAIL, RCPT];
    if !chunks {
        script.push(("DATA", "354 go\r\n"));
    }
    let mut play = Play::new(config(), Server::new(&script), Cut::Whole);
    play.open();
    play.engine.begin(transaction(&["r1@b.test"]));
    let now = Instant::now();
    let mut engine = play.engine;
    let mut answers = script.iter().skip(2).map(|(_, answer)| answer);
    loop {
        match engine.next(now) {
            Step::Event(_) => {}
            Step::Output => {
                // The envelope, without a chunk behind it.
                let output = engine.output();
                let envelope = output.windows(4).position(|octets| octets == b"BDAT").unwrap_or(output.len());
                let lines = output[..envelope].iter().filter(|octet| **octet == b'\n').count();
                engine.written(envelope);
                answers.by_ref().take(lines).for_each(|answer| engine.input(answer.as_bytes()));
                if engine.output().starts_with(b"BDAT") {
                    return engine;
                }
            }
            Step::Body(_) if chunks => engine.body(&[b'x'; 16 * 1024], true),
            Step::Body(_) => return engine,
            step => panic!("{step:?}"),
        }
    }
}

/// What becomes of the message after the server says that.
fn ends(mut engine: Engine, words: &str) -> (Engine, Option<TransactionResult>) {
    engine.input(words.as_bytes());
    let mut result = None;
    for _ in 0..20 {
        match engine.next(Instant::now()) {
            Step::Event(Event::Finished(finished)) => result = Some(finished),
            Step::Event(_) => {}
            _ => break,
        }
    }
    (engine, result)
}

#[test]
fn a_refusal_in_the_middle_of_a_message_is_the_reason() {
    for chunks in [false, true] {
        let (engine, result) = ends(in_message(chunks), "452 4.3.1 disk full\r\n");
        assert!(!engine.is_open());
        let Some(TransactionResult { outcome: Outcome::NotDelivered { error, .. }, .. }) = result else {
            panic!("{result:?}")
        };
        assert_eq!((error.kind(), error.reply_code()), (ErrorKind::Protocol, 452), "{error}");
        assert_ne!(error.failure(), Some(Failure::MalformedReply), "{error}");
    }
}

#[test]
fn consent_in_the_middle_of_a_message_is_none() {
    for (chunks, words) in [(false, "250 taken\r\n"), (false, "354 go on\r\n"), (true, "250 taken\r\n")] {
        let (engine, result) = ends(in_message(chunks), words);
        assert!(!engine.is_open());
        let Some(TransactionResult { outcome: Outcome::NotDelivered { error, .. }, .. }) = result else {
            panic!("{result:?}")
        };
        assert_eq!(error.failure(), Some(Failure::MalformedReply), "{words}: {error}");
        assert!(error.is_temporary());
    }
}

/// Its octets need not have left: a server need not read what it does not want.
#[test]
fn a_chunk_is_refused_as_soon_as_its_command_has_left() {
    let mut engine = in_message(true);
    let command = engine.output().iter().position(|octet| *octet == b'\n').unwrap() + 1;
    engine.written(command - 1);
    let (engine_before, _) = ends(engine, "250 taken\r\n");
    assert_eq!(engine_before.error().unwrap().failure(), Some(Failure::MalformedReply));

    let mut engine = in_message(true);
    engine.written(command);
    let (engine, _) = ends(engine, "552 5.3.4 too large\r\n");
    assert!(engine.is_open(), "{:?}", engine.error());
}

#[test]
fn a_server_that_closes_for_no_reason_of_ours_is_lost() {
    let script = [GREETING, ("EHLO client.test", "250 a\r\n")];
    for (words, kind, failure) in [
        ("421 4.4.2 idle\r\n", ErrorKind::Connect, Failure::ConnectionLost),
        ("450 4.4.2 idle\r\n", ErrorKind::Protocol, Failure::MalformedReply),
        ("250 ok\r\n", ErrorKind::Protocol, Failure::MalformedReply),
    ] {
        // Whether a command waits to be written or not.
        for begun in [false, true] {
            let mut play = Play::new(config(), Server::new(&script), Cut::Whole);
            play.open();
            if begun {
                play.engine.begin(transaction(&["r1@b.test"]));
                while !matches!(play.engine.next(Instant::now()), Step::Output) {}
            }
            let (engine, _) = ends(play.engine, words);
            let error = engine.error().unwrap();
            assert_eq!((error.kind(), error.failure()), (kind, Some(failure)), "{words}: {error}");
            assert!(error.is_temporary());
        }
    }
}

/// The whole message has been given, and its end waits to be written.
#[test]
fn a_refusal_before_the_end_of_a_message_has_left_is_the_reason() {
    for (words, failure) in
        [("452 4.3.1 disk full\r\n", None), ("250 taken\r\n", Some(Failure::MalformedReply))]
    {
        let mut engine = in_message(false);
        engine.body(b"text\r\n", false);
        while !matches!(engine.next(Instant::now()), Step::Output) {}
        let (_, result) = ends(engine, words);
        let Some(TransactionResult { outcome: Outcome::NotDelivered { error, .. }, .. }) = result else {
            panic!("{result:?}")
        };
        assert_eq!(error.failure(), failure, "{error}");
        assert_eq!(error.reply_code() == 452, failure.is_none());
    }
}

#[test]
fn the_answer_to_a_programs_command_is_given_to_it() {
    let script = [GREETING, ("EHLO client.test", "250 a\r\n")];
    for (words, code) in [("250 fine\r\n", 250), ("502 5.5.1 no\r\n", 502), ("354 go\r\n", 354)] {
        let mut play = Play::new(config(), Server::new(&script), Cut::Whole);
        play.open();
        let mut engine = play.engine;
        engine.command(&Command::new("XTEST").unwrap());
        assert!(matches!(engine.next(Instant::now()), Step::Event(Event::Sent(line)) if line == "XTEST"));
        while !matches!(engine.next(Instant::now()), Step::Output) {}
        assert_eq!(engine.stage(), Stage::Command);
        engine.written(engine.output().len());
        engine.input(words.as_bytes());
        let answer = (0..9).find_map(|_| match engine.next(Instant::now()) {
            Step::Event(Event::CommandReply(reply)) => Some(reply.code()),
            _ => None,
        });
        assert_eq!(answer, Some(code));
        assert!(engine.is_open());
    }
}
