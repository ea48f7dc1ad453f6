//! A server that says anything at any time: the engine never panics, never loops, holds no more than it should, and
//! every transaction ends exactly once.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "the helpers of tests fail like tests"
)]

mod play;

use std::{collections::VecDeque, time::Instant};

use freesmtp_core::{
    Error, ErrorKind, Secret, Security, Stage,
    protocol::{
        Config, Engine, Event, Outcome, Step, Transaction, TransactionResult,
        auth::{AuthMode, Credentials},
    },
    types::RecipientStatus,
};
use play::{config, model::Model, transaction};
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

/// Who speaks to the client.
enum Peer {
    /// Somebody who says this, whatever is heard.
    Speaker(VecDeque<u8>),
    /// A server that keeps to the RFCs, and somebody on the way who puts bytes in, at that distance each from the last.
    Disturbed(Box<Model>, VecDeque<(usize, Vec<u8>)>),
}

impl Peer {
    fn hear(&mut self, bytes: &[u8]) {
        if let Self::Disturbed(model, _) = self {
            model.receive(bytes);
        }
    }

    /// What it says now, up to so many bytes; nothing when it waits or has gone.
    fn say(&mut self, most: usize) -> Vec<u8> {
        let waiting = match self {
            Self::Speaker(bytes) => bytes,
            Self::Disturbed(model, disturbances) => match disturbances.front_mut() {
                Some((0, bytes)) => {
                    let bytes = std::mem::take(bytes);
                    disturbances.pop_front();
                    return bytes;
                }
                Some((left, _)) => {
                    let count = most.min(*left).min(model.answers.len());
                    *left -= count;
                    return model.answers.drain(..count).collect();
                }
                None => &mut model.answers,
            },
        };
        let count = most.min(waiting.len());
        waiting.drain(..count).collect()
    }
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
    mut peer: Peer,
    chance: &Chance,
) -> Session {
    let mut this =
        Session { engine: Engine::new(config), results: Vec::new(), shown: String::new(), begun: 0 };
    let mut now = Instant::now();
    let mut given = 0;
    for step in 0..STEPS {
        let Session { engine, results, shown, begun } = &mut this;
        assert!(engine.output().len() <= OUTPUT, "{} octets wait", engine.output().len());
        if chance.breaks == Some(step) {
            engine.fail_after_input(Error::new(ErrorKind::Connect, Stage::Command, "the connection broke"));
        }
        if *begun < transactions.len() && (engine.has_room() || *begun == 0) {
            let token = *begun as u64;
            engine.begin(Transaction { token, ..transactions[*begun].clone() });
            *begun += 1;
        }
        match engine.next(now) {
            Step::Event(Event::Finished(result)) => results.push(result),
            Step::Event(Event::Sent(line) | Event::Received(line) | Event::Notice(line)) => {
                shown.push_str(&line);
                shown.push('\n');
            }
            Step::Event(_) => {}
            Step::Output => {
                let count = chance.write.min(engine.output().len());
                peer.hear(&engine.output()[..count]);
                engine.written(count);
            }
            Step::NeedInput => match peer.say(chance.read) {
                bytes if !bytes.is_empty() => engine.input(&bytes),
                _ if chance.falls_silent => now = engine.deadline().expect("a wait has an end"),
                _ => engine.eof(),
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
            Step::Idle => match peer.say(chance.read) {
                bytes if !bytes.is_empty() => engine.input(&bytes),
                _ if chance.quits => engine.quit(),
                _ => return this,
            },
            Step::Done => return this,
        }
    }
    panic!("no end after {STEPS} steps: {:?}", this.engine);
}

/// What holds of every session, whoever spoke.
fn check(session: &Session, transactions: &[Transaction], chance: &Chance) -> Result<(), TestCaseError> {
    let mut tokens: Vec<u64> = session.results.iter().map(|r| r.token).collect();
    tokens.sort_unstable();
    prop_assert_eq!(tokens, (0..session.begun as u64).collect::<Vec<_>>(), "{}", session.shown);
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
    Ok(())
}

fn any_pieces() -> impl Strategy<Value = Vec<Vec<u8>>> {
    let piece = prop::collection::vec(prop::sample::select(b".\r\nx".to_vec()), 0..200);
    prop::collection::vec(piece, 1..4)
}

fn disturbances() -> impl Strategy<Value = Vec<(usize, Vec<u8>)>> {
    prop::collection::vec((0..250usize, said()), 0..3)
}

fn disturbed(keywords: &'static str, lmtp: bool, disturbances: &[(usize, Vec<u8>)]) -> Peer {
    let model = Model { lmtp, ..Model::new(keywords) };
    Peer::Disturbed(Box::new(model), disturbances.iter().cloned().collect())
}

/// The keyword lines of a server for each way in which messages travel.
const KEYWORDS: [&str; 4] = ["", " PIPELINING", " CHUNKING", " PIPELINING CHUNKING"];

proptest! {
    #![proptest_config(ProptestConfig::with_cases(if cfg!(debug_assertions) { 800 } else { 20_000 }))]

    #[test]
    fn whatever_anybody_says_every_transaction_ends_once(
        config in any_config(),
        transactions in prop::collection::vec(any_transaction(), 0..5),
        pieces in any_pieces(),
        said in prop::collection::vec(said(), 0..40),
        chance in chance(),
    ) {
        let greeted = [b"220 hi\r\n".to_vec(), said.concat()].concat();
        for said in [said.concat(), greeted] {
            let session = session(config.clone(), &transactions, &pieces, Peer::Speaker(said.into()), &chance);
            check(&session, &transactions, &chance)?;
        }
    }

    #[test]
    fn whoever_disturbs_a_session_every_transaction_ends_once(
        lmtp in prop::bool::weighted(0.3),
        keywords in prop::sample::select(KEYWORDS.to_vec()),
        transactions in prop::collection::vec(any_transaction(), 1..6),
        pieces in any_pieces(),
        disturbances in disturbances(),
        chance in chance(),
    ) {
        let peer = disturbed(keywords, lmtp, &disturbances);
        let session = session(Config { lmtp, ..config() }, &transactions, &pieces, peer, &chance);
        check(&session, &transactions, &chance)?;
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
            let peer = Peer::Speaker(greeted.iter().copied().collect());
            let session = session(config.clone(), &transactions, &[b"hi\r\n".to_vec()], peer, &chance);
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

/// A test of the tests: sessions get to their end, and to every kind of end.
#[test]
fn the_sessions_get_far() {
    use proptest::{strategy::ValueTree, test_runner::TestRunner};
    let mut runner = TestRunner::deterministic();
    let cases = (prop::sample::select(KEYWORDS.to_vec()), disturbances(), chance(), any_pieces());
    let mut ends = [0; 3];
    for _ in 0..300 {
        let (keywords, disturbances, chance, pieces) = cases.new_tree(&mut runner).unwrap().current();
        let transactions = vec![transaction(&["a@b.test", "c@d.test"]); 4];
        let session =
            session(config(), &transactions, &pieces, disturbed(keywords, false, &disturbances), &chance);
        for result in &session.results {
            ends[match result.outcome {
                Outcome::Delivered(_) => 0,
                Outcome::NotDelivered { .. } => 1,
                Outcome::Unknown(_) => 2,
            }] += 1;
        }
    }
    assert!(ends.iter().all(|count| *count > 20), "delivered, not delivered, unknown: {ends:?}");
}
