//! A server that says anything at any time: the engine never panics, never loops, holds no more than it should, and
//! every transaction ends exactly once.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "the helpers of tests fail like tests"
)]

mod play;

use std::time::Instant;

use freesmtp_core::{
    Error, ErrorKind, Secret, Security, Stage,
    protocol::{
        Config, Engine, Event, Outcome, Step, Transaction, TransactionResult,
        auth::{AuthMode, Credentials},
    },
    types::RecipientStatus,
};
use play::{config, transaction};
use proptest::prelude::*;

/// More than any session here needs; an engine that comes here loops.
const STEPS: usize = 100_000;
/// The output may hold what is enough to be written, one piece of a message with every dot doubled, and a command.
const OUTPUT: usize = 128 * 1024 + 2 * PIECE + 1024;
const PIECE: usize = 16 * 1024;

/// Something that a server may say: mostly replies, so that sessions get far; some nonsense.
fn said() -> impl Strategy<Value = Vec<u8>> {
    let text = |text: &'static str| Just(text.as_bytes().to_vec());
    prop_oneof![
        12 => text("250 ok\r\n"),
        6 => text("354 go\r\n"),
        4 => prop::sample::select(vec![
            "250-a\r\n250-PIPELINING\r\n250 CHUNKING\r\n",
            "250-a\r\n250-PIPELINING\r\n250 SIZE 50\r\n",
            "250-a\r\n250-STARTTLS\r\n250-AUTH PLAIN LOGIN CRAM-MD5 XOAUTH2 SCRAM-SHA-256\r\n250 8BITMIME\r\n",
            "250-a\r\n250-LIMITS MAILMAX=2 RCPTMAX=1\r\n250-PIPELINING\r\n250-BINARYMIME\r\n250 CHUNKING\r\n",
        ])
        .prop_map(|text| text.as_bytes().to_vec()),
        3 => prop::sample::select(vec![
            "220 go\r\n", "235 in\r\n", "334 \r\n", "334 VXNlcm5hbWU6\r\n", "334 !!\r\n", "450 4.2.1 later\r\n",
            "500 what\r\n", "503 5.5.1 order\r\n", "535 5.7.8 no\r\n", "550 5.1.1 nobody\r\n", "552 big\r\n",
            "504 5.5.4 no\r\n", "421 4.3.2 bye\r\n", "250-", "250-more\r\n", "250\r\n", "25", "\r", "\n",
        ])
        .prop_map(|text| text.as_bytes().to_vec()),
        1 => prop::collection::vec(any::<u8>(), 0..40),
        1 => (any::<u8>(), 1..5000usize).prop_map(|(byte, count)| vec![byte; count]),
    ]
}

/// What the network and the program do besides.
#[derive(Clone, Debug)]
struct Chance {
    /// Octets of one read.
    read: usize,
    /// Octets that one write takes.
    write: usize,
    /// Steps after which the connection breaks.
    breaks: Option<usize>,
    /// The end of what the server says is silence, not the end of the connection.
    falls_silent: bool,
    /// The message can't be given to its end.
    aborts: bool,
    /// QUIT when idle.
    quits: bool,
}

fn chance() -> impl Strategy<Value = Chance> {
    let (read, write) =
        (prop::sample::select(vec![1usize, 2, 7, 4096]), prop::sample::select(vec![1usize, 100, 70_000]));
    let breaks = prop::option::weighted(0.2, 0..60usize);
    (read, write, breaks, any::<bool>(), prop::bool::weighted(0.1), any::<bool>()).prop_map(
        |(read, write, breaks, falls_silent, aborts, quits)| Chance {
            read,
            write,
            breaks,
            falls_silent,
            aborts,
            quits,
        },
    )
}

fn any_config() -> impl Strategy<Value = Config> {
    let security = prop::sample::select(vec![
        Security::None,
        Security::Opportunistic,
        Security::Required,
        Security::Implicit,
    ]);
    let mode = prop::option::of(prop::sample::select(vec![
        AuthMode::Auto,
        AuthMode::AuthLogin,
        AuthMode::CramMd5,
        AuthMode::ScramSha256,
        AuthMode::XOAuth2,
    ]));
    (security, mode, prop::bool::weighted(0.2)).prop_map(|(security, mode, lmtp)| {
        let credentials = mode.map(|mode| Credentials {
            account: "user".to_owned(),
            password: "hunter22".into(),
            mode,
            allow_plaintext: true,
            ..Credentials::default()
        });
        Config { security, credentials, lmtp, ..config() }
    })
}

fn any_transaction() -> impl Strategy<Value = Transaction> {
    let recipients = prop::collection::vec(
        prop::sample::select(vec!["a@b.test", "c@d.test", "j\u{fc}rgen@b.test", "e@b\u{fc}cher.test"]),
        0..4,
    );
    (recipients, any::<bool>(), any::<bool>(), prop::bool::weighted(0.2), 0..100u64).prop_map(
        |(recipients, utf8, all_or_nothing, exact, size)| Transaction {
            utf8,
            all_or_nothing,
            exact,
            size,
            ..transaction(&recipients)
        },
    )
}

/// What came of a session.
struct Session {
    engine: Engine,
    results: Vec<TransactionResult>,
    /// Everything that was shown.
    shown: String,
    begun: usize,
}

fn session(
    config: Config,
    transactions: &[Transaction],
    pieces: &[Vec<u8>],
    said: &[u8],
    chance: &Chance,
) -> Session {
    let mut this =
        Session { engine: Engine::new(config), results: Vec::new(), shown: String::new(), begun: 0 };
    let mut said = said.chunks(chance.read);
    let mut now = Instant::now();
    let mut given = 0;
    for step in 0..STEPS {
        let Session { engine, .. } = &mut this;
        assert!(engine.output().len() <= OUTPUT, "{} octets wait", engine.output().len());
        if chance.breaks == Some(step) {
            engine.fail_after_input(Error::new(ErrorKind::Connect, Stage::Command, "the connection broke"));
        }
        if this.begun < transactions.len() && (engine.has_room() || this.begun == 0) {
            let token = this.begun as u64;
            engine.begin(Transaction { token, ..transactions[this.begun].clone() });
            this.begun += 1;
        }
        match engine.next(now) {
            Step::Event(Event::Finished(result)) => this.results.push(result),
            Step::Event(Event::Sent(line) | Event::Received(line) | Event::Notice(line)) => {
                this.shown.push_str(&line);
                this.shown.push('\n');
            }
            Step::Event(_) => {}
            Step::Output => engine.written(chance.write.min(engine.output().len())),
            Step::NeedInput => match said.next() {
                Some(bytes) => engine.input(bytes),
                None if chance.falls_silent => now = engine.deadline().expect("a wait has an end"),
                None => engine.eof(),
            },
            Step::Body(_) if chance.aborts => {
                engine.body(b"abc", true);
                engine.body_abort(Error::new(ErrorKind::FileIo, Stage::Data, "the file changed"));
            }
            Step::Body(_) => {
                let piece = pieces.get(given % pieces.len().max(1)).map_or(&b""[..], Vec::as_slice);
                given += 1;
                engine.body(piece, given % 3 != 0);
            }
            Step::StartTls => engine.tls_established(),
            Step::NeedToken { refresh } if refresh => engine.token(Err("none left".to_owned())),
            Step::NeedToken { .. } => engine.token(Ok(Secret::new("t0ken-hunter22"))),
            Step::Idle => match said.next() {
                Some(bytes) => engine.input(bytes),
                None if chance.quits => engine.quit(),
                None => return this,
            },
            Step::Done => return this,
        }
    }
    panic!("no end after {STEPS} steps: {:?}", this.engine);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(if cfg!(debug_assertions) { 1500 } else { 20_000 }))]

    #[test]
    fn whatever_the_server_says_every_transaction_ends_once(
        config in any_config(),
        transactions in prop::collection::vec(any_transaction(), 0..5),
        pieces in prop::collection::vec(prop::collection::vec(prop::sample::select(b".\r\nx".to_vec()), 0..200), 1..4),
        said in prop::collection::vec(said(), 0..40),
        chance in chance(),
    ) {
        let said = said.concat();
        let mut greeted = b"220 hi\r\n".to_vec();
        greeted.extend_from_slice(&said);
        for said in [&said, &greeted] {
            let session = session(config.clone(), &transactions, &pieces, said, &chance);
            let tokens: Vec<u64> = session.results.iter().map(|r| r.token).collect();
            let mut sorted = tokens.clone();
            sorted.sort_unstable();
            prop_assert_eq!(sorted, (0..session.begun as u64).collect::<Vec<_>>(), "{}", session.shown);
            for result in &session.results {
                let transaction = &transactions[usize::try_from(result.token).unwrap()];
                prop_assert_eq!(result.recipients.len(), transaction.forward_paths.len());
                let accepted = result.recipients.iter().any(|d| d.status == RecipientStatus::Accepted);
                match &result.outcome {
                    Outcome::Delivered(reply) => {
                        prop_assert!(accepted && reply.is_positive(), "{result:?}\n{}", session.shown);
                    }
                    Outcome::NotDelivered { .. } => prop_assert!(!accepted, "{result:?}\n{}", session.shown),
                    Outcome::Unknown(error) => {
                        prop_assert!(!accepted && !error.is_temporary(), "{result:?}\n{}", session.shown);
                    }
                }
            }
            // What is not open any more says why, unless it was ended by QUIT.
            prop_assert!(session.engine.is_open() || session.engine.error().is_some() || chance.quits);
            prop_assert!(!session.shown.contains("hunter22"), "{}", session.shown);
        }
    }

    /// However the bytes are cut, the same session comes of them.
    #[test]
    fn how_the_bytes_are_cut_makes_no_difference(
        config in any_config(),
        transactions in prop::collection::vec(any_transaction(), 1..2),
        said in prop::collection::vec(said(), 0..30),
    ) {
        let mut greeted = b"220 hi\r\n".to_vec();
        greeted.extend(said.concat());
        let run = |read, write| {
            let chance = Chance { read, write, breaks: None, falls_silent: false, aborts: false, quits: false };
            let session = session(config.clone(), &transactions, &[b"hi\r\n".to_vec()], &greeted, &chance);
            let results: Vec<String> = session.results.iter().map(|r| format!("{r:?}")).collect();
            (results, session.shown)
        };
        let (by_byte, shown) = run(1, 70_000);
        prop_assert_eq!(run(1, 1), (by_byte, shown), "writes of one octet");
    }
}

#[test]
fn a_server_that_never_ends_a_line_is_not_listened_to() {
    let mut engine = Engine::new(config());
    let mut octets = 0;
    loop {
        match engine.next(Instant::now()) {
            Step::NeedInput => {
                engine.input(&[b'x'; 100]);
                octets += 100;
            }
            Step::Event(_) => {}
            Step::Done => break,
            step => panic!("{step:?}"),
        }
        assert!(octets < 3000);
    }
    assert_eq!(engine.error().unwrap().kind(), ErrorKind::Protocol);
}
