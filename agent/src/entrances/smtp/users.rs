//! The users who may log in: a file of `name:hash`.

use std::{fs, os::unix::fs::MetadataExt, path::Path};

use freesmtp_core::{Error, Secret};
use sha_crypt::{PasswordVerifier, ShaCrypt};

/// Before a password that stands there as it is.
const PLAIN: &str = "{PLAIN}";
/// A name that is not there takes as long as one that is.
const NOBODY: &str =
    "$6$nobodynobody$0000000000000000000000000000000000000000000000000000000000000000000000000000000000000";

/// A user.
#[derive(Clone, Debug)]
struct User {
    name: String,
    hash: Secret,
}

/// All of them.
#[derive(Clone, Debug, Default)]
pub(super) struct Users(Vec<User>);

impl Users {
    /// Reads a file that nobody else may read.
    pub(super) fn read(path: &Path) -> Result<Self, Error> {
        let wrong =
            |problem: String| Error::input("smtp.users_file", format!("{} {problem}", path.display()));
        let failed = |error: std::io::Error| wrong(format!("cannot be read: {error}"));
        let mode = fs::metadata(path).map_err(failed)?.mode();
        if mode & 0o007 != 0 {
            return Err(wrong("can be read or written by everyone; chmod 640 or less".to_owned()));
        }
        let text = fs::read_to_string(path).map_err(failed)?;
        let mut users = Vec::new();
        for (index, line) in text.lines().enumerate() {
            let line = line.trim();
            if line.is_empty() || line.starts_with('#') {
                continue;
            }
            let entry = line.split_once(':').filter(|(name, _)| !name.is_empty());
            let Some((name, hash)) = entry.filter(|(_, hash)| is_hash(hash)) else {
                let problem =
                    "is not name:hash, with a hash of openssl passwd -6, or {PLAIN} and the password";
                return Err(wrong(format!("line {} {problem}", index + 1)));
            };
            users.push(User { name: name.to_owned(), hash: Secret::new(hash) });
        }
        if users.is_empty() {
            return Err(wrong("names no user".to_owned()));
        }
        Ok(Self(users))
    }

    /// Whether that is the password of that user.
    pub(super) fn admit(&self, name: &str, password: &[u8]) -> bool {
        let found = self.0.iter().find(|user| user.name == name);
        let hash = found.map_or(NOBODY, |user| user.hash.expose());
        let fits = match hash.strip_prefix(PLAIN) {
            Some(own) => {
                // Every octet is compared, so that the time tells nothing.
                let own = own.as_bytes();
                let differing = own.iter().zip(password).fold(0, |sum, (a, b)| sum | (a ^ b));
                (own.len() == password.len()) & (differing == 0)
            }
            None => ShaCrypt::default().verify_password(password, hash).is_ok(),
        };
        fits && found.is_some()
    }
}

fn is_hash(text: &str) -> bool {
    text.strip_prefix(PLAIN).map_or(text.starts_with("$6$") || text.starts_with("$5$"), |own| !own.is_empty())
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    fn users(text: &str, mode: u32) -> Result<Users, Error> {
        let file = tempfile::NamedTempFile::new().unwrap();
        fs::write(file.path(), text).unwrap();
        fs::set_permissions(file.path(), fs::Permissions::from_mode(mode)).unwrap();
        Users::read(file.path())
    }

    #[test]
    fn passwords_of_both_kinds() {
        // openssl passwd -6 -salt saltsalt secret
        let hash = "$6$saltsalt$TVLlQcbpFVof5W3Yz4DTP6gRstiNuHwwTt6GLc1E5n0U0aDehy0S5knV8wiOQSpT0Y77vwPZN.Pq.H91p5hVO1";
        let users = users(&format!("# who\n\nme:{hash}\nyou:{{PLAIN}}word\n"), 0o640).unwrap();
        for (name, password, fits) in [
            ("me", "secret", true),
            ("me", "Secret", false),
            ("me", "", false),
            ("you", "word", true),
            ("you", "words", false),
            ("you", "", false),
            ("nobody", "secret", false),
            ("", "", false),
        ] {
            assert_eq!(users.admit(name, password.as_bytes()), fits, "{name} {password}");
        }
        assert!(!format!("{users:?}").contains("word\""), "{users:?}");
    }

    #[test]
    fn a_file_that_is_not_right_is_named() {
        for (text, mode, words) in [
            ("me:{PLAIN}x\n", 0o644, "everyone"),
            ("me:secret\n", 0o600, "line 1"),
            ("a:{PLAIN}x\n:{PLAIN}y\n", 0o600, "line 2"),
            ("me:{PLAIN}\n", 0o600, "line 1"),
            ("# none\n", 0o600, "no user"),
        ] {
            let error = users(text, mode).unwrap_err();
            assert!(error.message().contains(words), "{error}");
        }
    }
}
