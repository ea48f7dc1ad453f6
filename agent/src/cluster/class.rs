//! The classes that mail goes in.

/// How soon a message goes, against others. Each class has a consumer of its own, for what is ready in one stream is taken
/// in the order in which it came; a consumer costs the servers a group of copies, so there are few.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Class {
    /// A priority above 0.
    High,
    /// Priority 0, of no blast: somebody waits for it.
    Single,
    /// Priority 0, of a blast.
    Bulk,
    /// A priority below 0.
    Low,
}

impl Class {
    /// All, in the order in which they go.
    pub const ALL: [Self; 4] = [Self::High, Self::Single, Self::Bulk, Self::Low];

    /// The class of a message.
    #[must_use]
    pub fn of(priority: i8, is_blast: bool) -> Self {
        match priority {
            1.. => Self::High,
            0 if is_blast => Self::Bulk,
            0 => Self::Single,
            _ => Self::Low,
        }
    }

    /// The stable name: in subjects, and of the consumer.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::High => "high",
            Self::Single => "single",
            Self::Bulk => "bulk",
            Self::Low => "low",
        }
    }

    /// The class of a name.
    #[must_use]
    pub fn parse(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|class| class.as_str() == name)
    }
}
