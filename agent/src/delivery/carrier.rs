//! Who carries a message to a destination: an `Smtp` for each, with its kept connections.

use std::{
    collections::HashMap,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicBool, AtomicI64, AtomicUsize, Ordering},
    },
    time::Duration,
};

use freesmtp_core::{Error, Smtp, Timeouts};

use super::{domain, lock};
use crate::{
    config::{AgentSettings, DestinationLimits},
    queue::{Job, Millis, Target},
    routes::{Destination, RouteError, Routes, in_clear_text},
};

/// Sessions with one destination that the settings do not name.
const MOST: usize = 20;

/// How long connections are kept that nobody uses.
const LINGER: Millis = 2_000;

/// How long the answer to QUIT is waited for.
const GOODBYE: Duration = Duration::from_secs(1);

/// Carries messages to one destination.
#[derive(Debug)]
pub(super) struct Carrier {
    key: String,
    smtp: Smtp,
    /// The same in clear text, where any certificate would have done.
    fallback: Option<Smtp>,
    /// TLS could not start.
    falls_back: AtomicBool,
    limits: DestinationLimits,
    most: usize,
    /// The planner was told of the limits.
    told: AtomicBool,
    users: AtomicUsize,
    used: AtomicI64,
}

impl Carrier {
    pub(super) fn key(&self) -> &str {
        &self.key
    }

    /// The limits.
    pub(super) fn limits(&self) -> (DestinationLimits, usize) {
        (self.limits, self.most)
    }

    /// The limits, once.
    pub(super) fn news(&self) -> Option<(DestinationLimits, usize)> {
        (!self.told.swap(true, Ordering::Relaxed)).then_some((self.limits, self.most))
    }

    /// What sends to it, and whether that is in clear text in place of TLS.
    pub(super) fn smtp(&self) -> (&Smtp, bool) {
        match self.fallback.as_ref().filter(|_| self.falls_back.load(Ordering::Relaxed)) {
            Some(fallback) => (fallback, true),
            None => (&self.smtp, false),
        }
    }

    /// TLS could not start; whether clear text does as well.
    pub(super) fn fall_back(&self) -> bool {
        self.falls_back.store(true, Ordering::Relaxed);
        self.fallback.is_some()
    }

    /// It is in use as long as the guard lives.
    pub(super) fn user(&self) -> User<'_> {
        User::new(self)
    }

    fn smtps(&self) -> impl Iterator<Item = &Smtp> {
        std::iter::once(&self.smtp).chain(&self.fallback)
    }
}

/// Counts who uses a carrier.
pub(super) struct User<'a>(&'a Carrier);

impl<'a> User<'a> {
    fn new(carrier: &'a Carrier) -> Self {
        carrier.users.fetch_add(1, Ordering::Relaxed);
        Self(carrier)
    }
}

impl Drop for User<'_> {
    fn drop(&mut self) {
        self.0.users.fetch_sub(1, Ordering::Relaxed);
        self.0.used.store(crate::clock::now(), Ordering::Relaxed);
    }
}

/// Who carries for a site, and until when that holds.
#[derive(Clone, Debug)]
struct Way {
    carrier: Arc<Carrier>,
    until: Millis,
}

/// The carriers of all destinations.
#[derive(Debug)]
pub(super) struct Carriers {
    set: Mutex<Arc<Set>>,
    ways: Mutex<HashMap<Arc<str>, Way>>,
    /// By destination.
    carriers: Mutex<HashMap<String, Arc<Carrier>>>,
}

/// What the settings say.
#[derive(Debug)]
struct Set {
    routes: Routes,
    usual: DestinationLimits,
    sessions: usize,
    model: Smtp,
    /// The sites of domains that were asked for lately.
    sites: Mutex<HashMap<String, Arc<str>>>,
}

/// As many sites of domains as are kept.
const SITES: usize = 4_096;

impl Set {
    fn new(settings: &AgentSettings, routes: Routes) -> Result<Self, Error> {
        let mut model = Smtp::default();
        model.set_default_domain(&settings.name)?;
        if let Some(limit) = settings.timeout {
            model.set_timeouts(Timeouts::all(limit.0))?;
        }
        let (usual, sessions) = (settings.destination, settings.sessions);
        Ok(Self { routes, usual, sessions, model, sites: Mutex::default() })
    }

    fn site(&self, domain: &str) -> Arc<str> {
        let mut sites = lock(&self.sites);
        if let Some(site) = sites.get(domain) {
            return Arc::clone(site);
        }
        if sites.len() >= SITES {
            sites.clear();
        }
        let site: Arc<str> = self.routes.site(domain).into();
        sites.insert(domain.to_owned(), Arc::clone(&site));
        site
    }
}

impl Carriers {
    pub(super) fn new(settings: &AgentSettings, routes: Routes) -> Result<Self, Error> {
        let set = Mutex::new(Arc::new(Set::new(settings, routes)?));
        Ok(Self { set, ways: Mutex::default(), carriers: Mutex::default() })
    }

    /// New settings: every site is looked up anew.
    pub(super) fn reload(&self, settings: &AgentSettings, routes: Routes) -> Result<(), Error> {
        *lock(&self.set) = Arc::new(Set::new(settings, routes)?);
        lock(&self.ways).clear();
        lock(&self.carriers).clear();
        Ok(())
    }

    pub(super) fn site(&self, domain: &str) -> String {
        let set = Arc::clone(&lock(&self.set));
        set.routes.site(domain)
    }

    /// The recipients by site, when the routes say something else of them than when they were adopted.
    pub(super) fn groups(&self, site: &str, job: &Job) -> Option<Vec<(String, Vec<Target>)>> {
        let set = Arc::clone(&lock(&self.set));
        let (mut last, mut fits) = ("", true);
        for target in &job.targets {
            let domain = domain(&target.email);
            if domain != last {
                fits &= *set.site(domain) == *site;
                last = domain;
            }
        }
        if fits {
            return None;
        }
        let mut groups: Vec<(String, Vec<Target>)> = Vec::new();
        for target in &job.targets {
            let site = set.routes.site(domain(&target.email));
            match groups.iter_mut().find(|(other, _)| *other == site) {
                Some((_, targets)) => targets.push(target.clone()),
                None => groups.push((site, vec![target.clone()])),
            }
        }
        Some(groups)
    }

    /// Who carries for a site.
    pub(super) async fn find(
        &self,
        site: &Arc<str>,
        job: &Job,
        now: Millis,
    ) -> Result<Arc<Carrier>, RouteError> {
        if let Some(way) = lock(&self.ways).get(site)
            && way.until > now
        {
            return Ok(Arc::clone(&way.carrier));
        }
        let set = Arc::clone(&lock(&self.set));
        let domain = domain(job.targets.first().map_or("", |target| target.email.as_str()));
        let found = set.routes.resolve(domain).await?;
        let ttl = i64::try_from(found.ttl.as_millis()).unwrap_or(i64::MAX).clamp(1_000, 86_400_000);
        let carrier = self.carrier(&set, domain, found);
        let way = Way { carrier: Arc::clone(&carrier), until: now + ttl };
        lock(&self.ways).insert(Arc::clone(site), way);
        Ok(carrier)
    }

    /// Whether that one carries for a site, as far as is known now.
    pub(super) fn is_way(&self, site: &str, carrier: &Arc<Carrier>, now: Millis) -> bool {
        lock(&self.ways).get(site).is_some_and(|way| way.until > now && Arc::ptr_eq(&way.carrier, carrier))
    }

    fn carrier(&self, set: &Set, domain: &str, found: Destination) -> Arc<Carrier> {
        let mut carriers = self.carriers.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(carrier) = carriers.get(&found.key)
            && carrier.smtp.servers() == found.servers
        {
            carrier.told.store(false, Ordering::Relaxed);
            return Arc::clone(carrier);
        }
        let mut limits = set.routes.limits(domain).or(set.usual);
        if !set.routes.is_named(domain) {
            limits.sessions = limits.sessions.or(Some(MOST));
        }
        let most = limits.sessions.unwrap_or(set.sessions);
        let smtp = |servers| {
            // The connections of each destination are apart from those of the others.
            let mut smtp = Smtp::default();
            // Both were taken by the model.
            drop(smtp.set_default_domain(set.model.default_domain()));
            drop(smtp.set_timeouts(set.model.timeouts()));
            smtp.set_max_messages_per_connection(limits.messages_per_connection.unwrap_or(0));
            *smtp.servers_mut() = servers;
            smtp
        };
        let clear: Vec<_> = found.servers.iter().filter_map(in_clear_text).collect();
        let carrier = Arc::new(Carrier {
            key: found.key.clone(),
            fallback: (!clear.is_empty()).then(|| smtp(clear)),
            smtp: smtp(found.servers),
            falls_back: AtomicBool::new(false),
            limits,
            most,
            told: AtomicBool::new(false),
            users: AtomicUsize::new(0),
            used: AtomicI64::new(crate::clock::now()),
        });
        carriers.insert(found.key, Arc::clone(&carrier));
        carrier
    }

    /// Ends the connections to destinations with a limit that nobody uses. Gives each with the limit, and whether it has
    /// none left of those.
    pub(super) async fn give_up_idle(&self) -> Vec<(String, usize, bool)> {
        let limited: Vec<(Arc<Carrier>, usize)> = lock(&self.carriers)
            .values()
            .filter_map(|carrier| Some((Arc::clone(carrier), carrier.limits.sessions?)))
            .collect();
        let has_idle = |carrier: &Carrier| carrier.smtps().any(Smtp::connected);
        let ends: Vec<_> = limited
            .iter()
            .filter(|(carrier, _)| has_idle(carrier))
            .map(|(carrier, _)| Arc::clone(carrier))
            .map(|carrier| tokio::spawn(async move { goodbye(&carrier).await }))
            .collect();
        for end in ends {
            drop(end.await);
        }
        limited
            .into_iter()
            .map(|(carrier, limit)| (carrier.key.clone(), limit, !has_idle(&carrier)))
            .collect()
    }

    /// Ends connections that nobody uses, and forgets what is out of date.
    pub(super) fn tidy(&self, now: Millis) {
        lock(&self.ways).retain(|_, way| way.until > now);
        let idle = |carrier: &Carrier| {
            carrier.users.load(Ordering::Relaxed) == 0
                && crate::clock::now() - carrier.used.load(Ordering::Relaxed) > LINGER
        };
        let used: Vec<Arc<Carrier>> = lock(&self.carriers).values().cloned().collect();
        for carrier in used.into_iter().filter(|carrier| idle(carrier)) {
            if carrier.smtps().any(Smtp::connected) {
                tokio::spawn(async move { goodbye(&carrier).await });
            }
        }
        let known: Vec<String> = lock(&self.ways).values().map(|way| way.carrier.key.clone()).collect();
        lock(&self.carriers).retain(|key, carrier| {
            carrier.users.load(Ordering::Relaxed) > 0 || known.contains(key) || !idle(carrier)
        });
    }

    /// Breaks off whatever is under way.
    pub(super) fn cancel(&self) {
        for carrier in lock(&self.carriers).values() {
            carrier.smtps().for_each(Smtp::cancel);
        }
    }

    /// Ends every connection.
    pub(super) async fn disconnect(&self) {
        let all: Vec<Arc<Carrier>> = lock(&self.carriers).drain().map(|(_, carrier)| carrier).collect();
        let ends: Vec<_> =
            all.into_iter().map(|carrier| tokio::spawn(async move { goodbye(&carrier).await })).collect();
        for end in ends {
            drop(end.await);
        }
    }
}

async fn goodbye(carrier: &Carrier) {
    for smtp in carrier.smtps() {
        drop(tokio::time::timeout(GOODBYE, smtp.disconnect_async()).await);
    }
}
