//! One transcript of each style, with what must be found in it.

use super::*;
use crate::types::Cause;

/// Line, stage, cause, recipient of everything found.
fn found(transcript: &str) -> Vec<(usize, Option<Stage>, Cause, Option<String>)> {
    explain(transcript).into_iter().map(|e| (e.line, e.stage, e.diagnosis.cause, e.recipient)).collect()
}

fn one(transcript: &str) -> Explanation {
    let mut all = explain(transcript);
    assert_eq!(all.len(), 1, "{all:#?}");
    all.remove(0)
}

const ORIGINAL: &str = "\
Connect to server. mail.quiksoft.com
220 quiksoft.com MailSite ESMTP Receiver
EHLO domain.com
250-quiksoft.com
250-AUTH SCRAM-MD5 LOGIN
250-SIZE 10000000
250 8BITMIME
MAIL FROM:<sender@domain.com>
250 2.0.0 sender@domain.com OK
RCPT TO:<recipient@domain.com>
501 5.7.1 This system is not configured to relay mail from <sender@domain.com> to <recipient@domain.com> for 69.80.22.132
QUIT
221 bye
";

#[test]
fn our_own_log() {
    let explanation = one(ORIGINAL);
    assert_eq!((explanation.line, explanation.stage), (11, Some(Stage::Rcpt)));
    assert_eq!(explanation.host, "mail.quiksoft.com");
    assert_eq!(explanation.sender.as_deref(), Some("sender@domain.com"));
    assert_eq!(explanation.recipient.as_deref(), Some("recipient@domain.com"));
    assert_eq!(explanation.diagnosis.cause, Cause::RelayDenied);
    assert!(
        explanation.diagnosis.remedy.contains("AUTH SCRAM-MD5 LOGIN"),
        "{}",
        explanation.diagnosis.remedy
    );
}

#[test]
fn the_same_conversation_in_every_dress() {
    let plain: Vec<&str> = ORIGINAL.lines().skip(1).collect();
    let dress = |client: &str, server: &str, time: &str| {
        let line = |text: &&str| {
            let of_server = text.as_bytes()[0].is_ascii_digit();
            format!("{time}{}{text}\n", if of_server { server } else { client })
        };
        plain.iter().map(line).collect::<String>()
    };
    for (client, server, time) in [
        ("C: ", "S: ", ""),
        ("> ", "< ", ""),
        ("-> ", "<-  ", ""),
        (">>> ", "<<< ", ""),
        ("=> ", "<= ", ""),
        ("CLIENT -> SERVER: ", "SERVER -> CLIENT: ", "2026-11-23 15:00:00 "),
        ("C: ", "S: ", "[2026-11-23 15:00:00] DEBUG [Kx8] "),
        ("> ", "< ", "15:00:00.123456 "),
        ("", "", "2026-11-23T15:00:00.123Z "),
        ("", "", "[2] "),
    ] {
        let explanation = one(&dress(client, server, time));
        assert_eq!(explanation.diagnosis.cause, Cause::RelayDenied, "{client}{server}{time}");
        assert_eq!(explanation.stage, Some(Stage::Rcpt), "{client}{server}{time}");
        assert!(explanation.diagnosis.remedy.contains("SCRAM-MD5"), "{client}{server}{time}");
    }
}

#[test]
fn two_sessions_in_one_log_are_told_apart() {
    let log = "220 a.example ready\n[2] 220 b.example ready\nEHLO me\n[2] EHLO me\n250 a\n[2] 250-b\n[2] 250 STARTTLS\n\
               MAIL FROM:<x@y.org>\n[2] MAIL FROM:<x@y.org>\n[2] 530 5.7.0 Must issue a STARTTLS command first\n\
               250 ok\nRCPT TO:<u@z.org>\n550 5.1.1 No such user\n";
    assert_eq!(
        found(log),
        [
            (10, Some(Stage::Mail), Cause::TlsRequired, None),
            (13, Some(Stage::Rcpt), Cause::RecipientUnknown, Some("u@z.org".to_owned()))
        ]
    );
}

#[test]
fn pythons_smtplib() {
    let log = "connect: to ('smtp.gmail.com', 587) None\n\
               reply: b'220 smtp.gmail.com ESMTP\\r\\n'\nreply: retcode (220); Msg: b'smtp.gmail.com ESMTP'\n\
               connect: b'smtp.gmail.com ESMTP'\nsend: 'ehlo me\\r\\n'\nreply: b'250-smtp.gmail.com\\r\\n'\n\
               reply: b'250 AUTH LOGIN PLAIN\\r\\n'\nreply: retcode (250); Msg: b'smtp.gmail.com\\nAUTH LOGIN PLAIN'\n\
               send: 'AUTH PLAIN AGEAYg==\\r\\n'\n\
               reply: b'535-5.7.8 Username and Password not accepted. Learn more at\\r\\n'\n\
               reply: b'535 5.7.8  https://support.google.com/mail/?p=BadCredentials\\r\\n'\n\
               reply: retcode (535); Msg: b'5.7.8 Username and Password not accepted.'\n\
               smtplib.SMTPAuthenticationError: (535, b'5.7.8 Username and Password not accepted. Learn more at\\n5.7.8  https://support.google.com/mail/?p=BadCredentials')\n";
    let explanation = one(log);
    assert_eq!(explanation.stage, Some(Stage::Auth));
    assert_eq!(explanation.host, "smtp.gmail.com");
    assert_eq!(explanation.diagnosis.cause, Cause::AuthFailed);
    assert!(explanation.diagnosis.remedy.contains("app password"), "{}", explanation.diagnosis.remedy);
}

#[test]
fn curl_verbose() {
    let log = "* Connected to mx.example.com (192.0.2.1) port 25 (#0)\n< 220 mx.example.com ESMTP\n> EHLO me\n\
               < 250-mx.example.com\n< 250 SIZE 1000\n> MAIL FROM:<a@b.org> SIZE=5000\n\
               < 552 5.3.4 Message size exceeds fixed limit\n* MAIL failed: 552\n> QUIT\n< 221 Bye\n";
    let explanation = one(log);
    assert_eq!(explanation.diagnosis.cause, Cause::MessageTooLarge);
    assert!(explanation.diagnosis.remedy.contains("5000") && explanation.diagnosis.remedy.contains("1000"));
}

#[test]
fn pipelined_commands_get_their_own_replies() {
    let log = "220 mx ESMTP\nEHLO me\n250-mx\n250 PIPELINING\nMAIL FROM:<a@b.org>\nRCPT TO:<one@c.org>\nRCPT TO:<two@c.org>\n\
               DATA\n250 ok\n250 ok\n550 5.1.1 unknown user\n354 go\nMessage sent. 300 bytes\n554 5.7.1 Spam message rejected\n";
    assert_eq!(
        found(log),
        [
            (11, Some(Stage::Rcpt), Cause::RecipientUnknown, Some("two@c.org".to_owned())),
            (14, Some(Stage::Eom), Cause::ContentRejected, None)
        ]
    );
}

#[test]
fn what_was_mended_by_the_next_command_is_no_failure() {
    assert_eq!(found("220 x.org\nEHLO me\n502 unknown command\nHELO me\n250 x.org\nQUIT\n221 bye\n"), []);
    let second = "220 x.org\nEHLO me\n250-x\n250 AUTH CRAM-MD5 LOGIN\nAUTH CRAM-MD5\n504 5.5.4 no\nAUTH LOGIN\n334 VXNlcm5hbWU6\n\
                  ****\n334 UGFzc3dvcmQ6\n****\n235 ok\n";
    assert_eq!(found(second), []);
}

#[test]
fn a_server_that_falls_silent() {
    let greeting = one("Connect to server. mx.example.com Port: 465\n");
    assert_eq!((greeting.stage, greeting.diagnosis.cause), (Some(Stage::Connect), Cause::GreetingTimeout));
    let command = one("220 x.org\nEHLO me\n250 x.org\nMAIL FROM:<a@b.org>\n");
    assert_eq!((command.stage, command.diagnosis.cause), (Some(Stage::Mail), Cause::ConnectionLost));
}

#[test]
fn mail_server_logs() {
    let postfix = "Nov 23 15:00:00 mta postfix/smtp[8260]: 2755E408D6: to=<u@example.org>, relay=mx.example.org[192.0.2.9]:25, \
                   delay=0.7, dsn=5.1.1, status=bounced (host mx.example.org[192.0.2.9] said: 550 5.1.1 <u@example.org> \
                   User doesn't exist (in reply to RCPT TO command))\n\
                   Nov 23 15:00:01 mta postfix/smtp[8260]: 2755E408D7: host mx03.t-online.de[194.25.134.73] refused to talk \
                   to me: 554 IP=192.0.2.1 - None/bad reputation.\n";
    let all = explain(postfix);
    assert_eq!(all.len(), 2, "{all:#?}");
    assert_eq!((all[0].stage, all[0].diagnosis.cause), (Some(Stage::Rcpt), Cause::RecipientUnknown));
    assert_eq!(
        (all[0].host.as_str(), all[0].recipient.as_deref()),
        ("mx.example.org", Some("u@example.org"))
    );
    assert_eq!((all[1].stage, all[1].diagnosis.cause), (Some(Stage::Connect), Cause::IpBlocked));

    let exim = "2026-11-23 15:00:00 1abc-000-XY ** u@example.org R=dnslookup T=remote_smtp H=mx.example.org [192.0.2.9]: SMTP \
                error from remote mail server after RCPT TO:<u@example.org>: 550 relay not permitted\n";
    let explanation = one(exim);
    assert_eq!((explanation.stage, explanation.diagnosis.cause), (Some(Stage::Rcpt), Cause::RelayDenied));
    assert_eq!(explanation.recipient.as_deref(), Some("u@example.org"));
}

#[test]
fn a_bounce_says_it_once() {
    let bounce = "This is the mail system at host mta.example.com.\n\n\
                  <u@example.org>: host mx.example.org[192.0.2.9] said: 552 5.2.2 The mailbox is over\n    quota (in reply to RCPT TO\n    command)\n\n\
                  Reporting-MTA: dns; mta.example.com\n\nFinal-Recipient: rfc822; u@example.org\nAction: failed\nStatus: 5.2.2\n\
                  Remote-MTA: dns; mx.example.org\nDiagnostic-Code: smtp; 552 5.2.2 The mailbox is over\n    quota\n";
    let explanation = one(bounce);
    assert_eq!((explanation.stage, explanation.diagnosis.cause), (Some(Stage::Rcpt), Cause::MailboxFull));
    assert_eq!(explanation.recipient.as_deref(), Some("u@example.org"));
    assert_eq!(explanation.host, "mx.example.org");
}

#[test]
fn exceptions_and_bare_replies() {
    let refused = one(
        "smtplib.SMTPRecipientsRefused: {'b@x.org': (550, b'relay access denied - please authenticate')}",
    );
    assert_eq!((refused.stage, refused.diagnosis.cause), (Some(Stage::Rcpt), Cause::AuthRequired));
    assert_eq!(refused.recipient.as_deref(), Some("b@x.org"));
    let nodemailer =
        one("Error: Invalid login: 534-5.7.9 Application-specific password required. 534 5.7.9 Learn more");
    assert_eq!(
        (nodemailer.stage, nodemailer.diagnosis.cause),
        (Some(Stage::Auth), Cause::AuthMechanismUnavailable)
    );
    let response = one("  response: '550 5.7.1 Unable to relay for u@example.org',\n  responseCode: 550");
    assert_eq!(response.diagnosis.cause, Cause::RelayDenied);
    let bare = one("550-5.1.1 The email account that you tried to reach\n550 5.1.1 does not exist.");
    assert_eq!(bare.diagnosis.cause, Cause::RecipientUnknown);
    assert_eq!(bare.stage, None);
    let greeting = one("S: 421 4.7.0 Too many connections\nC: QUIT\nS: 221 bye");
    assert_eq!((greeting.stage, greeting.diagnosis.cause), (Some(Stage::Connect), Cause::TooManyConnections));
}

#[test]
fn errors_of_the_client() {
    let refused = one("Connecting...\nError: connect ECONNREFUSED 127.0.0.1:25\n");
    assert_eq!(refused.diagnosis.cause, Cause::ConnectRefused);
    let expired = one("curl: (60) SSL certificate problem: error: certificate has expired\n");
    assert_eq!(expired.diagnosis.cause, Cause::CertificateExpired);
}

#[test]
fn nothing_failed() {
    for fine in [
        "",
        "hello\n",
        "220 x.org\nEHLO me\n250 x.org\nQUIT\n221 bye\n",
        "We sent 450 messages in 500 seconds",
    ] {
        assert_eq!(found(fine), [], "{fine}");
    }
}

/// A message is no conversation, whatever it says.
#[test]
fn the_message_decides_nothing() {
    let log = "220 x.org\nEHLO me\n250 x.org\nMAIL FROM:<a@b.org>\n250 ok\nRCPT TO:<c@d.org>\n250 ok\nDATA\n354 go\n\
               | 550 this is body\n| QUIT\n250 queued\n";
    assert_eq!(found(log), []);
}

#[test]
fn hostile_input_costs_little() {
    let long = "5".repeat(20_000);
    let many = "<a@b> said: 55".repeat(2_000);
    for text in [
        long.as_str(),
        many.as_str(),
        &"550 ".repeat(20_000),
        &"[".repeat(20_000),
        "55\u{e9} x",
        "\u{1f600}550 x",
    ] {
        let _ = explain(text);
    }
}

/// Each of these took hours when work grew with the square of what a transcript holds.
#[test]
fn a_hostile_transcript_comes_to_its_end() {
    let word = format!("550 {}", "jürgen".repeat(1_000_000));
    assert_eq!(explain(&word).len(), 1);
    let refused: String = (0..20_000).map(|number| format!("550 5.7.1 no {number}\n")).collect();
    assert_eq!(explain(&refused).len(), 1_000);
    let told: String = (0..20_000)
        .map(|number| format!("postfix/smtp: to=<{number}@x.test>, host x.test[] said: 550 no\n"))
        .collect();
    assert_eq!(explain(&told).len(), 1_000);
    let offered = format!("220 x\nEHLO c\n{}250 x\n{refused}", "250-X\n".repeat(20_000));
    assert_eq!(explain(&offered).len(), 1_000);
    let connections: String = (0..20_000).map(|number| format!("[{number}] 550 5.7.1 no\n")).collect();
    assert_eq!(explain(&connections).len(), 1_000);
    assert!(explain(&"error: x\n".repeat(5_000)).is_empty());
}
