//! The reply parser: however the stream is cut, the same replies come of it, or the same fault; and none exceeds its limits.

use freesmtp_core::{
    protocol::reply_parser::{Fault, Item, ReplyParser},
    types::Reply,
};

/// RFC 5321 section 4.5.3.1.5 asks for 512, SASL for more.
const LONGEST_LINE: usize = 16 * 1024;
const MOST_LINES: usize = 1_000;

#[derive(Debug, PartialEq)]
struct Heard {
    lines: Vec<String>,
    replies: Vec<Reply>,
    fault: Option<Fault>,
}

fn hear<'a>(pieces: impl Iterator<Item = &'a [u8]>) -> Heard {
    let mut parser = ReplyParser::default();
    let mut heard = Heard { lines: Vec::new(), replies: Vec::new(), fault: None };
    for piece in pieces {
        parser.push(piece);
        loop {
            match parser.next_line() {
                Ok(None) => break,
                Ok(Some(Item::Line(line))) => heard.lines.push(line),
                Ok(Some(Item::Last(line, reply))) => {
                    heard.lines.push(line);
                    heard.replies.push(reply);
                }
                Err((fault, _)) => {
                    heard.fault = Some(fault);
                    return heard;
                }
            }
        }
    }
    heard
}

pub(crate) fn target(data: &[u8]) {
    let Some((first, stream)) = data.split_first() else { return };
    let whole = hear(std::iter::once(stream));
    assert_eq!(whole, hear(stream.chunks(usize::from(*first).max(1))));
    assert_eq!(whole, hear(stream.split_inclusive(|byte| *byte == b'\n')));
    for reply in &whole.replies {
        assert!((200..600).contains(&reply.code()));
        assert!(!reply.lines().is_empty() && reply.lines().len() <= MOST_LINES);
        assert!(reply.lines().iter().all(|line| line.len() <= 3 * LONGEST_LINE && !line.contains('\n')));
        if let Some(code) = reply.enhanced_code() {
            assert_eq!(u16::from(code.class), reply.code() / 100, "{reply:?}");
        }
    }
}
