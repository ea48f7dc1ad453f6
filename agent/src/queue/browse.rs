//! Looking through a queue of any size: in steps, so that no question takes long, and lists that say little.

use std::time::{Duration, Instant};

use freesmtp_core::spool::Id;
use rusqlite::{Connection, OptionalExtension, params};

use super::{
    Filter, JobState, Millis, QueueError, Summary,
    admin::{self, Within, list_within},
    writer::Writing,
};

/// Messages of one step: a few hundredths of a second, whatever is asked about them.
const STEP: u32 = 4_000;

/// How long a question may take before it answers with what it has and where it was.
const PATIENCE: Duration = Duration::from_millis(1_000);

/// So many jobs are looked through at once.
pub(super) const FEW: i64 = 10_000;

/// As many recipients of a message are named in a list.
const NAMED: usize = 3;

/// Some of the messages that fit.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Page {
    /// The messages, in the order of their ids.
    pub messages: Vec<Summary>,
    /// Where to go on, by [`Filter::after`]; `None` when that is all. There may be a next page though this one is not full:
    /// looking took long.
    pub next: Option<Id>,
}

/// What a list says of a message's recipients.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Outline {
    /// Jobs that wait for a session.
    pub ready: u32,
    /// Jobs that wait for their time.
    pub later: u32,
    /// Jobs that are held.
    pub held: u32,
    /// When the next one is due.
    pub due: Option<Millis>,
    /// The most attempts that one of them had.
    pub attempts: u32,
    /// The site of the first one.
    pub site: String,
    /// The first recipients that are open.
    pub recipients: Vec<String>,
    /// What was said last to one of those that wait: reply code, enhanced status code, text, cause.
    pub said: Option<(u16, String, String, String)>,
}

/// What is done with a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Order {
    /// Hold it.
    Hold,
    /// Release it.
    Release,
    /// Try it now.
    Retry,
    /// Take it out, without a report.
    Cancel,
}

/// Some of the messages that fit, and for which `accept` says so. `few` are in the state that the filter has.
pub(super) fn page(
    connection: &Connection,
    filter: &Filter,
    few: bool,
    accept: &dyn Fn(&Summary) -> bool,
) -> Result<Page, QueueError> {
    let begun = Instant::now();
    let patience = if filter.patience.is_zero() { PATIENCE } else { filter.patience };
    let limit = if filter.limit == 0 { 100 } else { filter.limit as usize };
    let mut filter = filter.clone();
    let mut page = Page::default();
    let mut most = limit;
    loop {
        filter.limit = u32::try_from(most).unwrap_or(u32::MAX);
        let end = if few { None } else { step_end(connection, filter.after)? };
        let within = match end {
            None if few => Within::State,
            None => Within::All,
            Some(end) => Within::Until(end),
        };
        let found = list_within(connection, &filter, within)?;
        let is_full = found.len() == most;
        let mut last = None;
        for message in found {
            last = Some(message.id);
            if accept(&message) {
                page.messages.push(message);
            }
            if page.messages.len() >= limit || begun.elapsed() > patience {
                page.next = last;
                return Ok(page);
            }
        }
        filter.after = if is_full { last } else { end };
        // Most of them are not accepted.
        most = most.max(1_000);
        if filter.after.is_none() || begun.elapsed() > patience {
            page.next = filter.after;
            return Ok(page);
        }
    }
}

/// The last id of the step after that id; `None` when what is left is less than a step.
fn step_end(connection: &Connection, after: Option<Id>) -> Result<Option<Id>, QueueError> {
    let after = after.map_or([0; 16], |id| id.number().to_be_bytes());
    let end: Option<[u8; 16]> = connection
        .prepare_cached("SELECT id FROM messages WHERE id > ? ORDER BY id LIMIT 1 OFFSET ?")?
        .query_row(params![after, STEP - 1], |row| row.get(0))
        .optional()?;
    Ok(end.map(|id| Id::from_number(u128::from_be_bytes(id))))
}

/// What a list says of a message's recipients.
pub(super) fn outline(connection: &Connection, seq: i64) -> Result<Outline, QueueError> {
    let mut outline = Outline::default();
    let mut statement = connection.prepare_cached(
        "SELECT j.state, j.due, j.attempts, j.emails, l.site FROM jobs j JOIN lanes l ON l.id = j.lane WHERE j.message = ? \
         ORDER BY j.n LIMIT 1000",
    )?;
    let mut rows = statement.query([seq])?;
    while let Some(row) = rows.next()? {
        match JobState::from_number(row.get(0)?) {
            JobState::Ready => outline.ready += 1,
            JobState::Later => outline.later += 1,
            JobState::Held => outline.held += 1,
        }
        let due: Millis = row.get(1)?;
        outline.due = Some(outline.due.map_or(due, |before| before.min(due)));
        outline.attempts = outline.attempts.max(row.get(2)?);
        if outline.site.is_empty() {
            outline.site = row.get(4)?;
        }
        let left = NAMED.saturating_sub(outline.recipients.len());
        let emails: String = row.get(3)?;
        outline.recipients.extend(emails.split('\n').take(left).map(str::to_owned));
    }
    if outline.attempts > 0 {
        outline.said = connection
            .prepare_cached(
                "SELECT code, status, text, cause FROM attempts WHERE message = ? AND outcome IN ('deferred', 'unknown') \
                 ORDER BY rowid DESC LIMIT 1",
            )?
            .query_row([seq], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?, row.get(3)?)))
            .optional()?;
    }
    Ok(outline)
}

/// Does that with each of these messages; which of them are there.
pub(super) fn order(writing: &mut Writing<'_>, ids: &[Id], order: Order) -> Result<Vec<Id>, QueueError> {
    let mut there = Vec::new();
    for id in ids {
        let known = match order {
            Order::Hold => admin::hold(writing, *id)?,
            Order::Release => admin::release(writing, *id)?,
            Order::Retry => admin::retry(writing, *id)?,
            Order::Cancel => admin::cancel(writing, *id)?,
        };
        if known {
            there.push(*id);
        }
    }
    Ok(there)
}
