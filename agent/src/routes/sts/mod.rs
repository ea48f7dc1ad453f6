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
    /// Until when no fetch is tried again, by domain.
    pauses: Mutex<HashMap<String, Instant>>,
}

impl Policies {
    /// Policies that are kept in that file, too.
    pub(super) fn new(dns: Dns, fetcher: Fetcher, file: Option<&Path>) -> Self {
        let keep = Mutex::new(Keep::open(file, now()));
        Self { dns, fetcher, keep, pauses: Mutex::default() }
    }

    /// The policy of a domain, when it has one.
    pub(super) async fn of(&self, domain: &str) -> Option<Arc<Policy>> {
        let known = lock(&self.keep).get(domain, now());
        let announced = match self.dns.texts(&format!("_mta-sts.{domain}")).await {
            Ok(found) => policy::announced(&found.records),
            Err(_) => None,
        };
        let Some(id) = announced else { return known.map(|kept| kept.policy) };
        if let Some(kept) = &known
            && kept.id == id
            && now() < kept.fetched.saturating_add(FRESH.min(kept.policy.max_age.as_secs()))
        {
            return known.map(|kept| kept.policy);
        }
        if self.is_paused(domain) {
            return known.map(|kept| kept.policy);
        }
        match self.fetcher.fetch(domain).await {
            Ok(policy) => {
                let policy = Arc::new(policy);
                let kept = Kept { id, fetched: now(), policy: Arc::clone(&policy) };
                lock(&self.keep).put(domain, kept, now());
                Some(policy)
            }
            Err(_) => {
                self.pause(domain);
                known.map(|kept| kept.policy)
            }
        }
    }

    fn is_paused(&self, domain: &str) -> bool {
        lock(&self.pauses).get(domain).is_some_and(|until| Instant::now() < *until)
    }

    fn pause(&self, domain: &str) {
        let mut pauses = lock(&self.pauses);
        if pauses.len() >= MOST_PAUSES {
            pauses.retain(|_, until| Instant::now() < *until);
        }
        if pauses.len() < MOST_PAUSES {
            pauses.insert(domain.to_owned(), Instant::now() + PAUSE);
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
