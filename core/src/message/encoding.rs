//! How the bytes of a part travel (RFC 2045 section 6), and turning them into that form piece by piece.

use super::{base64, quoted_printable};

/// A value of `Content-Transfer-Encoding`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Encoding {
    /// Lines of ASCII, as they are.
    SevenBit,
    /// Lines with octets above 127, as they are (8BITMIME, RFC 6152).
    EightBit,
    /// Any octets, as they are (BINARYMIME, RFC 3030).
    Binary,
    QuotedPrintable,
    /// Quoted-printable of bytes that are no text: their line ends are escaped too.
    QuotedBytes,
    Base64,
}

impl Encoding {
    /// As the header names it.
    #[cfg(test)]
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::SevenBit => "7bit",
            Self::EightBit => "8bit",
            Self::Binary => "binary",
            Self::QuotedPrintable | Self::QuotedBytes => "quoted-printable",
            Self::Base64 => "base64",
        }
    }

    /// The header.
    pub(super) fn field(self) -> &'static [u8] {
        match self {
            Self::SevenBit => b"Content-Transfer-Encoding: 7bit\r\n",
            Self::EightBit => b"Content-Transfer-Encoding: 8bit\r\n",
            Self::Binary => b"Content-Transfer-Encoding: binary\r\n",
            Self::QuotedPrintable | Self::QuotedBytes => b"Content-Transfer-Encoding: quoted-printable\r\n",
            Self::Base64 => b"Content-Transfer-Encoding: base64\r\n",
        }
    }

    /// Whether octets above 127 may occur in the encoded form.
    pub(super) fn is_eight_bit(self) -> bool {
        matches!(self, Self::EightBit | Self::Binary)
    }

    /// Whether the bytes travel as they are.
    pub(super) fn is_identity(self) -> bool {
        !matches!(self, Self::QuotedPrintable | Self::QuotedBytes | Self::Base64)
    }

    /// The encoding of lines that travel as they are.
    pub(super) fn of_lines(ascii: bool) -> Self {
        if ascii { Self::SevenBit } else { Self::EightBit }
    }

    /// The encoding of what holds parts of both encodings (RFC 2045 section 6.4).
    pub(super) fn of_both(self, other: Self) -> Self {
        match (self, other) {
            (Self::Binary, _) | (_, Self::Binary) => Self::Binary,
            (Self::EightBit, _) | (_, Self::EightBit) => Self::EightBit,
            _ => Self::SevenBit,
        }
    }

    pub(super) fn encoder(self) -> Encoder {
        match self {
            Self::QuotedPrintable => Encoder::Quoted(quoted_printable::Encoder::default()),
            Self::QuotedBytes => Encoder::Quoted(quoted_printable::Encoder::binary()),
            Self::Base64 => Encoder::Base64,
            Self::SevenBit | Self::EightBit | Self::Binary => Encoder::Identity,
        }
    }
}

/// Turns the bytes of one part into their form on the wire.
#[derive(Clone, Debug)]
pub(super) enum Encoder {
    Identity,
    Base64,
    Quoted(quoted_printable::Encoder),
}

impl Encoder {
    /// Appends the form of `bytes` to `out` and answers how many were taken: all of them when they are the `last`;
    /// the others must stand at the beginning of the next call.
    pub(super) fn push(&mut self, bytes: &[u8], last: bool, out: &mut Vec<u8>) -> usize {
        match self {
            Self::Identity => {
                out.extend_from_slice(bytes);
                bytes.len()
            }
            Self::Base64 => {
                let whole = if last {
                    bytes.len()
                } else {
                    bytes.len() / base64::BYTES_A_LINE * base64::BYTES_A_LINE
                };
                base64::encode_lines(&bytes[..whole], out);
                whole
            }
            Self::Quoted(encoder) => encoder.push(bytes, last, out),
        }
    }

    /// How many bytes give about `room` octets: never much more, and at least a line.
    pub(super) fn bytes_for(&self, room: usize) -> usize {
        match self {
            Self::Identity => room.max(1),
            Self::Base64 => (room / base64::LINE_ON_THE_WIRE).max(1) * base64::BYTES_A_LINE,
            // A byte takes three octets at most, but for soft line ends.
            Self::Quoted(_) => (room / 3).max(64),
        }
    }
}
