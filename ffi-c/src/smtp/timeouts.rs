//! How long the SMTP object waits.

use std::time::Duration;

use freesmtp_core::Timeouts;

use crate::{error::freesmtp_error, guard, server::duration, smtp::freesmtp_smtp};

/// How long each phase may take, in seconds above zero, for servers without a limit of their own.
#[repr(C)]
pub struct freesmtp_timeouts {
    /// For one address to accept the connection, and for a TLS handshake.
    pub connect: f64,
    /// From the open connection to the greeting.
    pub greeting: f64,
    /// From a command to its reply.
    pub command: f64,
    /// For the network to take any further bytes of what is being sent.
    pub data_block: f64,
    /// From the end of the message to the server's reply.
    pub end_of_data: f64,
    /// For a whole call: name lookup, connecting, session and message, over all servers. 0, as it is at first, sets no
    /// limit besides those of the phases.
    pub operation: f64,
}

/// Sets one limit for every phase, in seconds; that of the whole of a call stays as it is.
#[unsafe(no_mangle)]
pub extern "C" fn freesmtp_smtp_set_default_timeout(
    smtp: Option<&mut freesmtp_smtp>,
    seconds: f64,
) -> Option<Box<freesmtp_error>> {
    guard::attempt(|| {
        let smtp = &mut guard::handle(smtp, "smtp")?.0;
        let limit = duration(seconds, "DefaultTimeout")?;
        smtp.set_timeouts(smtp.timeouts().with_phases(Some(limit)))?;
        Ok(())
    })
}

/// The one limit of every phase, in seconds; -1 when they differ.
#[unsafe(no_mangle)]
pub extern "C" fn freesmtp_smtp_default_timeout(smtp: Option<&freesmtp_smtp>) -> f64 {
    guard::value(-1.0, || {
        smtp.and_then(|it| it.0.timeouts().same()).map_or(-1.0, |limit| limit.as_secs_f64())
    })
}

/// Sets a limit for each phase, and one for the whole of a call.
#[unsafe(no_mangle)]
pub extern "C" fn freesmtp_smtp_set_timeouts(
    smtp: Option<&mut freesmtp_smtp>,
    timeouts: Option<&freesmtp_timeouts>,
) -> Option<Box<freesmtp_error>> {
    guard::attempt(|| {
        let given = guard::handle(timeouts, "timeouts")?;
        let smtp = &mut guard::handle(smtp, "smtp")?.0;
        let whole = Some(given.operation).filter(|limit| *limit != 0.0);
        let timeouts = Timeouts {
            connect: duration(given.connect, "Timeouts.Connect")?,
            greeting: duration(given.greeting, "Timeouts.Greeting")?,
            command: duration(given.command, "Timeouts.Command")?,
            data_block: duration(given.data_block, "Timeouts.DataBlock")?,
            end_of_data: duration(given.end_of_data, "Timeouts.EndOfData")?,
            operation: whole.map(|limit| duration(limit, "Timeouts.Operation")).transpose()?,
        };
        smtp.set_timeouts(timeouts)
    })
}

/// How long each phase may take, put into `*timeouts`.
#[unsafe(no_mangle)]
pub extern "C" fn freesmtp_smtp_timeouts(
    smtp: Option<&freesmtp_smtp>,
    timeouts: Option<&mut freesmtp_timeouts>,
) -> Option<Box<freesmtp_error>> {
    guard::attempt(|| {
        let set = guard::handle(smtp, "smtp")?.0.timeouts();
        let seconds = |limit: Duration| limit.as_secs_f64();
        *guard::handle(timeouts, "timeouts")? = freesmtp_timeouts {
            connect: seconds(set.connect),
            greeting: seconds(set.greeting),
            command: seconds(set.command),
            data_block: seconds(set.data_block),
            end_of_data: seconds(set.end_of_data),
            operation: set.operation.map_or(0.0, seconds),
        };
        Ok(())
    })
}
