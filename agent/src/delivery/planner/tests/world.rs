//! A queue, a planner and the verdicts, with servers that are functions and a clock that is moved.

use std::{
    collections::{HashMap, HashSet, VecDeque},
    sync::{
        Arc,
        atomic::{AtomicI64, Ordering},
    },
    time::Duration,
};

use freesmtp_core::{
    Cause, Diagnosis, Error, ErrorKind, RecipientResult, RecipientStatus, Report, Stage, Who,
    spool::{Body, Envelope, Id, Recipient, Record},
    types::{Moment, Reply},
};

use super::super::{
    super::{
        Answer, domain,
        verdict::{self, When},
    },
    Next, Planner, Step,
};
use crate::{
    config::{DestinationLimits, RetrySettings},
    queue::{Adopted, Batch, Final, Job, JobKey, Millis, Queue, Target, Verdict, Words},
    retry::Retry,
};

pub(super) const SECOND: Millis = 1_000;
pub(super) const MINUTE: Millis = 60 * SECOND;
pub(super) const HOUR: Millis = 60 * MINUTE;
pub(super) const DAY: Millis = 24 * HOUR;

/// 2026-01-01.
pub(super) const BEGIN: Millis = 1_767_225_600_000;

/// What one recipient was told, and when.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Told {
    pub(super) email: String,
    pub(super) at: Millis,
    pub(super) verdict: Verdict,
}

pub(super) struct World {
    pub(super) now: Arc<AtomicI64>,
    pub(super) queue: Queue,
    pub(super) planner: Planner,
    pub(super) retry: Retry,
    pub(super) told: Vec<Told>,
    /// The most sessions that a site had at once, among jobs that were answered in the same moment.
    pub(super) most: HashMap<String, usize>,
    submitted: u64,
    _folder: tempfile::TempDir,
}

impl World {
    pub(super) fn new(sessions: usize) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let now = Arc::new(AtomicI64::new(BEGIN));
        let clock = Arc::clone(&now);
        let queue = Queue::open_at(folder.path(), move || clock.load(Ordering::Relaxed)).unwrap();
        let retry = Retry::new(&RetrySettings::default());
        let planner = Planner::new(sessions, DestinationLimits::default(), Arc::new(retry.clone()));
        Self {
            now,
            queue,
            planner,
            retry,
            told: Vec::new(),
            most: HashMap::new(),
            submitted: 0,
            _folder: folder,
        }
    }

    pub(super) fn now(&self) -> Millis {
        self.now.load(Ordering::Relaxed)
    }

    pub(super) async fn submit(&mut self, recipients: &[&str], change: impl Fn(&mut Envelope)) -> Id {
        let mut envelope = Envelope {
            reverse_path: "sender@here.test".to_owned(),
            recipients: recipients.iter().map(|email| Recipient::new(*email)).collect(),
            ..Envelope::default()
        };
        change(&mut envelope);
        self.submitted += 1;
        let mut random = [0; 16];
        random[8..].copy_from_slice(&self.submitted.to_be_bytes());
        let id = Id::new(u64::try_from(self.now()).unwrap(), random);
        let offset = self.submitted * 1_000;
        let record = Record {
            id,
            submitted: Moment::new(self.now() / 1_000),
            message_id: format!("<{}@here.test>", self.submitted),
            envelope,
            body: Body::Inline { offset: offset + 100, length: 800 },
            offset,
            end: offset + 1_000,
        };
        let sites = recipients.iter().map(|email| domain(email).into()).collect();
        let adopted = Adopted { record, sites, digest: None, leased: None };
        let batch = Batch {
            segment: "one.seg".to_owned(),
            records: vec![adopted],
            next: offset + 1_000,
            finished: false,
        };
        self.queue.adopt(batch).await.unwrap();
        id
    }

    /// Delivers for so long, as the agent does.
    pub(super) async fn run(&mut self, time: Millis, server: impl Fn(&str, &Job, Millis) -> Answer) {
        let end = self.now() + time;
        while self.now() < end {
            while self.turn(&server).await {}
            let now = self.now();
            let due = self.queue.next_due().unwrap();
            let next = [self.planner.wakes_at(), due].into_iter().flatten().min().unwrap_or(end);
            self.now.store(next.clamp(now + 1, end), Ordering::Relaxed);
            self.queue.promote(self.now()).await.unwrap();
            let oldest = self.now() - self.retry.lifetime();
            self.queue.expire(self.now(), oldest, Words::default()).await.unwrap();
        }
    }

    /// Does what can be done now; whether there was anything.
    pub(super) async fn turn(&mut self, server: impl Fn(&str, &Job, Millis) -> Answer) -> bool {
        let mut sessions: Vec<(Arc<str>, Box<Job>)> = Vec::new();
        let mut any = false;
        self.planner.change(&self.queue.changes());
        while let Some(step) = self.planner.step(self.now()) {
            any = true;
            match step {
                Step::Load { lane, limit, taken } => self.load(lane, limit, &taken),
                Step::Start { site, job } => {
                    let most = self.most.entry(site.to_string()).or_default();
                    *most = (*most).max(1 + sessions.iter().filter(|(other, _)| *other == site).count());
                    sessions.push((site, job));
                }
            }
        }
        // Each session has its turn.
        let mut sessions: VecDeque<_> = sessions.into();
        while let Some((site, job)) = sessions.pop_front() {
            let answer = server(&site, &job, self.now());
            self.planner.learn(&site, verdict::signal(&answer), self.now(), 0.5);
            let held_until = self.planner.held_until(&site);
            let when = When { now: self.now(), retry: &self.retry, random: 0.5, held_until };
            let done = verdict::judge(&job, &answer, &[], when);
            for result in &done.results {
                let email = result.target.email.clone();
                self.told.push(Told { email, at: self.now() - BEGIN, verdict: result.verdict });
            }
            self.queue.complete(done).await.unwrap();
            self.planner.change(&self.queue.changes());
            let (next, load) = self.planner.next(&site, job.lane, job.key, self.now());
            if let Some(Step::Load { lane, limit, taken }) = load {
                self.load(lane, limit, &taken);
            }
            if let Next::Job(next) = next {
                sessions.push_back((site, next));
            }
        }
        any
    }

    pub(super) fn load(&mut self, lane: i64, limit: usize, taken: &HashSet<JobKey>) {
        let jobs = self.queue.take(lane, limit, taken).unwrap();
        self.planner.loaded(lane, jobs, self.now());
    }

    pub(super) fn left(&self) -> i64 {
        self.queue.counts().messages
    }

    pub(super) fn delivered(&self) -> usize {
        let delivered =
            |told: &&Told| matches!(told.verdict, Verdict::Final { outcome: Final::Delivered, .. });
        self.told.iter().filter(delivered).count()
    }
}

pub(super) fn accepted(job: &Job) -> Answer {
    let results = job
        .targets
        .iter()
        .map(|target| result(&target.email, RecipientStatus::Accepted, "250 2.0.0 ok", None));
    report(results.collect())
}

pub(super) fn report(recipients: Vec<RecipientResult>) -> Answer {
    Ok(Report {
        recipients,
        reply: Reply::parse("250 2.0.0 ok").unwrap(),
        message_id: String::new(),
        size: 800,
        server: "mx.test:25".to_owned(),
        peer_address: None,
        tls: None,
        auth_mechanism: None,
        reports_delivery: true,
        elapsed: Duration::ZERO,
        warnings: Vec::new(),
        transcript: freesmtp_core::types::Transcript::default(),
    })
}

pub(super) fn result(
    email: &str,
    status: RecipientStatus,
    reply: &str,
    diagnosis: Option<Diagnosis>,
) -> RecipientResult {
    RecipientResult {
        email: email.to_owned(),
        status,
        stage: Stage::Rcpt,
        reply: Reply::parse(reply),
        diagnosis,
    }
}

pub(super) fn diagnosis(cause: Cause, after: Option<u64>) -> Diagnosis {
    Diagnosis {
        cause,
        who: Who::NobodyRetry,
        summary: String::new(),
        remedy: String::new(),
        evidence: String::new(),
        retry_after: after.map(Duration::from_secs),
        reference: None,
    }
}

pub(super) fn down() -> Answer {
    Err(Error::new(ErrorKind::Connect, Stage::Connect, "connection refused")
        .with_diagnosis(diagnosis(Cause::ConnectRefused, None)))
}

pub(super) fn closes() -> Answer {
    Err(Error::new(ErrorKind::Protocol, Stage::Connect, "421")
        .with_reply(Reply::parse("421 4.3.2 closing").unwrap())
        .with_diagnosis(diagnosis(Cause::ServerBusy, None)))
}

pub(super) fn refused(job: &Job, reply: &str, cause: Cause, after: Option<u64>) -> Answer {
    let status = if reply.starts_with('5') { RecipientStatus::Refused } else { RecipientStatus::Deferred };
    let each = |target: &Target| result(&target.email, status, reply, Some(diagnosis(cause, after)));
    let recipients = job.targets.iter().map(each).collect();
    Err(Error::new(ErrorKind::RecipientsRefused, Stage::Rcpt, "refused").with_recipients(recipients))
}
