//! `SendBulkMerge` and `SubmitBulkMerge`: a message for each row, and rows that make none.

#![allow(clippy::unwrap_used, reason = "the helpers of tests fail like tests")]

mod served;

use std::collections::BTreeMap;

use freesmtp_core::{ErrorKind, message::merge::Template};
use served::{DELIVERY, EHLO, GREETING, QUIT, message, serve, smtp};

fn template() -> Template {
    let mut message = message();
    message.recipients[0].address.email = "{{ email }}".into();
    Template::new(&message).unwrap()
}

fn rows(names: &[&str]) -> Vec<BTreeMap<String, String>> {
    let row = |name: &&str| BTreeMap::from([((*name).to_owned(), format!("{name}@b.test"))]);
    names.iter().map(row).collect()
}

#[test]
fn a_row_that_lacks_a_field_has_its_own_result() {
    let script = [&[EHLO][..], &DELIVERY, &DELIVERY, &[QUIT]].concat();
    let (port, served) = serve(GREETING, vec![script]);
    let smtp = smtp(&[port]);
    let mut results: Vec<_> = smtp.send_bulk_merge(&template(), rows(&["email", "other", "email"])).collect();
    smtp.disconnect();
    let paths = served.lines();
    assert_eq!(paths.iter().filter(|line| *line == "RCPT TO:<email@b.test>").count(), 2);
    results.sort_by_key(|sent| sent.index);
    let failed = results[1].result.as_ref().unwrap_err();
    assert_eq!((failed.kind(), failed.field()), (ErrorKind::Message, Some("Recipients[0].Email")));
    assert!(results[0].result.is_ok() && results[2].result.is_ok());
}

#[test]
fn all_rows_are_submitted_or_none() {
    let folder = tempfile::tempdir().unwrap();
    let mut smtp = smtp(&[]);
    smtp.set_spool_path(folder.path().join("spool"));
    let segments = || std::fs::read_dir(folder.path().join("spool/incoming")).unwrap().count();
    let error = smtp.submit_bulk_merge(&template(), rows(&["email", "other"])).unwrap_err();
    assert_eq!((error.kind(), error.field()), (ErrorKind::Message, Some("Recipients[0].Email")));
    assert!(error.message().contains("message 1 "), "{error}");
    assert_eq!(segments(), 0);
    let ids = smtp.submit_bulk_merge(&template(), rows(&["email", "email"])).unwrap();
    assert!(ids.len() == 2 && ids[0] != ids[1]);
    assert_eq!(segments(), 1);
}
