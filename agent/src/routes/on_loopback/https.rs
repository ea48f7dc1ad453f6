//! A server of policies over HTTPS.

use std::{
    io::{BufRead, BufReader, Write},
    net::{Ipv4Addr, TcpListener},
    sync::{Arc, Mutex},
    thread,
};

use super::pki::Certified;

#[derive(Clone, Debug)]
pub(super) struct Answer {
    /// Status and fields.
    pub(super) head: String,
    pub(super) body: String,
}

#[derive(Debug)]
pub(super) struct PolicyServer {
    pub(super) port: u16,
    answer: Arc<Mutex<Answer>>,
    /// Host and path of each request.
    asked: Arc<Mutex<Vec<(String, String)>>>,
}

impl PolicyServer {
    pub(super) fn new(certified: &Certified, policy: &str) -> Self {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let port = listener.local_addr().unwrap().port();
        let server = Self { port, answer: Arc::new(Mutex::new(Self::policy(policy))), asked: Arc::default() };
        let (answer, asked, acceptor) =
            (Arc::clone(&server.answer), Arc::clone(&server.asked), certified.acceptor());
        thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                // A client that does not like the certificate goes away.
                let Ok(stream) = acceptor.accept(stream) else { continue };
                let mut stream = BufReader::new(stream);
                let mut lines = Vec::new();
                loop {
                    let mut line = String::new();
                    if stream.read_line(&mut line).unwrap_or(0) <= 2 {
                        break;
                    }
                    lines.push(line.trim_end().to_owned());
                }
                let path = lines[0].split(' ').nth(1).unwrap().to_owned();
                let host = lines.iter().find_map(|line| line.strip_prefix("host: ")).unwrap().to_owned();
                asked.lock().unwrap().push((host, path));
                let Answer { head, body } = answer.lock().unwrap().clone();
                let text = format!(
                    "HTTP/1.1 {head}\r\nConnection: close\r\nContent-Length: {}\r\n\r\n{body}",
                    body.len()
                );
                // One that has heard enough goes away, too.
                let _ = stream.get_mut().write_all(text.as_bytes());
                let _ = stream.get_mut().shutdown();
            }
        });
        server
    }

    fn policy(text: &str) -> Answer {
        Answer { head: "200 OK\r\nContent-Type: text/plain; charset=utf-8".to_owned(), body: text.to_owned() }
    }

    pub(super) fn set(&self, policy: &str) {
        self.answer(Self::policy(policy));
    }

    pub(super) fn answer(&self, answer: Answer) {
        *self.answer.lock().unwrap() = answer;
    }

    pub(super) fn asked(&self) -> Vec<(String, String)> {
        self.asked.lock().unwrap().clone()
    }
}
