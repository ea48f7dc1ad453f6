//! The names of this session, for the sentences of `advice.rs`: each falls back to general words when unknown.

use std::net::IpAddr;

use super::context::{Context, Failure};
use super::facts;

/// The session's own names.
pub(super) struct Words<'a> {
    context: &'a Context<'a>,
    /// The client's address as the server sees it.
    client: Option<IpAddr>,
    wait: Option<std::time::Duration>,
}

impl<'a> Words<'a> {
    pub(super) fn new(context: &'a Context<'a>, text: &str, wait: Option<std::time::Duration>) -> Self {
        // Behind a NAT the server knows another address than the socket does: the reply goes first.
        let client = facts::address_in(text, context.local_address).or(context.local_address);
        Self { context, client, wait }
    }

    /// Fills the `{…}` of `sentence`.
    pub(super) fn fill(&self, sentence: &str) -> String {
        let mut filled = String::with_capacity(sentence.len() + 32);
        let mut rest = sentence;
        while let Some((before, (name, after))) =
            rest.split_once('{').and_then(|(before, tail)| Some((before, tail.split_once('}')?)))
        {
            filled.push_str(before);
            filled.push_str(&self.value(name));
            rest = after;
        }
        filled.push_str(rest);
        // A sentence may begin with a name that is not known: "the server …".
        let mut chars = filled.chars();
        chars.next().map_or_else(String::new, |first| {
            match filled.starts_with("the ") || filled.starts_with("your ") {
                true => first.to_uppercase().chain(chars).collect(),
                false => filled.clone(),
            }
        })
    }

    fn value(&self, name: &str) -> String {
        let context = self.context;
        let or = |value: Option<&str>, general: &str| match value.filter(|v| !v.is_empty()) {
            Some(value) => value.to_owned(),
            None => general.to_owned(),
        };
        let after = |value: Option<String>| value.map(|v| format!(" {v}")).unwrap_or_default();
        match name {
            "server" => self.server(),
            "client" => self.client.map_or_else(|| "this computer's address".to_owned(), |ip| ip.to_string()),
            "recipient" => or(context.recipient, "of the recipient"),
            "sender" => or(context.sender, "this sender"),
            "domain" => or(context.recipient.and_then(domain_of), "the recipient's domain"),
            "sender-domain" => after(context.sender.and_then(domain_of).map(str::to_owned)),
            "of-user" => after(context.user.filter(|u| !u.is_empty()).map(|user| format!("of {user}"))),
            "helo" => after(context.ehlo_name.map(|name| format!("({name})"))),
            "port" => match context.port {
                0 => String::new(),
                port => format!(" port {port}"),
            },
            "on-port" => match context.port {
                0 => String::new(),
                port => format!(" on port {port}"),
            },
            "count" => match context.recipient_count {
                0 => String::new(),
                count => format!(" ({count})"),
            },
            "option" => after(match context.failure {
                Some(Failure::DeliveryOption { extension, .. }) => Some(format!("({extension})")),
                _ => None,
            }),
            "sizes" => self.sizes(),
            "wait" => match self.wait {
                Some(wait) => format!(", after {}", duration(wait)),
                None => ", after some minutes".to_owned(),
            },
            "greeting" => after(context.greeting_host.map(|host| format!("(it calls itself {host})"))),
            "message-id" => after(context.message_id.map(str::to_owned)),
            "field" => after(context.field.map(|field| format!("({field})"))),
            _ => String::new(),
        }
    }

    pub(super) fn server(&self) -> String {
        if self.context.host.is_empty() { "the server".to_owned() } else { self.context.host.to_owned() }
    }

    fn sizes(&self) -> String {
        match (self.context.message_size, self.context.size_limit()) {
            (Some(size), Some(limit)) => format!(": {size} bytes, and at most {limit} are taken"),
            (Some(size), None) => format!(": it has {size} bytes"),
            (None, Some(limit)) => format!(": at most {limit} bytes are taken"),
            (None, None) => String::new(),
        }
    }
}

/// The domain of an address.
pub(super) fn domain_of(address: &str) -> Option<&str> {
    address
        .rsplit_once('@')
        .map(|(_, domain)| domain.trim_end_matches('>'))
        .filter(|domain| !domain.is_empty())
}

/// `5 minutes`, `90 seconds`, `2 hours`.
fn duration(time: std::time::Duration) -> String {
    let seconds = time.as_secs();
    let (number, unit) = match seconds {
        _ if seconds > 0 && seconds.is_multiple_of(3600) => (seconds / 3600, "hour"),
        _ if seconds > 0 && seconds.is_multiple_of(60) => (seconds / 60, "minute"),
        _ => (seconds, "second"),
    };
    format!("{number} {unit}{}", if number == 1 { "" } else { "s" })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_filled_in_or_said_in_general() {
        let none = Context::default();
        let words = Words::new(&none, "", None);
        assert_eq!(words.fill("{server} is {what}."), "The server is .");
        assert_eq!(words.fill("To {domain}{of-user}{sizes}"), "To the recipient's domain");
        assert_eq!(words.fill("{server"), "{server");

        let context = Context {
            host: "mx.example.com",
            recipient: Some("a@b.example"),
            port: 25,
            ..Context::default()
        };
        let words = Words::new(&context, "from 192.0.2.7", None);
        assert_eq!(
            words.fill("{server}{port} {domain} {client}"),
            "mx.example.com port 25 b.example 192.0.2.7"
        );
    }

    #[test]
    fn durations() {
        let text = |seconds| duration(std::time::Duration::from_secs(seconds));
        assert_eq!(
            [text(0), text(1), text(300), text(3600), text(90)],
            ["0 seconds", "1 second", "5 minutes", "1 hour", "90 seconds"]
        );
    }
}
