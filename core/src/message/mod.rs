//! Composing: an [`EmailMessage`] becomes the bytes of RFC 5322 and the envelope of RFC 5321.
//!
//! Policy:
//! - A message is data and may hold anything while it is being built; [`EmailMessage::compose`] checks every
//!   part of it before the first byte exists, and an error names the property that is wrong.
//! - No argument is trusted: control characters never reach a header, other characters are encoded so that
//!   they come back as they were.
//! - Nothing here touches a socket, a file system, a clock or a source of randomness. Time and randomness
//!   come in with [`Stamp`], files through [`Files`], and only those that the program attached.
//! - [`Composed`] is read piece by piece; an attached file is never held in memory as a whole, and one that
//!   changes while it is read ends in an error, never in a truncated message.
//!
//! ```
//! use freesmtp_core::{Address, EmailMessage};
//!
//! let mut message = EmailMessage::new();
//! message.from = Address::named("zoe@example.com", "Zoë");
//! message.add_recipient("recipient@example.org");
//! message.subject = "Übersicht".to_owned();
//! message.add_text("Fine.").add_html("<p>Fine.</p>");
//! let bytes = message.to_bytes()?;
//! assert!(bytes.starts_with(b"Date: "));
//!
//! message.subject = "Übersicht\r\nBcc: everybody@example.org".to_owned();
//! let error = message.to_bytes().unwrap_err();
//! assert_eq!(error.field(), Some("Subject"));
//! # Ok::<(), freesmtp_core::Error>(())
//! ```

mod addresses;
mod attachment;
mod auto_submitted;
mod base64;
mod body;
mod boundary;
mod calendar;
mod check;
mod checked;
mod compose;
mod composed;
mod content_type;
mod date;
mod delivery;
pub mod dkim;
mod email;
mod encoded_word;
mod encoding;
mod figures;
mod head;
mod header;
mod lines;
pub mod merge;
mod message_id;
mod notify;
mod parameter;
mod parties;
mod prepared;
mod priority;
mod quoted_printable;
mod raw;
mod reader;
mod recipient;
mod spool_options;
mod stream;
mod structure;
mod survey;
mod text;
mod unsubscribe;

pub use attachment::{Attachment, Content, Files, OpenedFile};
pub use auto_submitted::AutoSubmitted;
pub use body::{BodyPart, BodyPartEncoding, BodyPartFormat};
pub use calendar::Calendar;
pub(crate) use checked::Checked;
pub use checked::CheckedFile;
pub use compose::{Form, Stamp};
pub use composed::Composed;
pub use date::Date;
pub use delivery::{DeliverByMode, DeliveryOptions, RecipientOptions, ReturnContent, ValidSinceAction};
pub use dkim::DkimSigner;
pub use email::{CustomHeader, EmailMessage};
pub use notify::Notify;
pub use priority::Priority;
pub use recipient::{EnvelopeRecipient, Recipient, RecipientType};
pub use spool_options::SpoolOptions;
pub use stream::Stream;

/// Implements `number`, `from_number`, `as_str`, `Display` and `FromStr` (any case) for an enum of the object API.
macro_rules! numbered {
    ($name:ident { $($variant:ident = $text:literal,)* }) => {
        impl $name {
            /// Every value.
            pub const ALL: &'static [$name] = &[$($name::$variant),*];

            /// The number of the object API, the same in every language.
            #[must_use]
            pub fn number(self) -> u8 {
                self as u8
            }

            /// The value with that number.
            #[must_use]
            pub fn from_number(number: u8) -> Option<Self> {
                Self::ALL.iter().copied().find(|value| value.number() == number)
            }

            /// The name of the object API.
            #[must_use]
            pub fn as_str(self) -> &'static str {
                match self { $($name::$variant => $text,)* }
            }
        }

        impl std::fmt::Display for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.pad(self.as_str())
            }
        }

        impl std::str::FromStr for $name {
            type Err = ();

            /// Takes the name in any case, with or without `-` and `_` between its words.
            fn from_str(s: &str) -> Result<Self, ()> {
                let name: String = s.chars().filter(|c| !matches!(c, '-' | '_')).collect();
                Self::ALL.iter().copied().find(|value| name.eq_ignore_ascii_case(value.as_str())).ok_or(())
            }
        }
    };
}
use numbered;
