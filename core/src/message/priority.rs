//! How urgent the sender says a message is.

/// How urgent the sender says the message is; the numbers are those of `X-Priority`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[repr(u8)]
pub enum Priority {
    /// Urgent.
    High = 1,
    /// Nothing is said; no header is written.
    #[default]
    Normal = 3,
    /// Can wait.
    Low = 5,
}

super::numbered!(Priority { High = "High", Normal = "Normal", Low = "Low", });

impl Priority {
    /// The headers that say so to the clients in use; only `Importance` is standardised (RFC 2156 section 5.3).
    pub(super) fn headers(self) -> &'static [(&'static str, &'static str)] {
        match self {
            Self::High => &[("X-Priority", "1"), ("Importance", "high"), ("X-MSMail-Priority", "High")],
            Self::Normal => &[],
            Self::Low => &[("X-Priority", "5"), ("Importance", "low"), ("X-MSMail-Priority", "Low")],
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_and_numbers() {
        for &priority in Priority::ALL {
            assert_eq!(Priority::from_number(priority.number()), Some(priority));
            assert_eq!(priority.to_string().to_uppercase().parse(), Ok(priority));
        }
        assert_eq!(Priority::from_number(2), None);
        assert_eq!("urgent".parse::<Priority>(), Err(()));
    }
}
