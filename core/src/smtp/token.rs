//! Where an access token for OAUTHBEARER and XOAUTH2 comes from.

use std::{fmt, sync::Arc};

use crate::{protocol::auth::TokenSource, types::Secret};

/// Gets an access token; the argument says that the server refused the one given before, so that a kept one is of
/// no use. The error is a sentence for a person.
pub type TokenCallback = dyn Fn(bool) -> Result<Secret, String> + Send + Sync;

/// An OAuth access token, or how to get one.
#[derive(Clone, Default)]
pub enum Token {
    /// There is none.
    #[default]
    None,
    /// This one.
    Fixed(Secret),
    /// Called when a session needs it, once more in the same session when the server refuses the token: on the thread
    /// that sends; by `SendBulk` and the asynchronous operations on another one, so that nothing waits for it.
    Callback(Arc<TokenCallback>),
    /// The same, told apart by the number and not by the function: for bindings whose way to the program's function
    /// differs from call to call.
    Keyed(u64, Arc<TokenCallback>),
}

impl Token {
    /// A token from a function, which is called for each new session; see [`TokenCallback`].
    pub fn callback(get: impl Fn(bool) -> Result<Secret, String> + Send + Sync + 'static) -> Self {
        Self::Callback(Arc::new(get))
    }

    /// [`Token::callback`] for a function that is known by a number: tokens of one number share kept connections.
    pub fn keyed(key: u64, get: impl Fn(bool) -> Result<Secret, String> + Send + Sync + 'static) -> Self {
        Self::Keyed(key, Arc::new(get))
    }

    /// Whether there is none.
    #[must_use]
    pub fn is_none(&self) -> bool {
        matches!(self, Self::None)
    }

    /// The token for the session.
    pub(super) fn get(&self, refresh: bool) -> Result<Secret, String> {
        match self {
            Self::None => Err("none is set".to_owned()),
            Self::Fixed(token) => Ok(token.clone()),
            Self::Callback(get) | Self::Keyed(_, get) => get(refresh),
        }
    }

    pub(super) fn source(&self) -> TokenSource {
        match self {
            Self::None => TokenSource::None,
            Self::Fixed(token) => TokenSource::Fixed(token.clone()),
            Self::Callback(_) | Self::Keyed(..) => TokenSource::Asked,
        }
    }
}

impl fmt::Debug for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::None => "none",
            Self::Fixed(_) => "****",
            Self::Callback(_) | Self::Keyed(..) => "callback",
        })
    }
}

impl PartialEq for Token {
    /// Two callbacks are the same when they are one, or have one number.
    fn eq(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::None, Self::None) => true,
            (Self::Fixed(a), Self::Fixed(b)) => a == b,
            (Self::Callback(a), Self::Callback(b)) => Arc::ptr_eq(a, b),
            (Self::Keyed(a, _), Self::Keyed(b, _)) => a == b,
            _ => false,
        }
    }
}

impl From<Secret> for Token {
    /// The empty string is no token.
    fn from(token: Secret) -> Self {
        if token.is_empty() { Self::None } else { Self::Fixed(token) }
    }
}

impl From<&str> for Token {
    fn from(token: &str) -> Self {
        Secret::new(token).into()
    }
}

impl From<String> for Token {
    fn from(token: String) -> Self {
        Secret::new(token).into()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_is_never_shown_and_knows_its_like() {
        let fixed = Token::from("ya29.secret");
        let callback = Token::callback(|refresh| Ok(Secret::new(if refresh { "new" } else { "kept" })));
        assert!(!format!("{fixed:?} {callback:?}").contains("secret"));
        assert_eq!(callback.get(true).unwrap().expose(), "new");
        assert_eq!(callback, callback.clone());
        assert_ne!(callback, Token::callback(|_| Ok(Secret::default())));
        let keyed = |key, text: &'static str| Token::keyed(key, move |_| Ok(Secret::new(text)));
        assert_eq!(keyed(1, "this way"), keyed(1, "that way"));
        assert_ne!(keyed(1, "a"), keyed(2, "a"));
        assert_ne!(fixed, Token::from("other"));
        assert!(Token::from("").is_none());
    }
}
