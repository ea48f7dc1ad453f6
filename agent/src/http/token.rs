//! The token that lets a program change something.

use std::{
    fmt, fs,
    io::{self, Write},
    os::unix::fs::{MetadataExt, OpenOptionsExt},
    path::Path,
};

use freesmtp_core::{Error, Secret};
use sha2::{Digest, Sha256};
use utoipa::openapi::{
    OpenApi,
    security::{HttpAuthScheme, HttpBuilder, SecurityScheme},
};

/// Its length in octets of randomness.
const RANDOM: usize = 32;

/// A shorter one can be guessed.
const SHORTEST: usize = 16;

/// The token.
pub(super) struct Token(Secret);

impl fmt::Debug for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Token(..)")
    }
}

impl Token {
    /// The first line of a file; where `make` says so, one that is missing is made, for this user alone.
    pub(super) fn read(path: &Path, make: bool) -> Result<Self, Error> {
        let wrong =
            |problem: String| Error::input("http.token_file", format!("{} {problem}", path.display()));
        let failed = |error: io::Error| wrong(format!("cannot be read: {error}"));
        if make && !path.exists() {
            create(path).map_err(|error| wrong(format!("cannot be made: {error}")))?;
        }
        if fs::metadata(path).map_err(failed)?.mode() & 0o007 != 0 {
            return Err(wrong("can be read or written by everyone; chmod 640 or less".to_owned()));
        }
        let text = Secret::new(fs::read_to_string(path).map_err(failed)?);
        let token = text.expose().lines().next().unwrap_or_default().trim();
        if token.len() < SHORTEST || !token.bytes().all(|byte| byte.is_ascii_graphic()) {
            return Err(wrong(format!(
                "holds no token: {SHORTEST} characters of ASCII or more, without a space"
            )));
        }
        Ok(Self(Secret::new(token)))
    }

    /// The token itself.
    pub(super) fn text(&self) -> String {
        self.0.expose().to_owned()
    }

    /// Whether it is that one. How long it takes tells nothing about it.
    pub(super) fn is(&self, other: &str) -> bool {
        Sha256::digest(self.0.expose()) == Sha256::digest(other)
    }
}

fn create(path: &Path) -> io::Result<()> {
    let mut random = [0; RANDOM];
    io::Read::read_exact(&mut fs::File::open("/dev/urandom")?, &mut random)?;
    let token: String = random.iter().map(|byte| format!("{byte:02x}")).collect();
    let mut file = fs::File::options().write(true).create_new(true).mode(0o600).open(path)?;
    file.write_all(format!("{token}\n").as_bytes())?;
    file.sync_all()
}

/// Says in the description that the token is needed.
pub(super) struct Scheme;

impl utoipa::Modify for Scheme {
    fn modify(&self, description: &mut OpenApi) {
        let scheme = SecurityScheme::Http(HttpBuilder::new().scheme(HttpAuthScheme::Bearer).build());
        description.components.get_or_insert_default().add_security_scheme("token", scheme);
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    #[test]
    fn it_is_made_once_and_for_nobody_else() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("token");
        assert!(Token::read(&path, false).is_err());
        let token = Token::read(&path, true).unwrap();
        assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
        let text = fs::read_to_string(&path).unwrap();
        assert!(token.is(text.trim()));
        assert!(!token.is(""));
        assert!(!token.is(&text[1..]));
        assert!(Token::read(&path, true).unwrap().is(text.trim()), "the same after another start");
        fs::set_permissions(&path, fs::Permissions::from_mode(0o644)).unwrap();
        assert!(Token::read(&path, true).unwrap_err().message().contains("everyone"));
        let short = folder.path().join("short");
        fs::write(&short, "secret\n").unwrap();
        fs::set_permissions(&short, fs::Permissions::from_mode(0o600)).unwrap();
        assert!(Token::read(&short, false).is_err());
    }
}
