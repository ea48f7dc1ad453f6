//! Tables and lengths of time, for a person at a terminal.

use std::fmt::Write as _;

use super::agent_socket::clean;

/// Text in columns, as wide as they need to be; what is longer than `most` is cut.
pub(super) struct Table {
    heads: Vec<&'static str>,
    most: Vec<usize>,
    rows: Vec<Vec<String>>,
}

impl Table {
    /// Columns with the most characters of each; the last one may be as long as it is.
    pub(super) fn new(columns: &[(&'static str, usize)]) -> Self {
        Self {
            heads: columns.iter().map(|(head, _)| *head).collect(),
            most: columns.iter().map(|(_, most)| *most).collect(),
            rows: Vec::new(),
        }
    }

    pub(super) fn row(&mut self, cells: Vec<String>) {
        let cells =
            cells.iter().zip(&self.most).map(|(cell, most)| short(&clean(&cell.replace('\n', " / ")), *most));
        self.rows.push(cells.collect());
    }

    pub(super) fn text(&self) -> String {
        let widths: Vec<usize> = (0..self.heads.len())
            .map(|column| {
                let cells =
                    self.rows.iter().filter_map(|row| row.get(column)).map(|cell| cell.chars().count());
                cells.max().unwrap_or(0).max(self.heads[column].len())
            })
            .collect();
        let mut text = String::new();
        let heads: Vec<String> = self.heads.iter().map(|head| (*head).to_owned()).collect();
        for row in std::iter::once(&heads).chain(&self.rows) {
            let mut line = String::new();
            for (cell, width) in row.iter().zip(&widths) {
                // Writing to a string cannot fail.
                let _ = write!(line, "{cell:width$}  ");
            }
            text.push_str(line.trim_end());
            text.push('\n');
        }
        text
    }
}

/// At most so many characters.
pub(super) fn short(text: &str, most: usize) -> String {
    if text.chars().count() <= most {
        return text.to_owned();
    }
    text.chars().take(most.saturating_sub(1)).chain(['…']).collect()
}

/// A length of time: `45 s`, `12 min`, `3 h 20 min`, `2 d 4 h`.
pub(super) fn span(seconds: i64) -> String {
    let (days, hours, minutes) = (seconds / 86_400, seconds / 3_600 % 24, seconds / 60 % 60);
    match seconds {
        ..60 => format!("{} s", seconds.max(0)),
        60..3_600 => format!("{minutes} min"),
        3_600..86_400 if minutes == 0 => format!("{hours} h"),
        3_600..86_400 => format!("{hours} h {minutes} min"),
        _ if hours == 0 => format!("{days} d"),
        _ => format!("{days} d {hours} h"),
    }
}

/// Octets: `512 B`, `12 KB`, `3.4 MB`.
pub(super) fn size(octets: u64) -> String {
    #[allow(clippy::cast_precision_loss, reason = "one digit after the point is shown")]
    let size = octets as f64;
    match octets {
        ..1_000 => format!("{octets} B"),
        1_000..1_000_000 => format!("{:.0} KB", size / 1e3),
        1_000_000..1_000_000_000 => format!("{:.1} MB", size / 1e6),
        _ => format!("{:.1} GB", size / 1e9),
    }
}

/// A number with its thousands apart.
pub(super) fn number(number: i64) -> String {
    let digits = number.unsigned_abs().to_string();
    let mut text = String::new();
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    if number < 0 { format!("-{text}") } else { text }
}

/// A rate, with a tenth where that says anything.
pub(super) fn rate(rate: f64) -> String {
    if rate < 10.0 {
        return format!("{}", (rate * 10.0).round() / 10.0);
    }
    #[allow(clippy::cast_possible_truncation, reason = "too many is as good as the most")]
    number(rate.round() as i64)
}

/// How long until, or since, that moment (RFC 3339): `in 5 min`, `20 s ago`.
pub(super) fn when(moment: &str, now: i64) -> String {
    let Ok(at) = moment.parse::<freesmtp_core::types::Moment>() else { return String::new() };
    let seconds = at.unix_seconds - now / 1_000;
    match seconds {
        1.. => format!("in {}", span(seconds)),
        0 => "now".to_owned(),
        _ => format!("{} ago", span(-seconds)),
    }
}

/// How old it is.
pub(super) fn age(moment: &str, now: i64) -> String {
    let at = moment.parse::<freesmtp_core::types::Moment>();
    at.map(|at| span(now / 1_000 - at.unix_seconds)).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_and_times_read_well() {
        assert_eq!(number(-1_234_567), "-1,234,567");
        assert_eq!(number(999), "999");
        let rates = [(0.0, "0"), (0.44, "0.4"), (9.0, "9"), (12.5, "13"), (4_899.1, "4,899")];
        for (number, text) in rates {
            assert_eq!(rate(number), text);
        }
        let spans = [(5, "5 s"), (60, "1 min"), (3_600, "1 h"), (12_000, "3 h 20 min"), (187_200, "2 d 4 h")];
        for (seconds, text) in spans {
            assert_eq!(span(seconds), text);
        }
        assert_eq!(size(1_500_000), "1.5 MB");
        assert_eq!(when("1970-01-01T00:10:00.000Z", 0), "in 10 min");
        assert_eq!(when("1970-01-01T00:00:00.000Z", 20_000), "20 s ago");
    }

    #[test]
    fn a_table_is_as_wide_as_it_needs_to_be_and_drives_no_terminal() {
        let mut table = Table::new(&[("A", 5), ("B", 100)]);
        table.row(vec!["abcdefgh".to_owned(), "\u{1b}[31mred".to_owned()]);
        let text = table.text();
        assert!(text.starts_with("A      B\nabcd…  "), "{text}");
        assert!(!text.contains('\u{1b}'));
    }
}
