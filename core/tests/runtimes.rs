//! The blocking and the asynchronous operations against the same servers: what one does, the other does.
//!
//! Each test has one body; `Way` says which operations it calls.

#![cfg(feature = "tokio")]
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "the helpers of tests fail like tests"
)]

mod served;

use served::{DELIVERY, EHLO, GREETING, QUIT, Way, both, message, serve, smtp};

#[test]
fn one_connection_serves_many_messages() {
    both(|way| {
        let (port, server) = serve(GREETING, vec![[&[EHLO][..], &DELIVERY, &DELIVERY, &[QUIT]].concat()]);
        let smtp = smtp(&[port]);
        for _ in 0..2 {
            let report = way.send(&smtp, &message()).unwrap();
            assert_eq!(report.reply.text(), "queued");
            assert_eq!(report.peer_address.unwrap().port(), port);
        }
        assert!(smtp.connected());
        way.disconnect(&smtp);
        assert!(!smtp.connected());
        assert_eq!(server.lines().iter().filter(|line| line.starts_with("EHLO")).count(), 1);
    });
}

#[test]
fn one_kept_connection_serves_both_ways_and_two_tokio_runtimes() {
    let rounds = [Way::Tokio, Way::Thread, Way::Tokio, Way::Tokio];
    let script = rounds.iter().fold(vec![EHLO], |script, _| [&script[..], &DELIVERY].concat());
    let (port, server) = serve(GREETING, vec![[&script[..], &[QUIT]].concat()]);
    let smtp = smtp(&[port]);
    for way in rounds {
        // Each time another tokio runtime: the one before is gone.
        way.send(&smtp, &message()).unwrap();
    }
    smtp.disconnect();
    assert_eq!(server.lines().iter().filter(|line| line.starts_with("EHLO")).count(), 1);
}
