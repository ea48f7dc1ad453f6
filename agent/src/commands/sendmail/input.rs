//! Standard input as sendmail reads it.

use std::io::{self, BufRead, Read};

/// What is read at once of a line that has no end yet.
const PIECE: u64 = 8 * 1024;
/// A line of a text that is longer is broken, as RFC 5321 section 4.5.3.1.6 lets no server take it.
const LONGEST_LINE: usize = 998;
/// From here on, so that no character of UTF-8 is broken.
const BREAK_FROM: usize = LONGEST_LINE - 8;

/// Reads up to the end, or to a line of one dot unless `ignore_dots`; gives lines that end in CRLF to `take`.
pub(super) fn read(
    input: &mut impl BufRead,
    ignore_dots: bool,
    mut take: impl FnMut(&[u8]) -> io::Result<()>,
) -> io::Result<()> {
    let mut piece = Vec::new();
    let mut out = Vec::new();
    let (mut begins, mut in_body, mut column, mut cr) = (true, false, 0, false);
    loop {
        piece.clear();
        if input.by_ref().take(PIECE).read_until(b'\n', &mut piece)? == 0 {
            break;
        }
        let ends = piece.last() == Some(&b'\n');
        if std::mem::take(&mut cr) {
            piece.insert(0, b'\r');
        }
        if begins && !ignore_dots && matches!(&piece[..], b".\n" | b".\r\n" | b".\r" | b".") {
            return Ok(());
        }
        let mut text = piece.strip_suffix(b"\n").unwrap_or(&piece);
        if let Some(rest) = text.strip_suffix(b"\r") {
            cr = !ends;
            text = rest;
        }
        in_body |= begins && ends && text.is_empty();
        out.clear();
        for &byte in text {
            // A head is folded where its fields allow it, which is not known here.
            let full = column >= BREAK_FROM && (!(0x80..0xC0).contains(&byte) || column >= LONGEST_LINE);
            if in_body && full {
                out.extend_from_slice(b"\r\n ");
                column = 1;
            }
            out.push(byte);
            column += 1;
        }
        if ends {
            out.extend_from_slice(b"\r\n");
            column = 0;
        }
        begins = ends;
        take(&out)?;
    }
    if cr {
        take(b"\r\n")?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(input: &[u8], ignore_dots: bool) -> Vec<u8> {
        let mut out = Vec::new();
        read(&mut &input[..], ignore_dots, |bytes| {
            out.extend_from_slice(bytes);
            Ok(())
        })
        .unwrap();
        out
    }

    #[test]
    fn a_lone_dot_ends_it_unless_told_otherwise() {
        let input = b"Subject: x\n\na\n..\n.\nb\n";
        assert_eq!(text(input, false), b"Subject: x\r\n\r\na\r\n..\r\n");
        assert_eq!(text(input, true), b"Subject: x\r\n\r\na\r\n..\r\n.\r\nb\r\n");
        assert_eq!(text(b"a\r\n.\r\nb", false), b"a\r\n");
        assert_eq!(text(b"a\n.", false), b"a\r\n");
        assert_eq!(text(b"a\n.\r", false), b"a\r\n");
        assert_eq!(text(b"a\n. \n.b", false), b"a\r\n. \r\n.b");
    }

    #[test]
    fn long_lines_of_a_text_are_broken_and_no_character_is() {
        let long = "ü".repeat(20_000);
        let input = format!("{}: y\n\n{long}\nz", "x".repeat(1_200));
        let out = String::from_utf8(text(input.as_bytes(), true)).unwrap();
        assert!(out.starts_with(&format!("{}: y\r\n\r\n", "x".repeat(1_200))));
        let body = out.split_once("\r\n\r\n").unwrap().1;
        assert!(body.split("\r\n").all(|line| line.len() <= 998));
        assert_eq!(body.replace("\r\n ", ""), format!("{long}\r\nz"));
    }

    #[test]
    fn a_cr_at_the_border_of_two_pieces_is_one_line_end() {
        for length in 8_180..8_200 {
            let input = [&b"\n"[..], &vec![b'a'; length], b"\r\nb\r\n"].concat();
            let out = String::from_utf8(text(&input, true)).unwrap().replace("\r\n ", "");
            assert_eq!(out, format!("\r\n{}\r\nb\r\n", "a".repeat(length)), "{length}");
        }
    }
}
