//! A look through the whole shared queue: the subjects of what waits tell where it goes, and the counters why it waits.

use std::{
    collections::{BTreeMap, HashMap},
    time::Instant,
};

use async_nats::jetstream::stream::{DirectGetErrorKind, LastRawMessageErrorKind};
use freesmtp_core::spool::Id;
use futures_util::{StreamExt, TryStreamExt, stream};

use super::{
    super::{CauseCount, Millis, QueueError, SiteCount, Survey},
    Shared,
    count::{CAUSES, REMEDY},
    look::state_of,
    unanswered,
};
use crate::cluster::subject;

/// Sites of which it is asked since when the first delivery is ready.
const ASKED: usize = 20;

/// Questions to the servers at the same time.
const TOGETHER: usize = 32;

impl Shared {
    /// Looks through it, which takes seconds for a million.
    pub(in crate::queue) fn survey(&self, now: Millis) -> Result<Survey, QueueError> {
        self.wait(async {
            let begun = Instant::now();
            let mut sites = self.sites(now).await?;
            let ready = |site: &SiteCount| format!("mailq.ready.*.{}.>", subject::encode(&site.site));
            let asked: Vec<String> = sites.iter().take(ASKED).map(ready).collect();
            let since = stream::iter(asked).map(|subject| self.first_ready(subject)).buffered(TOGETHER);
            let since: Vec<Option<Millis>> = since.try_collect().await?;
            for (site, since) in sites.iter_mut().zip(since) {
                site.oldest_ready = since;
            }
            let oldest_ready = self.first_ready("mailq.ready.>".to_owned()).await?;
            let causes = self.causes().await?;
            Ok(Survey { at: now, begun, took: begun.elapsed(), sites, causes, oldest_ready })
        })
    }

    async fn sites(&self, now: Millis) -> Result<Vec<SiteCount>, QueueError> {
        let failed = |error: &dyn std::fmt::Display| unanswered("what is in the stream", error);
        let mut names = self.nats.mail.info_with_subjects("mailq.>").await.map_err(|error| failed(&error))?;
        let mut sites: HashMap<String, SiteCount> = HashMap::new();
        let mut oldest: Option<Id> = None;
        while let Some(named) = names.next().await {
            let (name, _) = named.map_err(|error| failed(&error))?;
            // Whatever they wait for, the last tokens are site, id and part.
            let mut tokens = name.rsplit('.').skip(1);
            let id = tokens.next().and_then(|id| id.parse::<Id>().ok());
            let Some((id, site)) = id.zip(tokens.next()) else { continue };
            oldest = Some(oldest.map_or(id, |oldest| oldest.min(id)));
            let submitted = i64::try_from(id.unix_ms()).unwrap_or(i64::MAX);
            if !sites.contains_key(site) {
                let named =
                    SiteCount { site: subject::decode(site).unwrap_or_default(), ..SiteCount::default() };
                sites.insert(site.to_owned(), named);
            }
            if let Some(count) = sites.get_mut(site) {
                count.see(state_of(&name), now - submitted);
            }
        }
        self.saw_oldest(oldest);
        Ok(SiteCount::largest(sites.into_values().collect()))
    }

    /// Since when the first of these is ready.
    async fn first_ready(&self, subject: String) -> Result<Option<Millis>, QueueError> {
        match self.nats.mail.get_first_raw_message_by_subject(subject, 1).await {
            Ok(message) => Ok(Some(message.time.unix_timestamp().saturating_mul(1_000))),
            Err(error) if error.kind() == LastRawMessageErrorKind::NoMessageFound => Ok(None),
            Err(error) => Err(unanswered("what is ready", &error)),
        }
    }

    async fn causes(&self) -> Result<Vec<CauseCount>, QueueError> {
        let failed = |error: &dyn std::fmt::Display| unanswered("the causes", error);
        let names = self.nats.counts.info_with_subjects(format!("{CAUSES}.>")).await;
        let names: BTreeMap<String, usize> =
            names.map_err(|error| failed(&error))?.try_collect().await.map_err(|error| failed(&error))?;
        let causes = stream::iter(names.into_keys()).map(|name| self.cause(name)).buffered(TOGETHER);
        let mut causes: Vec<CauseCount> =
            causes.try_filter(|cause| std::future::ready(cause.count > 0)).try_collect().await?;
        causes.sort_unstable_by(|a, b| b.count.cmp(&a.count).then_with(|| a.cause.cmp(&b.cause)));
        Ok(causes)
    }

    async fn cause(&self, name: String) -> Result<CauseCount, QueueError> {
        let token = name.rsplit('.').next().unwrap_or_default();
        let mut found =
            CauseCount { cause: subject::decode(token).unwrap_or_default(), remedy: String::new(), count: 0 };
        match self.nats.counts.direct_get_last_for_subject(name.clone()).await {
            Ok(message) => {
                found.count = super::blasts::value(&message.payload);
                let remedy = message.headers.get(REMEDY);
                found.remedy =
                    remedy.and_then(|text| serde_json::from_str(text.as_str()).ok()).unwrap_or_default();
                Ok(found)
            }
            Err(error) if error.kind() == DirectGetErrorKind::NotFound => Ok(found),
            Err(error) => Err(unanswered("the causes", &error)),
        }
    }
}
