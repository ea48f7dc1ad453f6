//! Files of `pickup/`: a message that any program may put there, leading `X-Sender:` and `X-Receiver:` lines being its
//! envelope.

use crate::message::EmailMessage;

/// Reads a pickup file: the message with its envelope, to be given to
/// [`Spool::submit_message`](super::Spool::submit_message); or why it cannot be understood, for the `.reason` file.
///
/// # Errors
/// The reason, in one sentence.
pub fn parse(file: &[u8]) -> Result<EmailMessage, String> {
    let _ = file;
    Err("pickup is not built yet".to_owned())
}
