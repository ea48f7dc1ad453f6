//! A composed message: the envelope, and the bytes in pieces of bounded size.

use std::fmt;

use super::{EnvelopeRecipient, encoding::Encoding, text::Text};
use crate::{
    error::Error,
    types::{MailOptions, Mailbox, RcptOptions},
};

/// How much of the message one call of [`Composed::read`] gives at most, give or take a line.
const PIECE: usize = 64 * 1024;

/// How much memory is asked for at most before there is something to fill it with.
const MOST_AT_ONCE: usize = 1 << 30;

/// A message ready to be sent: the envelope and the text of RFC 5322.
pub struct Composed {
    pub(super) reverse_path: Option<Mailbox>,
    pub(super) recipients: Vec<EnvelopeRecipient>,
    pub(super) options: MailOptions,
    pub(super) message_id: String,
    pub(super) utf8: bool,
    /// What octets occur in it: `7bit`, `8bit` or `binary`.
    pub(super) encoding: Encoding,
    /// Every octet matters.
    pub(super) exact: bool,
    pub(super) text: Text,
}

impl Composed {
    /// Where bounces go: `ReturnPath`, else `Sender`, else `From`. `None` is the null reverse-path `<>`.
    #[must_use]
    pub fn reverse_path(&self) -> Option<&Mailbox> {
        self.reverse_path.as_ref()
    }

    /// Each recipient's mailbox once, in the order of the message.
    #[must_use]
    pub fn recipients(&self) -> &[EnvelopeRecipient] {
        &self.recipients
    }

    /// What is asked of the servers for the message as a whole, checked.
    #[must_use]
    pub fn options(&self) -> &MailOptions {
        &self.options
    }

    /// What is asked of the servers for each recipient, in their order; empty when nothing is asked for any.
    #[must_use]
    pub fn rcpt_options(&self) -> Vec<RcptOptions> {
        if self.recipients.iter().all(|recipient| recipient.options.is_empty()) {
            return Vec::new();
        }
        self.recipients.iter().map(|recipient| recipient.options.clone()).collect()
    }

    /// The `Message-ID` with its angle brackets; empty for a raw message without one.
    #[must_use]
    pub fn message_id(&self) -> &str {
        &self.message_id
    }

    /// The octets of the whole message, before dot-stuffing, as far as they are known: exactly, unless streams of
    /// unknown length are still to be read.
    #[must_use]
    pub fn size(&self) -> u64 {
        self.text.size()
    }

    /// The octets of the whole message; `None` while streams of unknown length are still to be read.
    #[must_use]
    pub fn exact_size(&self) -> Option<u64> {
        self.text.exact_size()
    }

    /// Whether octets above 127 may occur in it (`BODY=8BITMIME`, RFC 6152, unless it
    /// [`needs_binary`](Self::needs_binary)).
    #[must_use]
    pub fn has_eight_bit(&self) -> bool {
        self.encoding.is_eight_bit()
    }

    /// Whether it holds what is no line (NUL, CR or LF by itself, over 998 octets), so that it can go out with BDAT and
    /// `BODY=BINARYMIME` only (RFC 3030), and with every octet as it is. Only when the [`Form`](super::Form) allows it.
    #[must_use]
    pub fn needs_binary(&self) -> bool {
        self.encoding == Encoding::Binary
    }

    /// Whether it needs SMTPUTF8 (RFC 6531), and so [`Mailbox::to_path`] its argument `true`.
    ///
    /// Only when the [`Form`](super::Form) allows it and a local part outside ASCII asks for it,
    /// because the servers after this one have to know SMTPUTF8 as well.
    #[must_use]
    pub fn needs_utf8(&self) -> bool {
        self.utf8
    }

    /// Whether its last line has no end and must not get one, so that it can go out with BDAT only (RFC 3030). Only when
    /// the [`Form`](super::Form) allows it.
    #[must_use]
    pub fn needs_exact(&self) -> bool {
        self.exact
    }

    /// Appends the next piece, about 64 KiB at most, to `out`; `Ok(false)` when it was the last.
    ///
    /// Lines end in CRLF, the last one too, unless it [`needs_exact`](Self::needs_exact) or
    /// [`needs_binary`](Self::needs_binary); dots are not stuffed.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::FileIo`](crate::ErrorKind::FileIo) when an attached file or stream cannot be read to the end or
    /// has another size than before;
    /// [`ErrorKind::Message`](crate::ErrorKind::Message) for a stream that was read before.
    /// Every later call gives the same error: what was read so far must not be sent as a message.
    pub fn read(&mut self, out: &mut Vec<u8>) -> Result<bool, Error> {
        self.text.read(out, PIECE)
    }

    /// The whole message at once.
    ///
    /// # Errors
    ///
    /// As [`read`](Self::read).
    pub fn into_bytes(mut self) -> Result<Vec<u8>, Error> {
        if let Some(ready) = self.text.take_ready() {
            return Ok(ready);
        }
        let mut bytes = Vec::new();
        self.append_to(&mut bytes)?;
        Ok(bytes)
    }

    /// The same, appended to a buffer.
    pub(super) fn append_to(mut self, out: &mut Vec<u8>) -> Result<(), Error> {
        let size = usize::try_from(self.size()).unwrap_or(usize::MAX);
        // A stream has as many octets as somebody says. What cannot be had at once is asked for as it comes.
        let _ = out.try_reserve(size.min(MOST_AT_ONCE));
        while self.read(out)? {}
        Ok(())
    }
}

impl fmt::Debug for Composed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Composed")
            .field("reverse_path", &self.reverse_path)
            .field("recipients", &self.recipients)
            .field("message_id", &self.message_id)
            .field("size", &self.size())
            .finish_non_exhaustive()
    }
}
