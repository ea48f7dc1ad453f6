//! How safe a message is when its id is given back.

/// How safe a message is when its id is given back.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[repr(u8)]
pub enum Durability {
    /// It survives the end of the process and a power cut: the disk has confirmed it.
    #[default]
    Full = 0,
    /// It survives the end of the process, and a power cut after the next sync: that of [`Spool::sync`](super::Spool::sync),
    /// of a message under `Full`, or of the end of the segment. `SubmitBulk` ends with one sync for all.
    Batch = 1,
    /// It survives the end of the process, not a power cut.
    None = 2,
}

impl Durability {
    /// Every value.
    pub const ALL: [Self; 3] = [Self::Full, Self::Batch, Self::None];

    /// The number of the object API, the same in every language.
    #[must_use]
    pub fn number(self) -> u8 {
        self as u8
    }

    /// The value with that number.
    #[must_use]
    pub fn from_number(number: u8) -> Option<Self> {
        Self::ALL.into_iter().find(|value| value.number() == number)
    }

    /// The name of the object API.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Full => "Full",
            Self::Batch => "Batch",
            Self::None => "None",
        }
    }
}

impl std::fmt::Display for Durability {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.pad(self.as_str())
    }
}

impl std::str::FromStr for Durability {
    type Err = ();

    /// Takes the name in any case.
    fn from_str(text: &str) -> Result<Self, ()> {
        Self::ALL.into_iter().find(|value| value.as_str().eq_ignore_ascii_case(text)).ok_or(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_has_a_name_and_a_number() {
        for (number, (value, name)) in (0..).zip(Durability::ALL.into_iter().zip(["Full", "Batch", "None"])) {
            assert_eq!((value.number(), value.as_str()), (number, name));
            assert_eq!(Durability::from_number(number), Some(value));
            assert_eq!(name.to_lowercase().parse(), Ok(value));
        }
        assert_eq!((Durability::from_number(3), "sync".parse::<Durability>()), (None, Err(())));
    }
}
