//! What separates the parts of a multipart (RFC 2046 section 5.1.1).

use super::figures;

/// What every boundary of a message begins with. It holds `=_`, which neither base64 nor quoted-printable can produce,
/// and what goes out as it is was searched for it; so no boundary occurs in any content.
#[derive(Clone, Debug)]
pub(super) struct Boundary {
    text: [u8; LENGTH],
}

const LENGTH: usize = 26;

impl Boundary {
    /// The boundary of these random bytes.
    pub(super) fn new(random: [u8; 12]) -> Self {
        let mut text = *b"=_000000000000000000000000";
        text[2..].copy_from_slice(&figures::hex(random));
        Self { text }
    }

    pub(super) fn as_bytes(&self) -> &[u8] {
        &self.text
    }

    /// The one of the multipart of that number.
    pub(super) fn number(&self, number: u64) -> String {
        let mut text = Vec::with_capacity(LENGTH + 4);
        text.extend_from_slice(&self.text);
        text.push(b'_');
        figures::decimal(number, &mut text);
        // All of it is ASCII.
        String::from_utf8(text).unwrap_or_default()
    }
}
