//! What the log shows, and to whom.

use std::{
    collections::BTreeSet,
    fmt,
    str::FromStr,
    sync::{Arc, Mutex, PoisonError},
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use super::LogFile;
use crate::error::Error;

/// How much of a message the log shows. Its lines stand behind `| `.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum BodyPolicy {
    /// Its size.
    #[default]
    Size,
    /// Its header and its size.
    Headers,
    /// All of it, and its size.
    Full,
}

impl BodyPolicy {
    /// Every value with its stable name.
    pub const ALL: [(Self, &'static str); 3] =
        [(Self::Size, "size"), (Self::Headers, "headers"), (Self::Full, "full")];

    /// The stable name: `size`, `headers`, `full`.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        Self::ALL.into_iter().find(|(policy, _)| *policy == self).map_or("size", |(_, name)| name)
    }
}

impl FromStr for BodyPolicy {
    type Err = Error;

    /// Takes the name in any case.
    fn from_str(s: &str) -> Result<Self, Error> {
        Self::ALL
            .into_iter()
            .find(|(_, name)| s.eq_ignore_ascii_case(name))
            .map(|(policy, _)| policy)
            .ok_or_else(|| Error::input("LogOptions", "the body policy is one of size, headers, full"))
    }
}

/// What the log shows besides the conversation. Secrets are removed whatever is set.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct LogOptions {
    /// Each line of the file begins with the time, in UTC: `2026-11-23T15:00:00.123Z`. JSON always has it.
    pub timestamps: bool,
    /// How much of a message is shown.
    pub body: BodyPolicy,
    /// The file has one JSON object in each line: `time`, `connection`, `kind` and `line`.
    pub json: bool,
}

/// What a line of the conversation is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum LogKind {
    /// A command of the client.
    Sent,
    /// A line of the server.
    Received,
    /// A sentence: connect, TLS, timeout, disconnect, size of the message.
    Notice,
    /// A line of the message.
    Body,
}

impl LogKind {
    /// The stable name: `sent`, `received`, `notice`, `body`.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Sent => "sent",
            Self::Received => "received",
            Self::Notice => "notice",
            Self::Body => "body",
        }
    }
}

/// One line of a conversation, secrets removed and control characters escaped.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LogEvent {
    /// When, in milliseconds since 1970-01-01 UTC.
    pub unix_milliseconds: u64,
    /// The connection, from 1: lines of concurrent ones differ here.
    pub connection: u32,
    /// Whose line it is.
    pub kind: LogKind,
    /// The line, without a line break.
    pub line: String,
}

impl LogEvent {
    pub(super) fn now(connection: u32, kind: LogKind, line: String) -> Self {
        let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or(Duration::ZERO);
        Self {
            unix_milliseconds: u64::try_from(since.as_millis()).unwrap_or(u64::MAX),
            connection: connection.max(1),
            kind,
            line,
        }
    }

    /// The time as RFC 3339 has it.
    #[must_use]
    pub fn time(&self) -> String {
        let (seconds, milliseconds) = (self.unix_milliseconds / 1000, self.unix_milliseconds % 1000);
        let (days, of_day) = (seconds / 86_400, seconds % 86_400);
        // Days to a date: Howard Hinnant's civil_from_days, for years after 1970.
        let z = days + 719_468;
        let (era, of_era) = (z / 146_097, z % 146_097);
        let year_of_era = (of_era - of_era / 1460 + of_era / 36_524 - of_era / 146_096) / 365;
        let of_year = of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
        let month_index = (5 * of_year + 2) / 153;
        let day = of_year - (153 * month_index + 2) / 5 + 1;
        let month = if month_index < 10 { month_index + 3 } else { month_index - 9 };
        let year = year_of_era + era * 400 + u64::from(month <= 2);
        let (hour, minute, second) = (of_day / 3600, of_day / 60 % 60, of_day % 60);
        format!("{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}.{milliseconds:03}Z")
    }

    /// One JSON object.
    #[must_use]
    pub fn json(&self) -> String {
        // Control characters are gone already: these two are all that JSON cannot hold.
        let line = self.line.replace('\\', "\\\\").replace('"', "\\\"");
        let (time, connection, kind) = (self.time(), self.connection, self.kind.as_str());
        format!(r#"{{"time":"{time}","connection":{connection},"kind":"{kind}","line":"{line}"}}"#)
    }
}

/// Hears every line of every conversation as it is said.
pub type ProtocolLog = Arc<dyn Fn(&LogEvent) + Send + Sync>;

/// Where the lines of an `SMTP` object go.
#[derive(Clone, Default)]
pub(crate) struct Logging {
    pub(crate) file: Option<Arc<LogFile>>,
    pub(crate) options: LogOptions,
    pub(crate) listener: Option<ProtocolLog>,
    numbers: Arc<Mutex<Numbers>>,
}

/// The numbers of the conversations that are under way: 0 for one that began alone, 2 and more for others.
#[derive(Debug, Default)]
struct Numbers {
    open: usize,
    /// Those that were given back, each below the highest.
    free: BTreeSet<u32>,
    highest: u32,
}

impl Logging {
    /// Announces a conversation; its number, when others are under way, tells its lines from theirs.
    pub(super) fn join(&self) -> u32 {
        let mut numbers = self.numbers.lock().unwrap_or_else(PoisonError::into_inner);
        numbers.open += 1;
        if numbers.open == 1 {
            return 0;
        }
        // The lowest that is free, at the same cost however many there are.
        if let Some(number) = numbers.free.pop_first() {
            return number;
        }
        numbers.highest = numbers.highest.max(1) + 1;
        numbers.highest
    }

    pub(super) fn leave(&self, number: u32) {
        let mut numbers = self.numbers.lock().unwrap_or_else(PoisonError::into_inner);
        numbers.open = numbers.open.saturating_sub(1);
        if numbers.open == 0 {
            *numbers = Numbers::default();
        } else if number > 1 {
            numbers.free.insert(number);
        }
    }

    /// Whether both go to the same place in the same shape.
    pub(crate) fn is_same(&self, other: &Self) -> bool {
        let file = match (&self.file, &other.file) {
            (None, None) => true,
            (Some(own), Some(other)) => Arc::ptr_eq(own, other),
            _ => false,
        };
        let listener = match (&self.listener, &other.listener) {
            (None, None) => true,
            (Some(own), Some(other)) => Arc::ptr_eq(own, other),
            _ => false,
        };
        file && listener && self.options == other.options && Arc::ptr_eq(&self.numbers, &other.numbers)
    }
}

impl fmt::Debug for Logging {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Logging")
            .field("file", &self.file)
            .field("options", &self.options)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_and_json() {
        let event = |ms, line: &str| LogEvent {
            unix_milliseconds: ms,
            connection: 2,
            kind: LogKind::Received,
            line: line.to_owned(),
        };
        assert_eq!(event(0, "").time(), "1970-01-01T00:00:00.000Z");
        assert_eq!(event(951_782_400_007, "").time(), "2000-02-29T00:00:00.007Z");
        assert_eq!(event(1_795_446_541_123, "").time(), "2026-11-23T15:09:01.123Z");
        assert_eq!(
            event(0, r#"250 "a\b""#).json(),
            r#"{"time":"1970-01-01T00:00:00.000Z","connection":2,"kind":"received","line":"250 \"a\\b\""}"#
        );
    }

    #[test]
    fn numbers_begin_with_the_second_conversation_and_are_used_again() {
        let logging = Logging::default();
        assert_eq!([logging.join(), logging.join(), logging.join()], [0, 2, 3]);
        logging.leave(2);
        assert_eq!(logging.clone().join(), 2);
        let more: Vec<u32> = (0..10_000).map(|_| logging.join()).collect();
        assert_eq!(more, (4..10_004).collect::<Vec<_>>());
        for number in [7, 5, 0, 6] {
            logging.leave(number);
        }
        assert_eq!([logging.join(), logging.join(), logging.join(), logging.join()], [5, 6, 7, 10_004]);
        // When all have ended, it begins anew.
        [2, 3].into_iter().chain(4..10_005).for_each(|number| logging.leave(number));
        assert_eq!([logging.join(), logging.join()], [0, 2]);
    }
}
