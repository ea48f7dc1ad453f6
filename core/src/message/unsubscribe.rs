//! `List-Unsubscribe` (RFC 2369 section 3.2) and its one-click form (RFC 8058).

use crate::{
    error::Error,
    types::{Mailbox, shown},
};

/// A link is one unbroken token of a line.
const LONGEST: usize = 900;

/// Checks the links of `ListUnsubscribe` and answers each in angle brackets.
pub(super) fn links(values: &[String], one_click: bool) -> Result<Vec<String>, Error> {
    let links = values
        .iter()
        .enumerate()
        .map(|(i, value)| {
            let link = value.strip_prefix('<').and_then(|v| v.strip_suffix('>')).unwrap_or(value);
            match problem(link) {
                None => Ok(format!("<{link}>")),
                Some(problem) => Err(Error::input(format!("ListUnsubscribe[{i}]"), problem)),
            }
        })
        .collect::<Result<Vec<_>, _>>()?;
    if one_click && !links.iter().any(|link| has_scheme(&link[1..], "https:")) {
        let problem = "one-click needs an https link in ListUnsubscribe (RFC 8058 section 3.1)";
        return Err(Error::input("ListUnsubscribeOneClick", problem));
    }
    Ok(links)
}

fn has_scheme(link: &str, scheme: &str) -> bool {
    link.get(..scheme.len()).is_some_and(|start| start.eq_ignore_ascii_case(scheme))
}

fn problem(link: &str) -> Option<String> {
    if !link.bytes().all(|b| b.is_ascii_graphic() && !b"<>\"\\^`{|},".contains(&b)) {
        return Some(format!(
            "{} holds a character that no link may hold; write it percent-encoded (RFC 3986)",
            shown(link)
        ));
    }
    if link.len() > LONGEST {
        return Some(format!("the link has {} characters; at most {LONGEST} fit into a line", link.len()));
    }
    if has_scheme(link, "https://") || has_scheme(link, "http://") {
        let host = link.split("//").nth(1).unwrap_or_default().split(['/', '?', '#']).next();
        return host
            .filter(|host| !host.is_empty())
            .is_none()
            .then(|| format!("{} names no host", shown(link)));
    }
    if has_scheme(link, "mailto:") {
        let address = link["mailto:".len()..].split('?').next().unwrap_or_default();
        // A percent-encoded address is left to the reader of the link.
        let valid = address.contains('%') || Mailbox::parse(address, "").is_ok();
        return (!valid).then(|| format!("{} has no e-mail address after mailto:", shown(link)));
    }
    Some(format!("{} is no link; write https://… or mailto:…", shown(link)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(link: &str, one_click: bool) -> Result<Vec<String>, Error> {
        links(&[link.to_owned()], one_click)
    }

    #[test]
    fn links_are_links() {
        for good in
            ["https://example.com/u?id=1&x=%20", "<mailto:leave@example.com?subject=off>", "HTTP://x/"]
        {
            assert!(check(good, false).unwrap()[0].starts_with('<'), "{good}");
        }
        for bad in [
            "",
            "example.com/unsubscribe",
            "https://",
            "https:///path",
            "mailto:nobody",
            "mailto:",
            "javascript:alert(1)",
            "https://x/>, <https://evil.example/",
            "https://x/\r\nBcc: a@b",
            "https://x/ y",
            "https://x/ü",
            "https://x/a,b",
        ] {
            assert_eq!(check(bad, false).unwrap_err().field(), Some("ListUnsubscribe[0]"), "{bad:?}");
        }
    }

    #[test]
    fn one_click_needs_https() {
        assert!(check("https://example.com/u", true).is_ok());
        for link in ["http://example.com/u", "mailto:leave@example.com"] {
            assert_eq!(check(link, true).unwrap_err().field(), Some("ListUnsubscribeOneClick"));
        }
        assert!(links(&[], true).is_err());
    }
}
