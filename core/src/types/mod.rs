//! Data of a mail transaction: addresses, replies, results. No input or output happens here.
//!
//! ```
//! use freesmtp_core::types::{Mailbox, Reply};
//!
//! let reply = Reply::parse("550-5.1.1 The account does not exist.\r\n550 5.1.1 Check the address.").unwrap();
//! assert_eq!((reply.code(), reply.is_permanent()), (550, true));
//! assert_eq!(reply.enhanced_code().unwrap().to_string(), "5.1.1");
//!
//! let error = Mailbox::parse("recipient@example.org\r\nDATA", "Recipients[0].Email").unwrap_err();
//! assert_eq!(error.field(), Some("Recipients[0].Email"));
//! ```

mod address;
mod certificate_pin;
mod diagnosis;
mod digits;
mod domain;
mod envelope_options;
mod failure;
mod local_part;
mod mailbox;
mod moment;
mod plain_mailbox;
mod proxy;
mod reply;
mod report;
mod secret;
mod stage;
mod text;
mod transcript;
pub(crate) mod url;
mod xtext;

pub use address::Address;
pub use certificate_pin::CertificatePin;
pub use diagnosis::{Cause, Diagnosis, Who};
pub(crate) use digits::digits;
pub(crate) use envelope_options::{DeliverBy, Extensions, Hold};
pub use envelope_options::{DeliveryExtension, MailOptions, RcptOptions, Unmet};
pub use failure::Failure;
pub use mailbox::Mailbox;
pub use moment::Moment;
pub(crate) use moment::civil;
pub use proxy::{Proxy, ProxyProtocol};
pub use reply::{EnhancedCode, Reply};
pub use report::{RecipientResult, RecipientStatus, Report, TlsInfo};
pub use secret::Secret;
pub use stage::Stage;
pub(crate) use text::{escaped, escaped_lines, has_control, is_control, is_invisible, shown, shown_path};
pub use transcript::Transcript;
pub(crate) use xtext::{unicode_xtext, xtext};
