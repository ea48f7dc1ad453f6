//! Why a send failed, who must act, and what to do.
//!
//! Nothing happens here but looking at data: what is known goes in as a [`Context`], an explanation comes out. The
//! cause comes from the client's own failure or, when a reply refused, from two tables: the rules of `rules.txt` (the
//! phase, the codes and the words of the reply) and the weighed words of `model.txt`. The remedy comes from the session: what was offered, set and used.
//!
//! ```
//! use freesmtp_core::{diagnosis::{Context, diagnose}, types::{Reply, Stage}};
//!
//! let reply = Reply::parse("550 5.7.1 Relaying denied").unwrap();
//! let offered = ["AUTH LOGIN PLAIN".to_owned()];
//! let context =
//!     Context { stage: Some(Stage::Rcpt), reply: Some(&reply), offered: &offered, ..Context::default() };
//! let diagnosis = diagnose(&context);
//! assert_eq!((diagnosis.cause.as_str(), diagnosis.who.as_str()), ("relay-denied", "sender-code"));
//! println!("{diagnosis}"); // what to do, for this session
//! ```

#[cfg(test)]
mod accuracy;
mod advice;
mod client;
mod context;
mod explain;
mod facts;
mod features;
mod greeting;
mod lexicon;
mod model;
mod pattern;
mod provider;
mod reading;
mod remedy;
mod rules;
#[cfg(test)]
mod tests;
mod text;
#[cfg(test)]
mod training;
mod words;

use std::time::Duration;

pub use context::{Context, Failure};
pub use explain::{Explanation, explain};
pub(crate) use greeting::is_foreign;

use crate::types::{Cause, Diagnosis, Reply, escaped, escaped_lines};
use model::{MODEL, Model};
use rules::{Facts, Rule, TABLE, Verdict};
use text::tokenise;
use words::Words;

/// RFC 6647 section 2.3 finds delays of one to fifteen minutes in use.
const GREYLIST_DELAY: Duration = Duration::from_secs(300);

/// Explains a failure.
#[must_use]
pub fn diagnose(context: &Context<'_>) -> Diagnosis {
    let refusal = refusal(context);
    let Decision { cause, by_reply, other } = decide(context, refusal);
    let text = refusal.map(Reply::text).unwrap_or_default();
    let wait = facts::wait_in(&text).or((cause == Cause::Greylisted).then_some(GREYLIST_DELAY));
    let retry_after = wait.filter(|_| waiting_helps(cause));
    let advice = advice::of(cause);
    let words = Words::new(context, &text, retry_after);
    let link = facts::link_in(&text).map(str::to_owned);
    let another = greeting::another_server(cause, context);
    let mut remedy = remedy::lines(cause, context, &words);
    let mut evidence = evidence(context, refusal, by_reply);
    if let Some(another) = another {
        remedy.push(another.remedy);
        evidence = [evidence, escaped(&another.evidence).into_owned()].join("\n");
    }
    remedy.extend(other.and_then(|other| remedy::other(other, context, &words)));
    Diagnosis {
        cause,
        who: advice.who,
        // A server's names and words are in all of them, and those of the program; and they are for people, on terminals
        // and in logs. No lines of those stand in them but the reply's in the evidence.
        summary: escaped(
            &words.fill(
                context.failure.filter(|_| !by_reply).and_then(client::summary).unwrap_or(advice.summary),
            ),
        )
        .into_owned(),
        remedy: remedy.iter().map(|line| escaped(line)).collect::<Vec<_>>().join("\n"),
        evidence: escaped_lines(evidence),
        retry_after,
        reference: link.or_else(|| {
            let reference = context.failure.and_then(client::reference).unwrap_or(advice.reference);
            Some(reference.to_owned()).filter(|text| !text.is_empty())
        }),
    }
}

/// What a failure comes from.
struct Decision {
    cause: Cause,
    /// The reply decided it.
    by_reply: bool,
    /// The cause that the reply may mean as well.
    other: Option<Cause>,
}

fn decide(context: &Context<'_>, refusal: Option<&Reply>) -> Decision {
    let by_client = |cause| Decision { cause, by_reply: false, other: None };
    // The words of a reply weighed and the rule that fits best, together. What the session did goes before any word, and
    // a code alone has no words to weigh.
    let said = || {
        let Judged { cause, other, .. } = judge(context, refusal?);
        Some(Decision { cause: cause.unwrap_or(Cause::Unknown), by_reply: true, other })
    };
    match context.failure {
        Some(failure) => Some(failure)
            .filter(|failure| client::yields_to_reply(*failure))
            .and_then(|_| said())
            .filter(|said| said.cause != Cause::Unknown)
            .unwrap_or_else(|| by_client(client::cause(failure, context.detail))),
        None => said().unwrap_or_else(|| {
            by_client(match context.field {
                Some(_) => Cause::InvalidInput,
                None => client::from_text(context.detail),
            })
        }),
    }
}

/// The words of a reply, or pairs of its words, that spoke the most for the cause that [`diagnose`] names, the strongest
/// first; at most three. Empty when the codes or the session decided.
///
/// ```
/// use freesmtp_core::{diagnosis::{Context, deciding_words}, types::{Reply, Stage}};
///
/// let reply = Reply::parse("550 5.7.1 Relaying denied").unwrap();
/// let context = Context { stage: Some(Stage::Rcpt), reply: Some(&reply), ..Context::default() };
/// assert!(deciding_words(&context).contains(&"relaying"));
/// ```
#[must_use]
pub fn deciding_words(context: &Context<'_>) -> Vec<&'static str> {
    refusal(context).map_or_else(Vec::new, |reply| judge(context, reply).words)
}

/// The other cause that a reply may mean, where its words leave that open: the last line of [`diagnose`]'s remedy is for
/// it.
///
/// ```
/// use freesmtp_core::{diagnosis::{Context, other_cause}, types::{Reply, Stage}};
///
/// let reply = Reply::parse("550 5.7.1 Relaying denied").unwrap();
/// let context = Context { stage: Some(Stage::Rcpt), reply: Some(&reply), ..Context::default() };
/// assert_eq!(other_cause(&context), None);
/// ```
#[must_use]
pub fn other_cause(context: &Context<'_>) -> Option<Cause> {
    decide(context, refusal(context)).other
}

fn judge(context: &Context<'_>, reply: &Reply) -> Judged {
    let facts = facts_of(context, reply);
    let tokens = tokenise(&reply.text());
    weigh(&MODEL, &TABLE.verdict(&facts, &tokens))
}

/// What a reply says.
struct Judged {
    cause: Option<Cause>,
    /// The cause that it may mean as well.
    other: Option<Cause>,
    /// The words that spoke for the cause.
    words: Vec<&'static str>,
}

/// A cause that comes less than this behind the first one, in ten-thousandths, may be meant as well. That is so for one
/// reply in fourteen, and for three in ten of those it is the right one (`make accuracy`).
const OPEN: i32 = 6_000;

/// What a model and the rules say together.
fn weigh(model: &Model, verdict: &Verdict<'_>) -> Judged {
    let cause = verdict.rule.map(|rule| rule.cause);
    let by_rule = Judged { cause, other: None, words: Vec::new() };
    // A text that says nothing is not made to say something by the weights of its few words.
    if verdict.rule.is_some_and(Rule::asks_session) || cause == Some(Cause::Unknown) {
        return by_rule;
    }
    model.judge(verdict).map_or(by_rule, |judgement| Judged {
        cause: Some(judgement.cause),
        other: Some(judgement.next).filter(|next| judgement.lead < OPEN && *next != Cause::Unknown),
        words: judgement.words,
    })
}

fn refusal<'a>(context: &Context<'a>) -> Option<&'a Reply> {
    context.reply.filter(|reply| !reply.is_positive() && !reply.is_intermediate())
}

fn facts_of(context: &Context<'_>, reply: &Reply) -> Facts {
    Facts {
        stage: context.stage,
        local: false,
        code: reply.code(),
        enhanced: rules::enhanced_code(reply),
        clear: !context.tls && context.extension("STARTTLS").is_some(),
        anonymous: !context.authenticated && context.auth_offered().is_some(),
    }
}

fn waiting_helps(cause: Cause) -> bool {
    !matches!(cause, Cause::RecipientUnknown | Cause::MessageTooLarge | Cause::InvalidInput)
}

/// The server's words, and what the client noticed beside them.
fn evidence(context: &Context<'_>, refusal: Option<&Reply>, by_reply: bool) -> String {
    let noticed = escaped(&client::evidence(context)).into_owned();
    let said = refusal.map(Reply::to_string).unwrap_or_default();
    match (noticed.is_empty(), said.is_empty()) {
        (true, _) => said,
        (false, true) => noticed,
        _ if by_reply => format!("{said}\n{noticed}"),
        _ => format!("{noticed}\n{said}"),
    }
}
