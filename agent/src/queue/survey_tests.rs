//! What is counted as it changes, and what a look through the queue sees.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test that cannot go on has failed")]

use freesmtp_core::types::Moment;

use super::{
    tests::{DELIVERED, NOW, adopt, adopted, done, open, ready},
    *,
};

const HOUR: Millis = 3_600_000;

fn deferred(job: &Job, cause: &str, due: Millis) -> Done {
    let mut done = done(job, Verdict::Later { due, unknown: false });
    for result in &mut done.results {
        result.words = Words { cause: cause.to_owned(), remedy: format!("mend {cause}"), ..Words::default() };
    }
    done
}

/// What the tables say.
fn counted(queue: &Queue) -> Counts {
    queue.read(schema::counts).unwrap()
}

#[tokio::test]
async fn counts_are_those_of_the_tables_whatever_happens() {
    let folder = tempfile::tempdir().unwrap();
    let mut queue = open(folder.path());
    let mut random = fastrand::Rng::with_seed(9);
    let people = ["a@x.test", "b@x.test", "c@y.test", "d@z.test"];
    let mut ids = Vec::new();
    for step in 0..400_u64 {
        let jobs = ready(&queue);
        let job = (!jobs.is_empty()).then(|| &jobs[random.usize(..jobs.len())]);
        let id = (!ids.is_empty()).then(|| ids[random.usize(..ids.len())]);
        match (random.u8(..14), job, id) {
            (0..=3, ..) => {
                let scheduled = random.bool();
                let blast = random.bool();
                let one = adopted(step, &people[random.usize(..4)..], |envelope| {
                    envelope.options.blast = blast.then(|| "b".to_owned());
                    envelope.options.not_before = scheduled.then(|| Moment::new(NOW / 1_000 + 60));
                });
                ids.push(one.record.id);
                adopt(&queue, "a.seg", vec![one], false).await;
            }
            (4, Some(job), _) => queue.complete(done(job, DELIVERED)).await.unwrap(),
            (5, Some(job), _) => queue.complete(deferred(job, "greylisted", NOW + 60_000)).await.unwrap(),
            (6, Some(job), _) => {
                let mut some = deferred(job, "greylisted", NOW + 1_000);
                let at = random.usize(..some.results.len());
                some.results[at].verdict = DELIVERED;
                if let Some(other) = some.results.first_mut() {
                    other.verdict = Verdict::Later { due: NOW + 9_000, unknown: true };
                }
                queue.complete(some).await.unwrap();
            }
            (7, Some(job), _) => {
                let groups = job.targets.iter().map(|target| (target.email.clone(), vec![target.clone()]));
                queue.move_job(job, groups.collect()).await.unwrap();
            }
            (8, _, Some(id)) => drop(queue.hold(id).await.unwrap()),
            (9, _, Some(id)) => drop(queue.release(id).await.unwrap()),
            (10, _, Some(id)) => drop(queue.retry(id).await.unwrap()),
            (11, _, Some(id)) => drop(queue.cancel(id).await.unwrap()),
            (12, ..) => queue.promote(NOW + random.i64(0..90_000)).await.unwrap(),
            (13, ..) if step % 3 == 0 => drop(queue.cancel_blast("b").await.unwrap()),
            (13, ..) => {
                drop(queue);
                queue = open(folder.path());
            }
            _ => {}
        }
        assert_eq!(queue.counts(), counted(&queue), "after step {step}");
    }
    assert_ne!(queue.counts(), Counts::default());
}

#[tokio::test]
async fn a_look_sees_ages_causes_and_what_no_pause_explains() {
    let folder = tempfile::tempdir().unwrap();
    let queue = open(folder.path());
    let of_blast = |number, email: &str| {
        adopted(number, &[email], |envelope| envelope.options.blast = Some("b".to_owned()))
    };
    let plain = |number, email: &str| adopted(number, &[email], |_| {});
    let records =
        vec![plain(1, "a@x.test"), plain(2, "b@x.test"), plain(3, "c@y.test"), of_blast(4, "d@x.test")];
    let id = records[1].record.id;
    adopt(&queue, "a.seg", records, false).await;
    for job in ready(&queue).iter().filter(|job| job.targets[0].email.contains(['a', 'c'])) {
        let cause = if job.targets[0].email.starts_with('a') { "greylisted" } else { "full" };
        queue.complete(deferred(job, cause, NOW + 60_000)).await.unwrap();
    }
    queue.hold(id).await.unwrap();

    let seen = queue.survey(NOW + 2 * HOUR).unwrap();
    let [x, y] = &seen.sites[..] else { panic!("{seen:?}") };
    assert_eq!((x.site.as_str(), x.ready, x.later, x.held), ("x.test", 1, 1, 1));
    assert_eq!((x.ages, x.oldest_ready), ([0, 0, 2, 0], Some(NOW)), "one that is held has no age");
    assert_eq!((y.site.as_str(), y.later, y.ages), ("y.test", 1, [0, 0, 1, 0]));
    let causes: Vec<_> = seen.causes.iter().map(|one| (one.cause.as_str(), one.count)).collect();
    assert_eq!(causes, [("full", 1), ("greylisted", 1)]);
    assert_eq!(seen.causes[0].remedy, "mend full");
    assert_eq!(seen.oldest_ready, Some(NOW));
    for (age, ages) in [(0, [2, 0, 0, 0]), (600_000, [0, 2, 0, 0]), (48 * HOUR, [0, 0, 0, 2])] {
        assert_eq!(queue.survey(NOW + age).unwrap().sites[0].ages, ages, "after {age} ms");
    }

    queue.pause_blast("b").await.unwrap();
    assert_eq!(queue.survey(NOW).unwrap().oldest_ready, None);
    queue.retry(ready(&queue)[0].id).await.unwrap();
    queue.cancel_blast("b").await.unwrap();
    assert_eq!(queue.survey(NOW).unwrap().sites[0].ready, 0);
}

#[tokio::test]
async fn a_queue_of_version_1_gets_its_causes() {
    let folder = tempfile::tempdir().unwrap();
    let queue = open(folder.path());
    adopt(&queue, "a.seg", vec![adopted(1, &["a@x.test"], |_| {}), adopted(2, &["b@x.test"], |_| {})], false)
        .await;
    let job = &ready(&queue)[0];
    queue.complete(deferred(job, "full", NOW)).await.unwrap();
    queue.promote(NOW).await.unwrap();
    queue.complete(deferred(job, "greylisted", NOW + 60_000)).await.unwrap();
    queue.close().await;
    let old = Connection::open(folder.path().join("queue/queue.db")).unwrap();
    old.execute_batch("ALTER TABLE jobs DROP COLUMN cause; DROP TABLE causes; PRAGMA user_version = 1")
        .unwrap();
    drop(old);

    let queue = open(folder.path());
    let seen = queue.survey(NOW).unwrap();
    let causes: Vec<_> = seen.causes.iter().map(|one| (one.cause.as_str(), one.count)).collect();
    assert_eq!(causes, [("greylisted", 1)]);
    assert_eq!(queue.counts(), Counts { messages: 2, ready: 1, later: 1, held: 0 });
}

#[tokio::test]
async fn blasts_that_changed_are_told_once() {
    let folder = tempfile::tempdir().unwrap();
    let queue = open(folder.path());
    let of_blast = |number, name: &str| {
        adopted(number, &["a@x.test"], |envelope| envelope.options.blast = Some(name.to_owned()))
    };
    let names = |or: Vec<i64>| {
        let mut names: Vec<_> =
            queue.changed_blasts(or).unwrap().into_iter().map(|blast| blast.name).collect();
        names.sort();
        names
    };
    adopt(&queue, "a.seg", vec![of_blast(1, "one"), of_blast(2, "two")], false).await;
    assert_eq!(names(vec![]), ["one", "two"]);
    assert_eq!(names(vec![]), [""; 0]);
    queue.pause_blast("two").await.unwrap();
    assert_eq!(names(vec![1, 99]), ["one", "two"]);
}
