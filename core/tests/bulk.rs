//! `SendBulk` over real sockets, on threads and on tokio, against servers that keep to the RFCs.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "the helpers of tests fail like tests"
)]

mod play;
mod served;

use std::{
    collections::BTreeMap,
    io::{Read, Write},
    net::{TcpListener, TcpStream},
    sync::{
        Arc, Mutex,
        atomic::{AtomicUsize, Ordering},
    },
    thread,
};

use freesmtp_core::{
    BulkMessage, BulkResult, EmailMessage, Error, ErrorKind, Server, Smtp, Stage, message::Stream,
    types::RecipientStatus,
};
use play::model::{Model, Taken};
use served::{Way, both, closed_port, in_tokio};

const ALL: &str = " PIPELINING CHUNKING";

/// A server for any number of connections; each has a model of its own, made by its number.
#[derive(Clone, Default)]
struct Town {
    taken: Arc<Mutex<Vec<Taken>>>,
    heard: Arc<Mutex<Vec<Vec<String>>>>,
    open: Arc<AtomicUsize>,
    most: Arc<AtomicUsize>,
}

impl Town {
    fn found(&self, model: impl Fn(usize, &Self) -> Model + Send + Sync + 'static) -> u16 {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        let (town, model) = (self.clone(), Arc::new(model));
        thread::spawn(move || {
            for (number, socket) in listener.incoming().enumerate() {
                let (town, model) = (town.clone(), Arc::clone(&model));
                town.open.fetch_add(1, Ordering::SeqCst);
                let first = model(number, &town);
                thread::spawn(move || town.serve(socket.unwrap(), first));
            }
        });
        port
    }

    fn serve(&self, mut socket: TcpStream, mut model: Model) {
        let now = self.open.load(Ordering::SeqCst);
        self.most.fetch_max(now, Ordering::SeqCst);
        let mut buffer = vec![0; 64 * 1024];
        loop {
            let answer: Vec<u8> = model.answers.drain(..).collect();
            self.taken.lock().unwrap().append(&mut model.taken);
            if socket.write_all(&answer).is_err() || model.closed {
                break;
            }
            match socket.read(&mut buffer) {
                Ok(count) if count > 0 => model.receive(&buffer[..count]),
                _ => break,
            }
        }
        self.open.fetch_sub(1, Ordering::SeqCst);
        self.heard.lock().unwrap().push(model.heard);
    }

    /// The messages that were taken, by their subject, with how often.
    fn subjects(&self) -> BTreeMap<String, usize> {
        let mut subjects = BTreeMap::new();
        for taken in self.taken.lock().unwrap().iter() {
            let text = String::from_utf8_lossy(&taken.bytes);
            let subject = text.lines().find_map(|line| line.strip_prefix("Subject: ")).unwrap().to_owned();
            *subjects.entry(subject).or_default() += 1;
        }
        subjects
    }
}

fn message(number: usize) -> EmailMessage {
    let mut message = EmailMessage::new();
    message.from = "sender@a.test".into();
    message.add_recipient(format!("r{number}@b.test"));
    message.subject = format!("m{number}");
    message.add_text("Hello\n");
    message
}

fn smtp(port: u16, connections: usize) -> Smtp {
    let mut smtp = Smtp::default();
    smtp.servers_mut().push(Server { port, ..Server::new("127.0.0.1") });
    smtp.set_max_connections(connections).unwrap();
    smtp
}

fn bulk<I>(way: Way, smtp: &Smtp, messages: I) -> Vec<BulkResult>
where
    I: IntoIterator,
    I::Item: BulkMessage,
{
    let mut results = match way {
        Way::Thread => smtp.send_bulk(messages).collect(),
        Way::Tokio => in_tokio(async {
            let mut bulk = smtp.send_bulk_async(messages).unwrap();
            let mut results = Vec::new();
            while let Some(result) = bulk.next_async().await {
                results.push(result);
            }
            results
        }),
    };
    results.sort_by_key(|result: &BulkResult| result.index);
    results
}

fn all_once(town: &Town, count: usize) {
    let subjects = town.subjects();
    assert_eq!(subjects.len(), count);
    assert!(subjects.values().all(|times| *times == 1), "{subjects:?}");
}

#[test]
fn every_message_arrives_once_over_few_connections() {
    both(|way| {
        for keywords in ["", " PIPELINING", ALL] {
            let town = Town::default();
            let smtp = smtp(town.found(move |_, _| Model::new(keywords)), 4);
            let results = bulk(way, &smtp, (0..500).map(message));
            assert_eq!(results.len(), 500);
            for (at, sent) in results.iter().enumerate() {
                let report = sent.result.as_ref().unwrap();
                assert_eq!((sent.index, report.reply.code()), (at, 250));
                let mail =
                    report.transcript.iter().filter(|line| line.starts_with("RCPT")).collect::<Vec<_>>();
                assert_eq!(mail, [&format!("RCPT TO:<r{at}@b.test>")], "its own conversation");
            }
            all_once(&town, 500);
            assert!((1..=4).contains(&town.most.load(Ordering::SeqCst)));
            assert!(smtp.connected(), "the connections are kept");
        }
    });
}

#[test]
fn messages_are_taken_from_the_iterator_as_they_are_needed() {
    both(|way| {
        let town = Town::default();
        let smtp = smtp(town.found(|_, _| Model::new(ALL)), 1);
        let made = AtomicUsize::new(0);
        let endless = (0..).map(|number| {
            made.fetch_add(1, Ordering::SeqCst);
            message(number)
        });
        let ahead = |results: usize| assert!(made.load(Ordering::SeqCst) < results + 400, "{made:?}");
        match way {
            Way::Thread => {
                for (taken, sent) in smtp.send_bulk(endless).take(1000).enumerate() {
                    assert!(sent.result.is_ok());
                    ahead(taken);
                }
            }
            Way::Tokio => in_tokio(async {
                let mut bulk = smtp.send_bulk_async(endless).unwrap();
                for taken in 0..1000 {
                    assert!(bulk.next_async().await.unwrap().result.is_ok());
                    ahead(taken);
                }
            }),
        }
    });
}

#[test]
fn one_failure_never_stops_the_others() {
    both(|way| {
        let town = Town::default();
        let port = town.found(|_, _| Model {
            policy: Box::new(|line| line.ends_with("<r3@b.test>").then_some("550 5.1.1 nobody")),
            ..Model::new(ALL)
        });
        let smtp = smtp(port, 2);
        let messages = (0..20).map(|number| match number {
            5 => Err(Error::input("Recipients", "a row without an address")),
            7 => Ok(EmailMessage::new()),
            _ => Ok(message(number)),
        });
        let results = bulk(way, &smtp, messages);
        let failed: Vec<_> = results
            .iter()
            .filter_map(|sent| Some((sent.index, sent.result.as_ref().err()?.kind())))
            .collect();
        use ErrorKind::{Message, RecipientsRefused};
        assert_eq!(failed, [(3, RecipientsRefused), (5, Message), (7, Message)]);
        all_once(&town, 17);
        let refused = results[3].result.as_ref().unwrap_err();
        assert_eq!(refused.diagnosis().unwrap().cause.as_str(), "recipient-unknown");
    });
}

/// Closes the connection with 421 at every seventh MAIL.
fn tired(keywords: &'static str) -> Model {
    let mut mails = 0;
    let policy = move |line: &str| {
        mails += usize::from(line.starts_with("MAIL"));
        (mails == 7).then_some("421 enough")
    };
    Model { policy: Box::new(policy), ..Model::new(keywords) }
}

#[test]
fn what_a_closing_server_left_untouched_goes_over_another_connection() {
    both(|way| {
        for keywords in ["", " PIPELINING", ALL] {
            let town = Town::default();
            let smtp = smtp(town.found(move |_, _| tired(keywords)), 3);
            let results = bulk(way, &smtp, (0..200).map(message));
            assert_eq!(results.len(), 200);
            let taken = town.subjects();
            assert!(taken.values().all(|times| *times == 1));
            for sent in &results {
                let has = taken.contains_key(&format!("m{}", sent.index));
                match &sent.result {
                    Ok(_) => assert!(has),
                    Err(error) => {
                        assert!(!has && error.is_temporary() && error.reply_code() == 421, "{error:?}");
                    }
                }
            }
            assert!(taken.len() >= 200 - 200 / 6, "{} of 200", taken.len());
        }
    });
}

#[test]
fn a_server_that_is_down_is_not_asked_for_every_message() {
    both(|way| {
        let smtp = smtp(closed_port(), 8);
        let results = bulk(way, &smtp, (0..5000).map(message));
        assert_eq!(results.len(), 5000);
        for sent in results {
            let error = sent.result.unwrap_err();
            assert_eq!((error.kind(), error.stage()), (ErrorKind::Connect, Stage::Connect));
        }
    });
}

#[test]
fn a_wrong_password_is_tried_once() {
    both(|way| {
        let town = Town::default();
        let port = town.found(|_, _| Model {
            policy: Box::new(|line| line.starts_with("AUTH").then_some("535 5.7.8 wrong")),
            ..Model::new(" PIPELINING AUTH\u{a0}PLAIN")
        });
        let mut smtp = smtp(port, 8);
        let server = &mut smtp.servers_mut()[0];
        (server.account, server.password) = ("user".into(), "wrong".into());
        server.allow_plaintext_auth = true;
        let results = bulk(way, &smtp, (0..300).map(message));
        assert!(results.iter().all(|s| s.result.as_ref().unwrap_err().kind() == ErrorKind::Authentication));
        while town.open.load(Ordering::SeqCst) > 0 {
            thread::yield_now();
        }
        let heard = town.heard.lock().unwrap().concat();
        assert_eq!(heard.iter().filter(|line| line.starts_with("AUTH")).count(), 1, "{heard:?}");
    });
}

#[test]
fn a_server_that_takes_fewer_connections_still_gets_everything() {
    both(|way| {
        let town = Town::default();
        let port = town.found(|_, town| match town.open.load(Ordering::SeqCst) {
            0..=2 => Model::new(ALL),
            _ => {
                let mut full = Model::new(ALL);
                full.answers = b"421 4.7.0 too many connections\r\n".iter().copied().collect();
                full.closed = true;
                full
            }
        });
        let results = bulk(way, &smtp(port, 8), (0..2000).map(message));
        let failed: Vec<_> =
            results.iter().filter(|sent| sent.result.is_err()).map(|sent| sent.index).collect();
        assert_eq!(failed, Vec::<usize>::new());
        all_once(&town, 2000);
    });
}

#[test]
fn many_recipients_go_out_in_as_many_transactions_as_the_server_takes() {
    let announced = " PIPELINING LIMITS\u{a0}RCPTMAX=100";
    both(|way| {
        for (keywords, limit) in [(announced, None), (" PIPELINING", Some(100)), ("", Some(100))] {
            let town = Town::default();
            let port = town.found(move |_, _| {
                let mut recipients = 0;
                let policy = move |line: &str| {
                    recipients = if line.starts_with("MAIL") { 0 } else { recipients };
                    recipients += usize::from(line.starts_with("RCPT"));
                    let over = limit.is_some_and(|limit| recipients > limit) && line.starts_with("RCPT");
                    over.then_some("452 4.5.3 too many recipients")
                };
                Model { policy: Box::new(policy), ..Model::new(keywords) }
            });
            let mut one = message(0);
            for number in 1..1000 {
                one.add_recipient(format!("r{number}@b.test"));
            }
            let smtp = smtp(port, 1);
            let results = bulk(way, &smtp, [one, message(1000)]);
            let report = results[0].result.as_ref().unwrap();
            assert_eq!(report.accepted().count(), 1000, "{keywords}");
            let taken = town.taken.lock().unwrap();
            let parts: Vec<_> = taken.iter().filter(|taken| taken.recipients.len() == 100).collect();
            assert_eq!((parts.len(), taken.len()), (10, 11), "{keywords}");
            assert!(parts.iter().all(|part| part.bytes == parts[0].bytes), "the same message each time");
            drop(taken);
            let mut whole = smtp.clone();
            whole.set_all_or_nothing(true);
            let mut many = message(0);
            (1..150).for_each(|number| {
                many.add_recipient(format!("r{number}@b.test"));
            });
            let error = bulk(way, &whole, [many]).remove(0).result.unwrap_err();
            assert_eq!(error.diagnosis().unwrap().cause.as_str(), "too-many-recipients", "{error:?}");
            assert_eq!(town.taken.lock().unwrap().len(), 11, "nothing more was delivered");
        }
    });
}

#[test]
fn dropped_in_the_middle_it_ends() {
    both(|way| {
        let town = Town::default();
        let smtp = smtp(town.found(|_, _| Model::new(ALL)), 4);
        match way {
            Way::Thread => {
                let mut bulk = smtp.send_bulk((0..).map(message));
                assert!(bulk.next().unwrap().result.is_ok());
            }
            Way::Tokio => in_tokio(async {
                let mut bulk = smtp.send_bulk_async((0..).map(message)).unwrap();
                assert!(bulk.next_async().await.unwrap().result.is_ok());
            }),
        }
        let sent = smtp.send(&message(1_000_000)).unwrap();
        assert_eq!(sent.recipients[0].status, RecipientStatus::Accepted, "the object is still of use");
    });
}

#[test]
fn mailmax_and_a_limit_of_messages_end_a_connection() {
    both(|way| {
        let town = Town::default();
        let limited = smtp(town.found(|_, _| Model::new(" PIPELINING CHUNKING LIMITS\u{a0}MAILMAX=10")), 2);
        assert!(bulk(way, &limited, (0..100).map(message)).iter().all(|sent| sent.result.is_ok()));
        let heard = town.heard.lock().unwrap();
        assert!(heard.iter().all(|lines| lines.iter().filter(|line| line.starts_with("MAIL")).count() <= 10));
        drop(heard);
        let town = Town::default();
        let mut own = smtp(town.found(|_, _| Model::new(ALL)), 1);
        own.set_max_messages_per_connection(7);
        assert!(bulk(way, &own, (0..70).map(message)).iter().all(|sent| sent.result.is_ok()));
        own.disconnect();
        while town.open.load(Ordering::SeqCst) > 0 {
            thread::yield_now();
        }
        let heard = town.heard.lock().unwrap();
        let mails = |lines: &Vec<String>| lines.iter().filter(|line| line.starts_with("MAIL")).count();
        assert_eq!(heard.iter().map(mails).collect::<Vec<_>>(), [7; 10]);
    });
}

#[test]
fn an_open_bulk_gives_results_while_its_source_is_slow() {
    let town = Town::default();
    let port = town.found(|_, _| Model::new(ALL));
    let smtp = smtp(port, 2);
    let bulk = smtp.open_bulk();
    for number in 0..3 {
        assert!(bulk.wants_message());
        assert!(!bulk.wants_message(), "asked for one message twice");
        bulk.push(Ok(message(number)));
        // The next message is asked for and does not come: the result comes all the same.
        let asked = bulk.wants_message();
        assert!(asked);
        let results = std::iter::from_fn(|| bulk.next()).find(|results| !results.is_empty()).unwrap();
        assert_eq!(
            results.iter().map(|sent| (sent.index, sent.result.is_ok())).collect::<Vec<_>>(),
            [(2 * number, true)]
        );
        bulk.push(Err(Error::input("Subject", "is no text")));
        let results = bulk.next().unwrap();
        assert_eq!(
            results.iter().map(|sent| (sent.index, sent.result.is_ok())).collect::<Vec<_>>(),
            [(2 * number + 1, false)]
        );
    }
    bulk.close();
    assert!(!bulk.wants_message());
    assert!(bulk.next().is_none());
    assert!(bulk.next().is_none());
}

#[test]
fn a_lane_that_is_let_in_waits_for_what_others_give_back() {
    const MESSAGES: usize = 40;
    const LANES: usize = 8;
    both(|way| {
        let town = Town::default();
        let port = town.found(|_, town| {
            let mut model = Model::new(ALL);
            if town.open.load(Ordering::SeqCst) > 2 {
                // Refused when those that were let in have sent all that the others do not hold.
                while town.taken.lock().unwrap().len() < MESSAGES - (LANES - 2) {
                    thread::sleep(std::time::Duration::from_millis(1));
                }
                thread::sleep(std::time::Duration::from_millis(20));
                model.answers = b"421 4.7.0 too many connections\r\n".iter().copied().collect();
                model.closed = true;
            }
            model
        });
        let results = bulk(way, &smtp(port, LANES), (0..MESSAGES).map(message));
        let failed: Vec<_> =
            results.iter().filter(|sent| sent.result.is_err()).map(|sent| sent.index).collect();
        assert_eq!(failed, Vec::<usize>::new());
        all_once(&town, MESSAGES);
    });
}

/// Gives its line when the messages without a stream have all been sent.
struct Late(std::sync::mpsc::Receiver<()>, bool);

impl Read for Late {
    fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
        if std::mem::replace(&mut self.1, true) {
            return Ok(0);
        }
        // Ended by the sender's end.
        let _ = self.0.recv();
        let line = b"late\n";
        buffer[..line.len()].copy_from_slice(line);
        Ok(line.len())
    }
}

#[test]
fn streams_that_are_slow_hold_up_nobody_else() {
    let town = Town::default();
    let port = town.found(|_, _| Model::new(ALL));
    // More of them than there are threads to run on.
    let slow = 2 * thread::available_parallelism().map_or(2, usize::from);
    // One may have been taken behind each of them; the others go by.
    let free = 20;
    let quick = slow + free;
    let (mut ends, mut messages) = (Vec::new(), Vec::new());
    for number in 0..slow + quick {
        let mut message = message(number);
        if number < slow {
            let (end, wait) = std::sync::mpsc::channel();
            ends.push(end);
            message.attach_stream("late.txt", Stream::new(Late(wait, false)));
        }
        messages.push(message);
    }
    let mut order = Vec::new();
    for sent in smtp(port, slow + 2).send_bulk(messages) {
        sent.result.unwrap();
        order.push(sent.index);
        if order.len() == free {
            ends.clear();
        }
    }
    assert_eq!(order.len(), slow + quick);
    assert!(order[..free].iter().all(|index| *index >= slow), "{order:?}");
}

#[test]
fn a_caller_that_blocks_may_be_a_task_itself_and_finds_the_connections_afterwards() {
    let town = Town::default();
    let port = town.found(|_, _| Model::new(ALL));
    let smtp = smtp(port, 4);
    in_tokio(async {
        for sent in smtp.send_bulk((0..40).map(message)) {
            sent.result.unwrap();
        }
    });
    let connections = town.open.load(Ordering::SeqCst);
    assert!(smtp.connected());
    for number in 40..50 {
        smtp.send(&message(number)).unwrap();
    }
    assert_eq!(town.open.load(Ordering::SeqCst), connections);
    smtp.disconnect();
    all_once(&town, 50);
    // Each connection notes what it heard after its end.
    while town.open.load(Ordering::SeqCst) > 0 || town.heard.lock().unwrap().len() < connections {
        thread::yield_now();
    }
    let heard = town.heard.lock().unwrap();
    assert_eq!(heard.len(), connections);
    assert!(heard.iter().all(|lines| lines.last().is_some_and(|line| line == "QUIT")), "{heard:?}");
}
