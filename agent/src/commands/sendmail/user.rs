//! Who calls, and from where.

use std::{env, fs};

/// Names the domain of addresses that have none.
const DOMAIN_VARIABLE: &str = "FREESMTP_DOMAIN";

/// The domain of addresses without one: as `FREESMTP_DOMAIN` says, else the first line of `/etc/mailname`, else this
/// machine's name.
pub(super) fn domain() -> String {
    let set = env::var(DOMAIN_VARIABLE).ok();
    let named = || fs::read_to_string("/etc/mailname").ok();
    let first = |text: String| {
        let line = text.lines().next().unwrap_or_default().trim().to_owned();
        Some(line).filter(|line| !line.is_empty())
    };
    set.and_then(first).or_else(|| named().and_then(first)).unwrap_or_else(crate::os::host_name)
}

/// The user that runs this process: login name, and full name where one is known.
pub(super) fn user() -> (String, String) {
    let number = rustix::process::getuid().as_raw();
    let users = fs::read_to_string("/etc/passwd").unwrap_or_default();
    if let Some(found) = entry(&users, number) {
        return found;
    }
    // Of a directory service. The variables are for the name only; they give no rights.
    let named =
        ["LOGNAME", "USER"].into_iter().find_map(|name| env::var(name).ok().filter(|n| !n.is_empty()));
    (named.unwrap_or_else(|| format!("uid{number}")), String::new())
}

fn entry(users: &str, number: u32) -> Option<(String, String)> {
    let number = number.to_string();
    users.lines().find_map(|line| {
        let fields: Vec<&str> = line.split(':').collect();
        let [name, _, uid, _, gecos, ..] = fields[..] else { return None };
        (uid == number).then(|| {
            let full = gecos.split(',').next().unwrap_or_default().replace('&', name);
            (name.to_owned(), full)
        })
    })
}

#[cfg(test)]
mod tests {
    use super::entry;

    #[test]
    fn the_list_of_users() {
        let users = "root:x:0:0:root:/root:/bin/sh\nme:x:1000:1000:M. E., Room 4,,:/home/me:/bin/sh\n#\n";
        assert_eq!(entry(users, 1000), Some(("me".to_owned(), "M. E.".to_owned())));
        assert_eq!(entry(users, 0), Some(("root".to_owned(), "root".to_owned())));
        assert_eq!(entry(users, 7), None);
    }
}
