//! Base64 in lines of 76 characters (RFC 2045 section 6.8).

use encodify::base64::{MIME, STANDARD};

/// How many bytes one line carries.
pub(super) const BYTES_A_LINE: usize = 57;
const LINE: usize = BYTES_A_LINE / 3 * 4;
/// How many octets a full line has, its CRLF included.
pub(super) const LINE_ON_THE_WIRE: usize = LINE + 2;
/// The length of `bytes` bytes when encoded, line ends included.
pub(super) fn encoded_len(bytes: u64) -> u64 {
    let rest = bytes % BYTES_A_LINE as u64;
    let last = if rest == 0 { 0 } else { rest.div_ceil(3) * 4 + 2 };
    (bytes / BYTES_A_LINE as u64).saturating_mul(LINE_ON_THE_WIRE as u64).saturating_add(last)
}

/// Appends `bytes` in lines that all end in CRLF.
///
/// Pieces whose length is a multiple of [`BYTES_A_LINE`] can be encoded one after another.
pub(super) fn encode_lines(bytes: &[u8], out: &mut Vec<u8>) {
    MIME.encode_append(bytes, out);
}

/// Appends `bytes` in one line without a line end, for encoded words.
pub(super) fn encode_word(bytes: &[u8], out: &mut Vec<u8>) {
    STANDARD.encode_append(bytes, out);
}

#[cfg(test)]
mod tests {
    use ::base64::Engine;

    use super::*;

    fn encoded(bytes: &[u8]) -> Vec<u8> {
        let mut out = b"before".to_vec();
        encode_lines(bytes, &mut out);
        out.split_off(6)
    }

    #[test]
    fn known_answers() {
        // RFC 4648 section 10.
        for (text, right) in [("", ""), ("f", "Zg==\r\n"), ("fo", "Zm8=\r\n"), ("foobar", "Zm9vYmFy\r\n")] {
            assert_eq!(encoded(text.as_bytes()), right.as_bytes());
        }
    }

    #[test]
    fn length_is_known_before() {
        let bytes: Vec<u8> = (0..=255).cycle().take(1000).collect();
        for length in 0..bytes.len() {
            let text = encoded(&bytes[..length]);
            assert_eq!(text.len() as u64, encoded_len(length as u64));
            assert!(text.split(|&b| b == b'\n').all(|line| line.len() <= 77));
            let joined: Vec<u8> = text.into_iter().filter(|b| !b"\r\n".contains(b)).collect();
            assert_eq!(::base64::prelude::BASE64_STANDARD.decode(joined).unwrap(), bytes[..length]);
        }
    }

    #[test]
    fn pieces_of_whole_lines_join() {
        let bytes: Vec<u8> = (0..=255).cycle().take(400).collect();
        let mut joined = Vec::new();
        for piece in bytes.chunks(BYTES_A_LINE * 2) {
            encode_lines(piece, &mut joined);
        }
        assert_eq!(joined, encoded(&bytes));
    }
}
