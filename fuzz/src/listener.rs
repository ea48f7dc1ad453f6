//! The listener against any client: however the bytes are cut, the same comes of them; it says replies and nothing else;
//! what it takes are lines that end in CRLF, and as many messages as somebody who reads the dialogue by RFC 5321 counts, so
//! that no byte of a message is ever a command (SMTP smuggling).

use freesmtp_agent::fuzzing::{LOGIN, Listener, MOST_RECIPIENTS, Taken};

const MOST_OCTETS: u64 = 300;

#[derive(Debug, PartialEq)]
struct Seen {
    said: String,
    taken: Vec<Taken>,
    abandoned: usize,
    secured: usize,
    closed: bool,
}

/// `secures` is false where what follows STARTTLS in clear text would be cut differently.
fn talk<'a>(pieces: impl Iterator<Item = &'a [u8]>) -> Seen {
    let mut listener = Listener::new(MOST_OCTETS);
    let mut secured = 0;
    for piece in pieces {
        listener.hear(piece);
        if listener.securing {
            secured += 1;
            listener.secured();
        }
    }
    let said = String::from_utf8(std::mem::take(&mut listener.said)).expect("replies are UTF-8");
    Seen { said, taken: listener.taken, abandoned: listener.abandoned, secured, closed: listener.closed }
}

pub(crate) fn target(data: &[u8]) {
    let Some((first, stream)) = data.split_first() else { return };
    let whole = talk(std::iter::once(stream));
    let cut = talk(stream.chunks(usize::from(*first).max(1)));
    // What was in the same piece as STARTTLS is thrown away, so there the borders count.
    if whole.secured == 0 && cut.secured == 0 {
        assert_eq!(whole, cut);
    }
    for seen in [&whole, &cut] {
        check(seen);
    }
    let lower = stream.to_ascii_lowercase();
    let starts = |verb: &[u8]| lower.windows(verb.len()).filter(|window| *window == verb).count();
    // Each message needs its own DATA, or its own chunk that is the last.
    assert!(cut.taken.len() <= starts(b"data") + starts(b"last"), "{:?}", cut.taken);
    // A password that the client says in clear text where no login is may be quoted.
    let told = stream.windows(LOGIN.1.len()).any(|window| window == LOGIN.1);
    assert!(told || !cut.said.contains(std::str::from_utf8(LOGIN.1).unwrap()));
}

fn check(seen: &Seen) {
    assert!(seen.said.is_empty() || seen.said.ends_with("\r\n"));
    assert!(seen.closed || !seen.said.lines().any(|line| line.starts_with("421")), "421 is the last word");
    for line in seen.said.split_terminator("\r\n") {
        let bytes = line.as_bytes();
        assert!(bytes.len() >= 4 && bytes.len() <= 510, "{line:?}");
        assert!(bytes[..3].iter().all(u8::is_ascii_digit) && b" -".contains(&bytes[3]), "{line:?}");
        assert!(!line.chars().any(char::is_control), "{line:?}");
    }
    for taken in &seen.taken {
        assert!((1..=MOST_RECIPIENTS).contains(&taken.recipients.len()));
        assert!(taken.text.len() as u64 <= MOST_OCTETS);
        assert!(taken.account.is_none() || taken.account.as_deref() == Some(LOGIN.0));
        let paths = taken.recipients.iter().map(|(path, _)| path).chain([&taken.sender]);
        for path in paths {
            assert!(!path.chars().any(char::is_control), "{path:?}");
        }
        let text = &taken.text;
        let pairs = text.windows(2).filter(|pair| *pair == b"\r\n").count();
        let ends = |wanted: u8| text.iter().filter(|byte| **byte == wanted).count();
        assert_eq!((ends(b'\r'), ends(b'\n')), (pairs, pairs), "a bare CR or LF was taken: {text:?}");
    }
}
