//! Recipients: as the program sets them, and as the envelope carries them.

use std::sync::Arc;

use super::RecipientOptions;
use crate::types::{Address, Mailbox, RcptOptions};

/// Which header names the recipient.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[repr(u8)]
pub enum RecipientType {
    /// Those whom the message is written to.
    #[default]
    To = 0,
    /// Those who get a copy, and everyone may know.
    Cc = 1,
    /// Those who get a copy that no header tells of.
    Bcc = 2,
}

super::numbered!(RecipientType { To = "To", Cc = "CC", Bcc = "BCC", });

/// One recipient of a message.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Recipient {
    /// Mailbox and name.
    pub address: Address,
    /// Which header names it.
    pub kind: RecipientType,
    /// What is asked of the servers for it.
    pub options: RecipientOptions,
}

impl Recipient {
    /// A recipient of whom nothing special is asked.
    #[must_use]
    pub fn new(address: Address, kind: RecipientType) -> Self {
        Self { address, kind, options: RecipientOptions::default() }
    }
}

/// One recipient of the envelope (RFC 5321 `RCPT`).
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct EnvelopeRecipient {
    /// The address as the program gave it; reports name the recipient so.
    pub email: Arc<str>,
    /// The same, checked, for the wire.
    pub mailbox: Mailbox,
    /// What is asked of the servers for it, checked.
    pub options: RcptOptions,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_in_any_case() {
        assert_eq!("bcc".parse(), Ok(RecipientType::Bcc));
        assert_eq!("TO".parse(), Ok(RecipientType::To));
        assert_eq!("Cc".parse(), Ok(RecipientType::Cc));
        assert_eq!("from".parse::<RecipientType>(), Err(()));
        assert_eq!(RecipientType::from_number(2), Some(RecipientType::Bcc));
    }
}
