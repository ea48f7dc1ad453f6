//! The `Date` header.

use std::{cell::RefCell, fmt};

use super::figures::two;
use crate::{error::Error, types::civil};

/// A moment, and the offset from UTC that it is shown with.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Date {
    /// Seconds since 1970-01-01 00:00 UTC.
    pub unix_seconds: i64,
    /// Minutes east of UTC, less than a day.
    pub offset_minutes: i16,
}

const LENGTH: usize = 31;
/// `Date: `, the date, and the end of the line.
const FIELD: usize = LENGTH + 8;
const SECONDS_A_DAY: i64 = 86_400;
/// 1900-01-01 and 9999-12-31 in days since 1970: RFC 5322 section 3.3 begins at the one, four digits end at the other.
const DAYS: std::ops::RangeInclusive<i64> = -25_567..=2_932_896;

/// A field that is written.
struct Field {
    date: Date,
    line: [u8; FIELD],
    length: usize,
}

impl Date {
    /// A moment shown in UTC.
    #[must_use]
    pub fn utc(unix_seconds: i64) -> Self {
        Self { unix_seconds, offset_minutes: 0 }
    }

    fn local_seconds(self) -> i64 {
        self.unix_seconds.saturating_add(i64::from(self.offset_minutes) * 60)
    }

    /// Whether it can be written in a header.
    pub(super) fn check(self) -> Result<(), Error> {
        // As nearly every date is.
        if (0..32_503_680_000).contains(&self.unix_seconds) && self.offset_minutes == 0 {
            return Ok(());
        }
        let problem = if self.offset_minutes.unsigned_abs() >= 24 * 60 {
            "the offset from UTC must be less than a day; it is given in minutes"
        } else if !DAYS.contains(&self.local_seconds().div_euclid(SECONDS_A_DAY)) {
            "the year must be from 1900 to 9999; the time is given in seconds since 1970, not milliseconds"
        } else {
            return Ok(());
        };
        Err(Error::input("Date", problem))
    }
}

impl Date {
    /// Appends the field.
    pub(super) fn write_field(self, out: &mut Vec<u8>) {
        thread_local! {
            /// The last one: many messages are of one second.
            static LAST: RefCell<Field> = RefCell::new(Date::utc(0).field());
        }
        LAST.with_borrow_mut(|last| {
            if last.date != self {
                *last = self.field();
            }
            out.extend_from_slice(&last.line[..last.length]);
        });
    }

    fn field(self) -> Field {
        const NAME: &[u8] = b"Date: ";
        let mut line = [0; FIELD];
        let text = self.text();
        // One digit, as the grammar has it: what stands before it moves to its side.
        let text = text.strip_prefix(b" ").unwrap_or(&text);
        let length = NAME.len() + text.len();
        line[..NAME.len()].copy_from_slice(NAME);
        line[NAME.len()..length].copy_from_slice(text);
        line[length..length + 2].copy_from_slice(b"\r\n");
        Field { date: self, line, length: length + 2 }
    }

    /// The same, behind a space where the day has one digit.
    fn text(self) -> [u8; LENGTH] {
        const WEEKDAYS: [[u8; 5]; 7] =
            [*b"Thu, ", *b"Fri, ", *b"Sat, ", *b"Sun, ", *b"Mon, ", *b"Tue, ", *b"Wed, "];
        const MONTHS: [[u8; 5]; 12] = [
            *b" Jan ", *b" Feb ", *b" Mar ", *b" Apr ", *b" May ", *b" Jun ", *b" Jul ", *b" Aug ",
            *b" Sep ", *b" Oct ", *b" Nov ", *b" Dec ",
        ];
        let local = self.local_seconds();
        let days = local.div_euclid(SECONDS_A_DAY);
        let second = local.rem_euclid(SECONDS_A_DAY).unsigned_abs();
        // What lies outside of these years was refused.
        let (year, month, day) = civil(days);
        let (year, day) = (year.unsigned_abs(), day.unsigned_abs());
        let name = |names: &'static [[u8; 5]], index: i64| {
            usize::try_from(index).ok().and_then(|i| names.get(i)).copied().unwrap_or_default()
        };
        let offset = u64::from(self.offset_minutes.unsigned_abs());
        let mut text = *b"Thu, 01 Jan 1970 00:00:00 +0000";
        text[..5].copy_from_slice(&name(&WEEKDAYS, days.rem_euclid(7)));
        text[7..12].copy_from_slice(&name(&MONTHS, month - 1));
        let sign = if self.offset_minutes < 0 { b'-' } else { b'+' };
        text[26] = sign;
        for (at, number) in [
            (5, day),
            (12, year / 100),
            (14, year % 100),
            (17, second / 3600),
            (20, second / 60 % 60),
            (23, second % 60),
            (27, offset / 60),
            (29, offset % 60),
        ] {
            text[at..at + 2].copy_from_slice(&two(number));
        }
        if day < 10 {
            text.copy_within(..5, 1);
            text[0] = b' ';
        }
        text
    }
}

impl fmt::Display for Date {
    /// As RFC 5322 section 3.3 has it: `Fri, 21 Nov 1997 09:55:06 -0600`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // All of it is ASCII.
        f.pad(String::from_utf8_lossy(&self.text()).trim_start())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(unix_seconds: i64, offset_minutes: i16) -> String {
        Date { unix_seconds, offset_minutes }.to_string()
    }

    #[test]
    fn known_answers() {
        // RFC 5322 appendix A.1.1.
        assert_eq!(shown(880_127_706, -360), "Fri, 21 Nov 1997 09:55:06 -0600");
        assert_eq!(shown(0, 0), "Thu, 1 Jan 1970 00:00:00 +0000");
        assert_eq!(shown(8 * 86_400, 0), "Fri, 9 Jan 1970 00:00:00 +0000");
        assert_eq!(shown(9 * 86_400, 0), "Sat, 10 Jan 1970 00:00:00 +0000");
        assert_eq!(shown(-1, 0), "Wed, 31 Dec 1969 23:59:59 +0000");
        assert_eq!(shown(951_782_400, 0), "Tue, 29 Feb 2000 00:00:00 +0000");
        assert_eq!(shown(4_107_542_400, 0), "Mon, 1 Mar 2100 00:00:00 +0000");
        assert_eq!(shown(4_107_542_399, 0), "Sun, 28 Feb 2100 23:59:59 +0000");
        assert_eq!(shown(1_700_000_000, 345), "Wed, 15 Nov 2023 03:58:20 +0545");
        assert_eq!(shown(1_700_000_000, -30), "Tue, 14 Nov 2023 21:43:20 -0030");
    }

    #[test]
    fn the_calendar_has_no_gaps() {
        let mut before = civil(*DAYS.start() - 1);
        assert_eq!(before, (1899, 12, 31));
        for day in DAYS {
            let after = civil(day);
            let next_day = after.0 == before.0 && after.1 == before.1 && after.2 == before.2 + 1;
            let next_month = after.0 == before.0 && after.1 == before.1 + 1 && after.2 == 1 && before.2 >= 28;
            let next_year = after == (before.0 + 1, 1, 1) && before.1 == 12 && before.2 == 31;
            assert!(next_day || next_month || next_year, "{before:?} {after:?}");
            before = after;
        }
        assert_eq!(before, (9999, 12, 31));
    }

    #[test]
    fn what_cannot_be_written_is_refused() {
        for (unix_seconds, offset_minutes) in [
            (i64::MAX, 0),
            (i64::MIN, 0),
            (1_700_000_000_000, 0),
            (0, 1440),
            (0, i16::MIN),
            (253_402_300_799, 1),
        ] {
            let date = Date { unix_seconds, offset_minutes };
            assert_eq!(date.check().unwrap_err().field(), Some("Date"), "{date:?}");
            let _ = date.to_string();
        }
        assert!(Date::utc(253_402_300_799).check().is_ok());
        assert!(Date { unix_seconds: 0, offset_minutes: -1439 }.check().is_ok());
    }
}
