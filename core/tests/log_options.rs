//! What the log and its listeners show, over a real connection.

#![allow(clippy::unwrap_used, reason = "the helpers of tests fail like tests")]

use std::{
    fs,
    io::{BufRead, BufReader, Write},
    net::TcpListener,
    sync::{Arc, Mutex},
    thread,
};

use freesmtp_core::{
    EmailMessage, Smtp,
    log::{BodyPolicy, LogEvent, LogKind, LogOptions},
};

/// Takes one message.
fn server() -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    thread::spawn(move || {
        let (mut stream, _) = listener.accept().unwrap();
        stream.write_all(b"220 mail.test \"hello\"\r\n").unwrap();
        let mut in_message = false;
        for line in BufReader::new(stream.try_clone().unwrap()).lines().map_while(Result::ok) {
            let answer = match line.get(..4).unwrap_or(&line) {
                "." => "250 queued\r\n",
                _ if in_message => continue,
                "DATA" => "354 go\r\n",
                "QUIT" => "221 bye\r\n",
                _ => "250 ok\r\n",
            };
            in_message = answer.starts_with("354");
            stream.write_all(answer.as_bytes()).unwrap();
        }
    });
    port
}

/// Sends a message and gives the log, and what a listener heard.
fn send(options: LogOptions) -> (String, Vec<LogEvent>) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("log");
    let heard = Arc::new(Mutex::new(Vec::new()));
    let mut smtp = Smtp::new(&format!("127.0.0.1:{}", server())).unwrap();
    smtp.set_log_file(&path).unwrap();
    smtp.set_log_options(options);
    let ears = Arc::clone(&heard);
    smtp.set_protocol_log(Some(Arc::new(move |event: &LogEvent| ears.lock().unwrap().push(event.clone()))));
    let mut message = EmailMessage::new();
    message.from = "a@sender.test".into();
    message.add_recipient("b@own.test");
    message.subject = "Greeting".to_owned();
    message.add_text("The body\u{7} is short.");
    smtp.send(&message).unwrap();
    smtp.disconnect();
    let events = heard.lock().unwrap().clone();
    (fs::read_to_string(&path).unwrap(), events)
}

#[test]
fn a_listener_hears_the_lines_of_the_log_with_their_speaker() {
    let (log, heard) = send(LogOptions::default());
    let lines: Vec<&str> = heard.iter().map(|event| event.line.as_str()).collect();
    assert_eq!(log.lines().collect::<Vec<_>>(), lines);
    let kind = |line: &str| heard.iter().find(|event| event.line.starts_with(line)).unwrap().kind;
    assert_eq!(kind("Connect to server"), LogKind::Notice);
    assert_eq!(kind("220 mail.test"), LogKind::Received);
    assert_eq!(kind("RCPT TO:<b@own.test>"), LogKind::Sent);
    assert_eq!(kind("Message sent. "), LogKind::Notice);
    assert!(heard.iter().all(|event| event.connection == 1 && event.unix_milliseconds > 0));
    assert!(!log.contains("Subject"), "{log}");
}

#[test]
fn each_line_begins_with_its_time_when_that_is_wanted() {
    let (log, heard) = send(LogOptions { timestamps: true, ..LogOptions::default() });
    for (line, event) in log.lines().zip(&heard) {
        assert_eq!(line, format!("{} {}", event.time(), event.line));
    }
    assert_eq!(log.lines().count(), heard.len());
}

#[test]
fn the_message_is_shown_as_far_as_wanted() {
    let (headers, _) = send(LogOptions { body: BodyPolicy::Headers, ..LogOptions::default() });
    assert!(headers.contains("\n| Subject: Greeting\n"), "{headers}");
    assert!(!headers.contains("short"), "{headers}");
    assert!(headers.contains("\nMessage sent. "), "{headers}");
    let (full, heard) = send(LogOptions { body: BodyPolicy::Full, ..LogOptions::default() });
    assert!(full.contains("\n| Subject: Greeting\n") && full.contains("is short."), "{full}");
    assert!(!full.contains('\u{7}'), "{full}");
    assert!(heard.iter().any(|event| event.kind == LogKind::Body && event.line == "Subject: Greeting"));
}

#[test]
fn json_lines() {
    let (log, heard) = send(LogOptions { json: true, ..LogOptions::default() });
    let expected: Vec<String> = heard.iter().map(LogEvent::json).collect();
    assert_eq!(log.lines().collect::<Vec<_>>(), expected);
    assert!(log.contains(r#""kind":"received","line":"220 mail.test \"hello\""}"#), "{log}");
}
