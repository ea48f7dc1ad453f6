//! The `SMTP` object over real sockets, against servers that follow a script.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "the helpers of tests fail like tests"
)]

use std::{
    fs,
    io::{BufRead, BufReader, Write},
    net::{TcpListener, TcpStream},
    sync::mpsc,
    thread::{self, JoinHandle},
};

use freesmtp_core::{Cause, EmailMessage, ErrorKind, RecipientStatus, Server, Smtp, Stage, types::Failure};

/// What a scripted server does after the greeting: for each line of the client an answer; an empty answer reads on,
/// `close` closes.
type Script = &'static [(&'static str, &'static str)];

const GREETING: &str = "220 mail.test ESMTP\r\n";
const EHLO: (&str, &str) = ("EHLO", "250 mail.test\r\n");
const DELIVERY: [(&str, &str); 4] =
    [("MAIL", "250 ok\r\n"), ("RCPT", "250 ok\r\n"), ("DATA", "354 go\r\n"), (".", "250 queued\r\n")];

/// Serves one connection for each script and gives back the lines that came.
fn serve(
    greeting: &'static str,
    scripts: Vec<Vec<(&'static str, &'static str)>>,
) -> (u16, JoinHandle<Vec<String>>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    let handle = thread::spawn(move || {
        let mut seen = Vec::new();
        for script in scripts {
            let (mut stream, _) = listener.accept().unwrap();
            let mut lines = BufReader::new(stream.try_clone().unwrap()).lines();
            stream.write_all(greeting.as_bytes()).unwrap();
            for (expected, answer) in script {
                // Lines of the message are read over until the one that is expected.
                for line in lines.by_ref() {
                    let line = line.unwrap_or_default();
                    seen.push(line.clone());
                    if line.starts_with(expected) && (expected != "." || line == ".") {
                        break;
                    }
                }
                if answer == "close" {
                    break;
                }
                stream.write_all(answer.as_bytes()).unwrap();
            }
        }
        seen
    });
    (port, handle)
}

fn smtp(ports: &[u16]) -> Smtp {
    let mut smtp = Smtp::default();
    smtp.set_default_domain("client.test").unwrap();
    for port in ports {
        smtp.servers_mut().push(Server { port: *port, ..Server::new("127.0.0.1") });
    }
    smtp
}

fn message() -> EmailMessage {
    let mut message = EmailMessage::new();
    message.from = "s@a.test".into();
    message.add_recipient("r@b.test");
    message.subject = "Hi".to_owned();
    message.add_text("Hello");
    message
}

fn closed_port() -> u16 {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port()
}

#[test]
fn one_connection_serves_many_messages() {
    let script = [&[EHLO][..], &DELIVERY, &DELIVERY, &[("QUIT", "221 bye\r\n")]].concat();
    let (port, server) = serve(GREETING, vec![script]);
    let smtp = smtp(&[port]);
    for _ in 0..2 {
        let report = smtp.send(&message()).unwrap();
        assert_eq!(report.recipients[0].status, RecipientStatus::Accepted);
        assert_eq!(report.reply.text(), "queued");
        assert_eq!(report.server, format!("127.0.0.1:{port}"));
    }
    assert!(smtp.connected());
    smtp.disconnect();
    assert!(!smtp.connected());
    assert_eq!(server.join().unwrap().iter().filter(|line| line.starts_with("EHLO")).count(), 1);
}

#[test]
fn a_kept_connection_that_the_server_closed_is_replaced_silently() {
    // The second connection is closed only when the next MAIL comes: the harder case.
    let first = [&[EHLO][..], &DELIVERY, &[("MAIL", "close")]].concat();
    let second = [&[EHLO][..], &DELIVERY].concat();
    let (port, server) = serve(GREETING, vec![first, second]);
    let smtp = smtp(&[port]);
    smtp.send(&message()).unwrap();
    let report = smtp.send(&message()).unwrap();
    assert!(report.warnings.is_empty());
    assert_eq!(server.join().unwrap().iter().filter(|line| line.starts_with("EHLO")).count(), 2);
}

#[test]
fn the_next_server_takes_over_and_the_failures_are_told() {
    let (busy, first) = serve("421 4.3.2 too busy\r\n", vec![vec![]]);
    let (port, second) = serve(GREETING, vec![[&[EHLO][..], &DELIVERY].concat()]);
    let report = smtp(&[closed_port(), busy, port]).send(&message()).unwrap();
    assert_eq!(report.warnings.len(), 2, "{:?}", report.warnings);
    assert!(report.warnings[1].contains("4.3.2 too busy"));
    first.join().unwrap();
    second.join().unwrap();
}

#[test]
fn every_server_that_failed_is_in_the_error() {
    let (busy, server) = serve("554 no service\r\n", vec![vec![]]);
    let error = smtp(&[closed_port(), busy]).send(&message()).unwrap_err();
    assert_eq!((error.stage(), error.reply_code()), (Stage::Connect, 554));
    assert_eq!(error.others()[0].failure(), Some(Failure::ConnectRefused));
    assert_eq!(error.others()[0].diagnosis().unwrap().cause, Cause::ConnectRefused);
    server.join().unwrap();
}

#[test]
fn a_refused_message_is_not_offered_to_the_next_server() {
    let script = vec![EHLO, ("MAIL", "250 ok\r\n"), ("RCPT", "550 5.1.1 no such user\r\n")];
    let (port, server) = serve(GREETING, vec![script]);
    let error = smtp(&[port, closed_port()]).send(&message()).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::RecipientsRefused);
    assert_eq!(error.recipients()[0].diagnosis.as_ref().unwrap().cause, Cause::RecipientUnknown);
    assert_eq!(error.diagnosis().unwrap().cause, Cause::RecipientUnknown);
    drop(server);
}

#[test]
fn cancel_ends_a_wait_at_once_and_from_another_thread() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let smtp = smtp(&[listener.local_addr().unwrap().port()]);
    let other = smtp.clone();
    let (sender, receiver) = mpsc::channel();
    let sending = thread::spawn(move || sender.send(smtp.send(&message()).unwrap_err()).unwrap());
    // Accepted, and never greeted.
    let _stream: TcpStream = listener.accept().unwrap().0;
    other.cancel();
    let error = receiver.recv().unwrap();
    assert_eq!(error.kind(), ErrorKind::Cancelled);
    assert_eq!(error.diagnosis().unwrap().cause, Cause::Cancelled);
    sending.join().unwrap();
}

#[test]
fn the_last_words_of_a_server_that_closes_while_the_message_is_sent_are_the_error() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    let server = thread::spawn(move || {
        let (mut stream, _) = listener.accept().unwrap();
        let mut lines = BufReader::new(stream.try_clone().unwrap()).lines();
        stream.write_all(GREETING.as_bytes()).unwrap();
        for answer in ["250 mail.test\r\n", "250 ok\r\n", "250 ok\r\n", "354 go\r\n"] {
            lines.next();
            stream.write_all(answer.as_bytes()).unwrap();
        }
        lines.next();
        stream.write_all(b"552 5.3.4 message too big for us\r\n").unwrap();
        // The rest of the message is never read.
    });
    let mut message = message();
    message.attach_bytes("big.bin", vec![7; 8 << 20]);
    let error = smtp(&[port]).send(&message).unwrap_err();
    assert_eq!((error.reply_code(), error.stage()), (552, Stage::Data), "{error:?}");
    assert_eq!(error.diagnosis().unwrap().cause, Cause::MessageTooLarge);
    server.join().unwrap();
}

#[test]
fn bad_input_opens_no_connection_and_names_its_field() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    listener.set_nonblocking(true).unwrap();
    let smtp = smtp(&[listener.local_addr().unwrap().port()]);
    let mut bad = message();
    bad.recipients[0].address.email = "r@b.test>\r\nDATA".to_owned();
    let error = smtp.send(&bad).unwrap_err();
    assert_eq!((error.kind(), error.field()), (ErrorKind::Message, Some("Recipients[0].Email")));
    assert_eq!(error.diagnosis().unwrap().cause, Cause::InvalidInput);
    assert_eq!(Smtp::default().send(&message()).unwrap_err().field(), Some("SMTPServers"));
    assert!(listener.accept().is_err(), "nobody connected");
}

#[test]
fn the_seed_conversation_is_logged_line_for_line() {
    let script: Script = &[
        (
            "EHLO domain.com",
            "250-quiksoft.com\r\n250-SIZE 0\r\n250-AUTH SCRAM-MD5 LOGIN CRAM-MD5 NTLM\r\n250 8BITMIME\r\n",
        ),
        ("MAIL FROM:<sender@domain.com>", "250 2.0.0 sender@domain.com OK\r\n"),
        (
            "RCPT TO:<recipient@domain.com>",
            "501 5.7.1 This system is not configured to relay mail from <sender@domain.com> to \
             <recipient@domain.com> for 69.80.22.132\r\n",
        ),
    ];
    let (port, server) = serve("220 quiksoft.com MailSite ESMTP Receiver\r\n", vec![script.to_vec()]);
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("smtp log.txt");
    let mut smtp = smtp(&[port]);
    smtp.set_default_domain("domain.com").unwrap();
    smtp.set_log_file(&path).unwrap();
    let mut message = EmailMessage::new();
    message.from = "sender@domain.com".into();
    message.add_recipient("recipient@domain.com");
    let error = smtp.send(&message).unwrap_err();
    let expected = format!(
        "Connect to server. 127.0.0.1 Port: {port}
220 quiksoft.com MailSite ESMTP Receiver
EHLO domain.com
250-quiksoft.com
250-SIZE 0
250-AUTH SCRAM-MD5 LOGIN CRAM-MD5 NTLM
250 8BITMIME
MAIL FROM:<sender@domain.com>
250 2.0.0 sender@domain.com OK
RCPT TO:<recipient@domain.com>
501 5.7.1 This system is not configured to relay mail from <sender@domain.com> to <recipient@domain.com> for 69.80.22.132
"
    );
    assert_eq!(fs::read_to_string(&path).unwrap(), expected);
    assert_eq!(error.transcript().to_vec().join("\n") + "\n", expected);
    let diagnosis = error.diagnosis().unwrap();
    assert_eq!(diagnosis.cause, Cause::RelayDenied);
    assert_eq!(diagnosis.remedy.lines().count(), 3, "{}", diagnosis.remedy);
    for words in ["SCRAM-MD5 LOGIN CRAM-MD5 NTLM", "69.80.22.132", "another server"] {
        assert!(
            diagnosis.remedy.to_lowercase().contains(&words.to_lowercase()),
            "{words}: {}",
            diagnosis.remedy
        );
    }
    drop((smtp, server));
    assert_eq!(fs::read_to_string(&path).unwrap(), expected, "nor does letting go of the object add a line");
}

#[cfg(unix)]
#[test]
fn a_log_belongs_to_its_user_and_its_failure_is_a_warning() {
    use std::os::unix::fs::PermissionsExt;
    let script = || [&[EHLO][..], &DELIVERY].concat();
    let folder = tempfile::tempdir().unwrap();
    let (port, server) = serve(GREETING, vec![script()]);
    let mut first = smtp(&[port]);
    first.set_log_file(folder.path().join("log")).unwrap();
    first.send(&message()).unwrap();
    assert_eq!(fs::metadata(folder.path().join("log")).unwrap().permissions().mode() & 0o777, 0o600);
    drop(first);
    server.join().unwrap();

    let error = smtp(&[1]).set_log_file(folder.path().join("missing/log")).unwrap_err();
    assert_eq!((error.kind(), error.field()), (ErrorKind::FileIo, Some("LogFile")));

    let (port, server) = serve(GREETING, vec![script()]);
    let mut second = smtp(&[port]);
    let gone = folder.path().join("gone");
    fs::create_dir(&gone).unwrap();
    second.set_log_file(gone.join("log")).unwrap();
    fs::remove_dir(&gone).unwrap();
    let report = second.send(&message()).unwrap();
    assert_eq!(report.warnings.len(), 1, "{:?}", report.warnings);
    drop(second);
    server.join().unwrap();
}

#[test]
fn lines_of_two_connections_can_be_told_apart() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("log");
    let script = || [&[EHLO][..], &DELIVERY].concat();
    let (one, first) = serve(GREETING, vec![script()]);
    let (two, second) = serve(GREETING, vec![script()]);
    let mut smtp = smtp(&[one]);
    smtp.set_log_file(&path).unwrap();
    smtp.send(&message()).unwrap();
    smtp.servers_mut()[0].port = two;
    smtp.send(&message()).unwrap();
    let log = fs::read_to_string(&path).unwrap();
    let (plain, numbered): (Vec<&str>, Vec<&str>) = log.lines().partition(|line| !line.starts_with("[2] "));
    assert_eq!(plain.len(), numbered.len());
    drop(smtp);
    first.join().unwrap();
    second.join().unwrap();
}

#[test]
fn a_command_of_the_program_is_answered_whatever_the_code() {
    let script = vec![EHLO, ("VRFY r", "252 maybe\r\n"), ("NOOP", "502 no\r\n")];
    let (port, server) = serve(GREETING, vec![script]);
    let smtp = smtp(&[port]);
    assert_eq!(smtp.send_command("VRFY r").unwrap().code(), 252);
    assert_eq!(smtp.send_command("NOOP").unwrap().code(), 502);
    assert_eq!(smtp.send_command("NOOP\r\nRSET").unwrap_err().field(), Some("Command"));
    drop(smtp);
    server.join().unwrap();
}

#[test]
fn what_a_server_is_asked_goes_over_one_connection() {
    let ehlo = ("EHLO", "250-mail.test\r\n250 SMTPUTF8\r\n");
    let script = vec![
        ehlo,
        ("VRFY jürgen@b.test SMTPUTF8", "252 cannot say\r\n"),
        ("EXPN staff", "250-<a@b.test>\r\n250 <c@d.test>\r\n"),
        ("HELP MAIL", "214 see RFC 5321\r\n"),
        ("NOOP", "250 ok\r\n"),
        ("ETRN @b.test", "458 no\r\n"),
        ("QUIT", "221 bye\r\n"),
    ];
    let (port, server) = serve(GREETING, vec![script]);
    let smtp = smtp(&[port]);
    assert_eq!(smtp.verify("jürgen@b.test").unwrap().code(), 252);
    assert_eq!(smtp.expand("staff").unwrap().lines(), ["<a@b.test>", "<c@d.test>"]);
    assert_eq!(smtp.help("MAIL").unwrap().code(), 214);
    assert_eq!(smtp.noop().unwrap().code(), 250);
    assert_eq!(smtp.etrn("@b.test").unwrap().code(), 458);
    smtp.disconnect();
    assert_eq!(server.join().unwrap().len(), 7);
}

#[test]
fn a_question_that_this_server_cannot_be_asked_leaves_the_connection_as_it_is() {
    let (port, server) = serve(GREETING, vec![vec![EHLO, ("NOOP", "250 ok\r\n"), ("QUIT", "221 bye\r\n")]]);
    let smtp = smtp(&[port]);
    assert_eq!(smtp.verify("a\r\nDATA").unwrap_err().field(), Some("Address"));
    let error = smtp.verify("jürgen@b.test").unwrap_err();
    assert_eq!((error.kind(), error.stage()), (ErrorKind::Protocol, Stage::Command));
    assert_eq!(error.diagnosis().unwrap().cause, Cause::SmtpUtf8Unsupported);
    assert!(smtp.connected());
    smtp.noop().unwrap();
    smtp.disconnect();
    assert_eq!(server.join().unwrap(), ["EHLO client.test", "NOOP", "QUIT"]);
}
