//! The log while a server hangs, while several sessions write to it, and when it cannot be written.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "the helpers of tests fail like tests"
)]

mod served;

use std::{
    fs,
    io::{BufRead, BufReader, Write},
    net::{TcpListener, TcpStream},
    path::Path,
    sync::{Arc, Barrier},
    thread,
    time::Duration,
};

use freesmtp_core::{EmailMessage, Smtp};
use served::{DELIVERY, EHLO, GREETING, message, serve};

fn smtp(port: u16, log: &Path) -> Smtp {
    let mut smtp = served::smtp(&[port]);
    smtp.set_log_file(log).unwrap();
    smtp
}

fn from(sender: &str) -> EmailMessage {
    EmailMessage { from: sender.into(), ..message() }
}

/// A server for as many sessions at once as the barrier has parties but one: none is answered to MAIL before all have
/// said it and the test came to the barrier, twice.
fn hanging(sessions: usize) -> (u16, Arc<Barrier>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    let barrier = Arc::new(Barrier::new(sessions + 1));
    let gate = Arc::clone(&barrier);
    thread::spawn(move || {
        for stream in listener.incoming().take(sessions) {
            let gate = Arc::clone(&gate);
            thread::spawn(move || answer(stream.unwrap(), &gate));
        }
    });
    (port, barrier)
}

fn answer(mut stream: TcpStream, gate: &Barrier) {
    let mut lines = BufReader::new(stream.try_clone().unwrap()).lines();
    stream.write_all(GREETING.as_bytes()).unwrap();
    for (expected, answer) in [&[EHLO][..], &DELIVERY].concat() {
        let is_it = |line: &String| line.starts_with(expected) && (expected != "." || line == ".");
        lines.by_ref().map_while(Result::ok).find(is_it);
        if expected == "MAIL" {
            gate.wait();
            gate.wait();
        }
        stream.write_all(answer.as_bytes()).unwrap();
    }
}

#[test]
fn a_hang_is_visible_while_it_hangs() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("log");
    let (port, gate) = hanging(1);
    let smtp = smtp(port, &path);
    let sending = thread::spawn(move || smtp.send(&from("sender@a.test")).unwrap());
    gate.wait();
    // The server may hear a line just before the log has it.
    let unanswered = || fs::read_to_string(&path).unwrap().ends_with("MAIL FROM:<sender@a.test>\n");
    let seen = (0..1_000).any(|_| {
        thread::sleep(Duration::from_millis(10));
        unanswered()
    });
    assert!(seen, "the last line is what was never answered: {}", fs::read_to_string(&path).unwrap());
    gate.wait();
    sending.join().unwrap();
    assert!(fs::read_to_string(&path).unwrap().contains("250 queued\n"));
}

#[test]
fn two_sessions_at_once_stay_readable() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("log");
    let (port, gate) = hanging(2);
    let smtp = smtp(port, &path);
    let sending = ["one@a.test", "two@a.test"].map(|sender| {
        let smtp = smtp.clone();
        thread::spawn(move || smtp.send(&from(sender)).unwrap())
    });
    // Both are in the middle of their session before either goes on.
    gate.wait();
    gate.wait();
    sending.into_iter().for_each(|thread| drop(thread.join().unwrap()));

    let log = fs::read_to_string(&path).unwrap();
    let (second, first): (Vec<&str>, Vec<&str>) = log.lines().partition(|line| line.starts_with("[2] "));
    let bare = |line: &&str| line.trim_start_matches("[1] ").trim_start_matches("[2] ").to_owned();
    let senders = [first, second].map(|lines| {
        let lines: Vec<String> = lines.iter().map(bare).collect();
        let order = [
            "Connect to server.",
            "220 ",
            "EHLO ",
            "250 mail",
            "MAIL FROM:",
            "RCPT TO:",
            "DATA",
            "354 ",
            "250 q",
        ];
        let places = order.map(|begin| lines.iter().position(|line| line.starts_with(begin)).expect(begin));
        assert!(places.is_sorted(), "{log}");
        let said: Vec<&String> = lines.iter().filter(|line| line.starts_with("MAIL FROM:")).collect();
        assert_eq!(said.len(), 1, "{log}");
        said[0].clone()
    });
    assert_ne!(senders[0], senders[1], "{log}");
}

/// One mail goes out although its log fails; the report says so once, and names the file.
fn sends_in_spite_of(log: &Path) {
    let script = || [&[EHLO][..], &DELIVERY].concat();
    let (port, _server) = serve(GREETING, vec![script(), script()]);
    let smtp = smtp(port, log);
    let report = smtp.send(&message()).unwrap();
    assert_eq!(report.warnings.len(), 1, "{:?}", report.warnings);
    let warning = &report.warnings[0];
    assert!(
        warning.contains(&log.display().to_string()) && warning.contains("could not be written"),
        "{warning}"
    );
    smtp.disconnect();
    assert_eq!(smtp.send(&message()).unwrap().warnings, [] as [String; 0], "told once");
}

#[cfg(target_os = "linux")]
#[test]
fn a_full_disk_stops_no_mail() {
    sends_in_spite_of(Path::new("/dev/full"));
}

#[cfg(target_os = "linux")]
#[test]
fn a_file_that_may_only_be_read_stops_no_mail() {
    use std::os::unix::fs::PermissionsExt;
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("log");
    fs::write(&path, "").unwrap();
    fs::set_permissions(&path, fs::Permissions::from_mode(0o400)).unwrap();
    // Permissions stop everybody but root; what the kernel tells of itself stops root too.
    let root = fs::OpenOptions::new().append(true).open(&path).is_ok();
    sends_in_spite_of(if root { Path::new("/proc/version") } else { &path });
}

#[test]
fn a_folder_that_is_missing_is_told_at_once() {
    let folder = tempfile::tempdir().unwrap();
    let error = Smtp::default().set_log_file(folder.path().join("missing/log")).unwrap_err();
    assert_eq!(error.field(), Some("LogFile"));
    assert!(error.message().contains("does not exist"), "{}", error.message());
}
