//! The blocking and the asynchronous operations against the same servers: what one does, the other does.
//!
//! Each test has one body; `Way` says which operations it calls.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "the helpers of tests fail like tests"
)]

mod served;

use std::{
    net::TcpListener,
    thread,
    time::{Duration, Instant},
};

use freesmtp_core::{Cancel, Cause, ErrorKind, Server, Smtp, Stage, Timeouts, types::Failure};
use served::{
    DELIVERY, EHLO, GREETING, QUIT, Turn, Way, both, closed_port, in_tokio, message, serve, silent_at, smtp,
};

fn greetings(lines: &[String]) -> usize {
    lines.iter().filter(|line| line.starts_with("EHLO")).count()
}

#[test]
fn one_connection_serves_many_messages() {
    both(|way| {
        let (port, server) = serve(GREETING, vec![[&[EHLO][..], &DELIVERY, &DELIVERY, &[QUIT]].concat()]);
        let smtp = smtp(&[port]);
        way.connect(&smtp).unwrap();
        for _ in 0..2 {
            let report = way.send(&smtp, &message()).unwrap();
            assert_eq!(report.reply.text(), "queued");
            assert_eq!(report.peer_address.unwrap().port(), port);
        }
        assert!(smtp.connected());
        way.disconnect(&smtp);
        assert!(!smtp.connected());
        assert_eq!(greetings(&server.lines()), 1);
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
    assert_eq!(greetings(&server.lines()), 1);
}

#[test]
fn the_next_server_takes_over_and_every_failure_is_told() {
    both(|way| {
        let (busy, first) = serve("421 4.3.2 too busy\r\n", vec![vec![]]);
        let (port, second) = serve(GREETING, vec![[&[EHLO][..], &DELIVERY].concat()]);
        let report = way.send(&smtp(&[closed_port(), busy, port]), &message()).unwrap();
        assert_eq!(report.warnings.len(), 2, "{:?}", report.warnings);
        assert!(report.warnings[1].contains("4.3.2 too busy"));
        assert_eq!(report.peer_address.unwrap().port(), port);
        first.lines();
        second.lines();

        let error = way.send(&smtp(&[closed_port(), closed_port()]), &message()).unwrap_err();
        assert_eq!((error.failure(), error.others().len()), (Some(Failure::ConnectRefused), 1));
        assert!(error.message().contains("127.0.0.1"), "{error}");
    });
}

#[test]
fn a_command_of_the_program_is_answered() {
    both(|way| {
        let (port, server) = serve(GREETING, vec![vec![EHLO, ("VRFY r", "252 maybe\r\n"), QUIT]]);
        let smtp = smtp(&[port]);
        assert_eq!(way.command(&smtp, "VRFY r").unwrap().code(), 252);
        assert_eq!(way.command(&smtp, "VRFY r\r\nRSET").unwrap_err().field(), Some("Command"));
        way.disconnect(&smtp);
        server.lines();
    });
}

#[test]
fn a_port_that_never_answers_is_given_up_in_its_phase() {
    both(|way| {
        let mail = ("MAIL", "250 ok\r\n");
        for (script, last, stage, failure) in [
            (vec![], "", Stage::Connect, Failure::GreetingTimeout),
            (vec![], "EHLO", Stage::Ehlo, Failure::ReplyTimeout),
            (vec![EHLO], "MAIL", Stage::Mail, Failure::ReplyTimeout),
            (vec![EHLO, mail], "RCPT", Stage::Rcpt, Failure::ReplyTimeout),
        ] {
            let (port, _reached, server) = silent_at(script, last);
            let mut smtp = smtp(&[port]);
            smtp.set_timeouts(Timeouts::all(Duration::from_millis(100))).unwrap();
            let error = way.send(&smtp, &message()).unwrap_err();
            let seen = (error.kind(), error.stage(), error.failure());
            assert_eq!(seen, (ErrorKind::Timeout, stage, Some(failure)), "{error}");
            assert!(!smtp.connected());
            server.lines();
        }
    });
}

#[test]
fn the_limit_of_a_whole_operation_names_the_phase_it_was_in() {
    both(|way| {
        for (script, last, stage) in
            [(vec![], "", Stage::Connect), (vec![], "EHLO", Stage::Ehlo), (vec![EHLO], "MAIL", Stage::Mail)]
        {
            let (port, _reached, server) = silent_at(script, last);
            // The second server is not begun with: the time is over.
            let mut smtp = smtp(&[port, closed_port()]);
            let limit = Some(Duration::from_millis(100));
            smtp.set_timeouts(Timeouts { operation: limit, ..Timeouts::default() }).unwrap();
            let error = way.send(&smtp, &message()).unwrap_err();
            assert_eq!((error.kind(), error.stage()), (ErrorKind::Timeout, stage), "{error}");
            assert!(error.message().contains(stage.as_str()), "{error}");
            assert!(error.others().is_empty(), "{error:?}");
            assert!(error.diagnosis().is_some());
            server.lines();
        }
        let mut smtp = smtp(&[1]);
        let zero = Timeouts { operation: Some(Duration::ZERO), ..Timeouts::default() };
        assert_eq!(smtp.set_timeouts(zero).unwrap_err().field(), Some("DefaultTimeout"));
    });
}

/// The phases in which an operation can be ended, and how that is told.
fn phases() -> Vec<(Vec<Turn>, &'static str, Stage, ErrorKind)> {
    let [mail, rcpt, data, _] = DELIVERY;
    vec![
        (vec![], "", Stage::Connect, ErrorKind::Cancelled),
        (vec![], "EHLO", Stage::Ehlo, ErrorKind::Cancelled),
        (vec![EHLO], "MAIL", Stage::Mail, ErrorKind::Cancelled),
        (vec![EHLO, mail], "RCPT", Stage::Rcpt, ErrorKind::Cancelled),
        (vec![EHLO, mail, rcpt], "DATA", Stage::Data, ErrorKind::Cancelled),
        // Everything was sent: nobody knows whether it is delivered.
        (vec![EHLO, mail, rcpt, data], ".", Stage::Eom, ErrorKind::OutcomeUnknown),
    ]
}

#[test]
fn cancel_ends_an_operation_in_any_phase_and_closes_its_connection() {
    both(|way| {
        for (script, last, stage, kind) in phases() {
            let (port, reached, server) = silent_at(script, last);
            let smtp = smtp(&[port]);
            let other = smtp.clone();
            let sending = thread::spawn(move || way.send(&smtp, &message()).unwrap_err());
            reached.recv().unwrap();
            other.cancel();
            let error = sending.join().unwrap();
            assert_eq!((error.kind(), error.stage()), (kind, stage), "{error}");
            assert!(!other.connected());
            assert!(!server.lines().contains(&"QUIT".to_owned()), "no word into a broken session");
        }
    });
}

#[test]
fn cancel_ends_a_message_on_its_way() {
    both(|way| {
        let [mail, rcpt, _, _] = DELIVERY;
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let smtp = smtp(&[listener.local_addr().unwrap().port()]);
        let other = smtp.clone();
        let sending = thread::spawn(move || {
            let mut message = message();
            message.attach_bytes("big.bin", vec![7; 16 << 20]);
            way.send(&smtp, &message).unwrap_err()
        });
        let (stream, _) = listener.accept().unwrap();
        served::answer(&stream, GREETING, &[EHLO, mail, rcpt, ("DATA", "354 go\r\n")]);
        // Nothing of the message is read: it does not fit into the buffers of the network.
        other.cancel();
        let error = sending.join().unwrap();
        assert_eq!((error.kind(), error.stage()), (ErrorKind::Cancelled, Stage::Data), "{error}");
    });
}

#[test]
fn a_dropped_future_closes_its_connection_in_any_phase() {
    for (script, last, _, _) in phases() {
        let (port, reached, server) = silent_at(script, last);
        let smtp = smtp(&[port]);
        in_tokio(async {
            let reached = tokio::task::spawn_blocking(move || reached.recv().unwrap());
            let message = message();
            tokio::select! {
                sent = smtp.send_async(&message) => panic!("sent: {sent:?}"),
                reached = reached => reached.unwrap(),
            }
        });
        assert!(!smtp.connected());
        // It ends only when the client has closed.
        assert!(!server.lines().contains(&"QUIT".to_owned()), "no word into a broken session");
    }
}

#[test]
fn an_asynchronous_operation_may_move_between_threads_and_needs_a_runtime() {
    fn moves<T: Send>(future: T) -> T {
        future
    }
    let (smtp, message) = (smtp(&[closed_port()]), message());
    let outside = |error: freesmtp_core::Error| (error.kind(), error.message().contains("tokio"));
    let mut context = std::task::Context::from_waker(std::task::Waker::noop());
    let mut poll = |mut future: std::pin::Pin<Box<dyn Future<Output = _> + Send>>| match future
        .as_mut()
        .poll(&mut context)
    {
        std::task::Poll::Ready(result) => result,
        std::task::Poll::Pending => panic!("nobody will wake it"),
    };
    let sent = poll(Box::pin(moves(async { smtp.send_async(&message).await.map(drop) })));
    assert_eq!(outside(sent.unwrap_err()), (ErrorKind::Internal, true));
    let connected = poll(Box::pin(moves(smtp.connect_async())));
    assert_eq!(outside(connected.unwrap_err()), (ErrorKind::Internal, true));
    let answered = poll(Box::pin(moves(async { smtp.send_command_async("NOOP").await.map(drop) })));
    assert_eq!(outside(answered.unwrap_err()), (ErrorKind::Internal, true));
    drop(moves(smtp.disconnect_async()));
}

#[test]
fn many_tasks_send_at_once_each_over_a_connection_of_its_own() {
    let count = 20;
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    let server = thread::spawn(move || {
        // All are accepted before any is answered: a client that waited for one would hang here.
        let streams: Vec<_> = (0..count).map(|_| listener.accept().unwrap().0).collect();
        let script = [&[EHLO][..], &DELIVERY].concat();
        thread::scope(|scope| {
            for stream in &streams {
                scope.spawn(|| served::answer(stream, GREETING, &script));
            }
        });
    });
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    let smtp = smtp(&[port]);
    let tasks: Vec<_> = (0..count)
        .map(|_| {
            let smtp = smtp.clone();
            runtime.spawn(async move { smtp.send_async(&message()).await })
        })
        .collect();
    for task in tasks {
        runtime.block_on(task).unwrap().unwrap();
    }
    server.join().unwrap();
}

#[test]
fn a_connection_carries_so_many_messages_and_is_ended_with_quit() {
    both(|way| {
        let two = [&[EHLO][..], &DELIVERY, &DELIVERY, &[QUIT]].concat();
        let one = [&[EHLO][..], &DELIVERY].concat();
        let (port, server) = serve(GREETING, vec![two, one]);
        let mut smtp = smtp(&[port]);
        smtp.set_max_messages_per_connection(2);
        for connected in [true, false, true] {
            way.send(&smtp, &message()).unwrap();
            assert_eq!(smtp.connected(), connected);
        }
        assert_eq!(greetings(&server.lines()), 2);
    });
}

#[test]
fn an_idle_limit_is_learnt_and_a_connection_near_it_is_asked_first() {
    both(|way| {
        let dropped = [&[EHLO][..], &DELIVERY, &[("MAIL", "close")]].concat();
        let asked = [&[EHLO][..], &DELIVERY, &[("NOOP", "250 ok\r\n")], &DELIVERY].concat();
        let (port, server) = serve(GREETING, vec![dropped, asked]);
        let smtp = smtp(&[port]);
        let began = Instant::now();
        way.send(&smtp, &message()).unwrap();
        way.send(&smtp, &message()).unwrap();
        // At least as long as the dropped connection had been idle.
        thread::sleep(began.elapsed());
        way.send(&smtp, &message()).unwrap();
        let lines = server.lines();
        assert_eq!((greetings(&lines), lines.iter().filter(|line| *line == "NOOP").count()), (2, 1));
    });
}

#[test]
fn a_kept_connection_that_does_not_answer_noop_is_replaced_silently() {
    both(|way| {
        let dropped = [&[EHLO][..], &DELIVERY, &[("MAIL", "close")]].concat();
        let gone = [&[EHLO][..], &DELIVERY, &[("NOOP", "close")]].concat();
        let last = [&[EHLO][..], &DELIVERY].concat();
        let (port, server) = serve(GREETING, vec![dropped, gone, last]);
        let smtp = smtp(&[port]);
        let began = Instant::now();
        way.send(&smtp, &message()).unwrap();
        way.send(&smtp, &message()).unwrap();
        thread::sleep(began.elapsed());
        let report = way.send(&smtp, &message()).unwrap();
        assert!(report.warnings.is_empty());
        assert_eq!(greetings(&server.lines()), 3);
    });
}

#[test]
fn a_message_that_waits_for_its_turn_can_be_cancelled_and_connects_to_nothing() {
    both(|way| {
        let (port, server) = serve(GREETING, vec![[&[EHLO][..], &DELIVERY, &[QUIT]].concat()]);
        let mut smtp = smtp(&[port]);
        // The second message has its turn in an hour.
        smtp.set_rate_limit(Some(1.0 / 3600.0)).unwrap();
        way.send(&smtp, &message()).unwrap();
        let limit = Some(Duration::from_millis(50));
        smtp.set_timeouts(Timeouts { operation: limit, ..Timeouts::default() }).unwrap();
        let error = way.send(&smtp, &message()).unwrap_err();
        assert_eq!((error.kind(), error.stage()), (ErrorKind::Timeout, Stage::Compose), "{error}");
        let cancel = Cancel::new();
        cancel.cancel();
        let error = smtp.send_with(&message(), &cancel).unwrap_err();
        assert_eq!((error.kind(), error.stage()), (ErrorKind::Cancelled, Stage::Compose), "{error}");
        assert_eq!(error.diagnosis().unwrap().cause, Cause::Cancelled);
        smtp.set_timeouts(Timeouts::default()).unwrap();
        way.disconnect(&smtp);
        server.lines();
    });
}

#[test]
fn limits_are_checked_when_they_are_set() {
    let mut smtp = Smtp::default();
    assert_eq!((smtp.max_connections(), smtp.max_messages_per_connection(), smtp.rate_limit()), (1, 0, None));
    assert_eq!(smtp.set_max_connections(0).unwrap_err().field(), Some("MaxConnections"));
    for rate in [0.0, -1.0, f64::NAN, f64::INFINITY] {
        let error = smtp.set_rate_limit(Some(rate)).unwrap_err();
        assert_eq!((error.field(), error.kind()), (Some("RateLimit"), ErrorKind::Message));
    }
    smtp.set_max_connections(4).unwrap();
    smtp.set_max_messages_per_connection(100);
    smtp.set_rate_limit(Some(0.5)).unwrap();
    assert_eq!(
        (smtp.max_connections(), smtp.max_messages_per_connection(), smtp.rate_limit()),
        (4, 100, Some(0.5))
    );
}

#[cfg(unix)]
#[test]
fn a_unix_domain_socket_is_a_server_too() {
    both(|way| {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("socket");
        let log = folder.path().join("log");
        let listener = std::os::unix::net::UnixListener::bind(&path).unwrap();
        let server =
            served::serve_on(listener, GREETING, vec![[&[EHLO][..], &DELIVERY, &DELIVERY, &[QUIT]].concat()]);
        let mut smtp = Smtp::new(&format!("unix:{}", path.display())).unwrap();
        smtp.set_log_file(&log).unwrap();
        for _ in 0..2 {
            let report = way.send(&smtp, &message()).unwrap();
            assert_eq!((report.server, report.peer_address), (path.display().to_string(), None));
        }
        way.disconnect(&smtp);
        assert_eq!(greetings(&server.lines()), 1);
        let log = std::fs::read_to_string(log).unwrap();
        assert_eq!(log.lines().next().unwrap(), format!("Connect to server. {}", path.display()));

        std::fs::remove_file(&path).unwrap();
        let error = way.send(&smtp, &message()).unwrap_err();
        assert_eq!(error.failure(), Some(Failure::ConnectRefused), "{error}");
        assert!(error.message().contains(&path.display().to_string()), "{error}");
        let server = Server { port: 25, ..Server::new("unix:/run/socket") };
        *smtp.servers_mut() = vec![server];
        assert_eq!(way.send(&smtp, &message()).unwrap_err().field(), Some("SMTPServers[0].Port"));
    });
}
