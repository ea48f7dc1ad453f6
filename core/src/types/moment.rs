//! Moments in time, as the parameters of SMTP extensions write them.

use std::{fmt, str::FromStr};

/// A moment, to the second, in UTC (RFC 3339).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Moment {
    /// Seconds since 1970-01-01 00:00 UTC.
    pub unix_seconds: i64,
}

const SECONDS_A_DAY: i64 = 86_400;
const DAYS_AN_ERA: i64 = 146_097;
const FROM_MARCH_OF_YEAR_0: i64 = 719_468;
/// From 0001-01-01 to 9999-12-31: RFC 3339 writes a year with four digits.
const WRITABLE: std::ops::RangeInclusive<i64> = -62_135_596_800..=253_402_300_799;

impl Moment {
    /// The moment so many seconds after 1970-01-01 00:00 UTC.
    #[must_use]
    pub fn new(unix_seconds: i64) -> Self {
        Self { unix_seconds }
    }

    /// Whether its year has the four digits that RFC 3339 writes it with.
    #[must_use]
    pub fn is_writable(self) -> bool {
        WRITABLE.contains(&self.unix_seconds)
    }
}

impl fmt::Display for Moment {
    /// As RFC 3339 section 5.6 has it: `2014-04-03T23:01:00Z`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (year, month, day) = civil(self.unix_seconds.div_euclid(SECONDS_A_DAY));
        let second = self.unix_seconds.rem_euclid(SECONDS_A_DAY);
        let (hour, minute, second) = (second / 3600, second / 60 % 60, second % 60);
        write!(f, "{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}Z")
    }
}

impl FromStr for Moment {
    type Err = ();

    /// Reads `2014-04-03T23:01:00Z`, with an offset such as `+02:00` and fractions of a second too, which are cut off.
    fn from_str(text: &str) -> Result<Self, ()> {
        let (date, time) = text.split_once(['T', 't', ' ']).ok_or(())?;
        let [year, month, day] = numbers(date, '-', [4, 2, 2])?;
        let at = time.find(['Z', 'z', '+', '-']).ok_or(())?;
        let (clock, zone) = time.split_at(at);
        let clock = match clock.split_once('.') {
            Some((clock, part)) if !part.is_empty() && part.bytes().all(|b| b.is_ascii_digit()) => clock,
            Some(_) => return Err(()),
            None => clock,
        };
        let [hour, minute, second] = numbers(clock, ':', [2, 2, 2])?;
        let offset = match zone.split_at(1) {
            ("Z" | "z", "") => 0,
            (sign, offset) => {
                let [hours, minutes] = numbers(offset, ':', [2, 2])?;
                if hours > 23 || minutes > 59 {
                    return Err(());
                }
                (hours * 3600 + minutes * 60) * if sign == "-" { -1 } else { 1 }
            }
        };
        // 60 is a leap second; it counts as the first of the next minute.
        if hour > 23 || minute > 59 || second > 60 {
            return Err(());
        }
        let days = days_from_civil(year, month, day);
        if civil(days) != (year, month, day) {
            return Err(());
        }
        Ok(Self::new(days * SECONDS_A_DAY + hour * 3600 + minute * 60 + second - offset))
    }
}

/// Numbers of so many digits, separated.
fn numbers<const N: usize>(text: &str, separator: char, digits: [usize; N]) -> Result<[i64; N], ()> {
    let mut parts = text.split(separator);
    let mut read = [0; N];
    for (number, count) in read.iter_mut().zip(digits) {
        let part = parts.next().ok_or(())?;
        if part.len() != count || !part.bytes().all(|b| b.is_ascii_digit()) {
            return Err(());
        }
        *number = part.parse().map_err(|_| ())?;
    }
    if parts.next().is_some() { Err(()) } else { Ok(read) }
}

/// Year, month and day of a day counted from 1970-01-01, in the Gregorian calendar.
///
/// Years are counted from March, so that the leap day is the last of a year, in eras of 400 years.
pub(crate) fn civil(days: i64) -> (i64, i64, i64) {
    let days = days.saturating_add(FROM_MARCH_OF_YEAR_0);
    let era = days.div_euclid(DAYS_AN_ERA);
    let of_era = days.rem_euclid(DAYS_AN_ERA);
    let year_of_era = (of_era - of_era / 1_460 + of_era / 36_524 - of_era / 146_096) / 365;
    let of_year = of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let from_march = (5 * of_year + 2) / 153;
    let day = of_year - (153 * from_march + 2) / 5 + 1;
    let month = if from_march < 10 { from_march + 3 } else { from_march - 9 };
    (year_of_era + era * 400 + i64::from(month <= 2), month, day)
}

/// The inverse of [`civil`], for a month and a day of at most two digits.
fn days_from_civil(year: i64, month: i64, day: i64) -> i64 {
    let year = year - i64::from(month <= 2);
    let era = year.div_euclid(400);
    let year_of_era = year.rem_euclid(400);
    let from_march = (month + 9).rem_euclid(12);
    let of_year = (153 * from_march + 2) / 5 + day - 1;
    let of_era = year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + of_year;
    era * DAYS_AN_ERA + of_era - FROM_MARCH_OF_YEAR_0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn known_answers() {
        for (unix_seconds, text) in [
            (0, "1970-01-01T00:00:00Z"),
            (482_196_050, "1985-04-12T23:20:50Z"),
            (1_396_566_060, "2014-04-03T23:01:00Z"),
            (951_782_400, "2000-02-29T00:00:00Z"),
            (-1, "1969-12-31T23:59:59Z"),
            (*WRITABLE.start(), "0001-01-01T00:00:00Z"),
            (*WRITABLE.end(), "9999-12-31T23:59:59Z"),
        ] {
            assert_eq!(Moment::new(unix_seconds).to_string(), text);
            assert_eq!(text.parse(), Ok(Moment::new(unix_seconds)), "{text}");
        }
        // The examples of RFC 3339 section 5.8.
        assert_eq!("1985-04-12T23:20:50.52Z".parse(), Ok(Moment::new(482_196_050)));
        assert_eq!(
            "1996-12-19T16:39:57-08:00".parse::<Moment>().unwrap().to_string(),
            "1996-12-20T00:39:57Z"
        );
        assert_eq!("1990-12-31T23:59:60Z".parse::<Moment>().unwrap().to_string(), "1991-01-01T00:00:00Z");
    }

    #[test]
    fn every_day_comes_back() {
        for day in -719_162..=2_932_896 {
            let (year, month, date) = civil(day);
            assert_eq!(days_from_civil(year, month, date), day);
        }
    }

    #[test]
    fn what_is_no_moment_is_none() {
        for text in [
            "",
            "2014-04-03",
            "2014-04-03T23:01:00",
            "2014-04-03T23:01:00ZZ",
            "2014-04-31T23:01:00Z",
            "2014-02-29T00:00:00Z",
            "2014-13-01T00:00:00Z",
            "2014-00-01T00:00:00Z",
            "2014-01-00T00:00:00Z",
            "2014-01-01T24:00:00Z",
            "2014-01-01T00:60:00Z",
            "2014-01-01T00:00:00+2:00",
            "2014-01-01T00:00:00+24:00",
            "2014-01-01T00:00:00.Z",
            "14-01-01T00:00:00Z",
            "+014-01-01T00:00:00Z",
            "2014-01-01T00:00:00ü",
            "9223372036854775807",
        ] {
            assert_eq!(text.parse::<Moment>(), Err(()), "{text}");
        }
        assert!(!Moment::new(i64::MAX).is_writable() && !Moment::new(i64::MIN).is_writable());
        assert!(!Moment::new(i64::MIN).to_string().is_empty());
    }
}
