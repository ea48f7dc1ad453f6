//! Whole dialogues, the client's bytes put in whole, line by line and byte by byte.

use std::sync::Arc;

use freesmtp_core::Secret;

use super::{
    listener::answer,
    policy::{Greylist, Login, Policy},
};
use crate::server::{Envelope, Session, Step};

fn open_policy() -> Policy {
    Policy {
        max_size: 1_000,
        login: None,
        require_auth: false,
        deny_relay: false,
        local_domains: Vec::new(),
        unknown_users: Vec::new(),
        greylist: None,
    }
}

fn with_login() -> Policy {
    Policy { login: Some(Login { user: "user".into(), password: Secret::new("secret") }), ..open_policy() }
}

/// What came of a dialogue.
#[derive(Debug, Default, PartialEq)]
struct Seen {
    replies: String,
    kept: Vec<(Envelope, Vec<u8>)>,
    accounts: Vec<Option<String>>,
    abandoned: u32,
    closed: bool,
}

impl Seen {
    /// The first four characters of each line of the replies, the greeting left out.
    fn codes(&self) -> Vec<&str> {
        self.replies.lines().skip(1).map(|line| line.get(..4).unwrap_or(line).trim_end()).collect()
    }
}

/// Carries out steps until the session wants input.
fn drive(session: &mut Session, seen: &mut Seen, begun: &mut Option<(Envelope, Vec<u8>)>) {
    loop {
        match session.next() {
            Step::Send(bytes) => seen.replies.push_str(&String::from_utf8(bytes).unwrap()),
            Step::Begin(client, envelope) => {
                assert!(begun.is_none());
                seen.accounts.push(client.account);
                *begun = Some((envelope, Vec::new()));
            }
            Step::Body(bytes) => begun.as_mut().unwrap().1.extend(bytes),
            Step::Commit => {
                seen.kept.push(begun.take().unwrap());
                session.committed(&answer(Some("1.eml")));
            }
            Step::StartTls => panic!("it is not offered"),
            Step::Abandon => {
                begun.take().unwrap();
                seen.abandoned += 1;
            }
            Step::NeedInput => return,
            Step::Close => {
                seen.closed = true;
                return;
            }
        }
    }
}

fn play(policy: &Arc<Policy>, pieces: &mut dyn Iterator<Item = &[u8]>) -> Seen {
    let mut session = Session::new(policy.clone(), Some("127.0.0.1:4000".parse().unwrap()));
    let (mut seen, mut begun) = (Seen::default(), None);
    drive(&mut session, &mut seen, &mut begun);
    for piece in pieces {
        if seen.closed {
            break;
        }
        session.input(piece);
        drive(&mut session, &mut seen, &mut begun);
    }
    seen
}

/// Plays it in every way; all of them must come to the same.
fn talk(policy: impl Fn() -> Policy, input: impl AsRef<[u8]>) -> Seen {
    let input = input.as_ref();
    let whole = play(&Arc::new(policy()), &mut std::iter::once(input));
    let lines = play(&Arc::new(policy()), &mut input.split_inclusive(|&b| b == b'\n'));
    let bytes = play(&Arc::new(policy()), &mut input.chunks(1));
    assert_eq!(whole, lines);
    assert_eq!(whole, bytes);
    whole
}

const MESSAGE: &str =
    "EHLO c.test\r\nMAIL FROM:<a@b.test>\r\nRCPT TO:<c@d.test>\r\nDATA\r\nSubject: x\r\n\r\n..dot\r\n.\r\n";

#[test]
fn a_pipelined_session_of_two_messages() {
    let second = "MAIL FROM:<> BODY=8BITMIME SIZE=9 SMTPUTF8\r\nRCPT TO:<ü@d.test>\r\nRCPT TO:<postmaster>\r\nDATA\r\n\r\nQUIT\r\n.\r\nQUIT\r\n";
    let seen = talk(open_policy, format!("{MESSAGE}{second}NOOP\r\n"));
    assert!(seen.replies.starts_with("220 localhost ESMTP "));
    assert!(seen.replies.contains("\r\n250-SIZE 1000\r\n"), "{}", seen.replies);
    let codes = &seen.codes()[7..];
    assert_eq!(codes, ["250", "250", "354", "250", "250", "250", "250", "354", "250", "221"]);
    assert_eq!(seen.kept[0].1, b"Subject: x\r\n\r\n.dot\r\n");
    assert_eq!(
        (seen.kept[0].0.sender.as_str(), &seen.kept[0].0.recipients[..]),
        ("a@b.test", &["c@d.test".into()][..])
    );
    assert_eq!(seen.kept[1].1, b"\r\nQUIT\r\n");
    let envelope = &seen.kept[1].0;
    assert_eq!(
        (envelope.sender.as_str(), envelope.declared_size, envelope.eight_bit, envelope.utf8),
        ("", Some(9), true, true)
    );
    assert_eq!(envelope.recipients, ["ü@d.test".into(), "postmaster".into()]);
    assert!(seen.closed, "what follows QUIT is not heard");
}

#[test]
fn replies_to_pipelined_commands_leave_together() {
    let mut session = Session::new(Arc::new(open_policy()), None);
    assert!(matches!(session.next(), Step::Send(_)));
    session.input(b"NOOP\r\nRSET\r\nNOOP\r\n");
    let Step::Send(bytes) = session.next() else { panic!("replies expected") };
    assert_eq!(bytes.iter().filter(|&&b| b == b'\n').count(), 3);
    assert_eq!(session.next(), Step::NeedInput);
}

#[test]
fn smuggled_bytes_never_end_a_message() {
    for end in ["\n.\n", "\n.\r\n", "\r.\r", "\r.\r\n", "\r\n.\n", "\r\n.\r", "\n\n.\r\n", "\r\n.\r\r\n"] {
        let hidden = "MAIL FROM:<evil@b.test>\r\nRCPT TO:<c@d.test>\r\nDATA\r\nforged\r\n.\r\n";
        let seen = talk(
            open_policy,
            format!("EHLO c\r\nMAIL FROM:<a@b.test>\r\nRCPT TO:<c@d.test>\r\nDATA\r\nx{end}{hidden}NOOP\r\n"),
        );
        assert_eq!(seen.kept, [], "{end:?}");
        assert_eq!(seen.abandoned, 1, "{end:?}");
        assert_eq!(seen.codes()[7..], ["250", "250", "354", "554", "250"], "{end:?}");
    }
}

#[test]
fn limits() {
    let message = |body: &str| {
        format!("EHLO c\r\nMAIL FROM:<a@b.test>\r\nRCPT TO:<c@d.test>\r\nDATA\r\n{body}\r\n.\r\nNOOP\r\n")
    };
    let fits = talk(open_policy, message(&"x".repeat(998)));
    assert_eq!(fits.kept.len(), 1);
    let too_large = talk(open_policy, message(&format!("{}\r\nx", "x".repeat(998))));
    assert_eq!((too_large.kept.len(), too_large.abandoned), (0, 1));
    assert_eq!(too_large.codes()[10..], ["552", "250"]);
    let long_line = talk(open_policy, message(&"x".repeat(999)));
    assert_eq!(long_line.codes()[10..], ["554", "250"]);
    let declared = talk(
        open_policy,
        "EHLO c\r\nMAIL FROM:<a@b.test> SIZE=1001\r\nMAIL FROM:<a@b.test> SIZE=99999999999999999999\r\nMAIL FROM:<a@b.test> SIZE=1000\r\n",
    );
    assert_eq!(declared.codes()[7..], ["552", "552", "250"]);
    let long_command = talk(open_policy, format!("NOOP {}\r\nNOOP\r\n", "x".repeat(20_000)));
    assert_eq!(long_command.codes(), ["500", "250"]);
    let faults = talk(open_policy, "NONSENSE\r\n".repeat(30));
    assert_eq!(faults.codes().len(), 22);
    assert!(faults.closed && faults.codes().ends_with(&["421"]));
}

#[test]
fn commands_out_of_order_and_bad_arguments() {
    let seen = talk(
        open_policy,
        "MAIL FROM:<a@b.test>\r\nRCPT TO:<c@d.test>\r\nDATA\r\nEHLO c\r\nDATA now\r\nMAIL FROM:<a@b.test>\r\n\
         MAIL FROM:<a@b.test>\r\nDATA\r\nRCPT TO:<c@d.test> NOTIFY=NEVER\r\nRCPT TO:<ü@d.test>\r\nRSET\r\n\
         MAIL FROM:<a@b.test> BODY=BINARYMIME\r\nMAIL FROM:<a@b.test> SIZE=1 SIZE=2\r\nMAIL FROM:<a@b.test> X=1\r\n\
         MAIL FROM:<ü@b.test>\r\nAUTH PLAIN AHVzZXIAc2VjcmV0\r\nSTARTTLS\r\nVRFY a\r\nHELP\r\nNOOP x\r\nQUIT\r\n",
    );
    let codes = seen.codes();
    assert_eq!(codes[..3], ["503", "503", "503"]);
    assert_eq!(
        codes[10..],
        [
            "501", "250", "503", "554", "555", "553", "250", "501", "501", "555", "550", "502", "502", "252",
            "214", "250", "221"
        ][..]
    );
}

#[test]
fn lines_that_end_wrongly_are_not_carried_out() {
    let seen = talk(open_policy, "EHLO c\nMAIL FROM:<a@b.test>\r\n");
    assert_eq!(seen.codes(), ["500", "503"]);
}

#[test]
fn an_old_client_gets_no_extensions() {
    let seen =
        talk(with_login, "HELO c\r\nMAIL FROM:<a@b.test> SIZE=1\r\nAUTH LOGIN\r\nMAIL FROM:<a@b.test>\r\n");
    assert_eq!(seen.codes(), ["250", "555", "503", "250"]);
}

#[test]
fn a_browser_is_sent_away() {
    let seen = talk(open_policy, "POST / HTTP/1.1\r\nHost: x\r\n\r\nMAIL FROM:<a@b.test>\r\n");
    assert_eq!(seen.codes(), ["421"]);
    assert!(seen.closed);
}

#[test]
fn plain_and_login() {
    // user / secret
    for exchange in [
        "AUTH PLAIN AHVzZXIAc2VjcmV0\r\n",
        "auth plain dXNlcgB1c2VyAHNlY3JldA==\r\n",
        "AUTH PLAIN\r\nAHVzZXIAc2VjcmV0\r\n",
        "AUTH LOGIN\r\ndXNlcg==\r\nc2VjcmV0\r\n",
        "AUTH LOGIN dXNlcg==\r\nc2VjcmV0\r\n",
    ] {
        let required = || Policy { require_auth: true, ..with_login() };
        let rest = &MESSAGE[MESSAGE.find("MAIL").unwrap()..];
        let seen =
            talk(required, format!("EHLO c\r\nMAIL FROM:<a@b.test>\r\n{exchange}AUTH LOGIN\r\n{rest}"));
        assert!(seen.replies.contains("250-AUTH PLAIN LOGIN\r\n"));
        assert!(seen.replies.contains("\r\n530 5.7.0 "));
        assert!(seen.replies.contains("\r\n235 2.7.0 "), "{exchange:?}: {}", seen.replies);
        assert!(seen.replies.contains("\r\n503 5.5.1 "), "a second AUTH");
        assert_eq!(seen.accounts, [Some("user".to_owned())]);
        assert_eq!(seen.kept.len(), 1);
    }
    for (exchange, code) in [
        ("AUTH PLAIN AHVzZXIAc2VjcmVU\r\n", "535"),
        ("AUTH PLAIN AHVzZXIAc2VjcmV0cw==\r\n", "535"),
        ("AUTH PLAIN AHVzZXIA\r\n", "535"),
        ("AUTH PLAIN YWRtaW4AdXNlcgBzZWNyZXQ=\r\n", "535"),
        ("AUTH PLAIN =\r\n", "501"),
        ("AUTH PLAIN !!\r\n", "501"),
        ("AUTH LOGIN\r\n*\r\n", "501"),
        ("AUTH LOGIN\r\ndXNlcg==\r\nd3Jvbmc=\r\n", "535"),
        ("AUTH CRAM-MD5\r\n", "504"),
        ("AUTH\r\n", "501"),
    ] {
        let seen = talk(with_login, format!("EHLO c\r\n{exchange}NOOP\r\n"));
        let codes = seen.codes();
        assert_eq!(codes[codes.len() - 2..], [code, "250"], "{exchange:?}");
    }
}

#[test]
fn a_server_that_denies_relaying() {
    let policy = || Policy {
        deny_relay: true,
        local_domains: vec!["Own.test".into(), "xn--bcher-kva.test".into()],
        ..with_login()
    };
    let recipients = "MAIL FROM:<a@b.test> SMTPUTF8\r\nRCPT TO:<c@d.test>\r\nRCPT TO:<c@own.test>\r\n\
                      RCPT TO:<\"x@own.test\"@d.test>\r\nRCPT TO:<c@sub.own.test>\r\nRCPT TO:<c@BÜCHER.test>\r\nRCPT TO:<postmaster>\r\n";
    let seen = talk(policy, format!("EHLO c\r\n{recipients}"));
    assert_eq!(seen.codes()[9..], ["550", "250", "550", "550", "250", "250"]);
    assert!(seen.replies.contains("550 5.7.1 <c@d.test>: relaying denied for 127.0.0.1\r\n"));
    let logged_in = talk(policy, format!("EHLO c\r\nAUTH PLAIN AHVzZXIAc2VjcmV0\r\n{recipients}"));
    assert!(!logged_in.replies.contains("550"), "who logged in may relay");
}

#[test]
fn unknown_users_and_greylisting() {
    let unknown = || Policy { unknown_users: vec!["nobody@d.test".into()], ..open_policy() };
    let seen =
        talk(unknown, "EHLO c\r\nMAIL FROM:<a@b.test>\r\nRCPT TO:<Nobody@d.test>\r\nRCPT TO:<c@d.test>\r\n");
    assert_eq!(seen.codes()[8..], ["550", "250"]);
    assert!(seen.replies.contains("550 5.1.1 "));

    let greylist = || Policy { greylist: Some(Greylist::default()), ..open_policy() };
    let attempt = "MAIL FROM:<a@b.test>\r\nRCPT TO:<c@d.test>\r\nRSET\r\n";
    let other = attempt.replace("c@d", "e@d");
    let seen = talk(greylist, format!("EHLO c\r\n{attempt}{attempt}{other}"));
    assert_eq!(seen.codes()[7..], ["250", "451", "250", "250", "250", "250", "250", "451", "250"]);
}

#[test]
fn a_message_that_cannot_be_kept_and_a_session_that_is_ended() {
    let mut session = Session::new(Arc::new(open_policy()), None);
    session.input(MESSAGE.as_bytes());
    let mut replies = Vec::new();
    loop {
        match session.next() {
            Step::Send(bytes) => replies.extend(bytes),
            Step::Commit => session.committed(&answer(None)),
            Step::NeedInput => break,
            _ => {}
        }
    }
    assert!(String::from_utf8(replies).unwrap().ends_with("451 4.3.0 The message could not be kept\r\n"));

    session.input(b"MAIL FROM:<a@b.test>\r\nRCPT TO:<c@d.test>\r\nDATA\r\nhalf");
    while session.next() != Step::NeedInput {}
    session.end("4.3.2", "shutting down");
    assert_eq!(session.next(), Step::Abandon);
    assert_eq!(session.next(), Step::Send(b"421 4.3.2 localhost shutting down\r\n".to_vec()));
    assert_eq!(session.next(), Step::Close);
}
