//! DKIM signatures (RFC 6376), with RSA and Ed25519 keys (RFC 8463).
//!
//! A signature stands before the message and covers its body, so the body is gone through twice: once to hash it,
//! once to send it; memory stays constant. A file whose bytes change in between ends the message with an error
//! instead of a broken signature. A stream can be read once only, so a message with one cannot be signed.
//!
//! A signed message goes out in 7-bit lines, as nothing may be recoded on its way (section 5.3); the time is that of
//! the [`Stamp`](super::Stamp).

mod canonical;
mod key;
mod sign;
mod signer;
#[cfg(test)]
mod vectors;

pub use canonical::Canonicalization;
pub use signer::DkimSigner;

pub(super) use sign::{BodyGuard, sign};
