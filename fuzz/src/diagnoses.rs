//! The diagnosis of anything that a server may say, in a phase that the first octet picks, and the explanation of anything
//! that is said to be a transcript: there is always one, and none has a control character.

use freesmtp_core::{
    Stage,
    diagnosis::{Context, deciding_words, diagnose, explain},
    types::{Diagnosis, Reply},
};

/// One reply, or what is none and the client's own words.
pub(crate) fn target(data: &[u8]) {
    let Some((first, text)) = data.split_first() else { return };
    let text = String::from_utf8_lossy(text);
    let reply = Reply::parse(&text);
    let stages = Stage::ALL.map(Some).into_iter().chain([None]).collect::<Vec<_>>();
    let context = Context {
        stage: stages[usize::from(*first) % stages.len()],
        reply: reply.as_ref(),
        detail: if reply.is_none() { &text } else { "" },
        host: "mail.test",
        user: Some("user"),
        sender: Some("sender@client.test"),
        ..Context::default()
    };
    check(&diagnose(&context));
    assert!(deciding_words(&context).len() <= 3);
}

/// A transcript.
pub(crate) fn transcript(data: &[u8]) {
    let text = String::from_utf8_lossy(data);
    let found = explain(&text);
    let lines = text.lines().count();
    for explanation in &found {
        assert!((1..=lines).contains(&explanation.line), "{explanation:?}");
        check(&explanation.diagnosis);
    }
}

fn check(diagnosis: &Diagnosis) {
    assert!(!diagnosis.remedy.is_empty() && !diagnosis.summary.is_empty());
    let shown = [&diagnosis.remedy, &diagnosis.summary, &diagnosis.evidence];
    assert!(shown.iter().all(|text| !text.chars().any(|c| c.is_control() && c != '\n')), "{diagnosis:?}");
}
