//! Whole dialogues with the listener's policy, the client's octets put in whole, line by line and one by one.

use std::sync::Arc;

use super::Policy;
use crate::server::{Envelope, Reply, Session, Step};

fn policy() -> Policy {
    Policy {
        name: "own.test".to_owned(),
        max_size: 100,
        max_recipients: 2,
        starttls: true,
        users: None,
        require_auth: false,
    }
}

/// What came of a dialogue.
#[derive(Debug, Default, PartialEq)]
struct Seen {
    codes: Vec<String>,
    taken: Vec<(Envelope, Vec<u8>)>,
    abandoned: u32,
    secured: u32,
}

fn play(pieces: &mut dyn Iterator<Item = &[u8]>) -> Seen {
    let mut session = Session::new(Arc::new(policy()), Some("192.0.2.7:4000".parse().unwrap()));
    let mut seen = Seen::default();
    let mut begun: Option<(Envelope, Vec<u8>)> = None;
    loop {
        match session.next() {
            Step::Send(bytes) => {
                let text = String::from_utf8(bytes).unwrap();
                seen.codes.extend(
                    text.lines().filter(|line| line.as_bytes()[3] == b' ').map(|l| l[..3].to_owned()),
                );
            }
            Step::Begin(_, envelope) => assert!(begun.replace((envelope, Vec::new())).is_none()),
            Step::Body(bytes) => begun.as_mut().unwrap().1.extend(bytes),
            Step::Commit => {
                seen.taken.push(begun.take().unwrap());
                session.committed(&Reply::new(250, "2.0.0", "Ok"));
            }
            Step::Abandon => {
                begun.take().unwrap();
                seen.abandoned += 1;
            }
            Step::StartTls => {
                seen.secured += 1;
                session.secured();
            }
            Step::NeedInput => match pieces.next() {
                Some(bytes) => session.input(bytes),
                None => return seen,
            },
            Step::Close => return seen,
        }
    }
}

/// Plays it in every way; all of them must come to the same.
fn talk(input: impl AsRef<[u8]>) -> Seen {
    let input = input.as_ref();
    let whole = play(&mut std::iter::once(input));
    assert_eq!(whole, play(&mut input.split_inclusive(|&byte| byte == b'\n')));
    assert_eq!(whole, play(&mut input.chunks(1)));
    whole
}

const BEGIN: &str = "EHLO c\r\nMAIL FROM:<a@b.test>\r\nRCPT TO:<c@d.test>\r\n";

fn codes(input: &str) -> Vec<String> {
    talk(format!("{BEGIN}{input}")).codes.split_off(4)
}

#[test]
fn a_message_in_chunks_is_what_was_in_them() {
    let seen = talk(format!(
        "{BEGIN}BDAT 3\r\na\r\nBDAT 0\r\nBDAT 12 LAST\r\n.\r\nQUIT\r\n.\r\n{}NOOP\r\n",
        &BEGIN[8..]
    ));
    assert_eq!(seen.codes[4..], ["250", "250", "250", "250", "250", "250"]);
    assert_eq!(seen.taken[0].1, b"a\r\n.\r\nQUIT\r\n.\r\n");
    assert_eq!(seen.abandoned, 0);
    // A CRLF may be cut in two by the border of chunks.
    let cut = talk(format!("{BEGIN}BDAT 2\r\nx\rBDAT 1 LAST\r\n\n"));
    assert_eq!((cut.taken[0].1.as_slice(), cut.codes.last().unwrap().as_str()), (&b"x\r\n"[..], "250"));
}

#[test]
fn octets_of_a_chunk_are_never_commands() {
    let hidden = "RSET\r\n";
    for (before, code) in [
        (String::new(), "503"),
        ("EHLO c\r\n".to_owned(), "503"),
        ("EHLO c\r\nMAIL FROM:<a@b.test>\r\n".to_owned(), "554"),
        (format!("{BEGIN}BDAT 95\r\n{}\r\n", "x".repeat(93)), "552"),
    ] {
        let seen = talk(format!("{before}BDAT 6 LAST\r\n{hidden}NOOP\r\n"));
        assert_eq!(seen.codes[seen.codes.len() - 2..], [code, "250"], "{before}");
        assert_eq!(seen.taken, []);
    }
    // Whose length is not known.
    for bad in ["BDAT", "BDAT x", "BDAT 6 FIRST", "BDAT -1", "BDAT 99999999999999999999"] {
        assert_eq!(codes(&format!("{bad}\r\nRSET\r\n")), ["421"], "{bad}");
    }
}

#[test]
fn chunks_hold_lines_of_crlf_and_nothing_else() {
    for chunk in ["x\ny", "x\ry", "x\r", "\n", &"x".repeat(99)] {
        let bad = chunk.len() < 99;
        let seen = talk(format!("{BEGIN}BDAT {} LAST\r\n{chunk}NOOP\r\n", chunk.len()));
        assert_eq!(seen.codes[4..], [if bad { "554" } else { "250" }, "250"], "{chunk:?}");
        assert_eq!(seen.abandoned, u32::from(bad));
    }
}

#[test]
fn between_chunks_there_is_nothing_else() {
    let seen = talk(format!(
        "{BEGIN}BDAT 1\r\nxDATA\r\nMAIL FROM:<a@b.test>\r\nRCPT TO:<c@d.test>\r\nSTARTTLS\r\nNOOP\r\nRSET\r\nBDAT 1 LAST\r\nyQUIT\r\n"
    ));
    assert_eq!(seen.codes[4..], ["250", "503", "503", "503", "503", "250", "250", "503", "221"]);
    assert_eq!((seen.taken.len(), seen.abandoned), (0, 1));
    for end in ["QUIT\r\n", "EHLO c\r\n"] {
        assert_eq!(talk(format!("{BEGIN}BDAT 1\r\nx{end}")).abandoned, 1, "{end}");
    }
}

#[test]
fn what_was_said_before_tls_counts_for_nothing() {
    // Whole: what was behind STARTTLS in clear text came before TLS and is thrown away.
    let whole = play(&mut std::iter::once(&b"EHLO c\r\nSTARTTLS\r\nMAIL FROM:<evil@b.test>\r\n"[..]));
    assert_eq!((whole.codes, whole.secured), (["220", "250", "220"].map(str::to_owned).to_vec(), 1));
    // After it: the client says EHLO again.
    let lines = [
        "EHLO c\r\n",
        "STARTTLS\r\n",
        "MAIL FROM:<a@b.test>\r\n",
        "STARTTLS\r\n",
        "EHLO c\r\n",
        "STARTTLS\r\n",
    ];
    let seen = play(&mut lines.iter().map(|line| line.as_bytes()));
    assert_eq!(seen.codes, ["220", "250", "220", "503", "502", "250", "502"]);
    assert_eq!(seen.secured, 1);
}

#[test]
fn reports_are_asked_for_and_recipients_have_a_limit() {
    let seen = talk(
        "EHLO c\r\nMAIL FROM:<a@b.test> RET=hdrs ENVID=x+2By\r\nRCPT TO:<c@d.test> NOTIFY=success,DELAY ORCPT=rfc822;o@d.test\r\n\
         RCPT TO:<e@d.test>\r\nRCPT TO:<f@d.test>\r\nDATA\r\n.\r\n",
    );
    assert_eq!(seen.codes[2..], ["250", "250", "250", "452", "354", "250"]);
    let envelope = &seen.taken[0].0;
    assert_eq!(envelope.envelope_id.as_deref(), Some("x+y"));
    assert_eq!(envelope.return_content.as_str(), "Headers");
    let options = &envelope.recipients[0].options;
    assert_eq!(
        (options.notify.to_string(), options.original_recipient.as_deref()),
        ("success,delay".to_owned(), Some("rfc822;o@d.test"))
    );
    // Who said HELO knows of no extension.
    assert_eq!(talk("HELO c\r\nMAIL FROM:<a@b.test> RET=FULL\r\n").codes[2..], ["555"]);
}

#[test]
fn a_password_does_not_cross_the_network_in_clear_text() {
    assert_eq!(codes("RSET\r\nAUTH PLAIN AG1lAHNlY3JldA==\r\n"), ["250", "538"]);
}
