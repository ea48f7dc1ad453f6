//! Invitations: an iCalendar text that mail programs offer to accept or decline (RFC 5546, RFC 6047).

use super::{BodyPart, check};
use crate::{error::Error, types::shown};

/// What may be done with an iCalendar object (RFC 5546 section 1.4).
const METHODS: [&str; 8] =
    ["PUBLISH", "REQUEST", "REPLY", "ADD", "CANCEL", "REFRESH", "COUNTER", "DECLINECOUNTER"];

/// An iCalendar object that travels as an alternative of the texts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Calendar {
    /// The iCalendar text (RFC 5545), `BEGIN:VCALENDAR` to `END:VCALENDAR`, in any line ends.
    pub text: String,
    /// The method, such as `REQUEST`; empty: that of the text's `METHOD` line. The two must agree.
    pub method: String,
    /// The name under which the text is attached as a file too, for readers that show no invitation; such as
    /// `invite.ics`; `None`: it is not attached.
    pub file_name: Option<String>,
}

impl Calendar {
    /// An invitation by its text, its method as the text says, attached as `invite.ics` too.
    pub fn new(text: impl Into<String>) -> Self {
        Self { text: text.into(), method: String::new(), file_name: Some("invite.ics".into()) }
    }

    /// The method to write, in upper case, and everything else checked.
    pub(super) fn check(&self) -> Result<String, Error> {
        let refuse = |member: &str, problem: String| Err(Error::input(format!("Calendar.{member}"), problem));
        let begins = |line: &&str| line.trim_end().eq_ignore_ascii_case("BEGIN:VCALENDAR");
        let mut lines = self.text.split(['\r', '\n']).filter(|line| !line.is_empty());
        if lines.next().filter(begins).is_none() {
            return refuse("Text", "an iCalendar text begins with BEGIN:VCALENDAR (RFC 5545)".into());
        }
        if self.text.contains('\0') {
            return refuse("Text", "the iCalendar text holds a NUL".into());
        }
        let stated = lines.find_map(|line| {
            let (name, value) = line.split_once(':')?;
            name.eq_ignore_ascii_case("METHOD").then(|| value.trim().to_ascii_uppercase())
        });
        let method = match (self.method.to_ascii_uppercase(), stated) {
            (given, None) if given.is_empty() => {
                let problem = "the iCalendar text has no METHOD line; add METHOD:REQUEST, or set the method";
                return refuse("Method", problem.into());
            }
            (given, Some(stated)) if given.is_empty() => stated,
            (given, Some(stated)) if given != stated => {
                let problem = format!(
                    "the method is {}, the iCalendar text says {}; they must agree (RFC 6047 section 2.4)",
                    shown(&given),
                    shown(&stated)
                );
                return refuse("Method", problem);
            }
            (given, _) => given,
        };
        if !METHODS.contains(&method.as_str()) {
            let problem = format!("{} is none of {}", shown(&method), METHODS.join(", "));
            return refuse("Method", problem);
        }
        if let Some(name) = &self.file_name {
            check::file_name(name, "Calendar.FileName")?;
        }
        Ok(method)
    }

    /// The text as a body part.
    pub(super) fn part(&self) -> BodyPart {
        BodyPart::plain(self.text.as_str())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn calendar(lines: &str, method: &str) -> Calendar {
        let mut calendar = Calendar::new(format!("BEGIN:VCALENDAR\r\n{lines}END:VCALENDAR\r\n"));
        calendar.method = method.into();
        calendar
    }

    #[test]
    fn the_method_is_that_of_the_text() {
        assert_eq!(calendar("method:Request\r\n", "").check().unwrap(), "REQUEST");
        assert_eq!(calendar("METHOD:CANCEL\n", "cancel").check().unwrap(), "CANCEL");
        assert_eq!(calendar("", "REPLY").check().unwrap(), "REPLY");
        for (lines, method) in
            [("", ""), ("METHOD:REQUEST\n", "CANCEL"), ("METHOD:x; charset=y\n", ""), ("", "A\r\nB")]
        {
            let error = calendar(lines, method).check().unwrap_err();
            assert_eq!(error.field(), Some("Calendar.Method"), "{lines:?} {method:?}");
        }
        let error = calendar("", "").check().unwrap_err();
        assert!(error.to_string().contains("no METHOD line"), "{error}");
        assert_eq!(Calendar::new("hello").check().unwrap_err().field(), Some("Calendar.Text"));
        let mut bad = calendar("METHOD:ADD\n", "");
        bad.file_name = Some("../x".into());
        assert_eq!(bad.check().unwrap_err().field(), Some("Calendar.FileName"));
    }
}
