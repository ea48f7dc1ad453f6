//! When a failed recipient is tried again: the schedule, shaped by what the server said.

use std::time::Duration;

use freesmtp_core::Cause;

use crate::{config::RetrySettings, queue::Millis};

/// From how many failures on a time that a server names is no shorter than the schedule: some name the same one forever.
const PATIENCE: u32 = 3;

/// The longest time that a server may name.
const LONGEST: Millis = 24 * 3_600_000;

/// The schedule.
#[derive(Clone, Debug)]
pub struct Retry {
    schedule: Vec<Millis>,
    lifetime: Millis,
    bounce_lifetime: Millis,
    warn_after: Millis,
}

impl Retry {
    /// As it is set.
    #[must_use]
    pub fn new(settings: &RetrySettings) -> Self {
        Self {
            schedule: settings.schedule.iter().map(|span| span.as_millis()).collect(),
            lifetime: settings.lifetime.as_millis(),
            bounce_lifetime: settings.bounce_lifetime.as_millis(),
            warn_after: settings.warn_after.as_millis(),
        }
    }

    /// How long to wait after so many failures, this one included. `random` is from 0 to 1: the wait is up to a tenth
    /// longer or shorter, so that what failed together does not come back together.
    #[must_use]
    pub fn delay(&self, failures: u32, random: f64) -> Millis {
        let index = usize::try_from(failures.max(1) - 1).unwrap_or(usize::MAX);
        let delay = self.schedule.get(index).or(self.schedule.last()).copied().unwrap_or(60_000);
        jitter(delay, 0.9, 0.2, random)
    }

    /// The same where the diagnosis says how long to wait: never shorter than that, and for a server that goes on and on
    /// never shorter than the schedule.
    #[must_use]
    pub fn delay_after(&self, failures: u32, named: Option<Duration>, random: f64) -> Millis {
        let usual = self.delay(failures, random);
        let Some(named) = named else { return usual };
        let named = i64::try_from(named.as_millis()).unwrap_or(LONGEST).clamp(1_000, LONGEST);
        let named = jitter(named, 1.0, 0.1, random);
        if failures > PATIENCE { named.max(usual) } else { named }
    }

    /// When a message is given up.
    #[must_use]
    pub fn expires(&self, submitted: Millis, asked: Option<Millis>, is_report: bool) -> Millis {
        let lifetime = if is_report { self.bounce_lifetime } else { self.lifetime };
        asked.unwrap_or_else(|| submitted.saturating_add(lifetime))
    }

    /// When a sender is told that a message is late, who asked for that.
    #[must_use]
    pub fn warn_after(&self) -> Millis {
        self.warn_after
    }

    /// How long a message is tried that says nothing else.
    #[must_use]
    pub fn lifetime(&self) -> Millis {
        self.lifetime
    }
}

fn jitter(delay: Millis, least: f64, more: f64, random: f64) -> Millis {
    #[allow(
        clippy::cast_precision_loss,
        clippy::cast_possible_truncation,
        reason = "a few days in milliseconds"
    )]
    let shaken = (delay as f64 * (least + more * random.clamp(0.0, 1.0))) as Millis;
    shaken.max(1)
}

/// Whether a refusal with a 5yz code lies with this agent's settings at its server, so that nobody's mail is sent back for
/// it: a login that is missing or wrong, TLS that is asked for.
#[must_use]
pub fn lies_with_settings(cause: Cause) -> bool {
    matches!(
        cause,
        Cause::AuthRequired
            | Cause::AuthFailed
            | Cause::AuthMechanismUnavailable
            | Cause::TlsRequired
            | Cause::TlsFailed
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    const MINUTE: Millis = 60_000;

    fn retry() -> Retry {
        Retry::new(&RetrySettings::default())
    }

    #[test]
    fn the_schedule_goes_on_with_its_last_step() {
        let minutes: Vec<_> = (1..=11).map(|failures| retry().delay(failures, 0.5) / MINUTE).collect();
        assert_eq!(minutes, [1, 2, 5, 10, 15, 30, 60, 120, 240, 240, 240]);
        assert_eq!(retry().delay(u32::MAX, 0.5), 240 * MINUTE);
        assert_eq!((retry().delay(1, 0.0), retry().delay(1, 1.0)), (54_000, 66_000));
    }

    #[test]
    fn a_time_that_the_server_named_is_waited_for() {
        let named = Some(Duration::from_secs(300));
        assert!((300_000..=330_000).contains(&retry().delay_after(1, named, 0.7)));
        assert_eq!(retry().delay_after(1, None, 0.5), MINUTE);
        // One that says "in a second" for hours is asked ever more rarely.
        let second = Some(Duration::from_secs(1));
        assert!(retry().delay_after(1, second, 0.5) < 2_000);
        assert_eq!(retry().delay_after(9, second, 0.5), 240 * MINUTE);
        assert!(retry().delay_after(1, Some(Duration::MAX), 1.0) <= 27 * 3_600_000);
    }

    #[test]
    fn a_message_may_say_itself_when_it_is_over() {
        let retry = retry();
        assert_eq!(retry.expires(1_000, None, false), 1_000 + 4 * 86_400_000);
        assert_eq!(retry.expires(1_000, Some(5), false), 5);
        assert_eq!(retry.expires(1_000, None, true), 1_000 + 86_400_000);
    }
}
