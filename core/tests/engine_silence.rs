//! A server that never answers, in each phase, by a clock of the test's own: each ends in its own time, names its phase,
//! and nothing sleeps.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "the helpers of tests fail like tests"
)]

mod play;

use std::time::{Duration, Instant};

use freesmtp_core::{
    ErrorKind, Security, Stage,
    protocol::{
        Config, Engine, Event, Outcome, Step, Timeouts, Transaction, TransactionResult,
        auth::{AuthMode, Credentials},
    },
    types::Failure,
};
use play::{Cut, Play, Server, config, transaction};

/// Different for each phase, so that a test sees which one was used.
const TIMEOUTS: Timeouts = Timeouts {
    connect: Duration::from_secs(3),
    greeting: Duration::from_secs(5),
    command: Duration::from_secs(7),
    data_block: Duration::from_secs(11),
    end_of_data: Duration::from_secs(13),
    operation: None,
};

const HI: (&str, &str) = ("", "220 hi\r\n");
const EHLO: &str = "EHLO client.test";
const PLAIN: (&str, &str) = (EHLO, "250 a\r\n");
const GROUPS: (&str, &str) = (EHLO, "250-a\r\n250 PIPELINING\r\n");
const MAIL: &str = "MAIL FROM:<s@a.test>";
const RCPT: &str = "RCPT TO:<r@b.test>";
const OK: &str = "250 ok\r\n";

/// A session, its script up to the silence, how long that lasts, and the stage in the error.
type Case<'a> = (Config, &'a [(&'static str, &'static str)], Duration, Stage);

fn timed(config: Config) -> Config {
    Config { timeouts: TIMEOUTS, ..config }
}

fn logging_in(mode: AuthMode) -> Config {
    let credentials =
        Credentials { account: "user".to_owned(), password: "secret".into(), mode, ..Credentials::default() };
    Config { security: Security::Implicit, credentials: Some(credentials), ..config() }
}

/// Plays up to the silence; the session's error says the stage, and the wait was as long as it should be.
fn silent(config: Config, script: &[(&'static str, &'static str)], limit: Duration, stage: Stage) -> Play {
    let mut play = Play::new(timed(config), Server::new(script), Cut::Whole);
    let waited = play.until_silent(transaction(&["r@b.test"]), b"hi\r\n");
    let error = play.engine.error().unwrap_or_else(|| panic!("{stage}: no error"));
    assert_eq!((waited, error.stage()), (limit, stage), "{error}");
    play.finish();
    play
}

#[test]
fn silence_before_the_message_is_a_timeout_of_that_phase() {
    let Timeouts { greeting, command, .. } = TIMEOUTS;
    let encrypted = || Config { security: Security::Required, ..config() };
    let offers = (EHLO, "250-a\r\n250 STARTTLS\r\n");
    let login = (EHLO, "250-a\r\n250 AUTH LOGIN\r\n");
    let cases: &[Case<'_>] = &[
        (config(), &[("", "")], greeting, Stage::Connect),
        (config(), &[("", "220-hi\r\n")], greeting, Stage::Connect),
        (config(), &[("", "220 h")], greeting, Stage::Connect),
        (config(), &[HI, (EHLO, "")], command, Stage::Ehlo),
        (config(), &[HI, (EHLO, "250-a\r\n250-SIZE 5\r\n")], command, Stage::Ehlo),
        (config(), &[HI, (EHLO, "500 no\r\n"), ("HELO client.test", "")], command, Stage::Ehlo),
        (encrypted(), &[HI, offers, ("STARTTLS", "")], command, Stage::StartTls),
        (encrypted(), &[HI, offers, ("STARTTLS", "220 go\r\n"), (EHLO, "")], command, Stage::Ehlo),
        (logging_in(AuthMode::AuthLogin), &[HI, login, ("AUTH LOGIN", "")], command, Stage::Auth),
        (
            logging_in(AuthMode::AuthLogin),
            &[HI, login, ("AUTH LOGIN", "334 VXNlcm5hbWU6\r\n"), ("dXNlcg==", "")],
            command,
            Stage::Auth,
        ),
        (
            logging_in(AuthMode::AuthLogin),
            &[
                HI,
                login,
                ("AUTH LOGIN", "334 VXNlcm5hbWU6\r\n"),
                ("dXNlcg==", "334 UGFzc3dvcmQ6\r\n"),
                ("c2VjcmV0", ""),
            ],
            command,
            Stage::Auth,
        ),
        (
            logging_in(AuthMode::AuthLogin),
            &[HI, login, ("AUTH LOGIN", "334 !!!\r\n"), ("*", "")],
            command,
            Stage::Auth,
        ),
        (config(), &[HI, PLAIN, (MAIL, "")], command, Stage::Mail),
        (config(), &[HI, PLAIN, (MAIL, OK), (RCPT, "")], command, Stage::Rcpt),
        (config(), &[HI, PLAIN, (MAIL, OK), (RCPT, "250-o")], command, Stage::Rcpt),
        (config(), &[HI, PLAIN, (MAIL, OK), (RCPT, OK), ("DATA", "")], command, Stage::Data),
        (config(), &[HI, GROUPS, (MAIL, ""), (RCPT, ""), ("DATA", "")], command, Stage::Mail),
        (config(), &[HI, GROUPS, (MAIL, OK), (RCPT, ""), ("DATA", "")], command, Stage::Rcpt),
        (config(), &[HI, GROUPS, (MAIL, OK), (RCPT, OK), ("DATA", "")], command, Stage::Data),
    ];
    for (config, script, limit, stage) in cases {
        let play = silent(config.clone(), script, *limit, *stage);
        let error = play.engine.error().unwrap();
        assert_eq!(error.kind(), ErrorKind::Timeout, "{script:?}");
        let failure = if *stage == Stage::Connect { Failure::GreetingTimeout } else { Failure::ReplyTimeout };
        assert_eq!(error.failure(), Some(failure), "{script:?}");
        assert!(error.is_temporary(), "{script:?}");
        let [result] = play.results().as_slices().0 else { panic!("one result: {:?}", play.results()) };
        assert!(matches!(result.outcome, Outcome::NotDelivered { .. }), "{result:?}");
    }
}

#[test]
fn silence_after_the_message_leaves_its_outcome_unknown() {
    let script = [HI, PLAIN, (MAIL, OK), (RCPT, OK), ("DATA", "354 go\r\n"), ("hi", ""), (".", "")];
    let play = silent(config(), &script, TIMEOUTS.end_of_data, Stage::Eom);
    assert_eq!(play.engine.error().unwrap().kind(), ErrorKind::OutcomeUnknown);
    assert!(matches!(play.results().as_slices().0, [TransactionResult { outcome: Outcome::Unknown(_), .. }]));
}

#[test]
fn silence_at_rset_is_a_timeout_of_a_command() {
    let refused = [HI, PLAIN, (MAIL, "550 no\r\n"), ("RSET", "")];
    let mut play = Play::new(timed(config()), Server::new(&refused), Cut::Whole);
    play.send(transaction(&["r@b.test"]), b"");
    let waited = play.until_silent(transaction(&["r@b.test"]), b"");
    let error = play.engine.error().unwrap();
    assert_eq!((waited, error.kind(), error.stage()), (TIMEOUTS.command, ErrorKind::Timeout, Stage::Command));
    let [result] = play.results().as_slices().0 else { panic!("{:?}", play.results()) };
    assert!(matches!(result.outcome, Outcome::NotDelivered { untouched: true, .. }), "it may be repeated");
}

#[test]
fn silence_at_quit_is_no_error() {
    let mut play = Play::new(timed(config()), Server::new(&[HI, PLAIN, ("QUIT", "")]), Cut::Whole);
    play.open();
    play.engine.quit();
    assert_eq!(play.wait_for_silence(), TIMEOUTS.command);
    assert!(play.engine.error().is_none(), "{:?}", play.engine.error());
    assert!(!play.engine.is_open());
}

#[test]
fn a_reply_that_trickles_in_does_not_gain_time() {
    let mut engine = Engine::new(timed(config()));
    let mut now = Instant::now();
    let start = now;
    let mut lines = 0;
    loop {
        match engine.next(now) {
            Step::NeedInput => {
                // A byte, and after ten of them a line, a second before the time is over.
                now += Duration::from_millis(100);
                engine.input(if lines % 10 == 9 { b"\r\n" } else { &b"220-......"[lines % 10..][..1] });
                lines += 1;
            }
            Step::Event(_) => {}
            Step::Done => break,
            step => panic!("{step:?}"),
        }
    }
    assert_eq!(now - start, TIMEOUTS.greeting);
    assert_eq!(engine.error().unwrap().kind(), ErrorKind::Timeout);
}

/// An engine with an open session over which nothing can be written any more, and its clock.
struct Stalled {
    engine: Engine,
    now: Instant,
    results: Vec<TransactionResult>,
}

impl Stalled {
    /// Answers what the server was asked, until so many octets were taken.
    fn after(octets: usize, keywords: &str, body: &[u8]) -> Self {
        let mut this =
            Self { engine: Engine::new(timed(config())), now: Instant::now(), results: Vec::new() };
        this.engine.input(b"220 hi\r\n");
        let mut room = octets;
        let mut heard = Vec::new();
        this.engine.begin(transaction(&["r@b.test"]));
        loop {
            match this.engine.next(this.now) {
                Step::Event(Event::Finished(result)) => this.results.push(result),
                Step::Event(_) => {}
                Step::Output if room == 0 => return this,
                Step::Output => {
                    let count = this.engine.output().len().min(room);
                    heard.extend_from_slice(&this.engine.output()[..count]);
                    room -= count;
                    this.engine.written(count);
                    while let Some(at) = heard.windows(2).position(|w| w == b"\r\n") {
                        let line: Vec<u8> = heard.drain(..at + 2).collect();
                        this.answer(&line, keywords);
                    }
                }
                Step::Body(_) => this.engine.body(body, false),
                step => panic!("{step:?} with {room} octets left"),
            }
        }
    }

    fn answer(&mut self, line: &[u8], keywords: &str) {
        let ehlo = format!("250-a{keywords}\r\n250 HELP\r\n");
        let reply = match line.get(..4) {
            Some(b"EHLO") => &ehlo,
            Some(b"MAIL" | b"RCPT" | b"RSET") => OK,
            Some(b"DATA") => "354 go\r\n",
            _ => "",
        };
        self.engine.input(reply.as_bytes());
    }

    /// Until the engine gives up, and how long that took.
    fn give_up(&mut self) -> Duration {
        let deadline = self.engine.deadline().expect("a deadline");
        assert!(matches!(self.engine.next(deadline - Duration::from_millis(1)), Step::Output));
        loop {
            match self.engine.next(deadline) {
                Step::Event(Event::Finished(result)) => self.results.push(result),
                Step::Event(_) => {}
                Step::Done => return deadline - self.now,
                step => panic!("{step:?}"),
            }
        }
    }
}

#[test]
fn a_network_that_takes_no_more_bytes_ends_the_session() {
    let groups = "\r\n250-PIPELINING";
    let blind = "\r\n250-PIPELINING\r\n250-CHUNKING";
    let long = [b'x'; 70_000];
    // Within EHLO, within MAIL, within a group, within a message, within its last line, within a chunk.
    for (octets, keywords, stage) in [
        (0, "", Stage::Ehlo),
        (7, "", Stage::Ehlo),
        (20, "", Stage::Mail),
        (50, groups, Stage::Rcpt),
        (5000, "", Stage::Eom),
        (66_000, groups, Stage::Eom),
        (70_000, blind, Stage::Eom),
    ] {
        let mut stalled = Stalled::after(octets, keywords, &long);
        assert_eq!(stalled.give_up(), TIMEOUTS.data_block, "{octets}");
        let error = stalled.engine.error().unwrap();
        assert_eq!((error.kind(), error.stage()), (ErrorKind::Timeout, stage), "{octets}: {error}");
        let [result] = &stalled.results[..] else { panic!("{:?}", stalled.results) };
        assert!(matches!(result.outcome, Outcome::NotDelivered { .. }), "it was never complete: {result:?}");
    }
}

#[test]
fn silence_between_pipelined_messages_tells_them_apart() {
    for (keywords, in_doubt) in [("\r\n250-PIPELINING", 1), ("\r\n250-PIPELINING\r\n250-CHUNKING", 1)] {
        let mut engine = Engine::new(timed(config()));
        let mut results = Vec::new();
        let mut now = Instant::now();
        let mut heard = Vec::new();
        let mut silent = false;
        let mut begun = 0;
        engine.input(b"220 hi\r\n");
        loop {
            while engine.is_open() && begun < 3 && engine.has_room() {
                engine.begin(Transaction { token: begun, ..transaction(&["r@b.test"]) });
                begun += 1;
            }
            match engine.next(now) {
                Step::Event(Event::Finished(result)) => results.push(result),
                Step::Event(_) => {}
                Step::Body(_) => engine.body(b"hi\r\n", false),
                Step::Output => {
                    heard.extend_from_slice(engine.output());
                    let count = engine.output().len();
                    engine.written(count);
                    while let Some(at) = heard.windows(2).position(|w| w == b"\r\n") {
                        let line: Vec<u8> = heard.drain(..at + 2).collect();
                        // Silent from the end of the first message on.
                        silent |= line == b".\r\n" || line.starts_with(b"BDAT");
                        let ehlo = format!("250-a{keywords}\r\n250 HELP\r\n");
                        let reply = match &line[..] {
                            _ if silent => "",
                            line if line.starts_with(b"EHLO") => &ehlo,
                            b"DATA\r\n" => "354 go\r\n",
                            line if line.starts_with(b"MAIL") || line.starts_with(b"RCPT") => OK,
                            _ => "",
                        };
                        engine.input(reply.as_bytes());
                    }
                }
                Step::NeedInput => {
                    let deadline = engine.deadline().expect("a deadline");
                    assert_eq!(deadline - now, TIMEOUTS.end_of_data);
                    now = deadline;
                }
                Step::Done => break,
                step => panic!("{step:?}"),
            }
        }
        let unknown = results.iter().filter(|r| matches!(r.outcome, Outcome::Unknown(_))).count();
        assert_eq!(unknown, in_doubt, "{results:#?}");
        assert!(matches!(results[0].outcome, Outcome::Unknown(_)));
        for result in &results[1..] {
            let Outcome::NotDelivered { untouched: true, .. } = result.outcome else { panic!("{result:?}") };
        }
    }
}
