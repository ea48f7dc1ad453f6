//! The queue without the rest of the agent.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test that cannot go on has failed")]

use std::{collections::HashSet, fs, path::Path};

use freesmtp_core::spool::{Envelope, Recipient};
use freesmtp_core::types::Moment;

use super::*;

pub(super) const NOW: Millis = 1_767_225_600_000;

pub(super) fn open(folder: &Path) -> Queue {
    Queue::open_at(&folder.join("queue"), || NOW).unwrap()
}

pub(super) fn adopted(number: u64, recipients: &[&str], change: impl Fn(&mut Envelope)) -> Adopted {
    let mut envelope = Envelope {
        reverse_path: "sender@here.test".to_owned(),
        recipients: recipients.iter().map(|email| Recipient::new(*email)).collect(),
        ..Envelope::default()
    };
    change(&mut envelope);
    let mut random = [0; 16];
    random[8..].copy_from_slice(&number.to_be_bytes());
    let record = freesmtp_core::spool::Record {
        id: Id::new(u64::try_from(NOW).unwrap(), random),
        submitted: Moment::new(NOW / 1_000),
        message_id: format!("<{number}@here.test>"),
        envelope,
        body: freesmtp_core::spool::Body::Inline { offset: number * 1_000 + 100, length: 800 },
        offset: number * 1_000,
        end: number * 1_000 + 1_000,
    };
    let sites = recipients.iter().map(|email| email.rsplit('@').next().unwrap().into()).collect();
    Adopted { record, sites, digest: None, leased: None }
}

pub(super) async fn adopt(queue: &Queue, segment: &str, records: Vec<Adopted>, finished: bool) {
    let next = records.iter().map(|adopted| adopted.record.end).max().unwrap_or(0);
    queue.adopt(Batch { segment: segment.to_owned(), records, next, finished }).await.unwrap();
}

pub(super) fn done(job: &Job, verdict: Verdict) -> Done {
    let words = Words { code: 250, text: "ok".to_owned(), ..Words::default() };
    let each = |target: &Target| TargetResult { target: target.clone(), verdict, words: words.clone() };
    Done {
        job: job.key,
        lane: job.lane,
        whole: job.targets.len() == job.total as usize,
        tried: job.attempts > 0,
        segment: job.segment_of_bytes(),
        blast: job.blast,
        at: NOW,
        results: job.targets.iter().map(each).collect(),
        transcript: String::new(),
        trouble: false,
    }
}

pub(super) fn ready(queue: &Queue) -> Vec<Job> {
    let lanes = queue.lanes().unwrap();
    lanes.iter().flat_map(|(lane, _)| queue.take(lane.id, 1_000, &HashSet::new()).unwrap()).collect()
}

pub(super) const DELIVERED: Verdict = Verdict::Final { outcome: Final::Delivered, report: false };

#[tokio::test]
async fn what_was_answered_is_there_after_the_end() {
    let folder = tempfile::tempdir().unwrap();
    let queue = open(folder.path());
    adopt(
        &queue,
        "a.seg",
        vec![adopted(1, &["a@x.test", "b@y.test"], |_| {}), adopted(2, &["c@x.test"], |_| {})],
        false,
    )
    .await;
    let jobs = ready(&queue);
    assert_eq!(jobs.len(), 3);
    let job = jobs.iter().find(|job| job.targets[0].email == "b@y.test").unwrap();
    assert_eq!(
        (job.targets[0].index, job.total, job.place.record, &*job.place.segment),
        (1, 2, 1_000, "a.seg")
    );
    queue.complete(done(job, DELIVERED)).await.unwrap();
    // Nobody closes it: so it is after a kill.
    drop(queue);
    let queue = open(folder.path());
    let left: Vec<String> = ready(&queue).iter().map(|job| job.targets[0].email.clone()).collect();
    assert_eq!(left, ["a@x.test", "c@x.test"]);
    assert_eq!(queue.position("a.seg").unwrap(), Some((3_000, false)));
    let details = queue.show(jobs[0].id).unwrap().unwrap();
    assert_eq!((details.summary.total, details.summary.open), (2, 1));
}

#[tokio::test]
async fn a_record_that_is_read_again_is_adopted_once() {
    let folder = tempfile::tempdir().unwrap();
    let queue = open(folder.path());
    adopt(&queue, "a.seg", vec![adopted(1, &["a@x.test"], |_| {})], false).await;
    adopt(&queue, "a.seg", vec![adopted(1, &["a@x.test"], |_| {})], false).await;
    assert_eq!(queue.counts().messages, 1);
    assert_eq!(queue.lanes().unwrap()[0].1, 1);
}

#[tokio::test]
async fn what_comes_to_a_cancelled_blast_ends_at_once() {
    let folder = tempfile::tempdir().unwrap();
    let queue = open(folder.path());
    let news = |number| {
        let email = format!("a{number}@x.test");
        adopted(number, &[&email], |envelope| envelope.options.blast = Some("news".to_owned()))
    };
    adopt(&queue, "a.seg", vec![news(1)], false).await;
    assert!(queue.cancel_blast("news").await.unwrap());
    let other = adopted(700, &["b@x.test"], |_| {});
    adopt(&queue, "a.seg", (2..700).map(news).chain([other]).collect(), false).await;
    let blast = queue.blast("news").unwrap().unwrap();
    assert_eq!((blast.messages, blast.cancelled, blast.open()), (699, 699, 0));
    let left: Vec<String> = ready(&queue).iter().map(|job| job.targets[0].email.clone()).collect();
    assert_eq!(left, ["b@x.test"]);
    assert_eq!(queue.counts().messages, 1);
}

#[tokio::test]
async fn a_key_lets_one_message_through() {
    let folder = tempfile::tempdir().unwrap();
    let queue = open(folder.path());
    let keyed = |number| {
        let mut adopted =
            adopted(number, &["a@x.test"], |envelope| envelope.options.idempotency_key = Some("k".into()));
        adopted.digest = Some([7; 32]);
        adopted
    };
    adopt(&queue, "a.seg", vec![keyed(1), keyed(2)], false).await;
    assert_eq!(queue.counts().messages, 1);
    let (id, digest) = queue.key("k").unwrap().unwrap();
    assert_eq!((id, digest), (keyed(1).record.id, [7; 32]));
    queue.prune(NOW + 1).await.unwrap();
    assert_eq!(queue.key("k").unwrap(), None);
}

#[tokio::test]
async fn what_is_taken_is_not_given_again() {
    let folder = tempfile::tempdir().unwrap();
    let queue = open(folder.path());
    let records = (0..20).map(|n| adopted(n + 1, &[&format!("a{n}@x.test")], |_| {})).collect();
    adopt(&queue, "a.seg", records, false).await;
    let lane = queue.lanes().unwrap()[0].0.id;
    let first = queue.take(lane, 8, &HashSet::new()).unwrap();
    let taken: HashSet<JobKey> = first.iter().map(|job| job.key).collect();
    let second = queue.take(lane, 100, &taken).unwrap();
    assert_eq!((first.len(), second.len()), (8, 12));
    assert!(second.iter().all(|job| !taken.contains(&job.key)));
}

#[tokio::test]
async fn segments_go_when_nobody_needs_them_and_not_before() {
    let folder = tempfile::tempdir().unwrap();
    let spool = folder.path();
    fs::create_dir_all(spool.join("incoming")).unwrap();
    fs::create_dir_all(spool.join("bodies")).unwrap();
    for name in ["incoming/a.seg", "incoming/b.seg", "bodies/one"] {
        fs::write(spool.join(name), "x").unwrap();
    }
    let queue = open(spool);
    let mut large = adopted(1, &["a@x.test"], |_| {});
    large.record.body = freesmtp_core::spool::Body::File { name: "one".into(), length: 5, crc: 7 };
    adopt(&queue, "a.seg", vec![large], true).await;
    adopt(&queue, "b.seg", vec![adopted(2, &["b@x.test"], |_| {})], false).await;
    let jobs = ready(&queue);
    assert_eq!(queue.remove_waste(spool).await.unwrap(), 0);
    for job in &jobs {
        queue.complete(done(job, DELIVERED)).await.unwrap();
    }
    assert_eq!(queue.remove_waste(spool).await.unwrap(), 2);
    let left: Vec<bool> =
        ["incoming/a.seg", "incoming/b.seg", "bodies/one"].iter().map(|n| spool.join(n).exists()).collect();
    assert_eq!(left, [false, true, false], "b.seg is still written to");
    adopt(&queue, "b.seg", Vec::new(), true).await;
    assert_eq!(queue.remove_waste(spool).await.unwrap(), 1);
    assert_eq!(queue.position("b.seg").unwrap(), None);
}

#[tokio::test]
async fn a_list_is_narrowed_and_goes_on_where_it_ended() {
    let folder = tempfile::tempdir().unwrap();
    let queue = open(folder.path());
    let records = (1..=30).map(|n| {
        let change = move |envelope: &mut Envelope| {
            if n % 2 == 0 {
                envelope.options.blast = Some("news".into());
            }
        };
        adopted(n, &[&format!("user{n}@{}.test", if n > 20 { "y" } else { "x" })], change)
    });
    adopt(&queue, "a.seg", records.collect(), false).await;
    let count = |filter: Filter| queue.list(&filter).unwrap().len();
    assert_eq!(count(Filter::default()), 30);
    assert_eq!(count(Filter { blast: Some("news".into()), ..Filter::default() }), 15);
    assert_eq!(count(Filter { site: Some("y.test".into()), ..Filter::default() }), 10);
    assert_eq!(count(Filter { text: Some("USER7@".into()), ..Filter::default() }), 1);
    assert_eq!(count(Filter { text: Some("<7@here.test>".into()), ..Filter::default() }), 1);
    let page = queue.list(&Filter { limit: 20, ..Filter::default() }).unwrap();
    let after = page.last().map(|summary| summary.id);
    assert_eq!(count(Filter { after, ..Filter::default() }), 10);
    assert_eq!(count(Filter { text: after.map(|id| id.to_string()), ..Filter::default() }), 1);
    queue.hold(page[0].id).await.unwrap();
    assert_eq!(count(Filter { state: Some(JobState::Held), ..Filter::default() }), 1);
    let mut seen = Vec::new();
    let mut ready = Filter { state: Some(JobState::Ready), limit: 12, ..Filter::default() };
    loop {
        let found = queue.page(&ready, &|_| true).unwrap();
        seen.extend(found.messages.iter().map(|message| message.id));
        ready.after = found.next;
        if ready.after.is_none() {
            break;
        }
    }
    let all = queue.list(&Filter::default()).unwrap();
    assert_eq!(seen, all[1..].iter().map(|message| message.id).collect::<Vec<_>>(), "the first one is held");
    let held = Filter { state: Some(JobState::Held), site: Some("x.test".into()), ..Filter::default() };
    assert_eq!(queue.page(&held, &|_| true).unwrap().messages, all[..1]);
    assert_eq!(queue.page(&held, &|_| false).unwrap(), Page::default());
    let sites = queue.survey(0).unwrap().sites;
    assert_eq!((sites[0].site.as_str(), sites[0].ready, sites[0].held), ("x.test", 19, 1));
    assert_eq!((queue.counts().messages, queue.oldest().unwrap()), (30, Some(page[0].id)));
}

#[tokio::test]
async fn many_recipients_are_many_jobs() {
    let folder = tempfile::tempdir().unwrap();
    let queue = open(folder.path());
    let emails: Vec<String> = (0..250).map(|n| format!("a{n}@x.test")).collect();
    let emails: Vec<&str> = emails.iter().map(String::as_str).collect();
    adopt(&queue, "a.seg", vec![adopted(1, &emails, |_| {})], false).await;
    let jobs = ready(&queue);
    assert_eq!(jobs.iter().map(|job| job.targets.len()).collect::<Vec<_>>(), [100, 100, 50]);
    assert_eq!(jobs[2].targets[49], Target { index: 249, email: "a249@x.test".into() });
    for job in &jobs {
        assert_eq!(queue.counts().messages, 1);
        queue.complete(done(job, DELIVERED)).await.unwrap();
    }
    assert_eq!(queue.counts().messages, 0);
    // The same once more (a session that did not hear of its commit): nothing happens.
    queue.complete(done(&jobs[0], DELIVERED)).await.unwrap();
    assert_eq!(queue.lanes().unwrap(), []);
}

#[test]
fn a_queue_of_a_newer_version_is_left_alone() {
    let folder = tempfile::tempdir().unwrap();
    fs::create_dir_all(folder.path().join("queue")).unwrap();
    let connection = Connection::open(folder.path().join("queue/queue.db")).unwrap();
    connection.pragma_update(None, "user_version", 99).unwrap();
    let error = Queue::open(&folder.path().join("queue")).unwrap_err();
    assert!(error.to_string().contains("newer version"), "{error}");
}

#[tokio::test]
async fn the_file_shrinks_when_messages_have_left() {
    let folder = tempfile::tempdir().unwrap();
    let queue = open(folder.path());
    let file = folder.path().join("queue/queue.db");
    let size = |end: &str| fs::metadata(folder.path().join(format!("queue/queue.db{end}"))).unwrap().len();
    for batch in 0..15 {
        let long = |number: u64| {
            let mut one = adopted(number, &["a@x.test"], |envelope| envelope.reverse_path.clear());
            one.record.message_id = format!("<{}{number}@here.test>", "x".repeat(1_500));
            one
        };
        let records = (batch * 1_000..(batch + 1) * 1_000).map(long).collect();
        adopt(&queue, "a.seg", records, batch == 14).await;
    }
    queue.checkpoint("FULL").await.unwrap();
    let full = size("");
    assert!(full > 24 << 20, "{full}");
    assert!(!queue.compact().await.unwrap(), "nothing has left");
    let reason = Words { text: "over".to_owned(), ..Words::default() };
    queue.expire(NOW, NOW + 1_000, reason).await.unwrap();
    assert_eq!(queue.counts().messages, 0);
    queue.checkpoint("FULL").await.unwrap();
    assert!(size("") >= full, "free pages stay in the file");
    let mut steps = 1;
    while queue.compact().await.unwrap() {
        steps += 1;
    }
    assert!(steps > 3, "little by little: {steps}");
    assert!(size("") < 10 << 20, "{} of {full}", size(""));
    assert_eq!(size("-wal"), 0);
    // What is kept is used, and the queue is whole.
    adopt(&queue, "b.seg", vec![adopted(99_999, &["a@x.test"], |_| {})], true).await;
    queue.close().await;
    let whole: String =
        Connection::open(&file).unwrap().query_row("PRAGMA integrity_check", [], |row| row.get(0)).unwrap();
    assert_eq!(whole, "ok");
    assert_eq!(ready(&open(folder.path())).len(), 1);
}

#[tokio::test]
async fn a_queue_of_an_older_agent_can_shrink_too() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("queue/queue.db");
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    let old = Connection::open(&path).unwrap();
    old.execute_batch(
        "PRAGMA journal_mode = wal; CREATE TABLE old(text TEXT); INSERT INTO old VALUES ('kept')",
    )
    .unwrap();
    drop(old);
    drop(open(folder.path()));
    let now = Connection::open(&path).unwrap();
    let kind: i64 = now.pragma_query_value(None, "auto_vacuum", |row| row.get(0)).unwrap();
    assert_eq!(kind, 2);
    let kept: String = now.query_row("SELECT text FROM old", [], |row| row.get(0)).unwrap();
    assert_eq!(kept, "kept");
}
