//! Whether a stream or a consumer is as the queue needs it: field by field, for a server keeps what it has, whoever made it,
//! and an old one leaves out what it does not know.

use std::time::Duration;

use freesmtp_core::Error;
use serde::Serialize;
use serde_json::Value;

/// What the operator may choose without harm to the queue.
const FREE: [&str; 7] =
    ["name", "description", "metadata", "placement", "compression", "consumer_limits", "first_seq"];

/// What no edit changes.
const FIXED: [&str; 7] =
    ["retention", "storage", "allow_msg_counter", "persist_mode", "mirror", "deliver_policy", "ack_policy"];

/// What is compared, for a person: `stream MAILQ`, `consumer high of stream MAILQ`.
pub(super) struct Thing<'a> {
    pub(super) stream: &'a str,
    pub(super) consumer: Option<&'a str>,
}

impl Thing<'_> {
    pub(super) fn name(&self) -> String {
        match self.consumer {
            Some(consumer) => format!("consumer {consumer} of stream {}", self.stream),
            None => format!("stream {}", self.stream),
        }
    }

    /// Compares all fields but those that are free.
    ///
    /// # Errors
    /// `ErrorKind::Message` with each field that differs, what it is, what it should be, and how to change it.
    pub(super) fn compare(&self, wanted: &impl Serialize, found: &impl Serialize) -> Result<(), Error> {
        let (Ok(Value::Object(wanted)), Ok(Value::Object(found))) =
            (serde_json::to_value(wanted), serde_json::to_value(found))
        else {
            return Err(Error::input("cluster", format!("{}: its configuration is no object", self.name())));
        };
        let mut fields: Vec<&String> = wanted.keys().chain(found.keys()).collect();
        fields.sort();
        fields.dedup();
        let value =
            |of: &serde_json::Map<String, Value>, field: &str| of.get(field).cloned().unwrap_or_default();
        let different: Vec<(&str, String, String)> = fields
            .into_iter()
            .filter(|field| !FREE.contains(&field.as_str()))
            .map(|field| (field.as_str(), value(&found, field), value(&wanted, field)))
            .filter(|(_, found, wanted)| found != wanted && !(is_unset(found) && is_unset(wanted)))
            .map(|(field, found, wanted)| (field, shown(field, &found), shown(field, &wanted)))
            .collect();
        if different.is_empty() {
            return Ok(());
        }
        let each: Vec<String> = different
            .iter()
            .map(|(field, found, wanted)| format!("{field} is {found} and must be {wanted}"))
            .collect();
        let is_fixed = different.iter().any(|(field, ..)| FIXED.contains(field));
        Err(Error::input(
            "cluster",
            format!(
                "{} was made with other settings: {}; {}",
                self.name(),
                each.join(", "),
                self.remedy(is_fixed)
            ),
        ))
    }

    fn remedy(&self, is_fixed: bool) -> String {
        let (kind, names) = match self.consumer {
            Some(consumer) => ("consumer", format!("{} {consumer}", self.stream)),
            None => ("stream", self.stream.to_owned()),
        };
        let remove = format!(
            "remove it with `nats {kind} rm {names}`{}, and the agent makes it anew",
            if self.consumer.is_some() { "" } else { " once it holds nothing that you need" }
        );
        if is_fixed {
            format!("that cannot be edited: {remove}")
        } else {
            format!("change it with `nats {kind} edit {names}`, or {remove}")
        }
    }
}

/// Servers leave out what is not set, or say it in one of several ways.
fn is_unset(value: &Value) -> bool {
    match value {
        Value::Null | Value::Bool(false) => true,
        Value::Number(number) => matches!(number.as_i64(), Some(0 | -1)),
        Value::String(text) => text.is_empty() || text == "default",
        Value::Array(items) => items.is_empty(),
        Value::Object(fields) => fields.values().all(is_unset),
        Value::Bool(true) => false,
    }
}

fn shown(field: &str, value: &Value) -> String {
    const SPANS: [&str; 6] = [
        "max_age",
        "duplicate_window",
        "ack_wait",
        "subject_delete_marker_ttl",
        "inactive_threshold",
        "max_expires",
    ];
    match value {
        value if is_unset(value) && !value.is_number() && !value.is_boolean() => "not set".to_owned(),
        Value::Number(number) if SPANS.contains(&field) && number.as_u64().is_some_and(|nanos| nanos > 0) => {
            let span = Duration::from_nanos(number.as_u64().unwrap_or_default());
            format!("{span:?}")
        }
        other => other.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    const STREAM: Thing<'_> = Thing { stream: "MAILQ", consumer: None };

    #[test]
    fn what_is_not_set_has_many_forms() {
        let wanted = json!({"a": false, "b": -1, "c": [], "d": {"x": 0}});
        assert!(
            STREAM.compare(&wanted, &json!({"a": null, "compression": "s2", "description": "ours"})).is_ok()
        );
    }

    #[test]
    fn what_differs_is_named_with_both_values() {
        let wanted = json!({"duplicate_window": 600_000_000_000_u64, "allow_msg_schedules": true});
        let error = STREAM.compare(&wanted, &json!({"duplicate_window": 120_000_000_000_u64})).unwrap_err();
        assert_eq!(
            error.message(),
            "stream MAILQ was made with other settings: allow_msg_schedules is not set and must be true, \
             duplicate_window is 120s and must be 600s; change it with `nats stream edit MAILQ`, or remove it with \
             `nats stream rm MAILQ` once it holds nothing that you need, and the agent makes it anew"
        );
        let error =
            STREAM.compare(&json!({"retention": "workqueue"}), &json!({"retention": "limits"})).unwrap_err();
        assert!(error.message().contains("cannot be edited: remove it"), "{error}");
        // What we do not ask for, and somebody set.
        assert!(STREAM.compare(&json!({}), &json!({"sealed": true})).is_err());
    }
}
