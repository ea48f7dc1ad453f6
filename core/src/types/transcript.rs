//! The lines of a conversation, for reports and errors.

use std::fmt;

/// Lines in one piece of memory: every message has some, and few programs ever look at them.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Transcript {
    text: String,
    /// Where each line ends.
    ends: Vec<usize>,
}

impl Transcript {
    /// How many lines there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.ends.len()
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.ends.is_empty()
    }

    /// The line of that index, counted from 0.
    #[must_use]
    pub fn get(&self, index: usize) -> Option<&str> {
        let end = *self.ends.get(index)?;
        let start = index.checked_sub(1).map_or(0, |before| self.ends[before]);
        self.text.get(start..end)
    }

    /// The lines, oldest first.
    #[must_use]
    pub fn iter(&self) -> impl DoubleEndedIterator<Item = &str> + ExactSizeIterator + Clone {
        (0..self.len()).map(|index| self.get(index).unwrap_or_default())
    }

    /// The lines, each by itself.
    #[must_use]
    pub fn to_vec(&self) -> Vec<String> {
        self.iter().map(str::to_owned).collect()
    }

    pub(crate) fn push(&mut self, line: &str) {
        self.text.push_str(line);
        self.ends.push(self.text.len());
    }

    pub(crate) fn clear(&mut self) {
        self.text.clear();
        self.ends.clear();
    }

    /// The last `most` lines.
    pub(crate) fn last(&self, most: usize) -> Self {
        let first = self.len().saturating_sub(most);
        let start = first.checked_sub(1).map_or(0, |before| self.ends[before]);
        Self {
            text: self.text.get(start..).unwrap_or_default().to_owned(),
            ends: self.ends[first..].iter().map(|end| end - start).collect(),
        }
    }
}

impl fmt::Debug for Transcript {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.iter()).finish()
    }
}

impl<S: AsRef<str>> FromIterator<S> for Transcript {
    fn from_iter<T: IntoIterator<Item = S>>(lines: T) -> Self {
        let mut transcript = Self::default();
        lines.into_iter().for_each(|line| transcript.push(line.as_ref()));
        transcript
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_come_back() {
        let lines = ["EHLO a", "", "250 ü", "QUIT"];
        let transcript: Transcript = lines.iter().collect();
        assert_eq!(transcript.iter().collect::<Vec<_>>(), lines);
        assert_eq!(transcript.iter().next_back(), Some("QUIT"));
        assert_eq!((transcript.len(), transcript.get(1), transcript.get(4)), (4, Some(""), None));
        for most in 0..6 {
            let first = 4_usize.saturating_sub(most);
            assert_eq!(transcript.last(most).to_vec(), lines[first..]);
        }
        assert_eq!(format!("{:?}", transcript.last(2)), r#"["250 ü", "QUIT"]"#);
    }
}
