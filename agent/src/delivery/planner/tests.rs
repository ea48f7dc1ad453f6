//! Days of delivery in a moment: the queue, the planner and the verdicts, with servers that are functions and a clock that
//! is moved.
#![allow(
    clippy::expect_used,
    clippy::unwrap_used,
    clippy::panic,
    reason = "a test that cannot go on has failed"
)]

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

use super::{
    super::{
        Answer, domain,
        health::Signal,
        verdict::{self, When},
    },
    Next, Planner, Step,
};
use crate::{
    config::{DestinationLimits, RetrySettings},
    queue::{Adopted, Batch, Changes, Final, Job, JobKey, Lane, Millis, Queue, Verdict, Words},
    retry::Retry,
};

const SECOND: Millis = 1_000;
const MINUTE: Millis = 60 * SECOND;
const HOUR: Millis = 60 * MINUTE;
const DAY: Millis = 24 * HOUR;

/// 2026-01-01.
const BEGIN: Millis = 1_767_225_600_000;

/// What one recipient was told, and when.
#[derive(Clone, Debug, PartialEq)]
struct Told {
    email: String,
    at: Millis,
    verdict: Verdict,
}

struct World {
    now: Arc<AtomicI64>,
    queue: Queue,
    planner: Planner,
    retry: Retry,
    told: Vec<Told>,
    /// The most sessions that a site had at once, among jobs that were answered in the same moment.
    most: HashMap<String, usize>,
    submitted: u64,
    _folder: tempfile::TempDir,
}

impl World {
    fn new(sessions: usize) -> Self {
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

    fn now(&self) -> Millis {
        self.now.load(Ordering::Relaxed)
    }

    async fn submit(&mut self, recipients: &[&str], change: impl Fn(&mut Envelope)) -> Id {
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
    async fn run(&mut self, time: Millis, server: impl Fn(&str, &Job, Millis) -> Answer) {
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
    async fn turn(&mut self, server: impl Fn(&str, &Job, Millis) -> Answer) -> bool {
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

    fn load(&mut self, lane: i64, limit: usize, taken: &std::collections::HashSet<crate::queue::JobKey>) {
        let jobs = self.queue.take(lane, limit, taken).unwrap();
        self.planner.loaded(lane, jobs, self.now());
    }

    fn left(&self) -> i64 {
        self.queue.counts().messages
    }

    fn delivered(&self) -> usize {
        let delivered =
            |told: &&Told| matches!(told.verdict, Verdict::Final { outcome: Final::Delivered, .. });
        self.told.iter().filter(delivered).count()
    }
}

fn accepted(job: &Job) -> Answer {
    let results = job
        .targets
        .iter()
        .map(|target| result(&target.email, RecipientStatus::Accepted, "250 2.0.0 ok", None));
    report(results.collect())
}

fn report(recipients: Vec<RecipientResult>) -> Answer {
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

fn result(
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

fn diagnosis(cause: Cause, after: Option<u64>) -> Diagnosis {
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

fn down() -> Answer {
    Err(Error::new(ErrorKind::Connect, Stage::Connect, "connection refused")
        .with_diagnosis(diagnosis(Cause::ConnectRefused, None)))
}

fn closes() -> Answer {
    Err(Error::new(ErrorKind::Protocol, Stage::Connect, "421")
        .with_reply(Reply::parse("421 4.3.2 closing").unwrap())
        .with_diagnosis(diagnosis(Cause::ServerBusy, None)))
}

fn refused(job: &Job, reply: &str, cause: Cause, after: Option<u64>) -> Answer {
    let status = if reply.starts_with('5') { RecipientStatus::Refused } else { RecipientStatus::Deferred };
    let each =
        |target: &crate::queue::Target| result(&target.email, status, reply, Some(diagnosis(cause, after)));
    let recipients = job.targets.iter().map(each).collect();
    Err(Error::new(ErrorKind::RecipientsRefused, Stage::Rcpt, "refused").with_recipients(recipients))
}

#[tokio::test]
async fn everything_is_delivered_once() {
    let mut world = World::new(16);
    for n in 0..300 {
        let (first, second) = (format!("a{n}@one.test"), format!("b{n}@two.test"));
        world.submit(&[&first, &second, "c@one.test"], |_| {}).await;
    }
    world.run(MINUTE, |_, job, _| accepted(job)).await;
    assert_eq!((world.delivered(), world.told.len(), world.left()), (900, 900, 0));
    assert!(world.most["one.test"] <= 16);
}

#[tokio::test]
async fn a_destination_that_is_down_for_a_day_gets_all_of_it_afterwards() {
    let mut world = World::new(16);
    for n in 0..1_000 {
        world.submit(&[&format!("a{n}@down.test")], |_| {}).await;
    }
    world.submit(&["b@up.test"], |_| {}).await;
    let server = |site: &str, job: &Job, now| match site {
        "down.test" if now < BEGIN + DAY => down(),
        _ => accepted(job),
    };
    world.run(DAY, server).await;
    assert_eq!(world.delivered(), 1, "the other one is not kept from its mail");
    let attempts = world.told.len() - 1;
    assert!((10..200).contains(&attempts), "a server that is down is asked now and then: {attempts}");
    world.run(8 * HOUR, server).await;
    assert_eq!((world.delivered(), world.left()), (1_001, 0));
}

#[tokio::test]
async fn a_server_that_closes_forever_is_given_up_after_the_lifetime() {
    let mut world = World::new(16);
    for n in 0..20 {
        world.submit(&[&format!("a{n}@closing.test")], |_| {}).await;
    }
    world.run(5 * DAY, |_, _, _| closes()).await;
    assert_eq!(world.delivered(), 0);
    assert!(world.told.len() < 20 * 40, "{} attempts", world.told.len());
    // What is left are the reports that are owed.
    let owed = world.queue.owed().unwrap();
    assert_eq!(owed.len(), 20);
    let details = world.queue.show_seq(owed[0]).unwrap().unwrap();
    assert_eq!((details.ended[0].outcome, details.summary.open), (Final::Expired, 0));
    assert!(details.attempts.len() > 1 && details.attempts[0].words.code == 421, "{details:?}");
    assert_eq!(details.ended[0].words.text, "4.3.2 closing", "the report says what was said at last");
    for message in owed {
        let ended = &world.queue.show_seq(message).unwrap().unwrap().ended[0];
        assert_eq!(ended.words.code, 421, "those that were never tried say what is wrong with their site");
        world.queue.reported(message, vec![0]).await.unwrap();
    }
    assert_eq!(world.left(), 0);
}

#[tokio::test]
async fn greylisting_waits_its_time_and_no_longer() {
    let mut world = World::new(16);
    world.submit(&["a@grey.test"], |_| {}).await;
    world
        .run(HOUR, |_, job, now| {
            if now < BEGIN + 300 * SECOND {
                refused(job, "450 4.7.1 greylisted", Cause::Greylisted, Some(300))
            } else {
                accepted(job)
            }
        })
        .await;
    assert_eq!(world.told.len(), 2);
    assert!((300 * SECOND..340 * SECOND).contains(&world.told[1].at), "{:?}", world.told);
}

#[tokio::test]
async fn what_a_server_with_too_many_sessions_turned_away_waits_for_a_moment_only() {
    let mut world = World::new(16);
    world.submit(&["a@few.test"], |_| {}).await;
    let crowded = || {
        Err(Error::new(ErrorKind::Protocol, Stage::Connect, "421")
            .with_reply(Reply::parse("421 4.7.0 too many connections").unwrap())
            .with_diagnosis(diagnosis(Cause::TooManyConnections, None)))
    };
    world.run(HOUR, |_, job, now| if now < BEGIN + 5 * SECOND { crowded() } else { accepted(job) }).await;
    assert_eq!(world.told.len(), 2);
    assert!((10 * SECOND..15 * SECOND).contains(&world.told[1].at), "{:?}", world.told);
}

#[tokio::test]
async fn a_rate_limit_stops_the_whole_destination() {
    let mut world = World::new(16);
    for n in 0..50 {
        world.submit(&[&format!("a{n}@limited.test")], |_| {}).await;
    }
    let limited = std::sync::atomic::AtomicBool::new(false);
    world
        .run(3 * HOUR, |_, job, now| {
            if now < BEGIN + HOUR {
                limited.store(true, Ordering::Relaxed);
                refused(job, "450 4.7.28 rate limit exceeded", Cause::RateLimited, Some(1_800))
            } else {
                accepted(job)
            }
        })
        .await;
    let early = world.told.iter().filter(|told| told.at < HOUR).count();
    assert!(limited.load(Ordering::Relaxed) && early <= 12, "{early} attempts while it said no");
    assert_eq!((world.delivered(), world.left()), (50, 0));
}

#[tokio::test]
async fn of_one_message_some_are_taken_some_put_off_some_refused() {
    let mut world = World::new(16);
    let id = world.submit(&["good@x.test", "later@x.test", "never@x.test"], |_| {}).await;
    let server = |_: &str, job: &Job, now: Millis| {
        let each = |target: &crate::queue::Target| match target.email.as_str() {
            "later@x.test" if now < BEGIN + 30 * SECOND => {
                let why = diagnosis(Cause::ServerBusy, None);
                result(&target.email, RecipientStatus::Deferred, "451 4.3.0 later", Some(why))
            }
            "never@x.test" => {
                let why = diagnosis(Cause::RecipientUnknown, None);
                result(&target.email, RecipientStatus::Refused, "550 5.1.1 unknown", Some(why))
            }
            _ => result(&target.email, RecipientStatus::Accepted, "250 2.1.5 ok", None),
        };
        report(job.targets.iter().map(each).collect())
    };
    world.run(10 * SECOND, server).await;
    let details = world.queue.show(id).unwrap().unwrap();
    assert_eq!(details.waiting.len(), 1);
    assert_eq!(details.waiting[0].recipients, [(1, "later@x.test".to_owned())]);
    let ended: Vec<_> = details.ended.iter().map(|e| (e.index, e.outcome, e.report)).collect();
    assert_eq!(ended, [(0, Final::Delivered, false), (2, Final::Failed, true)]);
    assert_eq!(details.ended[1].words.status, "5.1.1");
    world.run(HOUR, server).await;
    let told: Vec<_> = world.told.iter().map(|told| told.email.as_str()).collect();
    assert_eq!(
        told,
        ["good@x.test", "later@x.test", "never@x.test", "later@x.test"],
        "nobody is asked again for nothing"
    );
    assert_eq!(world.left(), 1, "the report is owed");
    world.queue.reported(1, vec![2]).await.unwrap();
    assert_eq!(world.left(), 0);
}

#[tokio::test]
async fn settings_that_are_wrong_send_nobody_his_mail_back() {
    let mut world = World::new(16);
    world.submit(&["a@host.test"], |_| {}).await;
    world
        .run(DAY, |_, job, now| {
            if now < BEGIN + 2 * HOUR {
                refused(job, "530 5.7.0 authentication required", Cause::AuthRequired, None)
            } else {
                accepted(job)
            }
        })
        .await;
    assert_eq!((world.delivered(), world.left()), (1, 0));
}

#[tokio::test]
async fn a_message_may_begin_later_and_end_earlier() {
    let mut world = World::new(16);
    let moment = |after: Millis| Some(Moment::new((BEGIN + after) / 1_000));
    world.submit(&["later@x.test"], |envelope| envelope.options.not_before = moment(DAY)).await;
    world.submit(&["short@down.test"], |envelope| envelope.options.expires = moment(HOUR)).await;
    let held = world.submit(&["held@x.test"], |envelope| envelope.options.expires = moment(HOUR)).await;
    assert!(world.queue.hold(held).await.unwrap());
    world.run(3 * HOUR, |site, job, _| if site == "down.test" { down() } else { accepted(job) }).await;
    assert_eq!(world.delivered(), 0);
    let owed = world.queue.owed().unwrap();
    assert_eq!(owed.len(), 2, "over is over, in every state");
    world.run(DAY, |_, job, _| accepted(job)).await;
    let last = world.told.last().unwrap();
    assert_eq!((last.email.as_str(), last.at), ("later@x.test", DAY));
}

#[tokio::test]
async fn a_clock_that_goes_back_keeps_nobody_waiting() {
    let mut world = World::new(16);
    world.submit(&["a@down.test"], |_| {}).await;
    world.run(SECOND, |_, _, _| down()).await;
    // It was a day ahead.
    world.now.fetch_sub(DAY, Ordering::Relaxed);
    world.queue.clock_went_back(DAY).await.unwrap();
    world.planner.clock_went_back(DAY);
    world.run(10 * MINUTE, |_, job, _| accepted(job)).await;
    assert_eq!((world.delivered(), world.left()), (1, 0));
}

#[tokio::test]
async fn what_waits_goes_the_new_way_when_the_routes_change() {
    let mut world = World::new(4);
    let id = world.submit(&["a@x.test", "b@x.test"], |_| {}).await;
    world.planner.change(&world.queue.changes());
    let Some(Step::Load { lane, limit, taken }) = world.planner.step(world.now()) else {
        panic!("nothing is ready")
    };
    let jobs = world.queue.take(lane, limit, &taken).unwrap();
    let [first, second] = [0, 1].map(|at: usize| vec![jobs[0].targets[at].clone()]);
    let groups = vec![("one".to_owned(), first), ("two".to_owned(), second)];
    world.queue.move_job(&jobs[0], groups).await.unwrap();
    let waiting = world.queue.show(id).unwrap().unwrap().waiting.into_iter();
    let mut sites: Vec<_> = waiting.map(|w| w.site).collect();
    sites.sort();
    assert_eq!(sites, ["one", "two"]);
    world.planner.loaded(lane, Vec::new(), world.now());
    let sites = std::sync::Mutex::new(Vec::new());
    world
        .run(MINUTE, |site, job, _| {
            sites.lock().unwrap().push(site.to_owned());
            accepted(job)
        })
        .await;
    assert_eq!((world.delivered(), world.left()), (2, 0));
    let mut sites = sites.into_inner().unwrap();
    sites.sort();
    assert_eq!(sites, ["one", "two"]);
}

#[tokio::test]
async fn priority_goes_first_and_a_blast_lets_others_by() {
    let mut world = World::new(1);
    for n in 0..40 {
        world
            .submit(&[&format!("blast{n}@x.test")], |envelope| {
                envelope.options.blast = Some("news".to_owned());
            })
            .await;
    }
    world.submit(&["usual@x.test"], |_| {}).await;
    world.submit(&["urgent@x.test"], |envelope| envelope.options.priority = 9).await;
    world.run(MINUTE, |_, job, _| accepted(job)).await;
    let place = |email: &str| world.told.iter().position(|told| told.email == email).unwrap();
    assert!(place("urgent@x.test") < place("usual@x.test"));
    assert!(place("usual@x.test") < 8, "it has its turn among the blast: {}", place("usual@x.test"));
    let blast = world.queue.blast("news").unwrap().unwrap();
    assert_eq!((blast.messages, blast.recipients, blast.delivered, blast.open()), (40, 40, 40, 0));
}

#[tokio::test]
async fn a_blast_is_paused_resumed_and_cancelled() {
    let mut world = World::new(4);
    for n in 0..50 {
        world
            .submit(&[&format!("a{n}@x.test")], |envelope| envelope.options.blast = Some("news".to_owned()))
            .await;
    }
    assert!(world.queue.pause_blast("news").await.unwrap());
    assert!(!world.queue.pause_blast("none").await.unwrap());
    world.submit(&["other@x.test"], |_| {}).await;
    world.run(MINUTE, |_, job, _| accepted(job)).await;
    assert_eq!(world.delivered(), 1);
    assert!(world.queue.resume_blast("news").await.unwrap());
    let taken = std::sync::atomic::AtomicUsize::new(0);
    world
        .run(MINUTE, |_, job, _| {
            if taken.fetch_add(1, Ordering::Relaxed) < 10 {
                accepted(job)
            } else {
                refused(job, "451 4.3.0 later", Cause::ServerBusy, None)
            }
        })
        .await;
    let blast = world.queue.blast("news").unwrap().unwrap();
    assert_eq!((blast.delivered, blast.deferred), (10, 40));
    assert!(world.queue.cancel_blast("news").await.unwrap());
    let blast = world.queue.blast("news").unwrap().unwrap();
    assert_eq!((blast.delivered, blast.deferred, blast.cancelled, blast.open()), (10, 0, 40, 0));
    assert_eq!(world.left(), 0);
    world.run(DAY, |_, _, _| panic!("nothing is left to send")).await;
}

#[tokio::test]
async fn an_outcome_that_is_not_known_is_recorded_and_tried_again() {
    let mut world = World::new(4);
    let id = world.submit(&["a@x.test"], |_| {}).await;
    let lost = |job: &Job| {
        let recipients =
            job.targets.iter().map(|t| result(&t.email, RecipientStatus::Unknown, "", None)).collect();
        Err(Error::new(ErrorKind::OutcomeUnknown, Stage::Eom, "the connection broke")
            .with_recipients(recipients))
    };
    world.run(SECOND, |_, job, _| lost(job)).await;
    let details = world.queue.show(id).unwrap().unwrap();
    assert_eq!(details.attempts[0].outcome, "unknown");
    world.run(HOUR, |_, job, _| accepted(job)).await;
    assert_eq!(world.delivered(), 1);
}

#[tokio::test]
async fn what_is_cancelled_or_held_is_not_begun() {
    let mut world = World::new(4);
    let cancelled = world.submit(&["a@x.test"], |_| {}).await;
    let held = world.submit(&["b@x.test"], |_| {}).await;
    // Both are in memory already.
    world.planner.change(&world.queue.changes());
    if let Some(Step::Load { lane, limit, taken }) = world.planner.step(world.now()) {
        world.load(lane, limit, &taken);
    }
    assert!(world.queue.cancel(cancelled).await.unwrap());
    assert!(world.queue.hold(held).await.unwrap());
    world.run(MINUTE, |_, _, _| panic!("it was taken back")).await;
    assert!(world.queue.release(held).await.unwrap());
    world.run(MINUTE, |_, job, _| accepted(job)).await;
    assert_eq!((world.delivered(), world.left()), (1, 0));
    assert!(!world.queue.cancel(cancelled).await.unwrap(), "it is gone");
}

#[tokio::test]
async fn one_site_with_everything_gives_sessions_to_another() {
    let mut planner_world = World::new(10);
    for n in 0..2_000 {
        planner_world.submit(&[&format!("a{n}@big.test")], |_| {}).await;
    }
    for n in 0..20 {
        planner_world.submit(&[&format!("b{n}@small.test")], |_| {}).await;
    }
    planner_world.run(MINUTE, |_, job, _| accepted(job)).await;
    let last_small = planner_world.told.iter().rposition(|told| told.email.ends_with("small.test")).unwrap();
    assert!(last_small < 1_500, "the small one waited for {last_small} of the big one");
    assert_eq!(planner_world.delivered(), 2_020);
}

/// Starts as many sessions for the one site as there may be.
fn started(world: &mut World) -> Vec<(Arc<str>, Box<Job>)> {
    let mut sessions = Vec::new();
    world.planner.change(&world.queue.changes());
    while let Some(step) = world.planner.step(world.now()) {
        match step {
            Step::Load { lane, limit, taken } => world.load(lane, limit, &taken),
            Step::Start { site, job } => sessions.push((site, job)),
        }
    }
    sessions
}

#[tokio::test]
async fn a_job_goes_behind_another_only_while_more_wait_than_there_are_sessions() {
    let mut world = World::new(4);
    for n in 0..20 {
        world.submit(&[&format!("a{n}@x.test")], |_| {}).await;
    }
    let sessions = started(&mut world);
    assert_eq!(sessions.len(), 4);
    let (site, now) = (Arc::clone(&sessions[0].0), world.now());
    let ahead: Vec<_> = std::iter::from_fn(|| world.planner.ahead(&site, now).0).collect();
    assert_eq!(ahead.len(), 12, "the last four are for whoever is done first");
    let last = ahead.into_iter().last().unwrap();
    let key = last.key;
    world.planner.give_back(&site, last);
    assert_eq!(world.planner.ahead(&site, now).0.unwrap().key, key, "it is the next one again");
    world.planner.learn(&site, Signal::Slower { after: None }, now, 0.5);
    assert!(!world.planner.may_go_on(&site, now));
}

#[tokio::test]
async fn what_went_behind_another_is_not_sent_when_it_was_stopped_meanwhile() {
    let mut world = World::new(2);
    let mut ids = Vec::new();
    for n in 0..10 {
        ids.push(world.submit(&[&format!("a{n}@x.test")], |_| {}).await);
    }
    let site = Arc::clone(&started(&mut world)[0].0);
    let ahead: Vec<_> = (0..3).map(|_| world.planner.ahead(&site, BEGIN).0.unwrap()).collect();
    assert!(world.queue.cancel(ids[3]).await.unwrap());
    world.planner.change(&world.queue.changes());
    assert!(world.planner.begins(&ahead[0]));
    assert!(!world.planner.begins(&ahead[1]), "the fourth was cancelled");
    world.planner.close();
    assert!(!world.planner.begins(&ahead[2]), "an agent that ends begins nothing");
}

#[tokio::test]
async fn other_sessions_carry_what_one_was_not_let_in_for() {
    let mut world = World::new(4);
    for n in 0..10 {
        world.submit(&[&format!("a{n}@x.test")], |_| {}).await;
    }
    let mut sessions = started(&mut world);
    let now = world.now();
    let (site, job) = sessions.pop().unwrap();
    let key = job.key;
    assert!(world.planner.hand_over(&site, job, now).is_none());
    assert_eq!(world.planner.active(), 3);
    assert!(world.planner.step(now).is_none(), "no further session is tried");
    let (_, first) = sessions.remove(0);
    match world.planner.next(&site, first.lane, first.key, now) {
        (Next::Job(next), _) => {
            assert_eq!(next.key, key);
            sessions.push((Arc::clone(&site), next));
        }
        (Next::End, _) => panic!("the session goes on"),
    }
    let left: Vec<_> =
        sessions.into_iter().filter_map(|(site, job)| world.planner.hand_over(&site, job, now)).collect();
    assert_eq!((left.len(), world.planner.active()), (1, 1), "the last one tells of the trouble");
}

#[test]
fn what_a_failure_says_about_the_destination() {
    let job_error = |kind, stage| Err(Error::new(kind, stage, "x"));
    assert!(matches!(verdict::signal(&down()), Signal::Trouble { .. }));
    assert!(matches!(verdict::signal(&closes()), Signal::Trouble { .. }));
    assert_eq!(verdict::signal(&job_error(ErrorKind::Message, Stage::Compose)), Signal::Nothing);
    assert!(matches!(verdict::signal(&job_error(ErrorKind::Timeout, Stage::Data)), Signal::Trouble { .. }));
    assert!(matches!(
        verdict::signal(&job_error(ErrorKind::Authentication, Stage::Auth)),
        Signal::Trouble { .. }
    ));
}

#[tokio::test]
async fn what_is_in_memory_is_bounded_however_many_sites_there_are() {
    const SITES: i64 = 30_000;
    let mut world = World::new(4);
    world.submit(&["a@x.test"], |_| {}).await;
    let lane = world.queue.lanes().unwrap()[0].0.id;
    let model = world.queue.take(lane, 1, &HashSet::new()).unwrap().remove(0);
    let mut planner = Planner::new(4, DestinationLimits::default(), Arc::new(world.retry.clone()));
    let lanes = (1..=SITES).map(|id| (Lane { id, site: format!("d{id}.test").into(), blast: 0 }, 1));
    planner.change(&Changes { lanes: lanes.collect(), ..Changes::default() });
    let (mut loaded, mut sessions, mut delivered) = (0, VecDeque::new(), 0);
    let mut most = 0;
    loop {
        while let Some(step) = planner.step(BEGIN) {
            match step {
                Step::Load { lane, .. } => {
                    let key = JobKey { message: lane, n: 0 };
                    planner.loaded(lane, vec![Job { key, lane, ..model.clone() }], BEGIN);
                    loaded += 1;
                    most = most.max(loaded - delivered);
                }
                Step::Start { site, job } => sessions.push_back((site, job)),
            }
        }
        let Some((site, job)) = sessions.pop_front() else { break };
        delivered += 1;
        let lane = Lane { id: job.lane, site: Arc::clone(&site), blast: 0 };
        planner.change(&Changes { lanes: vec![(lane, -1)], ..Changes::default() });
        if let (Next::Job(next), _) = planner.next(&site, job.lane, job.key, BEGIN) {
            sessions.push_back((site, next));
        }
    }
    assert_eq!(delivered, SITES, "and everybody has their turn");
    assert!(most < 21_000, "{most} jobs were in memory");
}
