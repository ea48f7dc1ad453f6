//! An address as a program sets it.

/// An address as the program sets it: checked when the message is composed.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct Address {
    /// The mailbox, `user@example.com`, without a name and without angle brackets.
    pub email: String,
    /// The name shown to people; may be empty.
    pub name: String,
}

impl Address {
    /// An address without a name.
    pub fn new(email: impl Into<String>) -> Self {
        Self { email: email.into(), name: String::new() }
    }

    /// An address with the name that is shown to people.
    pub fn named(email: impl Into<String>, name: impl Into<String>) -> Self {
        Self { email: email.into(), name: name.into() }
    }
}

impl From<&str> for Address {
    fn from(email: &str) -> Self {
        Self::new(email)
    }
}

impl From<String> for Address {
    fn from(email: String) -> Self {
        Self::new(email)
    }
}

impl<E: Into<String>, N: Into<String>> From<(E, N)> for Address {
    fn from((email, name): (E, N)) -> Self {
        Self::named(email, name)
    }
}
