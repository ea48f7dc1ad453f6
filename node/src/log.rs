//! What the log shows, and who hears its lines.

use std::sync::Arc;

use freesmtp_core::{
    Error,
    log::{LogEvent, LogOptions, ProtocolLog},
};
use napi::bindgen_prelude::Function;
use napi_derive::napi;

use crate::{error::explained, observers::teller};

/// What the log shows besides the conversation.
#[napi(object)]
pub struct LogOptionsFields {
    /// Each line begins with the time.
    pub timestamps: bool,
    /// How much of a message is shown.
    pub body: String,
    /// One JSON object in each line.
    pub json: bool,
}

impl From<LogOptions> for LogOptionsFields {
    fn from(options: LogOptions) -> Self {
        Self { timestamps: options.timestamps, body: options.body.as_str().to_owned(), json: options.json }
    }
}

impl LogOptionsFields {
    /// The options of the core.
    pub(crate) fn into_core(self) -> Result<LogOptions, Error> {
        let body = self.body.parse().map_err(explained)?;
        Ok(LogOptions { timestamps: self.timestamps, body, json: self.json })
    }
}

/// One line of a conversation.
#[napi(object, object_from_js = false)]
pub struct LogLine {
    /// Milliseconds since 1970.
    pub time: i64,
    /// The connection, from 1.
    pub connection: u32,
    /// Whose line it is.
    pub kind: String,
    /// The line.
    pub line: String,
}

/// A JavaScript function that hears lines.
pub type Hear<'a> = Function<'a, LogLine, ()>;

/// A listener of the core that puts every line into the event loop.
pub(crate) fn listener(hear: Hear<'_>) -> napi::Result<ProtocolLog> {
    let tell = teller(hear)?;
    Ok(Arc::new(move |event: &LogEvent| {
        tell(LogLine {
            time: i64::try_from(event.unix_milliseconds).unwrap_or(i64::MAX),
            connection: event.connection,
            kind: event.kind.as_str().to_owned(),
            line: event.line.clone(),
        });
    }))
}
