//! Cases for every row of the table, and for what the session adds to a reply.

use std::collections::BTreeMap;

use super::*;
use crate::types::Stage;

const CASES: &str = include_str!("../../tests/diagnosis_cases.tsv");

/// One labelled reply.
pub(super) struct Case {
    stage: Option<Stage>,
    offered: Vec<String>,
    pub(super) reply: Reply,
    pub(super) cause: Cause,
}

/// Reads the columns `phase`, `reply`, `cause` and, if it is there, `offered` of a table with a header line.
pub(super) fn read(table: &str) -> Vec<Case> {
    let mut rows = table.lines().filter(|line| !line.starts_with('#') && !line.is_empty());
    let header: Vec<&str> = rows.next().unwrap().split('\t').collect();
    let column = |name| header.iter().position(|column| *column == name).unwrap();
    let offered = header.iter().position(|column| *column == "offered");
    let (phase, reply, cause) = (column("phase"), column("reply"), column("cause"));
    rows.map(|row| {
        let cells: Vec<&str> = row.split('\t').collect();
        Case {
            stage: Some(cells[phase].parse().unwrap()),
            offered: offered.map(|i| cells[i].split(", ").map(str::to_owned).collect()).unwrap_or_default(),
            reply: Reply::parse(&cells[reply].replace("\\n", "\n")).unwrap(),
            cause: cells[cause].parse().unwrap(),
        }
    })
    .collect()
}

pub(super) fn context(case: &Case) -> Context<'_> {
    Context { stage: case.stage, reply: Some(&case.reply), offered: &case.offered, ..Context::default() }
}

#[test]
fn every_case_gets_its_cause() {
    let wrong: Vec<String> = read(CASES)
        .iter()
        .filter_map(|case| {
            let rule = TABLE.decide(&facts_of(&context(case), &case.reply), &case.reply.text());
            let found = rule.map_or(Cause::Unknown, |rule| rule.cause);
            let line = rule.map_or(0, |rule| rule.line);
            (found != case.cause)
                .then(|| format!("{} is taken for {found} by line {line}: {}", case.cause, case.reply))
        })
        .collect();
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// A row that holds in no case of its cause is dead: its case is missing, or it means something else.
#[test]
fn every_row_speaks_in_a_case() {
    let mut dead: BTreeMap<usize, Cause> =
        TABLE.rules.iter().filter(|rule| !rule.is_local()).map(|rule| (rule.line, rule.cause)).collect();
    for case in read(CASES) {
        for (line, _, cause) in TABLE.all(&facts_of(&context(&case), &case.reply), &case.reply.text()) {
            if cause == case.cause {
                dead.remove(&line);
            }
        }
    }
    let dead: Vec<String> =
        dead.iter().map(|(line, cause)| format!("rules.txt line {line} ({cause})")).collect();
    assert!(dead.is_empty(), "no case shows\n{}", dead.join("\n"));
}

fn reply(text: &str) -> Reply {
    Reply::parse(text).unwrap()
}

fn offered(lines: &[&str]) -> Vec<String> {
    lines.iter().map(|line| (*line).to_owned()).collect()
}

#[test]
fn the_conversation_of_the_original_log() {
    let reply = reply(
        "501 5.7.1 This system is not configured to relay mail from <sender@domain.com> to <recipient@domain.com> for \
         69.80.22.132",
    );
    let offered = offered(&["AUTH SCRAM-MD5 LOGIN CRAM-MD5 NTLM", "SIZE 10000000", "8BITMIME"]);
    let diagnosis = diagnose(&Context {
        stage: Some(Stage::Rcpt),
        reply: Some(&reply),
        host: "mail.quiksoft.com",
        port: 25,
        greeting_host: Some("quiksoft.com"),
        offered: &offered,
        local_address: Some("10.0.0.7".parse().unwrap()),
        sender: Some("sender@domain.com"),
        recipient: Some("recipient@domain.com"),
        ..Context::default()
    });
    assert_eq!(diagnosis.cause, Cause::RelayDenied);
    let remedies: Vec<&str> = diagnosis.remedy.lines().collect();
    assert_eq!(remedies.len(), 3, "{remedies:#?}");
    assert!(
        remedies[0].contains("AUTH SCRAM-MD5 LOGIN CRAM-MD5 NTLM and no user name was set"),
        "{}",
        remedies[0]
    );
    assert!(remedies[0].contains("STARTTLS is not offered"), "{}", remedies[0]);
    assert_eq!(
        remedies[1],
        "Ask the administrator of mail.quiksoft.com to allow relaying from 69.80.22.132."
    );
    assert!(
        remedies[2].contains("587") && remedies[2].contains("responsible for domain.com"),
        "{}",
        remedies[2]
    );
    assert!(diagnosis.evidence.starts_with("501 5.7.1 This system"), "{}", diagnosis.evidence);
    assert_eq!(diagnosis.reference.as_deref(), Some("RFC 5321 section 3.6.2"));
}

#[test]
fn the_same_words_in_another_session() {
    let reply = reply("550 5.7.1 Relaying denied");
    let first = |context: Context<'_>| {
        let context = Context {
            stage: Some(Stage::Rcpt),
            reply: Some(&reply),
            host: "mx.example.com",
            recipient: Some("a@b.example"),
            ..context
        };
        let diagnosis = diagnose(&context);
        assert_eq!(diagnosis.cause, Cause::RelayDenied);
        diagnosis.remedy.lines().next().unwrap().to_owned()
    };
    let login = offered(&["AUTH PLAIN", "STARTTLS"]);
    let encrypt = offered(&["STARTTLS"]);
    let plain = offered(&["SIZE 1000"]);
    let with = |offered| Context { offered, ..Context::default() };

    assert!(first(with(&login)).starts_with("Log in: mx.example.com offers AUTH PLAIN"));
    assert!(first(with(&login)).contains("Security to Required"));
    assert!(first(with(&encrypt)).starts_with("Encrypt first"));
    assert!(first(with(&plain)).starts_with("Ask the administrator of mx.example.com to allow relaying"));
    let logged_in = Context { authenticated: true, tls: true, user: Some("me"), ..with(&login) };
    assert!(first(logged_in).contains("the account me send to b.example"));
    let unused = Context { credentials_set: true, ..with(&login) };
    assert!(first(unused).contains("the login was not made"));
}

#[test]
fn encryption_before_login() {
    let reply = reply("530 5.7.0 Must issue a STARTTLS command first");
    let starttls = offered(&["STARTTLS"]);
    let context =
        Context { stage: Some(Stage::Mail), reply: Some(&reply), offered: &starttls, ..Context::default() };
    let diagnosis = diagnose(&context);
    assert_eq!(diagnosis.cause, Cause::TlsRequired);
    assert!(
        diagnosis.remedy.starts_with("The server offers STARTTLS and it was not used"),
        "{}",
        diagnosis.remedy
    );
}

#[test]
fn a_provider_of_application_passwords() {
    let reply = reply("535 5.7.8 Username and Password not accepted");
    let context = Context {
        stage: Some(Stage::Auth),
        reply: Some(&reply),
        host: "smtp.gmail.com",
        ..Context::default()
    };
    let diagnosis = diagnose(&context);
    assert_eq!(diagnosis.cause, Cause::AuthFailed);
    let first = diagnosis.remedy.lines().next().unwrap();
    assert!(first.starts_with("Gmail") && first.contains("app password"), "{first}");
}

/// Each of them is known by its submission host and by its mailboxes.
#[test]
fn every_provider_of_application_passwords() {
    let reply = reply("535 Authentication failed");
    for (host, user, name, secret) in [
        ("smtp.gmail.com", "a@googlemail.com", "Gmail", "app password"),
        ("smtp.mail.yahoo.com", "a@yahoo.com", "Yahoo", "app password"),
        ("smtp.mail.me.com", "a@icloud.com", "iCloud", "app-specific password"),
        ("smtp.office365.com", "a@outlook.com", "Microsoft", "OAuth2"),
        ("smtp.zoho.eu", "a@zoho.com", "Zoho", "application-specific password"),
        ("smtp.fastmail.com", "a@fastmail.com", "Fastmail", "app password"),
        ("smtp.yandex.ru", "a@ya.ru", "Yandex", "app password"),
        ("smtp.mail.ru", "a@bk.ru", "Mail.ru", "external applications"),
        ("mail.gmx.net", "a@gmx.de", "GMX", "POP3 and IMAP"),
        ("smtp.qq.com", "a@foxmail.com", "Tencent QQ", "authorization code"),
        ("smtp.163.com", "a@126.com", "NetEase", "authorization code"),
        ("smtp.naver.com", "a@naver.com", "Naver", "application password"),
    ] {
        for (host, user) in [(host, None), ("smtp.example.com", Some(user))] {
            let stage = Some(Stage::Auth);
            let diagnosis =
                diagnose(&Context { stage, reply: Some(&reply), host, user, ..Context::default() });
            assert_eq!(diagnosis.cause, Cause::AuthFailed);
            let first = diagnosis.remedy.lines().next().unwrap();
            assert!(first.starts_with(name) && first.contains(secret), "{host} {user:?}: {first}");
        }
    }
}

/// A refusal that gives no reason is read by what the session offered and used.
#[test]
fn the_session_decides_where_the_words_are_silent() {
    let reply = reply("550 5.7.1 Not like this");
    let login = offered(&["AUTH PLAIN LOGIN"]);
    let of = |offered, authenticated| {
        diagnose(&Context {
            stage: Some(Stage::Mail),
            reply: Some(&reply),
            host: "mx.example.com",
            offered,
            authenticated,
            ..Context::default()
        })
    };
    let unused = of(&login, false);
    assert_eq!(unused.cause, Cause::AuthRequired);
    assert!(unused.remedy.starts_with("Log in: mx.example.com offers AUTH PLAIN LOGIN"), "{}", unused.remedy);
    for other in [of(&login, true), of(&[], false)] {
        assert_ne!(other.cause, Cause::AuthRequired);
        assert!(!other.remedy.starts_with("Log in: mx.example.com offers"), "{}", other.remedy);
    }
}

/// Microsoft's own code says more than "authentication unsuccessful".
#[test]
fn a_login_that_the_provider_has_switched_off() {
    let reply = reply(
        "535 5.7.139 Authentication unsuccessful, SmtpClientAuthentication is disabled for the Tenant.",
    );
    let context = Context {
        stage: Some(Stage::Auth),
        reply: Some(&reply),
        host: "smtp.office365.com",
        ..Context::default()
    };
    let diagnosis = diagnose(&context);
    assert_eq!(diagnosis.cause, Cause::AuthMechanismUnavailable);
    assert!(diagnosis.remedy.starts_with("Microsoft wants OAuth2"), "{}", diagnosis.remedy);
}

/// An ISP that catches the port answers in the server's place.
#[test]
fn a_greeting_from_another_host() {
    let context = Context {
        failure: Some(Failure::RedirectedPort),
        host: "smtp.example.com",
        port: 25,
        greeting_host: Some("mailgate.isp.example"),
        ..Context::default()
    };
    let diagnosis = diagnose(&context);
    assert_eq!(diagnosis.cause, Cause::RedirectedPort);
    let said = format!("{}\n{}\n{}", diagnosis.summary, diagnosis.remedy, diagnosis.evidence);
    assert!(said.contains("mailgate.isp.example") && said.contains("587"), "{said}");
}

/// The server's words stay the cause, and that another server may have said them stands beside.
#[test]
fn a_refusal_of_a_server_that_was_not_asked_for() {
    let denied = reply("550 5.7.1 Relaying denied");
    let redirected = Context {
        stage: Some(Stage::Rcpt),
        reply: Some(&denied),
        host: "smtp.shop.example",
        port: 25,
        greeting_host: Some("mailgate.isp.example"),
        ..Context::default()
    };
    let diagnosis = diagnose(&redirected);
    assert_eq!(diagnosis.cause, Cause::RelayDenied);
    let last = diagnosis.remedy.lines().last().unwrap_or_default();
    assert!(last.contains("calls itself mailgate.isp.example"), "{last}");
    assert!(last.contains("redirects port 25") && last.contains("465"), "{last}");
    assert_eq!(
        diagnosis.evidence,
        "550 5.7.1 Relaying denied\nasked for smtp.shop.example, greeted by mailgate.isp.example"
    );

    let unknown = reply("550 5.1.1 User unknown");
    for silent in [
        Context { greeting_host: Some("mx7.shop.example"), ..redirected.clone() },
        Context { greeting_host: None, ..redirected.clone() },
        // A certificate that was taken says who answers.
        Context { tls: true, ..redirected.clone() },
        // No other server would know this recipient better.
        Context { reply: Some(&unknown), ..redirected.clone() },
    ] {
        let diagnosis = diagnose(&silent);
        let said = format!("{}\n{}", diagnosis.remedy, diagnosis.evidence);
        assert!(!said.contains("calls itself") && !said.contains("greeted by"), "{said}");
    }

    let wrong_name = Context {
        stage: Some(Stage::StartTls),
        failure: Some(Failure::CertificateWrongName),
        reply: None,
        tls: true,
        ..redirected
    };
    assert!(diagnose(&wrong_name).remedy.contains("calls itself mailgate.isp.example"));
}

#[test]
fn a_refused_size_with_both_numbers() {
    let failure = Some(Failure::MessageTooLarge { size: 30_000_000, limit: 10_485_760 });
    let by_client = diagnose(&Context { failure, stage: Some(Stage::Mail), ..Context::default() });
    let reply = reply("552 5.3.4 Message size exceeds fixed limit");
    let size = offered(&["SIZE 10485760"]);
    let by_server = diagnose(&Context {
        stage: Some(Stage::Mail),
        reply: Some(&reply),
        offered: &size,
        message_size: Some(30_000_000),
        ..Context::default()
    });
    for diagnosis in [by_client, by_server] {
        assert_eq!(diagnosis.cause, Cause::MessageTooLarge);
        let first = diagnosis.remedy.lines().next().unwrap();
        assert!(
            first.contains("30000000") && first.contains("10485760") && first.contains("19514240"),
            "{first}"
        );
    }
}

#[test]
fn times_and_links_of_the_reply() {
    let reply = reply("451 4.7.1 Greylisted, see https://example.com/grey and try again in 90 seconds");
    let diagnosis = diagnose(&Context { reply: Some(&reply), ..Context::default() });
    assert_eq!(diagnosis.cause, Cause::Greylisted);
    assert_eq!(diagnosis.retry_after, Some(Duration::from_secs(90)));
    assert_eq!(diagnosis.reference.as_deref(), Some("https://example.com/grey"));
    assert!(diagnosis.remedy.contains("after 90 seconds"), "{}", diagnosis.remedy);

    let silent = Reply::parse("451 4.7.1 Greylisted").unwrap();
    let diagnosis = diagnose(&Context { reply: Some(&silent), ..Context::default() });
    assert_eq!(diagnosis.retry_after, Some(GREYLIST_DELAY));
}

#[test]
fn last_words_explain_a_lost_connection() {
    let busy = reply("421 4.3.2 Too many concurrent connections from your host");
    let failure = Some(Failure::ConnectionLost);
    let with_words = Context {
        failure,
        reply: Some(&busy),
        stage: Some(Stage::Rcpt),
        detail: "reset",
        ..Context::default()
    };
    let diagnosis = diagnose(&with_words);
    assert_eq!(diagnosis.cause, Cause::TooManyConnections);
    assert!(diagnosis.evidence.contains("421 4.3.2") && diagnosis.evidence.contains("reset"));
    assert_eq!(diagnose(&Context { failure, ..Context::default() }).cause, Cause::ConnectionLost);
    let unknown = Context { failure: Some(Failure::OutcomeUnknown), message_id: Some("<1@x>"), ..with_words };
    let diagnosis = diagnose(&unknown);
    assert_eq!(diagnosis.cause, Cause::OutcomeUnknown);
    assert!(diagnosis.remedy.contains("<1@x>"), "{}", diagnosis.remedy);
}

#[test]
fn a_positive_last_reply_explains_nothing() {
    let fine = reply("250 2.1.0 relay denied is only a word here");
    let context =
        Context { failure: Some(Failure::ConnectionLost), reply: Some(&fine), ..Context::default() };
    assert_eq!(diagnose(&context).cause, Cause::ConnectionLost);
}

#[test]
fn nothing_known_is_said_to_be_unknown() {
    assert_eq!(diagnose(&Context::default()).cause, Cause::Unknown);
    let silent = reply("550 ");
    assert_eq!(diagnose(&Context { reply: Some(&silent), ..Context::default() }).cause, Cause::Unknown);
    let field = Context { field: Some("From.Email"), ..Context::default() };
    assert_eq!(diagnose(&field).cause, Cause::InvalidInput);
    assert!(diagnose(&field).summary.contains("From.Email"));
}

#[test]
fn what_the_client_noticed_is_said_as_such() {
    let size = offered(&["SIZE 10"]);
    let of = |failure| Context {
        failure: Some(failure),
        host: "mx.example.com",
        port: 587,
        offered: &size,
        ..Context::default()
    };
    let login = diagnose(&of(Failure::AuthNotOffered));
    assert_eq!(login.cause, Cause::AuthMechanismUnavailable);
    assert_eq!(login.summary, "mx.example.com does not offer any login on port 587, and Account is set.");
    assert_eq!(login.remedy.lines().count(), 1, "{}", login.remedy);
    let tls = diagnose(&of(Failure::TlsNotOffered));
    assert_eq!(tls.cause, Cause::TlsFailed);
    assert!(tls.remedy.starts_with("mx.example.com offers no STARTTLS on port 587"), "{}", tls.remedy);
    assert!(diagnose(&of(Failure::ProxyFailed)).summary.starts_with("The proxy"));
}

/// A mailbox or a host with a telling name says nothing about the cause.
#[test]
fn names_are_not_evidence() {
    for text in [
        "550 5.1.1 <spam.virus@blocked.example>: user unknown",
        "550 5.1.1 <quota.full@relay.example> no such user",
    ] {
        let reply = reply(text);
        let diagnosis =
            diagnose(&Context { stage: Some(Stage::Rcpt), reply: Some(&reply), ..Context::default() });
        assert_eq!(diagnosis.cause, Cause::RecipientUnknown, "{text}");
    }
}

#[test]
fn no_name_of_the_session_is_a_line_of_its_own() {
    let hidden = "x@y.test\r\nforged";
    let reply = reply("550 5.7.1 Relaying denied");
    let offered = ["AUTH PLAIN".to_owned()];
    let context = Context {
        stage: Some(Stage::Rcpt),
        reply: Some(&reply),
        host: hidden,
        greeting_host: Some("mx.z.test\nforged"),
        offered: &offered,
        credentials_set: true,
        user: Some(hidden),
        mechanism: Some(hidden),
        ehlo_name: Some(hidden),
        sender: Some(hidden),
        recipient: Some(hidden),
        message_id: Some(hidden),
        ..Context::default()
    };
    for failure in [None, Some(Failure::NoCommonMechanism), Some(Failure::CertificateWrongName)] {
        let diagnosis = diagnose(&Context { failure, detail: hidden, ..context.clone() });
        for text in [diagnosis.summary, diagnosis.remedy, diagnosis.evidence] {
            assert!(!text.lines().any(|line| line.starts_with("forged")), "{failure:?}: {text:?}");
        }
    }
}

#[test]
fn every_cause_has_whole_sentences() {
    let context = Context::default();
    let words = Words::new(&context, "", None);
    for cause in Cause::ALL {
        let advice = advice::of(*cause);
        let sentences =
            [words.fill(advice.summary)].into_iter().chain(remedy::lines(*cause, &context, &words));
        for sentence in sentences {
            assert!(sentence.ends_with(['.', '?']) && !sentence.contains("  "), "{cause}: {sentence}");
            assert!(sentence.starts_with(char::is_uppercase), "{cause}: {sentence}");
            assert!(!sentence.contains(['{', '}']), "{cause}: {sentence}");
        }
    }
}

/// A tool, not a test: `DIAGNOSE="RCPT 550 no" cargo test -p freesmtp-core --lib why -- --ignored --nocapture` lists the
/// rows that hold.
#[test]
#[ignore = "shows which rows hold for the reply in DIAGNOSE"]
fn why() {
    let asked = std::env::var("DIAGNOSE").unwrap_or_default();
    let (stage, text) = asked.split_once(' ').unwrap_or(("", &asked));
    let reply = Reply::parse(&text.replace("\\n", "\n")).unwrap();
    let context = Context { stage: stage.parse().ok(), reply: Some(&reply), ..Context::default() };
    for (line, weight, cause) in TABLE.all(&facts_of(&context, &reply), &reply.text()) {
        println!("line {line}: {weight} {cause}");
    }
    println!("{}", diagnose(&context).cause);
}

#[test]
fn what_a_reply_leaves_open_is_told_last() {
    let diagnosed = |text: &str| {
        let reply = Reply::parse(text).unwrap();
        let context = Context { stage: Some(Stage::Rcpt), reply: Some(&reply), ..Context::default() };
        (diagnose(&context), other_cause(&context))
    };
    // The sender's domain, or who sends for it?
    let (open, other) = diagnosed("554 Your domain has been blacklisted here");
    let other = other.unwrap();
    assert_ne!(open.cause, other);
    let last = open.remedy.lines().last().unwrap();
    assert!(last.starts_with(&format!("If that does not fit, the reply may mean {other}. ")), "{last}");
    let (clear, other) = diagnosed("550 5.1.1 No such user here");
    assert_eq!((clear.cause, other), (Cause::RecipientUnknown, None));
    assert!(!clear.remedy.contains("may mean"), "{}", clear.remedy);
}

#[test]
fn the_other_cause_comes_behind_another_server() {
    let mut both = 0;
    for (_, cases) in training::tables().iter().filter(|(name, _)| name.starts_with("blind")) {
        for case in cases {
            let foreign =
                Context { host: "mail.shop.test", greeting_host: Some("mx.isp.example"), ..context(case) };
            let remedy = diagnose(&foreign).remedy;
            let Some(other) = other_cause(&foreign) else { continue };
            both += usize::from(remedy.contains("calls itself mx.isp.example"));
            let last = remedy.lines().last().unwrap();
            assert!(
                last.starts_with(&format!("If that does not fit, the reply may mean {other}. ")),
                "{remedy}"
            );
        }
    }
    assert!(both > 0, "no reply is open whose cause another server would explain");
}
