//! The settings as a whole.

use std::path::{Path, PathBuf};

use freesmtp_core::Error;
use serde::Deserialize;

use super::{ClusterSettings, EventSettings, HttpSettings, MxSettings, RouteSettings, SmtpSettings, Span};

/// The settings of an agent; each has a default.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct AgentSettings {
    /// The folder of the spool; none means the one that `FREESMTP_SPOOL` names, or the usual one.
    pub spool: Option<PathBuf>,
    /// The name given in EHLO, and in the agent's own messages; empty means this host's full name.
    pub name: String,
    /// Sessions with servers at the same time, 1 to 10,000.
    pub sessions: usize,
    /// Octets of messages that are held in memory at the same time, all sessions together.
    pub memory: u64,
    /// Limits of each destination.
    pub destination: DestinationLimits,
    /// When failed recipients are tried again.
    pub retry: RetrySettings,
    /// Where mail goes; without any to the mail exchangers of each domain.
    pub route: Vec<RouteSettings>,
    /// How the mail exchangers of a domain are found and spoken to.
    pub mx: MxSettings,
    /// Who is told what becomes of each recipient.
    pub events: EventSettings,
    /// Where programs hand mail over by SMTP.
    pub smtp: SmtpSettings,
    /// Where programs hand mail over by HTTP.
    pub http: HttpSettings,
    /// The queue that agents on many machines share; without servers this agent has its own.
    pub cluster: ClusterSettings,
    /// Limit of each phase of a session; none uses those of RFC 5321 section 4.5.3.2.
    pub timeout: Option<Span>,
}

impl Default for AgentSettings {
    fn default() -> Self {
        Self {
            spool: None,
            name: String::new(),
            sessions: 256,
            memory: 64 << 20,
            destination: DestinationLimits::default(),
            retry: RetrySettings::default(),
            route: Vec::new(),
            mx: MxSettings::default(),
            events: EventSettings::default(),
            smtp: SmtpSettings::default(),
            http: HttpSettings::default(),
            cluster: ClusterSettings::default(),
            timeout: None,
        }
    }
}

/// What a destination is spared; what is not set is taken from the settings above it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct DestinationLimits {
    /// Sessions at the same time: 20 with mail exchangers, all there are with servers that a route names.
    pub sessions: Option<usize>,
    /// Messages in a second, all sessions together; 0.5 is one in two seconds.
    pub messages_per_second: Option<f64>,
    /// Messages that one connection carries; 0 for any number.
    pub messages_per_connection: Option<u64>,
}

impl DestinationLimits {
    /// These, and where one is not set the other.
    #[must_use]
    pub fn or(self, other: Self) -> Self {
        Self {
            sessions: self.sessions.or(other.sessions),
            messages_per_second: self.messages_per_second.or(other.messages_per_second),
            messages_per_connection: self.messages_per_connection.or(other.messages_per_connection),
        }
    }

    fn check(self, field: &str) -> Result<(), Error> {
        if self.sessions == Some(0) {
            return Err(Error::input(format!("{field}.sessions"), "is zero; give 1 or more"));
        }
        match self.messages_per_second {
            Some(rate) if !rate.is_finite() || rate < 1.0 / 86_400.0 => {
                Err(Error::input(format!("{field}.messages_per_second"), "is not above one in a day"))
            }
            _ => Ok(()),
        }
    }
}

/// When failed recipients are tried again.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct RetrySettings {
    /// How long after the first failure, after the second, and so on; the last one counts for all that follow.
    pub schedule: Vec<Span>,
    /// How long after its submission a message is given up, when it says nothing else itself.
    pub lifetime: Span,
    /// The same for a report of failure (RFC 3464), which nobody waits for as long.
    pub bounce_lifetime: Span,
    /// How long after its submission the sender is told that a message is late, where NOTIFY=DELAY asks for it.
    pub warn_after: Span,
}

impl Default for RetrySettings {
    fn default() -> Self {
        const MINUTE: u64 = 60;
        const HOUR: u64 = 3_600;
        let schedule =
            [MINUTE, 2 * MINUTE, 5 * MINUTE, 10 * MINUTE, 15 * MINUTE, 30 * MINUTE, HOUR, 2 * HOUR, 4 * HOUR];
        Self {
            schedule: schedule.into_iter().map(Span::seconds).collect(),
            lifetime: Span::seconds(4 * 24 * HOUR),
            bounce_lifetime: Span::seconds(24 * HOUR),
            warn_after: Span::seconds(4 * HOUR),
        }
    }
}

impl AgentSettings {
    /// Reads and checks a file.
    ///
    /// # Errors
    /// `ErrorKind::FileIo` when it cannot be read; `ErrorKind::Message` with the field, or the place in the file.
    pub fn read(path: &Path) -> Result<Self, Error> {
        let text = std::fs::read_to_string(path).map_err(|error| {
            Error::input("--config", format!("{} cannot be read: {error}", path.display()))
        })?;
        Self::parse(&text).map_err(|error| match error.field() {
            Some(_) => error,
            None => Error::input("--config", format!("{}: {}", path.display(), error.message())),
        })
    }

    /// Reads and checks the text of a file.
    ///
    /// # Errors
    /// `ErrorKind::Message` with the field, or with the place in the text.
    pub fn parse(text: &str) -> Result<Self, Error> {
        let settings: Self =
            toml::from_str(text).map_err(|error| Error::input("--config", error.to_string().trim()))?;
        settings.check()?;
        Ok(settings)
    }

    /// Checks every field.
    ///
    /// # Errors
    /// `ErrorKind::Message` with the first field that is not right.
    pub fn check(&self) -> Result<(), Error> {
        if !(1..=10_000).contains(&self.sessions) {
            return Err(Error::input("sessions", "is not from 1 to 10000"));
        }
        if self.memory < 1 << 20 {
            return Err(Error::input("memory", "is less than a mebibyte"));
        }
        let retry = &self.retry;
        if retry.schedule.is_empty() {
            return Err(Error::input("retry.schedule", "is empty; give one length of time or more"));
        }
        let zero = Span::seconds(0);
        let spans = [("retry.lifetime", retry.lifetime), ("retry.bounce_lifetime", retry.bounce_lifetime)];
        for (field, span) in spans {
            if span == zero {
                return Err(Error::input(field, "is zero; every message would be given up at once"));
            }
        }
        if let Some(index) = retry.schedule.iter().position(|span| *span == zero) {
            return Err(Error::input(
                format!("retry.schedule[{index}]"),
                "is zero; a server is not to be flooded",
            ));
        }
        if self.timeout == Some(zero) {
            return Err(Error::input("timeout", "is zero; give a length of time above zero"));
        }
        self.smtp.check()?;
        self.http.check()?;
        self.cluster.check()?;
        self.destination.check("destination")?;
        for (index, route) in self.route.iter().enumerate() {
            route.limits.check(&format!("route[{index}].limits"))?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn field(text: &str) -> String {
        AgentSettings::parse(text).unwrap_err().field().unwrap_or_default().to_owned()
    }

    #[test]
    fn a_file_says_what_is_not_usual() {
        let settings = AgentSettings::parse(
            "sessions = 10\n[retry]\nschedule = [\"10s\", \"1m\"]\n[destination]\nmessages_per_second = 0.5\n\
             [[route]]\ndomains = [\"*\"]\nservers = [\"127.0.0.1:2525\"]\nlimits.sessions = 3\n",
        )
        .unwrap();
        assert_eq!(settings.sessions, 10);
        assert_eq!(settings.retry.schedule, [Span::seconds(10), Span::seconds(60)]);
        assert_eq!(settings.retry.lifetime, Span::seconds(345_600));
        let limits = settings.route[0].limits.or(settings.destination);
        assert_eq!((limits.sessions, limits.messages_per_second), (Some(3), Some(0.5)));
    }

    #[test]
    fn what_is_wrong_is_named() {
        assert_eq!(field("sessions = 0"), "sessions");
        assert_eq!(field("sessions = 10001"), "sessions");
        assert_eq!(field("[retry]\nschedule = []"), "retry.schedule");
        assert_eq!(field("[retry]\nschedule = [\"1m\", \"0s\"]"), "retry.schedule[1]");
        assert_eq!(field("[retry]\nlifetime = 0"), "retry.lifetime");
        assert_eq!(
            field("[[route]]\nservers = []\n[[route]]\nlimits.sessions = 0"),
            "route[1].limits.sessions"
        );
        assert_eq!(field("[destination]\nmessages_per_second = -1"), "destination.messages_per_second");
        let unknown = AgentSettings::parse("sesions = 3").unwrap_err();
        assert!(unknown.message().contains("sesions"), "{unknown}");
        let span = AgentSettings::parse("[retry]\nlifetime = \"4 weeks\"").unwrap_err();
        assert!(span.message().contains("4 weeks"), "{span}");
    }
}
