//! The events of sending: what they tell, when, and what one that panics does.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "the helpers of tests fail like tests"
)]

mod served;

use std::{
    io::Cursor,
    panic::{AssertUnwindSafe, catch_unwind},
    sync::{Arc, Mutex},
};

use freesmtp_core::{
    EmailMessage, ErrorKind, Smtp, Stage,
    message::Stream,
    smtp::{BulkStatus, RecipientFailed, SendStatus},
};
use served::{DELIVERY, EHLO, GREETING, QUIT, Turn, both, in_tokio, message, serve, smtp};

type Heard<T> = Arc<Mutex<Vec<T>>>;

fn hear_status(smtp: &mut Smtp) -> Heard<SendStatus> {
    let heard = Heard::default();
    let ears = Arc::clone(&heard);
    smtp.on_status(Some(Arc::new(move |status| ears.lock().unwrap().push(status))));
    heard
}

fn hear_failed(smtp: &mut Smtp) -> Heard<(String, String)> {
    let heard = Heard::default();
    let ears = Arc::clone(&heard);
    smtp.on_recipient_failed(Some(Arc::new(move |failed: &RecipientFailed| {
        ears.lock().unwrap().push((failed.email_address.clone(), failed.response.clone()));
    })));
    heard
}

fn large(name: &str) -> EmailMessage {
    let mut message = message();
    message.attach_bytes(name, vec![7; 700_000]);
    message
}

/// A session of one message.
fn session(delivery: &[Turn]) -> Vec<Turn> {
    [&[EHLO], delivery, &[QUIT]].concat()
}

#[test]
fn status_counts_the_octets_up_to_the_size_of_the_report() {
    both(|way| {
        let (port, served) = serve(GREETING, vec![session(&DELIVERY)]);
        let mut smtp = smtp(&[port]);
        let heard = hear_status(&mut smtp);
        let report = way.send(&smtp, &large("a.bin")).unwrap();
        smtp.disconnect();
        served.lines();
        let heard = heard.lock().unwrap().clone();
        assert!(heard.len() > 3, "{heard:?}");
        assert!(heard.windows(2).all(|two| two[0].total_sent <= two[1].total_sent), "{heard:?}");
        assert!(heard.iter().all(|status| status.total_size == report.size), "{heard:?}");
        assert_eq!(heard.last().unwrap().total_sent, report.size);
    });
}

#[test]
fn the_size_grows_with_a_stream_of_unknown_length() {
    let (port, served) = serve(GREETING, vec![session(&DELIVERY)]);
    let mut smtp = smtp(&[port]);
    let heard = hear_status(&mut smtp);
    let mut message = message();
    message.attach_stream("a.bin", Stream::new(Cursor::new(vec![7; 700_000])));
    let report = smtp.send(&message).unwrap();
    smtp.disconnect();
    served.lines();
    let heard = heard.lock().unwrap().clone();
    assert!(heard.first().unwrap().total_size < report.size, "{heard:?}");
    assert!(heard.iter().all(|status| status.total_sent <= status.total_size), "{heard:?}");
    assert_eq!(*heard.last().unwrap(), SendStatus { total_sent: report.size, total_size: report.size });
}

#[test]
fn a_message_that_is_sent_to_further_recipients_begins_anew() {
    let two: Vec<Turn> = vec![
        EHLO,
        ("MAIL", "250 ok\r\n"),
        ("RCPT", "250 ok\r\n"),
        ("RCPT", "452 4.5.3 too many recipients\r\n"),
        ("DATA", "354 go\r\n"),
        (".", "250 queued\r\n"),
        ("MAIL", "250 ok\r\n"),
        ("RCPT", "250 ok\r\n"),
        ("DATA", "354 go\r\n"),
        (".", "250 queued\r\n"),
        QUIT,
    ];
    let (port, served) = serve(GREETING, vec![two]);
    let mut smtp = smtp(&[port]);
    let (heard, failed) = (hear_status(&mut smtp), hear_failed(&mut smtp));
    let mut message = message();
    message.add_recipient("second@b.test");
    let report = smtp.send(&message).unwrap();
    smtp.disconnect();
    served.lines();
    let whole = SendStatus { total_sent: report.size, total_size: report.size };
    assert_eq!(*heard.lock().unwrap(), [whole, whole]);
    // Who was put off and then taken has not failed.
    assert_eq!(*failed.lock().unwrap(), []);
}

#[test]
fn recipients_that_fail_are_told_with_the_servers_words() {
    both(|way| {
        let some: Vec<Turn> = vec![
            ("MAIL", "250 ok\r\n"),
            ("RCPT", "550 5.1.1 no such user\r\n"),
            ("RCPT", "250 ok\r\n"),
            ("RCPT", "451 4.7.1 later\r\n"),
            ("DATA", "354 go\r\n"),
            (".", "250 queued\r\n"),
        ];
        let (port, served) = serve(GREETING, vec![session(&some)]);
        let mut smtp = smtp(&[port]);
        let failed = hear_failed(&mut smtp);
        let mut message = message();
        message.add_recipient("good@b.test");
        message.add_recipient("later@b.test");
        way.send(&smtp, &message).unwrap();
        smtp.disconnect();
        served.lines();
        let told = |email: &str, response: &str| (email.to_owned(), response.to_owned());
        assert_eq!(
            *failed.lock().unwrap(),
            [told("r@b.test", "550 5.1.1 no such user"), told("later@b.test", "451 4.7.1 later")]
        );
    });
}

#[test]
fn every_recipient_of_a_refused_message_has_failed_and_none_of_one_that_another_server_took() {
    let refused: Vec<Turn> = vec![("MAIL", "250 ok\r\n"), ("RCPT", "550 no\r\n")];
    let (port, served) = serve(GREETING, vec![session(&refused)]);
    let mut first = smtp(&[port]);
    let failed = hear_failed(&mut first);
    first.send(&message()).unwrap_err();
    first.disconnect();
    served.lines();
    assert_eq!(*failed.lock().unwrap(), [("r@b.test".to_owned(), "550 no".to_owned())]);

    let (bad, closing) = serve(GREETING, vec![vec![EHLO, ("MAIL", "421 closing\r\n")]]);
    let (good, served) = serve(GREETING, vec![session(&DELIVERY)]);
    let mut both = smtp(&[bad, good]);
    let failed = hear_failed(&mut both);
    both.send(&message()).unwrap();
    both.disconnect();
    closing.lines();
    served.lines();
    assert_eq!(*failed.lock().unwrap(), []);
}

#[test]
fn a_bulk_tells_how_far_it_is_before_each_result() {
    let refused: [Turn; 3] = [("MAIL", "250 ok\r\n"), ("RCPT", "550 no\r\n"), ("RSET", "250 ok\r\n")];
    let script = || session(&[&DELIVERY[..], &refused[..], &DELIVERY[..]].concat());
    let messages = || (0..3).map(|_| message());
    let (port, served) = serve(GREETING, vec![script(), script()]);
    let mut smtp = smtp(&[port]);
    let heard = Heard::<BulkStatus>::default();
    let (ears, here) = (Arc::clone(&heard), std::thread::current().id());
    smtp.on_bulk_status(Some(Arc::new(move |status| {
        // Never on a thread of the connections.
        assert_eq!(std::thread::current().id(), here);
        ears.lock().unwrap().push(status);
    })));
    let check = |results: usize| {
        let heard = std::mem::take(&mut *heard.lock().unwrap());
        assert_eq!((results, heard.len()), (3, 3));
        let counted: Vec<_> = heard.iter().map(|status| (status.total_sent, status.total_failed)).collect();
        assert_eq!(counted, [(1, 0), (1, 1), (2, 1)]);
        assert!(heard.iter().all(|s| s.total_messages >= s.total_sent + s.total_failed), "{heard:?}");
        assert_eq!(heard.last().unwrap().total_messages, 3);
    };
    check(smtp.send_bulk(messages()).count());
    smtp.disconnect();
    check(in_tokio(async {
        let mut bulk = smtp.send_bulk_async(messages()).unwrap();
        let mut results = 0;
        while bulk.next_async().await.is_some() {
            results += 1;
        }
        results
    }));
    smtp.disconnect();
    served.lines();
}

/// What a listener holds is let go of with the last object, when a bulk has ended: no thread of it is late.
#[test]
fn a_bulk_that_has_ended_holds_no_listener() {
    let rounds = 200;
    let (port, served) = serve(GREETING, vec![session(&DELIVERY.repeat(2)); rounds]);
    for _ in 0..rounds {
        let mut smtp = smtp(&[port]);
        let held = Arc::new(());
        let holds = Arc::clone(&held);
        smtp.on_status(Some(Arc::new(move |_| drop(Arc::clone(&holds)))));
        assert_eq!(smtp.send_bulk((0..2).map(|_| message())).count(), 2);
        smtp.disconnect();
        drop(smtp);
        assert_eq!(Arc::strong_count(&held), 1);
    }
    served.lines();
}

/// A cancel that comes while the network takes all at once ends the message there, where nothing waits either.
#[test]
fn a_cancel_in_the_middle_of_a_message_ends_it_there() {
    both(|way| {
        let (port, served) =
            serve(GREETING, vec![vec![EHLO, DELIVERY[0], DELIVERY[1], DELIVERY[2], (".", "")]]);
        let mut smtp = smtp(&[port]);
        let shared = smtp.clone();
        smtp.on_status(Some(Arc::new(move |status: SendStatus| {
            if status.total_sent > 200_000 && status.total_sent < status.total_size {
                shared.cancel();
            }
        })));
        let error = way.send(&smtp, &large("a.bin")).unwrap_err();
        assert_eq!((error.kind(), error.stage()), (ErrorKind::Cancelled, Stage::Data));
        assert!(!served.lines().iter().any(|line| line == "."));
    });
}

#[test]
fn a_listener_that_panics_leaves_nothing_half_sent() {
    let (port, served) = serve(GREETING, vec![vec![EHLO, DELIVERY[0], DELIVERY[1], DELIVERY[2], (".", "")]]);
    let mut smtp = smtp(&[port]);
    smtp.on_status(Some(Arc::new(|status: SendStatus| assert!(status.total_sent < 200_000, "enough"))));
    let panic = catch_unwind(AssertUnwindSafe(|| smtp.send(&large("a.bin")))).unwrap_err();
    assert_eq!(panic.downcast_ref::<&str>(), Some(&"enough"));
    assert!(!smtp.connected());
    assert!(!served.lines().iter().any(|line| line == "." || line == "QUIT"));
}
