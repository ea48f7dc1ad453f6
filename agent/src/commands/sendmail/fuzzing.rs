//! Doors for the fuzzers to sendmail's command line and standard input.

use std::io::{self, BufReader};

use super::{arguments::Arguments, input};

/// The recipients and the sender that a command line gives.
///
/// # Errors
/// What is no option.
pub fn sendmail_arguments(arguments: Vec<String>) -> Result<(Vec<String>, Option<String>), String> {
    let parsed = Arguments::parse(arguments)?;
    Ok((parsed.recipients, parsed.sender))
}

/// The text that standard input gives, which comes in reads of at most so many octets.
///
/// # Errors
/// None of its own.
pub fn sendmail_text(input: &[u8], most: usize, ignore_dots: bool) -> io::Result<Vec<u8>> {
    let mut text = Vec::new();
    input::read(&mut BufReader::with_capacity(most.max(1), input), ignore_dots, |bytes| {
        text.extend_from_slice(bytes);
        Ok(())
    })?;
    Ok(text)
}
