//! What sessions carry, one by one.

use std::{
    collections::{HashSet, VecDeque},
    sync::Arc,
};

use super::{
    super::{super::health::Signal, Next, Planner, Step},
    world::{BEGIN, World},
};
use crate::{
    config::DestinationLimits,
    queue::{Changes, Job, JobKey, Lane},
};

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
