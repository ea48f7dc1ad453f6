//! The diagnosis of anything that a server or a transcript may say: there is always one, and none has a control character.

use freesmtp_core::{
    Stage,
    diagnosis::{Context, diagnose, explain},
    types::Reply,
};

pub(crate) fn target(data: &[u8]) {
    let text = String::from_utf8_lossy(data);
    for explanation in explain(&text) {
        assert!(!format!("{explanation:?}").is_empty());
    }
    let Some(reply) = Reply::parse(&text) else { return };
    for stage in [None, Some(Stage::Rcpt), Some(Stage::Auth), Some(Stage::Eom)] {
        let diagnosis = diagnose(&Context {
            stage,
            reply: Some(&reply),
            host: "mail.test",
            user: Some("user"),
            sender: Some("sender@client.test"),
            ..Context::default()
        });
        assert!(!diagnosis.remedy.is_empty() && !diagnosis.summary.is_empty());
        let shown = [&diagnosis.remedy, &diagnosis.summary];
        assert!(shown.iter().all(|text| !text.chars().any(|c| c.is_control() && c != '\n')), "{diagnosis:?}");
    }
}
