//! Mail servers on addresses of loopback that share a port, as mail exchangers do.

use std::{
    io::{BufRead, BufReader, Read, Write},
    net::{SocketAddr, TcpListener, TcpStream},
    sync::{Arc, Mutex},
    thread,
};

use freesmtp_core::{EmailMessage, Error, Report, Server, Smtp};
use native_tls::TlsAcceptor;

use super::pki::Certified;

/// How a server is.
#[derive(Clone)]
pub(super) enum Manner {
    /// Offers no TLS.
    Clear,
    /// Offers STARTTLS.
    Tls(TlsAcceptor),
    /// Offers STARTTLS, and cannot do it.
    BrokenTls,
    /// Greets with 421.
    Busy,
}

impl Manner {
    pub(super) fn tls(certified: &Certified) -> Self {
        Self::Tls(certified.acceptor())
    }
}

/// What arrived: at which address, over TLS or not, for whom.
pub(super) type Arrived = (String, bool, String);

#[derive(Debug)]
pub(super) struct MailServers {
    pub(super) port: u16,
    arrived: Arc<Mutex<Vec<Arrived>>>,
    letters: Letters,
}

/// Address and text of each message.
type Letters = Arc<Mutex<Vec<(String, String)>>>;

impl MailServers {
    pub(super) fn new(servers: &[(&str, Manner)]) -> Self {
        let bind = || {
            let first = TcpListener::bind((servers[0].0, 0)).ok()?;
            let port = first.local_addr().ok()?.port();
            let others = servers[1..].iter().map(|(address, _)| TcpListener::bind((*address, port)).ok());
            [Some(first)].into_iter().chain(others).collect::<Option<Vec<_>>>().map(|all| (port, all))
        };
        let (port, listeners) = std::iter::repeat_with(bind).flatten().next().unwrap();
        let all = Self { port, arrived: Arc::default(), letters: Arc::default() };
        for (listener, (address, manner)) in listeners.into_iter().zip(servers) {
            let mailbox = Mailbox {
                address: (*address).to_owned(),
                arrived: Arc::clone(&all.arrived),
                letters: Arc::clone(&all.letters),
            };
            let manner = manner.clone();
            thread::spawn(move || {
                for stream in listener.incoming().flatten() {
                    let (mailbox, manner) = (mailbox.clone(), manner.clone());
                    thread::spawn(move || serve(stream, &manner, &mailbox));
                }
            });
        }
        all
    }

    pub(super) fn arrived(&self) -> Vec<Arrived> {
        self.arrived.lock().unwrap().clone()
    }

    /// The messages that arrived at that address.
    pub(super) fn letters(&self, address: &str) -> Vec<String> {
        let letters = self.letters.lock().unwrap();
        letters.iter().filter(|(at, _)| at == address).map(|(_, text)| text.clone()).collect()
    }
}

/// Where a server puts what it takes.
#[derive(Clone)]
struct Mailbox {
    address: String,
    arrived: Arc<Mutex<Vec<Arrived>>>,
    letters: Letters,
}

fn serve(mut stream: TcpStream, manner: &Manner, mailbox: &Mailbox) -> Option<()> {
    if matches!(manner, Manner::Busy) {
        return stream.write_all(b"421 4.3.2 too busy\r\n").ok();
    }
    stream.write_all(b"220 mx.test ESMTP\r\n").ok()?;
    let offers = !matches!(manner, Manner::Clear);
    if !talk(&mut stream, offers, false, mailbox)? {
        return None;
    }
    match manner {
        Manner::Tls(acceptor) => {
            let mut stream = acceptor.accept(stream).ok()?;
            talk(&mut stream, false, true, mailbox).map(|_| ())
        }
        _ => stream.write_all(b"this is no TLS at all, whatever it looks like\r\n").ok(),
    }
}

/// Answers until the end, or until STARTTLS: then `true`.
fn talk<S: Read + Write>(stream: &mut S, offers: bool, tls: bool, mailbox: &Mailbox) -> Option<bool> {
    let (mut sender, mut recipient) = (String::new(), String::new());
    // Octet by octet: what comes behind STARTTLS is not for this reader.
    let next = |stream: &mut S| {
        let mut line = String::new();
        let mut reader = BufReader::with_capacity(1, stream);
        (reader.read_line(&mut line).ok()? > 0).then_some(line)
    };
    loop {
        let line = next(stream)?;
        let reply = match line.get(..4).unwrap_or_default().to_ascii_uppercase().as_str() {
            "EHLO" if offers => "250-mx.test\r\n250 STARTTLS\r\n",
            "STAR" => {
                stream.write_all(b"220 go\r\n").ok()?;
                return Some(true);
            }
            "MAIL" => {
                sender = line[10..].split(' ').next().unwrap_or_default().trim_end().to_owned();
                "250 ok\r\n"
            }
            "RCPT" if line.contains("<nobody@") => "550 5.1.1 no such user here\r\n",
            "RCPT" => {
                recipient = line.trim_end().to_owned();
                "250 ok\r\n"
            }
            "DATA" => {
                stream.write_all(b"354 go\r\n").ok()?;
                let mut text = format!("Return-Path: {sender}\r\n");
                loop {
                    match next(stream)? {
                        line if line == ".\r\n" => break,
                        line => text.push_str(&line),
                    }
                }
                mailbox.letters.lock().unwrap().push((mailbox.address.clone(), text));
                mailbox.arrived.lock().unwrap().push((mailbox.address.clone(), tls, recipient.clone()));
                "250 queued\r\n"
            }
            "QUIT" => {
                stream.write_all(b"221 bye\r\n").ok()?;
                return Some(false);
            }
            _ => "250 ok\r\n",
        };
        stream.write_all(reply.as_bytes()).ok()?;
    }
}

/// Sends one message by these servers.
pub(super) async fn send(servers: &[Server], to: &str) -> Result<Report, Error> {
    let mut smtp = Smtp::new("placeholder.invalid").unwrap();
    *smtp.servers_mut() = servers.to_vec();
    let mut message = EmailMessage::new();
    message.from = "ann@example.org".into();
    message.add_recipient(to);
    message.add_text("Hello.");
    smtp.send_async(&message).await
}

pub(super) fn peer(report: &Report) -> Option<std::net::IpAddr> {
    report.peer_address.as_ref().map(SocketAddr::ip)
}
