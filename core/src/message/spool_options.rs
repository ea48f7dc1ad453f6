//! What a program asks of the spool for one message.

use crate::{
    error::Error,
    types::{Moment, has_control, shown},
};

/// What a program asks of the spool for one message: only `SubmitToSpool` and `SubmitBulk` look at it, `Send` does not.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SpoolOptions {
    /// The message is not delivered before this moment.
    pub not_before: Option<Moment>,
    /// What is not delivered by this moment is given up and reported to the sender; `None`: as long as the agent tries.
    pub expires: Option<Moment>,
    /// Which messages are delivered first: from -9 to 9, higher ones first, 0 is the usual.
    pub priority: i8,
    /// The blast that the message belongs to: messages of one name have one progress, and are paused, resumed and
    /// cancelled together.
    pub blast: Option<String>,
    /// A message with the key of an earlier one is not delivered again: the same text under the same key is a
    /// repetition, another one is refused.
    pub idempotency_key: Option<String>,
}

/// The longest name of a blast, and the longest key, in octets.
const LONGEST_NAME: usize = 255;

impl SpoolOptions {
    /// Checks them.
    ///
    /// # Errors
    ///
    /// [`Error::input`] for the property that is wrong.
    pub fn check(&self) -> Result<(), Error> {
        if !(-9..=9).contains(&self.priority) {
            let problem = format!("{} is no priority; the numbers go from -9 to 9", self.priority);
            return Err(Error::input("SpoolPriority", problem));
        }
        for (moment, field) in [(self.not_before, "NotBefore"), (self.expires, "Expires")] {
            if moment.is_some_and(|moment| !moment.is_writable()) {
                let problem = "the year must be from 1 to 9999; the time is given in seconds since 1970, not \
                               milliseconds";
                return Err(Error::input(field, problem));
            }
        }
        if let (Some(begin), Some(end)) = (self.not_before, self.expires)
            && end <= begin
        {
            let problem =
                format!("{end} is not after NotBefore, {begin}; the message could never be delivered");
            return Err(Error::input("Expires", problem));
        }
        name(self.blast.as_deref(), "Blast")?;
        name(self.idempotency_key.as_deref(), "IdempotencyKey")
    }
}

fn name(text: Option<&str>, field: &str) -> Result<(), Error> {
    let Some(text) = text else { return Ok(()) };
    let problem = if text.is_empty() {
        "is empty; leave it unset, or give a text".to_owned()
    } else if text.len() > LONGEST_NAME {
        format!("has {} octets; at most {LONGEST_NAME} are allowed", text.len())
    } else if has_control(text) {
        format!("{} holds a control character; remove it", shown(text))
    } else {
        return Ok(());
    };
    Err(Error::input(field, problem))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_wrong_names_its_property() {
        let moment = |seconds| Some(Moment::new(seconds));
        let usual = SpoolOptions::default;
        assert!(usual().check().is_ok());
        for (options, field) in [
            (SpoolOptions { priority: 10, ..usual() }, "SpoolPriority"),
            (SpoolOptions { priority: -10, ..usual() }, "SpoolPriority"),
            (SpoolOptions { not_before: moment(1_767_225_600_000), ..usual() }, "NotBefore"),
            (SpoolOptions { expires: moment(i64::MIN), ..usual() }, "Expires"),
            (SpoolOptions { not_before: moment(7), expires: moment(7), ..usual() }, "Expires"),
            (SpoolOptions { blast: Some(String::new()), ..usual() }, "Blast"),
            (SpoolOptions { blast: Some("a\nb".into()), ..usual() }, "Blast"),
            (SpoolOptions { idempotency_key: Some("x".repeat(256)), ..usual() }, "IdempotencyKey"),
            (SpoolOptions { idempotency_key: Some("a\0".into()), ..usual() }, "IdempotencyKey"),
        ] {
            assert_eq!(options.check().unwrap_err().field(), Some(field));
        }
        let all = SpoolOptions {
            not_before: moment(7),
            expires: moment(8),
            priority: -9,
            blast: Some("Frühjahr 2026".into()),
            idempotency_key: Some("x".repeat(255)),
        };
        assert!(all.check().is_ok());
    }
}
