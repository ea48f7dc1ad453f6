//! A sequence over real sockets: nothing of a message leaves before the results of those before it were given.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "the helpers of tests fail like tests"
)]

mod play;
mod served;

use std::{
    io::{Read, Write},
    net::TcpListener,
    sync::{
        Arc, Mutex,
        atomic::{AtomicUsize, Ordering},
    },
    thread,
};

use freesmtp_core::{Cancel, EmailMessage, ErrorKind, types::RecipientStatus};
use play::model::{Model, Taken};
use served::{closed_port, in_tokio, smtp};

/// What servers have taken, and how often they wrote.
#[derive(Clone, Default)]
struct Seen {
    taken: Arc<Mutex<Vec<Taken>>>,
    answers: Arc<AtomicUsize>,
}

/// A server that serves so many connections, one after the other.
fn served(connections: usize, seen: &Seen, model: impl Fn(usize) -> Model + Send + 'static) -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    let seen = seen.clone();
    thread::spawn(move || {
        for (number, socket) in listener.incoming().take(connections).enumerate() {
            let (mut socket, mut model) = (socket.unwrap(), model(number));
            let mut buffer = vec![0; 64 * 1024];
            loop {
                let answer: Vec<u8> = model.answers.drain(..).collect();
                // Before it is said: whoever hears of it finds it here.
                seen.taken.lock().unwrap().append(&mut model.taken);
                seen.answers.fetch_add(1, Ordering::SeqCst);
                if socket.write_all(&answer).is_err() || model.closed {
                    break;
                }
                match socket.read(&mut buffer) {
                    Ok(count) if count > 0 => model.receive(&buffer[..count]),
                    _ => break,
                }
            }
        }
    });
    port
}

fn message(recipients: &[&str]) -> EmailMessage {
    let mut message = served::message();
    message.recipients.clear();
    for recipient in recipients {
        message.add_recipient(*recipient);
    }
    message
}

#[test]
fn each_result_is_there_before_the_next_message_leaves() {
    for keywords in ["", " PIPELINING", " CHUNKING", " PIPELINING CHUNKING"] {
        let seen = Seen::default();
        let smtp = smtp(&[served(1, &seen, move |_| Model::new(keywords))]);
        in_tokio(async {
            let cancel = Cancel::new();
            let mut sequence = smtp.sequence(&cancel).unwrap();
            let mut pushed = 0;
            for index in 0..50 {
                while pushed < 50 && (!sequence.is_busy() || sequence.has_room()) {
                    sequence.push(pushed, message(&["r@b.test"]));
                    pushed += 1;
                }
                let sent = sequence.next().await.unwrap();
                assert!(sent.index == index && sent.result.is_ok(), "{sent:?}");
                assert_eq!(seen.taken.lock().unwrap().len(), index + 1, "{keywords}");
            }
            assert!(sequence.next().await.is_none());
        });
        assert!(smtp.connected(), "the connection is kept");
        if keywords.contains("PIPELINING") {
            let answers = seen.answers.load(Ordering::SeqCst);
            assert!(answers <= 2 + 2 + 50, "{keywords}: {answers} round trips");
        }
    }
}

#[test]
fn nothing_goes_behind_a_message_that_may_be_split() {
    let seen = Seen::default();
    // Two recipients a message, as far as the first one tells.
    let model = |_| {
        let mut recipients = 0;
        Model {
            policy: Box::new(move |line| {
                recipients = if line.starts_with("RCPT") { recipients + 1 } else { 0 };
                (recipients > 2).then_some("452 4.5.3 too many recipients")
            }),
            ..Model::new(" PIPELINING")
        }
    };
    let smtp = smtp(&[served(1, &seen, model)]);
    in_tokio(async {
        let cancel = Cancel::new();
        let mut sequence = smtp.sequence(&cancel).unwrap();
        sequence.push(0, message(&["a@b.test"]));
        assert!(sequence.next().await.unwrap().result.is_ok());
        sequence.push(1, message(&["a@b.test", "b@b.test", "c@b.test"]));
        assert!(!sequence.has_room(), "it may take a second transaction");
        let report = sequence.next().await.unwrap().result.unwrap();
        assert!(report.recipients.iter().all(|r| r.status == RecipientStatus::Accepted), "{report:?}");
        sequence.push(2, message(&["a@b.test", "b@b.test"]));
        assert!(sequence.has_room(), "it took as many before");
        assert!(sequence.next().await.unwrap().result.is_ok());
    });
    assert_eq!(seen.taken.lock().unwrap().len(), 4);
}

#[test]
fn what_a_closing_server_left_untouched_is_sent_anew_or_withdrawn() {
    for withdraws in [false, true] {
        let seen = Seen::default();
        // The second message of the first connection finds it closed behind the first.
        let closing_after_first = move |number| {
            let mut mails = 0;
            Model {
                policy: Box::new(move |line| {
                    mails += usize::from(line.starts_with("MAIL"));
                    (number == 0 && mails == 2).then_some("421 bye")
                }),
                ..Model::new(" PIPELINING")
            }
        };
        let smtp = smtp(&[served(2, &seen, closing_after_first)]);
        in_tokio(async {
            let cancel = Cancel::new();
            let mut sequence = smtp.sequence(&cancel).unwrap();
            sequence.push(0, message(&["r@b.test"]));
            assert!(sequence.next().await.unwrap().result.is_ok());
            sequence.push(1, message(&["r@b.test"]));
            sequence.push(2, message(&["r@b.test"]));
            let closed = sequence.next().await.unwrap();
            assert_eq!((closed.index, closed.result.unwrap_err().reply_code()), (1, 421));
            if withdraws {
                assert_eq!(sequence.withdraw().await, [2]);
                assert!(sequence.next().await.is_none());
            } else {
                let anew = sequence.next().await.unwrap();
                assert!(anew.index == 2 && anew.result.is_ok(), "{anew:?}");
            }
        });
        assert_eq!(seen.taken.lock().unwrap().len(), if withdraws { 1 } else { 2 });
    }
}

#[test]
fn a_session_that_cannot_be_opened_is_told_apart() {
    let smtp = smtp(&[closed_port()]);
    in_tokio(async {
        let cancel = Cancel::new();
        let mut sequence = smtp.sequence(&cancel).unwrap();
        sequence.push(7, message(&["r@b.test"]));
        let sent = sequence.next().await.unwrap();
        assert!(sent.index == 7 && sent.unopened);
        assert_eq!(sent.result.unwrap_err().kind(), ErrorKind::Connect);
        sequence.push(8, message(&["no address"]));
        let sent = sequence.next().await.unwrap();
        assert!(sent.index == 8 && !sent.unopened);
        assert_eq!(sent.result.unwrap_err().kind(), ErrorKind::Message);
    });
}
