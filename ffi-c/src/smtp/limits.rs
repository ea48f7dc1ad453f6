//! How much the SMTP object does at once, and how fast.

use std::ffi::c_int;

use freesmtp_core::Error;

use crate::{error::freesmtp_error, guard, smtp::freesmtp_smtp};

/// Sets how many connections `freesmtp_smtp_send_bulk` uses at once: 1 or more; 1 at first.
#[unsafe(no_mangle)]
pub extern "C" fn freesmtp_smtp_set_max_connections(
    smtp: Option<&mut freesmtp_smtp>,
    connections: c_int,
) -> Option<Box<freesmtp_error>> {
    guard::attempt(|| {
        let smtp = &mut guard::handle(smtp, "smtp")?.0;
        let number = usize::try_from(connections)
            .map_err(|_| Error::input("MaxConnections", format!("is {connections}; give 1 or more")))?;
        smtp.set_max_connections(number)
    })
}

/// Sets how many messages one connection carries; then it is ended with QUIT, and the next message has a new one.
/// 0, as it is at first, means any number.
#[unsafe(no_mangle)]
pub extern "C" fn freesmtp_smtp_set_max_messages_per_connection(
    smtp: Option<&mut freesmtp_smtp>,
    messages: i64,
) -> Option<Box<freesmtp_error>> {
    guard::attempt(|| {
        let smtp = &mut guard::handle(smtp, "smtp")?.0;
        let number = u64::try_from(messages).map_err(|_| {
            Error::input("MaxMessagesPerConnection", format!("is {messages}; give 0 for any number, or more"))
        })?;
        smtp.set_max_messages_per_connection(number);
        Ok(())
    })
}

/// Sets the most messages per second; 0.5 is one in two seconds. It holds for all threads that send with this object or
/// its copies: each message waits until its turn has come, before anything is connected to. 0 or less, as it is at
/// first, means no limit; less than one message a day is refused.
#[unsafe(no_mangle)]
pub extern "C" fn freesmtp_smtp_set_rate_limit(
    smtp: Option<&mut freesmtp_smtp>,
    messages_per_second: f64,
) -> Option<Box<freesmtp_error>> {
    guard::attempt(|| {
        let smtp = &mut guard::handle(smtp, "smtp")?.0;
        // What is no number is the core's to refuse.
        let limit = Some(messages_per_second).filter(|rate| *rate > 0.0 || rate.is_nan());
        smtp.set_rate_limit(limit)
    })
}

/// How many connections `freesmtp_smtp_send_bulk` uses at once.
#[unsafe(no_mangle)]
pub extern "C" fn freesmtp_smtp_max_connections(smtp: Option<&freesmtp_smtp>) -> c_int {
    guard::value(0, || smtp.map_or(0, |it| it.0.max_connections().try_into().unwrap_or(c_int::MAX)))
}

/// How many messages one connection carries; 0 for any number.
#[unsafe(no_mangle)]
pub extern "C" fn freesmtp_smtp_max_messages_per_connection(smtp: Option<&freesmtp_smtp>) -> i64 {
    guard::value(0, || smtp.map_or(0, |it| it.0.max_messages_per_connection().try_into().unwrap_or(i64::MAX)))
}

/// The most messages per second; 0 for no limit.
#[unsafe(no_mangle)]
pub extern "C" fn freesmtp_smtp_rate_limit(smtp: Option<&freesmtp_smtp>) -> f64 {
    guard::value(0.0, || smtp.and_then(|it| it.0.rate_limit()).unwrap_or(0.0))
}
