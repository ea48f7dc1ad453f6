//! Orders: what is done with messages and blasts.

use super::{
    CATCH_UP, Context, Refusal, Trouble,
    answer::{BlastAnswer, Done},
    questions::{Messages, blast_now, blocking},
    request::{BlastOrder, MOST, Which},
};
use crate::queue::{BlastState, JobState, Order};

/// The most ids that an answer names.
const NAMED: usize = 100;

/// Carries an order out for each message that it names or that fits.
pub(crate) async fn carry_out(order: Order, which: &Which, context: &Context) -> Result<Done, Refusal> {
    if which.ids.is_empty() {
        return all_that_fit(order, which, context).await;
    }
    // Who was just told an id may use it at once.
    let queue = &context.handle.queue;
    let mut known = queue.order(which.ids.clone(), order).await?;
    let mut unknown: Vec<_> = which.ids.iter().copied().filter(|id| !known.contains(id)).collect();
    if !unknown.is_empty() {
        context.rounds.catch_up(CATCH_UP).await;
        known.extend(queue.order(unknown.clone(), order).await?);
        unknown.retain(|id| !known.contains(id));
    }
    after(order, context);
    if let ([], [id]) = (&known[..], &unknown[..]) {
        return Err(match context.memory.recent.find(*id) {
            Some(_) => Refusal::ended(*id),
            None => Refusal::unknown(*id),
        });
    }
    let unknown: Vec<String> = unknown.iter().map(ToString::to_string).collect();
    Ok(Done { count: known.len(), ids: None, unknown })
}

/// Takes out what it names, or all that fit.
pub(crate) async fn purge(which: &Which, context: &Context) -> Result<Done, Refusal> {
    if which.ids.is_empty() {
        return all_that_fit(Order::Cancel, which, context).await;
    }
    carry_out(Order::Cancel, which, context).await
}

/// Step by step, so that results of deliveries never wait long behind it. What comes meanwhile counts too.
async fn all_that_fit(order: Order, which: &Which, context: &Context) -> Result<Done, Refusal> {
    context.rounds.catch_up(CATCH_UP).await;
    let mut which = which.clone();
    which.filter.limit = MOST;
    // Only what an order changes: to the others it has been done.
    which.filter.state = which.filter.state.or(match order {
        Order::Release => Some(JobState::Held),
        Order::Retry => Some(JobState::Later),
        Order::Hold | Order::Cancel => None,
    });
    let mut count = 0_usize;
    let mut named = Vec::new();
    loop {
        let question = which.clone();
        let page = blocking(context, move |context| Messages::of(context).page(&question)).await?;
        let ids: Vec<_> = page.messages.iter().map(|message| message.id).collect();
        if !ids.is_empty() {
            let done = context.handle.queue.order(ids, order).await?;
            count += done.len();
            let room = NAMED.saturating_sub(named.len());
            named.extend(done.iter().take(room).map(ToString::to_string));
        }
        match page.next {
            Some(next) => which.filter.after = Some(next),
            None => break,
        }
    }
    after(order, context);
    Ok(Done { count, ids: Some(named), unknown: Vec::new() })
}

/// A destination that rests after trouble is tried at once, too, when somebody says so.
fn after(order: Order, context: &Context) {
    if order == Order::Retry {
        context.handle.delivery.wake_all();
    }
}

/// Carries an order for a blast out.
pub(crate) async fn blast(order: BlastOrder, name: &str, context: &Context) -> Result<BlastAnswer, Refusal> {
    context.rounds.catch_up(CATCH_UP).await;
    let queue = &context.handle.queue;
    let known = match order {
        BlastOrder::Pause => queue.pause_blast(name).await?,
        BlastOrder::Resume => queue.resume_blast(name).await?,
        BlastOrder::Cancel => queue.cancel_blast(name).await?,
    };
    let found = blast_now(context, name).await?;
    if !known && order != BlastOrder::Cancel && found.state == BlastState::Cancelled.as_str() {
        let text = format!("the blast {name:?} was cancelled");
        return Err(Refusal::new(Trouble::Cancelled, text, "Submit its messages again, under another name."));
    }
    Ok(found)
}
