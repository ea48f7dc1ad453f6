//! Servers that follow a script, on real sockets, and the two ways to call the `SMTP` object.

#![allow(dead_code, reason = "each file of tests uses its part")]

use std::{
    future::Future,
    io::{BufRead, BufReader, Read, Write},
    net::TcpListener,
    panic::{AssertUnwindSafe, catch_unwind},
    sync::mpsc::{self, Receiver},
    thread::{self, JoinHandle},
    time::Duration,
};

use freesmtp_core::{EmailMessage, Error, Report, Server, Smtp, Timeouts, types::Reply};

/// For each line of the client that begins so an answer; `close` closes.
pub(crate) type Turn = (&'static str, &'static str);

pub(crate) const GREETING: &str = "220 mail.test ESMTP\r\n";
pub(crate) const EHLO: Turn = ("EHLO", "250 mail.test\r\n");
pub(crate) const QUIT: Turn = ("QUIT", "221 bye\r\n");
pub(crate) const DELIVERY: [Turn; 4] =
    [("MAIL", "250 ok\r\n"), ("RCPT", "250 ok\r\n"), ("DATA", "354 go\r\n"), (".", "250 queued\r\n")];

/// How the operations are called.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Way {
    Thread,
    Tokio,
}

/// Runs a test both ways; which one failed is said.
pub(crate) fn both(test: impl Fn(Way)) {
    for way in [Way::Thread, Way::Tokio] {
        if let Err(panic) = catch_unwind(AssertUnwindSafe(|| test(way))) {
            eprintln!("this was {way:?}");
            std::panic::resume_unwind(panic);
        }
    }
}

/// A runtime of its own; the sockets that it watched outlive it.
pub(crate) fn in_tokio<T>(future: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(future)
}

impl Way {
    pub(crate) fn send(self, smtp: &Smtp, message: &EmailMessage) -> Result<Report, Error> {
        match self {
            Self::Thread => smtp.send(message),
            Self::Tokio => in_tokio(smtp.send_async(message)),
        }
    }

    pub(crate) fn connect(self, smtp: &Smtp) -> Result<(), Error> {
        match self {
            Self::Thread => smtp.connect(),
            Self::Tokio => in_tokio(smtp.connect_async()),
        }
    }

    pub(crate) fn command(self, smtp: &Smtp, line: &str) -> Result<Reply, Error> {
        match self {
            Self::Thread => smtp.send_command(line),
            Self::Tokio => in_tokio(smtp.send_command_async(line)),
        }
    }

    pub(crate) fn disconnect(self, smtp: &Smtp) {
        match self {
            Self::Thread => smtp.disconnect(),
            Self::Tokio => in_tokio(smtp.disconnect_async()),
        }
    }
}

/// A server under way.
pub(crate) struct Served(JoinHandle<Vec<String>>);

impl Served {
    /// The lines that came, once every script has been played.
    pub(crate) fn lines(self) -> Vec<String> {
        self.0.join().unwrap()
    }
}

/// What a server accepts connections on.
pub(crate) trait Listen: Send + 'static {
    type Stream: Read + Write;
    fn next(&self) -> (Self::Stream, Self::Stream);
}

impl Listen for TcpListener {
    type Stream = std::net::TcpStream;

    fn next(&self) -> (Self::Stream, Self::Stream) {
        let stream = self.accept().unwrap().0;
        (stream.try_clone().unwrap(), stream)
    }
}

#[cfg(unix)]
impl Listen for std::os::unix::net::UnixListener {
    type Stream = std::os::unix::net::UnixStream;

    fn next(&self) -> (Self::Stream, Self::Stream) {
        let stream = self.accept().unwrap().0;
        (stream.try_clone().unwrap(), stream)
    }
}

/// Serves one connection for each script.
pub(crate) fn serve(greeting: &'static str, scripts: Vec<Vec<Turn>>) -> (u16, Served) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    (listener.local_addr().unwrap().port(), serve_on(listener, greeting, scripts))
}

/// The same on a listener that is there.
pub(crate) fn serve_on(listener: impl Listen, greeting: &'static str, scripts: Vec<Vec<Turn>>) -> Served {
    Served(thread::spawn(move || {
        let mut seen = Vec::new();
        for script in scripts {
            let (reader, mut stream) = listener.next();
            let mut lines = BufReader::new(reader).lines();
            stream.write_all(greeting.as_bytes()).unwrap();
            for (expected, answer) in script {
                // Lines of the message are read over until the one that is expected.
                for line in lines.by_ref() {
                    let line = line.unwrap_or_default();
                    seen.push(line.clone());
                    if line.starts_with(expected) && (expected != "." || line == ".") {
                        break;
                    }
                }
                if answer == "close" {
                    break;
                }
                stream.write_all(answer.as_bytes()).unwrap();
            }
        }
        seen
    }))
}

/// Answers on a connection as the script says.
pub(crate) fn answer(mut stream: &std::net::TcpStream, greeting: &str, script: &[Turn]) {
    let mut lines = BufReader::new(stream).lines().map_while(Result::ok);
    stream.write_all(greeting.as_bytes()).unwrap();
    for (expected, answer) in script {
        lines.find(|line| line.starts_with(expected) && (*expected != "." || line == "."));
        stream.write_all(answer.as_bytes()).unwrap();
    }
}

/// Serves one connection: plays the script, reads on until a line begins with `last`, tells that, and then only reads
/// until the client closes. Without a `last` it falls silent before the greeting.
pub(crate) fn silent_at(script: Vec<Turn>, last: &'static str) -> (u16, Receiver<()>, Served) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    let (sender, reached) = mpsc::channel();
    let served = Served(thread::spawn(move || {
        let (reader, mut stream) = listener.next();
        let mut lines = BufReader::new(reader).lines().map_while(Result::ok);
        let mut seen = Vec::new();
        if !last.is_empty() {
            stream.write_all(GREETING.as_bytes()).unwrap();
            for (expected, answer) in script {
                seen.extend(lines.by_ref().find(|line| line.starts_with(expected)));
                stream.write_all(answer.as_bytes()).unwrap();
            }
            seen.extend(lines.by_ref().find(|line| line.starts_with(last) && (last != "." || line == ".")));
        }
        sender.send(()).unwrap();
        seen.extend(lines);
        seen
    }));
    (port, reached, served)
}

pub(crate) fn smtp(ports: &[u16]) -> Smtp {
    let mut smtp = Smtp::default();
    smtp.set_default_domain("client.test").unwrap();
    // What would hang fails.
    smtp.set_timeouts(Timeouts::all(Duration::from_secs(30))).unwrap();
    for port in ports {
        smtp.servers_mut().push(Server { port: *port, ..Server::new("127.0.0.1") });
    }
    smtp
}

pub(crate) fn message() -> EmailMessage {
    let mut message = EmailMessage::new();
    message.from = "s@a.test".into();
    message.add_recipient("r@b.test");
    message.subject = "Hi".to_owned();
    message.add_text("Hello");
    message
}

/// A port where nobody listens.
pub(crate) fn closed_port() -> u16 {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port()
}
