//! Many messages in one session: round trips, what is pipelined behind what, and what a refusal in the middle does.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "the helpers of tests fail like tests"
)]

mod play;

use std::{collections::HashMap, time::Instant};

use freesmtp_core::{
    Error, ErrorKind, Stage,
    protocol::{Config, Engine, Event, Outcome, Step, Transaction, TransactionResult},
    types::{Mailbox, RecipientStatus},
};
use play::{
    config,
    model::{Model, Taken},
};
use proptest::prelude::*;

const ALL: &str = " PIPELINING CHUNKING BINARYMIME 8BITMIME";

/// One message of a run.
#[derive(Clone, Debug)]
struct Item {
    recipients: Vec<String>,
    bytes: Vec<u8>,
    all_or_nothing: bool,
    in_turn: bool,
}

impl Item {
    fn new(index: usize) -> Self {
        Self {
            recipients: vec![format!("r{index}@b.test")],
            bytes: format!("Subject: {index}\r\n\r\n.dot\r\n").into_bytes(),
            all_or_nothing: false,
            in_turn: false,
        }
    }

    fn transaction(&self, index: usize) -> Transaction {
        Transaction {
            token: index as u64,
            reverse_path: Some(Mailbox::parse(&format!("s{index}@a.test"), "").unwrap()),
            forward_paths: self.recipients.iter().map(|r| Mailbox::parse(r, "").unwrap()).collect(),
            size: self.bytes.len() as u64,
            all_or_nothing: self.all_or_nothing,
            in_turn: self.in_turn,
            ..play::transaction(&[])
        }
    }
}

/// A run of messages over one session.
struct Run {
    engine: Engine,
    model: Model,
    items: Vec<Item>,
    next: usize,
    given: HashMap<u64, usize>,
    piece: usize,
    /// Octets that the network carries before it breaks.
    breaks_after: Option<usize>,
    carried: usize,
    results: Vec<TransactionResult>,
    log: Vec<String>,
    flights: usize,
    writes: usize,
}

impl Run {
    fn new(config: Config, model: Model, items: Vec<Item>) -> Self {
        Self {
            engine: Engine::new(config),
            model,
            items,
            next: 0,
            given: HashMap::new(),
            piece: 1000,
            breaks_after: None,
            carried: 0,
            results: Vec::new(),
            log: Vec::new(),
            flights: 0,
            writes: 0,
        }
    }

    fn play(&mut self) {
        let now = Instant::now();
        loop {
            while self.next < self.items.len() && self.engine.has_room() {
                self.engine.begin(self.items[self.next].transaction(self.next));
                self.next += 1;
            }
            match self.engine.next(now) {
                Step::Event(Event::Finished(result)) => self.results.push(result),
                Step::Event(Event::Sent(line) | Event::Received(line) | Event::Notice(line)) => {
                    self.log.push(line);
                }
                Step::Event(Event::MessageSent(octets)) => {
                    self.log.push(format!("Message sent. {octets} bytes"));
                }
                Step::Event(_) => {}
                Step::Output => self.write(),
                Step::NeedInput => {
                    self.flights += 1;
                    let answer: Vec<u8> = self.model.answers.drain(..).collect();
                    if answer.is_empty() {
                        assert!(self.model.closed || self.breaks_after.is_some(), "a hang: {:#?}", self.log);
                        self.engine.eof();
                    } else {
                        self.engine.input(&answer);
                    }
                }
                Step::Body(token) => self.give(token),
                Step::Idle if self.next < self.items.len() && !self.engine.is_spent() => {}
                Step::Idle | Step::Done => return,
                step => panic!("{step:?}"),
            }
        }
    }

    fn write(&mut self) {
        self.writes += 1;
        let output = self.engine.output();
        let count = match self.breaks_after {
            Some(limit) => output.len().min(limit - self.carried),
            None => output.len(),
        };
        if count == 0 {
            let error = Error::new(ErrorKind::Connect, Stage::Command, "the connection broke");
            return self.engine.fail_after_input(error);
        }
        self.model.receive(&output[..count]);
        self.carried += count;
        self.engine.written(count);
    }

    fn give(&mut self, token: u64) {
        let index = usize::try_from(token).unwrap();
        assert!(!self.items[index].in_turn || self.results.len() == index, "{token} before its turn");
        let bytes = &self.items[index].bytes;
        let given = self.given.entry(token).or_default();
        let piece = self.piece.max(bytes.len() / 40);
        let end = (*given + piece).min(bytes.len());
        self.engine.body(&bytes[*given..end], end < bytes.len());
        *given = end;
    }

    fn statuses(&self) -> Vec<Vec<RecipientStatus>> {
        self.results.iter().map(|r| r.recipients.iter().map(|d| d.status).collect()).collect()
    }

    fn delivered(&self) -> usize {
        self.results.iter().filter(|r| matches!(r.outcome, Outcome::Delivered(_))).count()
    }
}

fn run(model: Model, items: Vec<Item>) -> Run {
    let mut run = Run::new(config(), model, items);
    run.play();
    run
}

fn items(count: usize) -> Vec<Item> {
    (0..count).map(Item::new).collect()
}

/// Greeting and EHLO.
const OPENING: usize = 2;

#[test]
fn pipelining_takes_one_round_trip_a_message() {
    let run = run(Model::new(" PIPELINING"), items(100));
    assert_eq!(run.delivered(), 100);
    assert_eq!(
        run.flights,
        OPENING + 1 + 100,
        "the first envelope, then each message with the next envelope"
    );
    assert!(run.model.heard.iter().all(|line| line != "RSET"));
}

#[test]
fn chunking_waits_for_nothing() {
    let run = run(Model::new(ALL), items(1000));
    assert_eq!(run.delivered(), 1000);
    // One for the first message and RSET, then a window at a time.
    assert_eq!(run.flights, OPENING + 1 + 999_usize.div_ceil(64));
    for (index, taken) in run.model.taken.iter().enumerate() {
        assert_eq!(taken.bytes, Item::new(index).bytes, "byte for byte, no dot is doubled");
        assert!(taken.sender.contains(&format!("<s{index}@a.test>")));
    }
}

#[test]
fn a_message_in_turn_leaves_after_the_results_before_it_and_its_envelope_with_the_message_before() {
    for keywords in ["", " PIPELINING", " CHUNKING", ALL] {
        let in_turn = |index| Item { in_turn: true, ..Item::new(index) };
        let run = run(Model::new(keywords), (0..100).map(in_turn).collect());
        assert_eq!(run.delivered(), 100, "{keywords}");
        if keywords.contains("PIPELINING") {
            assert!(run.flights <= OPENING + 1 + 100, "{keywords}: {} round trips", run.flights);
        }
    }
}

#[test]
fn without_pipelining_everything_waits() {
    let run = run(Model::new(" CHUNKING"), items(3));
    assert_eq!(run.flights, OPENING + 3 * 4);
    assert!(run.model.heard.iter().any(|line| line == "DATA"), "a chunk at a time would be slow");
}

#[test]
fn the_log_of_a_run_reads_as_a_conversation() {
    let run = run(Model::new(" PIPELINING CHUNKING"), items(3));
    let log = run.log.join("\n");
    let expected = "\
MAIL FROM:<s0@a.test>\n250 sender\nRCPT TO:<r0@b.test>\n250 recipient\nBDAT 20 LAST\nMessage sent. 20 bytes\n250 taken
RSET\n250 reset
MAIL FROM:<s1@a.test>\n250 sender\nRCPT TO:<r1@b.test>\n250 recipient\nBDAT 20 LAST\nMessage sent. 20 bytes\n250 taken
RSET\n250 reset
MAIL FROM:<s2@a.test>\n250 sender\nRCPT TO:<r2@b.test>\n250 recipient\nBDAT 20 LAST\nMessage sent. 20 bytes\n250 taken";
    assert!(log.ends_with(expected), "{log}");
}

/// A refusal of that line, and no other.
fn refusing(keywords: &'static str, line: &'static str, reply: &'static str) -> Model {
    Model { policy: Box::new(move |heard| (heard == line).then_some(reply)), ..Model::new(keywords) }
}

#[test]
fn a_refusal_in_the_middle_touches_no_other_message() {
    for keywords in ["", " PIPELINING", " CHUNKING", ALL] {
        for (line, reply) in [
            ("MAIL FROM:<s1@a.test>", "452 not now"),
            ("MAIL FROM:<s1@a.test>", "550 not you"),
            ("RCPT TO:<r1@b.test>", "550 nobody"),
            ("RCPT TO:<r1@b.test>", "451 grey"),
        ] {
            let run = run(refusing(keywords, line, reply), items(4));
            let status =
                if reply.starts_with('4') { RecipientStatus::Deferred } else { RecipientStatus::Refused };
            let statuses: Vec<_> = run.statuses().concat();
            use RecipientStatus::Accepted;
            assert_eq!(statuses, [Accepted, status, Accepted, Accepted], "{keywords} {line} {:#?}", run.log);
            let senders: Vec<_> = run.model.taken.iter().map(|t| t.sender.clone()).collect();
            assert_eq!(senders.len(), 3);
            for (sender, index) in senders.iter().zip([0, 2, 3]) {
                assert!(sender.contains(&format!("<s{index}@a.test>")), "{senders:?}");
            }
        }
    }
}

#[test]
fn a_server_without_rset_is_followed_one_message_at_a_time() {
    let model = Model { no_rset: true, ..refusing(ALL, "RCPT TO:<r1@b.test>", "550 nobody") };
    let run = run(model, items(5));
    assert_eq!(run.delivered(), 4, "{:#?}", run.log);
    let asked = run.model.heard.iter().filter(|line| *line == "RSET").count();
    assert_eq!(asked, 2, "once to find out, once before EHLO clears the refused one");
    assert!(run.model.taken.iter().all(|t| t.recipients.len() == 1));
}

/// 4 MiB, beyond the first two; a message waits after its first MiB until somebody is to have it.
#[test]
fn few_octets_are_under_way_at_once() {
    for (count, size, flights) in [
        (1, 1 << 20, 1),
        (1, 1 << 21, 2),
        (20, 1 << 19, 1 + 19_usize.div_ceil(8)),
        (20, 1 << 20, 1 + 19_usize.div_ceil(4)),
    ] {
        let long = |index| Item { bytes: vec![b'x'; size], ..Item::new(index) };
        let run = run(Model::new(ALL), (0..count).map(long).collect());
        assert_eq!((run.delivered(), run.flights), (count, OPENING + flights), "{count} of {size} octets");
    }
}

#[test]
fn a_long_message_stops_when_it_is_refused() {
    let long = |index| Item { bytes: vec![b'x'; 4_000_000], ..Item::new(index) };
    let mut stopped =
        Run::new(config(), refusing(ALL, "RCPT TO:<r0@b.test>", "550 nobody"), vec![long(0), Item::new(1)]);
    stopped.piece = 64 * 1024;
    stopped.play();
    assert_eq!(stopped.delivered(), 1);
    assert!(stopped.carried < 1_300_000, "{} octets for nobody", stopped.carried);
    let at_chunk = Model { policy: chunk_refused_once(), ..Model::new(ALL) };
    let mut stopped = Run::new(config(), at_chunk, vec![long(0), Item::new(1)]);
    stopped.piece = 64 * 1024;
    stopped.play();
    assert_eq!(stopped.delivered(), 1, "{:#?}", stopped.results);
    let Outcome::NotDelivered { error, .. } = &stopped.results[0].outcome else {
        panic!("{:?}", stopped.results)
    };
    assert_eq!((error.stage(), error.reply().unwrap().code()), (Stage::Data, 552));
    assert!(stopped.model.heard.contains(&"RSET".to_owned()));
}

fn chunk_refused_once() -> play::model::Policy {
    let mut refused = false;
    Box::new(move |line| (line == "CHUNK" && !std::mem::replace(&mut refused, true)).then_some("552 full"))
}

#[test]
fn what_421_leaves_behind_was_not_delivered() {
    for line in ["MAIL FROM:<s3@a.test>", "RCPT TO:<r3@b.test>"] {
        let run = run(refusing(ALL, line, "421 closing"), items(10));
        assert_eq!(run.delivered(), 3);
        assert_eq!(run.model.taken.len(), 3);
        for (index, result) in run.results.iter().enumerate().skip(3) {
            let Outcome::NotDelivered { error, untouched, .. } = &result.outcome else {
                panic!("{result:?}")
            };
            assert_eq!(error.reply().unwrap().code(), 421);
            assert_eq!(*untouched, index > 3 || line.starts_with("MAIL"));
        }
        assert_eq!(run.results.len(), 10);
    }
}

#[test]
fn mailmax_ends_a_session() {
    let run = run(Model::new(" PIPELINING LIMITS\u{a0}MAILMAX=2"), items(1));
    assert!(!run.engine.is_spent());
    let model =
        Model { policy: Box::new(|line| line.starts_with("EHLO").then_some(LIMITED)), ..Model::new("") };
    let mut run = Run::new(config(), model, items(5));
    run.play();
    assert_eq!((run.delivered(), run.next), (2, 2));
    assert!(run.engine.is_spent());
}

const LIMITED: &str = "250-model.test\n250-PIPELINING\n250 LIMITS MAILMAX=2";

#[test]
fn lmtp_answers_for_each_recipient() {
    for keywords in ["", " PIPELINING", ALL] {
        let mut model = Model { lmtp: true, ..Model::new(keywords) };
        model.policy = Box::new(|line| match line {
            "RCPT TO:<nobody@b.test>" => Some("550 nobody"),
            "DOT RCPT TO:<full@b.test>" | "BDAT RCPT TO:<full@b.test>" => Some("452 full"),
            _ => None,
        });
        let item = Item {
            recipients: ["a@b.test", "nobody@b.test", "full@b.test", "c@b.test"].map(str::to_owned).to_vec(),
            ..Item::new(0)
        };
        let mut run = Run::new(Config { lmtp: true, ..config() }, model, vec![item, Item::new(1)]);
        run.play();
        use RecipientStatus::{Accepted, Deferred, Refused};
        assert_eq!(
            run.statuses(),
            [vec![Accepted, Refused, Deferred, Accepted], vec![Accepted]],
            "{keywords}"
        );
        assert_eq!(run.results[0].recipients[2].stage, Stage::Eom);
        assert_eq!(run.model.heard[0], "LHLO client.test");
        assert_eq!(run.model.taken[0].recipients.len(), 2);
    }
}

#[test]
fn lmtp_nobody_took_it() {
    let mut model = Model { lmtp: true, ..Model::new(ALL) };
    model.policy = Box::new(|line| line.starts_with("BDAT ").then_some("550 no"));
    let mut run = Run::new(Config { lmtp: true, ..config() }, model, items(1));
    run.play();
    let Outcome::NotDelivered { error, .. } = &run.results[0].outcome else { panic!("{:?}", run.results) };
    assert_eq!((error.kind(), error.stage()), (ErrorKind::RecipientsRefused, Stage::Eom));
}

#[test]
fn binary_needs_its_extensions() {
    let mut binary = Run::new(config(), Model::new(ALL), Vec::new());
    binary.items.push(Item { bytes: b"a: b\r\n\r\n\0\n\r.\r".to_vec(), ..Item::new(0) });
    binary.engine.begin(Transaction { binary: true, ..binary.items[0].transaction(0) });
    binary.next = 1;
    binary.play();
    assert_eq!(binary.delivered(), 1);
    assert_eq!(binary.model.taken[0].bytes, binary.items[0].bytes);
    assert!(binary.model.heard[1].contains(" BODY=BINARYMIME"), "{:?}", binary.model.heard);
    for (keywords, binary, exact, delivered) in [
        (" CHUNKING", true, false, 0),
        (" BINARYMIME", true, true, 0),
        (" PIPELINING", false, true, 0),
        (" CHUNKING", false, true, 1),
    ] {
        let mut asked = Run::new(config(), Model::new(keywords), items(1));
        asked.engine.begin(Transaction { binary, exact, ..asked.items[0].transaction(0) });
        asked.next = 1;
        asked.play();
        assert_eq!(asked.delivered(), delivered, "{keywords}: {binary} {exact}");
        assert!(delivered == 1 || asked.model.heard.len() == 1, "nothing but EHLO: {:?}", asked.model.heard);
    }
}

/// A message of a generated run.
fn any_item(index: usize) -> impl Strategy<Value = Item> {
    let body = prop_oneof![Just(0), 1..200usize, Just(5000), Just(150_000)];
    (prop::collection::vec(0..9u8, 1..4), body, prop::bool::weighted(0.2)).prop_map(
        move |(kinds, length, all)| {
            let recipients =
                kinds.iter().enumerate().map(|(i, kind)| format!("r{index}-{i}-{kind}@b.test")).collect();
            let mut bytes = format!("Subject: {index}\r\n\r\n").into_bytes();
            bytes.extend(b"..line\r\n.\r\n".iter().cycle().take(length / 11 * 11));
            Item { recipients, bytes, all_or_nothing: all, in_turn: false }
        },
    )
}

fn any_items() -> impl Strategy<Value = Vec<Item>> {
    (1..30usize).prop_flat_map(|count| (0..count).map(any_item).collect::<Vec<_>>())
}

/// Refuses by the last number in a recipient's name, and by the numbers drawn for senders and ends.
fn any_policy(refused: Vec<u8>, closes_at: Option<usize>) -> play::model::Policy {
    let mut ends = 0;
    let mut commands = 0;
    Box::new(move |line| {
        commands += 1;
        if closes_at == Some(commands) {
            return Some("421 closing");
        }
        if line.starts_with("RCPT") {
            let kind = line.split(['-', '@']).nth(2);
            return match kind {
                Some("1") => Some("550 nobody"),
                Some("2") => Some("450 later"),
                _ => None,
            };
        }
        let draws = line.starts_with("MAIL")
            || line.starts_with("BDAT")
            || line.starts_with("DOT")
            || line == "CHUNK"
            || line == "DATA";
        if draws {
            ends += 1;
            return match refused.get(ends % refused.len().max(1)) {
                Some(0) => Some("554 no"),
                Some(1) => Some("451 later"),
                _ => None,
            };
        }
        None
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(if cfg!(debug_assertions) { 150 } else { 3000 }))]

    /// Whatever is refused, and wherever the connection breaks: every message has one result, what the result calls
    /// delivered the server has exactly once and to just these recipients, and what it calls not delivered the server
    /// has not. Only a broken connection leaves doubt.
    #[test]
    fn results_say_what_the_server_has(
        items in any_items(),
        keywords in prop::sample::select(vec!["", " PIPELINING", " CHUNKING", " PIPELINING CHUNKING", ALL]),
        lmtp in prop::bool::weighted(0.3),
        no_rset in prop::bool::weighted(0.2),
        refused in prop::collection::vec(0..12u8, 0..20),
        closes_at in prop::option::weighted(0.3, 1..60usize),
        breaks_after in prop::option::weighted(0.3, 20..20_000usize),
        piece in prop::sample::select(vec![7usize, 1000, 65_536]),
    ) {
        let model = Model { lmtp, no_rset, policy: any_policy(refused, closes_at), ..Model::new(keywords) };
        let mut run = Run::new(Config { lmtp, ..config() }, model, items.clone());
        run.breaks_after = breaks_after;
        run.piece = piece;
        run.play();
        prop_assert_eq!(run.results.len(), run.next, "each that was begun has one result");
        if run.engine.is_open() {
            prop_assert_eq!(run.next, items.len());
        }
        let mut had: HashMap<usize, &Taken> = HashMap::new();
        for taken in &run.model.taken {
            let index = taken.sender.strip_prefix("MAIL FROM:<s").and_then(|s| s.split('@').next()).unwrap();
            prop_assert!(had.insert(index.parse().unwrap(), taken).is_none(), "twice: {}", index);
        }
        for result in &run.results {
            let index = usize::try_from(result.token).unwrap();
            let taken = had.get(&index);
            match &result.outcome {
                Outcome::Delivered(_) => {
                    let taken = taken.expect("the server has it");
                    prop_assert_eq!(&taken.bytes, &items[index].bytes);
                    // LMTP: the connection may break between the answers for two recipients.
                    for (decision, recipient) in result.recipients.iter().zip(&items[index].recipients) {
                        let has = taken.recipients.contains(&format!("RCPT TO:<{recipient}>"));
                        match decision.status {
                            RecipientStatus::Unknown => prop_assert!(breaks_after.is_some() || closes_at.is_some()),
                            status => prop_assert_eq!(has, status == RecipientStatus::Accepted),
                        }
                    }
                }
                Outcome::NotDelivered { .. } => {
                    prop_assert!(taken.is_none(), "{:?} {:#?}", result, run.log);
                    prop_assert!(result.recipients.iter().all(|d| d.status != RecipientStatus::Accepted));
                }
                Outcome::Unknown(_) => prop_assert!(breaks_after.is_some() || closes_at.is_some()),
            }
        }
    }
}
