//! SASLprep (RFC 4013): one spelling for what looks the same.

use zeroize::Zeroizing;

use super::Credentials;
use crate::error::Error;

/// User name and password as the mechanism hashes them.
pub(super) struct Prepared {
    pub(super) account: String,
    pub(super) password: Zeroizing<String>,
}

/// Prepares both.
///
/// # Errors
/// Bad input naming `Account` or `Password`, when a character is prohibited.
pub(super) fn prepare(credentials: &Credentials) -> Result<Prepared, Error> {
    Ok(Prepared {
        account: saslprep("Account", &credentials.account)?.to_string(),
        password: saslprep("Password", credentials.password.expose())?,
    })
}

fn saslprep(field: &str, value: &str) -> Result<Zeroizing<String>, Error> {
    let prepared = stringprep::saslprep(value).map(|prepared| Zeroizing::new(prepared.into_owned()));
    // The error of the crate names the character, which is a part of a password.
    prepared.map_err(|_| {
        Error::input(
            field,
            "holds a character that SASLprep (RFC 4013) prohibits, such as a control character, one of a private use \
             or one newer than Unicode 3.2; PLAIN and LOGIN can send it",
        )
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn examples_of_rfc_4013() {
        let prepared = |text| saslprep("Password", text).map(|t| t.to_string()).map_err(|e| e.to_string());
        assert_eq!(prepared("I\u{ad}X").unwrap(), "IX");
        assert_eq!(prepared("user").unwrap(), "user");
        assert_eq!(prepared("USER").unwrap(), "USER");
        assert_eq!(prepared("\u{aa}").unwrap(), "a");
        assert_eq!(prepared("\u{2168}").unwrap(), "IX");
        assert!(prepared("\u{7}").unwrap_err().starts_with("Password: "));
        assert!(prepared("\u{627}\u{31}").is_err());
        assert_eq!(prepared("pa\u{308}sswo\u{308}rd").unwrap(), "p\u{e4}ssw\u{f6}rd");
    }
}
