//! Policies of domains about the way to their servers: MTA-STS (RFC 8461).
//!
//! Policy: a domain announces its policy by a TXT record whose id changes with it; the policy itself comes over HTTPS and is
//! kept for its `max_age`, even when the record or its server is gone: who can suppress them must not turn the policy off. A
//! fetch that failed is not tried again for five minutes. When nothing is known, mail flows as without a policy.

mod fetch;
mod keep;
mod policy;

use std::{
    collections::HashMap,
    path::Path,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant, SystemTime, UNIX_EPOCH},
};

pub(super) use fetch::Fetcher;
pub(super) use policy::Policy;

use super::dns::Dns;
use keep::{Keep, Kept};

/// After a fetch that failed (RFC 8461 section 3.3).
const PAUSE: Duration = Duration::from_secs(300);

/// A policy is fetched anew after a day even when its id is the same, so that it never runs out (section 3.3).
const FRESH: u64 = 86_400;

/// More domains than this are not remembered to have failed.
const MOST_PAUSES: usize = 10_000;

/// The policies that are known.
#[derive(Debug)]
pub(super) struct Policies {
    dns: Dns,
    fetcher: Fetcher,
    keep: Mutex<Keep>,
    /// Until when no fetch is tried again and why, by domain.
    pauses: Mutex<HashMap<String, (Instant, String)>>,
}

/// What is known of a domain's policy.
#[derive(Clone, Debug, Default)]
pub(super) struct Known {
    pub(super) policy: Option<Arc<Policy>>,
    /// What went wrong, for a person.
    pub(super) note: Option<String>,
}

impl Policies {
    /// Policies that are kept in that file, too.
    pub(super) fn new(dns: Dns, fetcher: Fetcher, file: &Path) -> Self {
        let keep = Mutex::new(Keep::open(file, now()));
        Self { dns, fetcher, keep, pauses: Mutex::default() }
    }

    /// The policy of a domain, when it has one.
    pub(super) async fn of(&self, domain: &str) -> Known {
        let known = lock(&self.keep).get(domain, now());
        let kept = |note: Option<String>| Known {
            policy: known.as_ref().map(|kept| Arc::clone(&kept.policy)),
            note,
        };
        let announced = match self.dns.texts(&format!("_mta-sts.{domain}")).await {
            Ok(found) => policy::announced(&found.records),
            Err(_) => None,
        };
        let Some(id) = announced else { return kept(None) };
        if let Some(old) = &known
            && old.id == id
            && now() < old.fetched.saturating_add(FRESH.min(old.policy.max_age.as_secs()))
        {
            return kept(None);
        }
        if let Some(why) = self.paused(domain) {
            return kept(Some(why));
        }
        match self.fetcher.fetch(domain).await {
            Ok(policy) => {
                let policy = Arc::new(policy);
                let kept = Kept { id, fetched: now(), policy: Arc::clone(&policy) };
                lock(&self.keep).put(domain, kept, now());
                Known { policy: Some(policy), note: None }
            }
            Err(why) => {
                let why = format!("the policy of {domain} (MTA-STS) can't be had: {why}");
                self.pause(domain, why.clone());
                kept(Some(why))
            }
        }
    }

    fn paused(&self, domain: &str) -> Option<String> {
        let pauses = lock(&self.pauses);
        pauses.get(domain).filter(|(until, _)| Instant::now() < *until).map(|(_, why)| why.clone())
    }

    fn pause(&self, domain: &str, why: String) {
        let mut pauses = lock(&self.pauses);
        if pauses.len() >= MOST_PAUSES {
            pauses.retain(|_, (until, _)| Instant::now() < *until);
        }
        if pauses.len() < MOST_PAUSES {
            pauses.insert(domain.to_owned(), (Instant::now() + PAUSE, why));
        }
    }
}

/// Seconds since 1970: policies outlive the process.
fn now() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs())
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
