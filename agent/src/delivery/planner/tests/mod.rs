//! Days of delivery in a moment.
#![allow(
    clippy::expect_used,
    clippy::unwrap_used,
    clippy::panic,
    reason = "a test that cannot go on has failed"
)]

mod sessions;
mod world;

use std::sync::atomic::Ordering;

use freesmtp_core::{
    Cause, Error, ErrorKind, RecipientStatus, Stage,
    types::{Moment, Reply},
};

use self::world::{
    BEGIN, DAY, HOUR, MINUTE, SECOND, World, accepted, closes, diagnosis, down, refused, report, result,
};
use super::{
    super::{health::Signal, verdict},
    Step,
};
use crate::queue::{Final, Job, Millis};

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
