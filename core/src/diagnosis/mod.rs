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

use crate::types::{Cause, Diagnosis, Reply, escaped_lines};
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
    let (cause, by_reply) = decide(context, refusal);
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
        evidence = [evidence, another.evidence].join("\n");
    }
    Diagnosis {
        cause,
        who: advice.who,
        // A server's names and words are in all of them, and they are for people: on terminals, in logs.
        summary: escaped_lines(
            words.fill(
                context.failure.filter(|_| !by_reply).and_then(client::summary).unwrap_or(advice.summary),
            ),
        ),
        remedy: escaped_lines(remedy.join("\n")),
        evidence: escaped_lines(evidence),
        retry_after,
        reference: link.or_else(|| {
            let reference = context.failure.and_then(client::reference).unwrap_or(advice.reference);
            Some(reference.to_owned()).filter(|text| !text.is_empty())
        }),
    }
}

/// The cause, and whether the reply decided it.
fn decide(context: &Context<'_>, refusal: Option<&Reply>) -> (Cause, bool) {
    let said = || refusal.and_then(|reply| cause_of(context, reply)).map(|cause| (cause, true));
    match context.failure {
        Some(failure) if client::yields_to_reply(failure) => {
            said().unwrap_or_else(|| (client::cause(failure, context.detail), false))
        }
        Some(failure) => (client::cause(failure, context.detail), false),
        None if refusal.is_some() => said().unwrap_or((Cause::Unknown, true)),
        None if context.field.is_some() => (Cause::InvalidInput, false),
        None => (client::from_text(context.detail), false),
    }
}

/// The cause that a reply names: the words weighed and the rule that fits best, together. What the session did goes
/// before any word, and a code alone has no words to weigh.
fn cause_of(context: &Context<'_>, reply: &Reply) -> Option<Cause> {
    let (cause, _) = judge(context, reply);
    cause.filter(|cause| *cause != Cause::Unknown)
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
    refusal(context).map_or_else(Vec::new, |reply| judge(context, reply).1)
}

fn judge(context: &Context<'_>, reply: &Reply) -> (Option<Cause>, Vec<&'static str>) {
    let facts = facts_of(context, reply);
    let tokens = tokenise(&reply.text());
    weigh(&MODEL, &TABLE.verdict(&facts, &tokens))
}

/// What a model and the rules say together, and the words that spoke for it.
fn weigh(model: &Model, verdict: &Verdict<'_>) -> (Option<Cause>, Vec<&'static str>) {
    let by_rule = verdict.rule.map(|rule| rule.cause);
    // A text that says nothing is not made to say something by the weights of its few words.
    if verdict.rule.is_some_and(Rule::asks_session) || by_rule == Some(Cause::Unknown) {
        return (by_rule, Vec::new());
    }
    model.judge(verdict).map_or((by_rule, Vec::new()), |judgement| (Some(judgement.cause), judgement.words))
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
    let noticed = client::evidence(context);
    let said = refusal.map(Reply::to_string).unwrap_or_default();
    match (noticed.is_empty(), said.is_empty()) {
        (true, _) => said,
        (false, true) => noticed,
        _ if by_reply => format!("{said}\n{noticed}"),
        _ => format!("{noticed}\n{said}"),
    }
}
