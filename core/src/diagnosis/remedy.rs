//! What to do in this very session: what was offered, set and used decides which way out comes first.

use super::context::{Context, Failure};
use super::words::Words;
use super::{advice, provider};
use crate::types::{Cause, Stage, Unmet};

/// The ways out, the first the most likely.
pub(super) fn lines(cause: Cause, context: &Context<'_>, words: &Words<'_>) -> Vec<String> {
    let general = || advice::of(cause).remedy.lines().map(|line| words.fill(line)).collect::<Vec<_>>();
    match cause {
        Cause::RelayDenied => relay(context, words, general()),
        Cause::AuthRequired => login_required(context, words, general()),
        Cause::AuthFailed => with_first(auth_failed(context), general()),
        Cause::AuthMechanismUnavailable if noticed_by_client(context) => {
            mechanism(context, words).into_iter().collect()
        }
        Cause::AuthMechanismUnavailable => with_first(mechanism(context, words), general()),
        Cause::TlsRequired => with_first(encrypt(context, words), general()),
        Cause::TlsFailed if context.failure == Some(Failure::TlsTooOld) => vec![
            words.fill("Have the administrator of {server} enable TLS 1.2 or later: older versions are not safe any \
                 more."),
            "If the server can't be mended, set MinTlsVersion to 1.0 or 1.1; the system's own rules may forbid them \
             too."
                .to_owned(),
        ],
        Cause::TlsFailed => with_first(tls_missing(context, words), general()),
        Cause::CertificateExpired if context.failure == Some(Failure::CertificateNotYetValid) => {
            general().into_iter().take(1).collect()
        }
        Cause::SenderNotPermitted => with_first(sender(context), general()),
        Cause::DeliveryOptionUnavailable => with_first(delivery_option(context, words), general()),
        Cause::MessageTooLarge => with_first(size(context), general()),
        Cause::Unknown => with_first(unused_login(context, words), general()),
        _ => general(),
    }
}

/// The way out if another cause is meant, which the reply leaves open.
pub(super) fn other(cause: Cause, context: &Context<'_>, words: &Words<'_>) -> Option<String> {
    let first = lines(cause, context, words).into_iter().next()?;
    Some(format!("If that does not fit, the reply may mean {cause}. {first}"))
}

fn with_first(first: Option<String>, mut others: Vec<String>) -> Vec<String> {
    others.splice(0..0, first);
    others
}

/// Login, the administrator, another server: in the order in which they are likely to help here.
fn relay(context: &Context<'_>, words: &Words<'_>, another_server: Vec<String>) -> Vec<String> {
    let administrator = if context.authenticated {
        let account =
            context.user.map_or_else(|| "this account".to_owned(), |user| format!("the account {user}"));
        words.fill(&format!(
            "Ask the administrator of {{server}} to let {account} send to {{domain}}: it is logged in."
        ))
    } else {
        words.fill("Ask the administrator of {server} to allow relaying from {client}.")
    };
    let mut lines: Vec<String> = unused_login(context, words).into_iter().collect();
    lines.push(administrator);
    lines.extend(another_server);
    lines
}

fn login_required(context: &Context<'_>, words: &Words<'_>, general: Vec<String>) -> Vec<String> {
    match unused_login(context, words) {
        Some(login) if context.auth_offered().is_some() => {
            vec![login, words.fill("Or ask the administrator of {server} to allow relaying from {client}.")]
        }
        Some(login) => with_first(Some(login), general),
        None if context.authenticated => vec![
            words.fill("This session is logged in, and the reply asks for another login: check that Account may send \
                        as {sender}."),
            words.fill("Ask the administrator of {server} what it expects."),
        ],
        None => general,
    }
}

/// How to log in here, when the session is not; `None` when logging in cannot help.
fn unused_login(context: &Context<'_>, words: &Words<'_>) -> Option<String> {
    let refused =
        context.stage.is_none_or(|s| matches!(s, Stage::Mail | Stage::Rcpt | Stage::Data | Stage::Eom));
    if context.authenticated || !refused {
        return None;
    }
    let encrypt = !context.tls && context.extension("STARTTLS").is_some();
    let Some(mechanisms) = context.auth_offered() else {
        if encrypt {
            return Some(words.fill(
                "Encrypt first: {server} offers STARTTLS and may offer AUTH only after it. Set Security to Required, \
                 Account and Password.",
            ));
        }
        // What was offered is not known at all: login is the usual answer.
        return context.offered.is_empty().then(|| {
            words.fill("Log in, if {server} knows you: set Account and Password, and Security to Required or Implicit.")
        });
    };
    let state = if context.credentials_set { "the login was not made" } else { "no user name was set" };
    let action = if context.credentials_set { "check AuthMode" } else { "set Account and Password" };
    let clear = mechanisms.split(' ').any(|m| ["LOGIN", "PLAIN"].iter().any(|c| m.eq_ignore_ascii_case(c)));
    let tls = match (context.tls, encrypt) {
        (true, _) => "",
        (false, true) => ", and Security to Required, so that STARTTLS encrypts the password",
        (false, false) if clear => {
            ". STARTTLS is not offered here: LOGIN and PLAIN would send the password in clear text, so use another \
             mechanism, or port 465 or 587 if they offer TLS"
        }
        (false, false) => "",
    };
    Some(words.fill(&format!("Log in: {{server}} offers AUTH {mechanisms} and {state}: {action}{tls}.")))
}

fn auth_failed(context: &Context<'_>) -> Option<String> {
    let provider = provider::of(context.host, context.user)?;
    Some(format!(
        "{} does not take the mailbox's ordinary password here: use {} ({}).",
        provider.name, provider.secret, provider.page
    ))
}

/// No login was tried: nothing that the settings can use is offered.
fn noticed_by_client(context: &Context<'_>) -> bool {
    matches!(context.failure, Some(Failure::AuthNotOffered | Failure::NoCommonMechanism))
        && !context.offered.is_empty()
}

fn mechanism(context: &Context<'_>, words: &Words<'_>) -> Option<String> {
    if let Some(provider) = provider::of(context.host, context.user) {
        return Some(format!("{} wants {} ({}).", provider.name, provider.secret, provider.page));
    }
    let encrypt = !context.tls && context.extension("STARTTLS").is_some();
    match context.auth_offered() {
        Some(mechanisms) => {
            let tried = context.mechanism.map(|m| format!(", and {m} was tried")).unwrap_or_default();
            Some(words.fill(&format!("{{server}} offers AUTH {mechanisms}{tried}: set AuthMode to one of these.")))
        }
        None if encrypt => Some(words.fill(
            "{server} offers no AUTH before encryption: set Security to Required, so that STARTTLS comes first.",
        )),
        None if context.offered.is_empty() => None,
        None => Some(words.fill(
            "{server} offers no AUTH on this port: use its submission port (587 or 465), or send without Account.",
        )),
    }
}

fn encrypt(context: &Context<'_>, words: &Words<'_>) -> Option<String> {
    if context.tls {
        return Some(words.fill(
            "This session is encrypted already; the reply is about the next server: ask the administrator of {server}.",
        ));
    }
    if context.extension("STARTTLS").is_some() {
        return Some(words.fill("{server} offers STARTTLS and it was not used: set Security to Required."));
    }
    (!context.offered.is_empty()).then(|| {
        words.fill(
            "{server} offers no STARTTLS on this port: set Port to 465 with Security Implicit, or to 587.",
        )
    })
}

fn tls_missing(context: &Context<'_>, words: &Words<'_>) -> Option<String> {
    (context.failure == Some(Failure::TlsNotOffered)).then(|| {
        words.fill(
            "{server} offers no STARTTLS{on-port}: set Port to 465 with Security Implicit, or ask its administrator to \
             enable it. Something in between may also remove the offer.",
        )
    })
}

fn sender(context: &Context<'_>) -> Option<String> {
    let (user, sender) = (context.user.filter(|u| u.contains('@'))?, context.sender?);
    (!user.eq_ignore_ascii_case(sender))
        .then(|| format!("You are logged in as {user} and send as {sender}: set From.Email to {user}."))
}

/// What would make this option possible here.
fn delivery_option(context: &Context<'_>, words: &Words<'_>) -> Option<String> {
    let Some(Failure::DeliveryOption { extension, unmet }) = context.failure else { return None };
    let remedy = match unmet {
        Unmet::NotOffered => {
            let properties = extension.properties();
            format!(
                "{{server}} does not offer {extension}: leave {properties} unset, or ask its administrator for it."
            )
        }
        Unmet::TooSoon { minimum, .. } => {
            format!(
                "Set DeliverBy to {minimum} or more, or DeliverByMode to Notify, which has no least time."
            )
        }
        Unmet::HeldTooLong { longest, .. } => format!("Set HoldFor to {longest} or less."),
        Unmet::HeldTooLate { latest, .. } => format!("Set HoldUntil to {latest} or before."),
        Unmet::ClearText => {
            "RequireTls begins with this session: set Security to Required (STARTTLS) or Implicit.".to_owned()
        }
        Unmet::CertificateUnchecked => {
            "RequireTls asks for a checked certificate: do not set DangerAcceptInvalidCerts or \
             DangerAcceptInvalidHostnames; for an authority of your own set CaFile."
                .to_owned()
        }
    };
    Some(words.fill(&remedy))
}

fn size(context: &Context<'_>) -> Option<String> {
    let (size, limit) = match context.failure {
        Some(Failure::MessageTooLarge { size, limit }) => (size, limit),
        _ => (context.message_size?, context.size_limit()?),
    };
    if size <= limit {
        return Some(format!(
            "The message has {size} bytes and the server announced {limit}: the limit of the recipient or of a \
             server behind is smaller."
        ));
    }
    // 4 characters for 3 bytes, and a line end for 76 characters: 0.73.
    let room = limit / 100 * 73;
    Some(format!(
        "The message has {size} bytes and the server takes {limit}: remove {} bytes or more. Attachments may have \
         about {room} bytes in all before encoding.",
        size - limit
    ))
}
