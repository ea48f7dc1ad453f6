//! Events for a web server: signed, repeated until they are taken, kept on disk meanwhile.
//!
//! The form is that of "Standard Webhooks" (standardwebhooks.com), for which there are libraries that check it: fields
//! `webhook-id`, `webhook-timestamp`, and `webhook-signature`: `v1,` and the base64 of HMAC-SHA256 over
//! `id.timestamp.body`. The body is `{"type":"mail.events","timestamp":…,"data":{"events":[…]}}`. Whoever answers 2yz has
//! taken them; anything else is tried again, the same body with the same id.

use std::{
    fmt, io,
    path::Path,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicU64, Ordering},
        mpsc::{self, SyncSender},
    },
    thread::{self, JoinHandle},
    time::{Duration, Instant},
};

use base64::{Engine, prelude::BASE64_STANDARD};
use hmac::{Hmac, KeyInit, Mac};
use reqwest::{Certificate, Client, header, redirect};
use sha2::{Digest, Sha256};
use tokio::{sync::Notify, task::JoinHandle as Task};

use super::journal::Journal;
use crate::{clock, digits::digits};

/// Events that wait for the disk; those beyond are counted, and lost.
const WAITING: usize = 65_536;

/// Octets on disk that wait for the server; those beyond are counted, and lost.
const KEPT: u64 = 256 << 20;

/// Written at once, at most.
const BATCH: usize = 256 << 10;

/// A server's own wish to wait is obeyed so far.
const LONGEST_WISH: Duration = Duration::from_secs(3_600);

/// What a webhook needs to know.
#[derive(Clone, PartialEq, Eq)]
pub(super) struct Target {
    pub(super) url: String,
    pub(super) secret: Vec<u8>,
    /// Authorities to trust besides those of the system, in PEM.
    pub(super) authorities: Vec<u8>,
    /// Events in one request.
    pub(super) batch: usize,
    pub(super) timeout: Duration,
    /// After the first failure; it doubles up to the second.
    pub(super) pauses: (Duration, Duration),
    /// How long the same events are tried.
    pub(super) lifetime: Duration,
}

impl fmt::Debug for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Neither the secret nor the query of the address, which may be one.
        f.write_str("Target")
    }
}

/// One server that is told.
#[derive(Debug)]
pub(super) struct Webhook {
    lines: Option<SyncSender<String>>,
    kept: Kept,
    writer: Option<JoinHandle<()>>,
    teller: Task<()>,
}

/// What waits for the server, between who writes it and who tells it.
#[derive(Clone, Debug)]
struct Kept {
    journal: Arc<Mutex<Journal>>,
    bell: Arc<Notify>,
    lost: Arc<AtomicU64>,
}

impl Webhook {
    /// Begins; what was not told before is told first.
    pub(super) fn start(target: Target, client: Client, folder: &Path) -> io::Result<Self> {
        let (sender, receiver) = mpsc::sync_channel::<String>(WAITING);
        let journal = Arc::new(Mutex::new(Journal::open(folder, KEPT)?));
        let kept = Kept { journal, bell: Arc::default(), lost: Arc::default() };
        let written = kept.clone();
        let writer = thread::Builder::new().name("webhook".to_owned()).spawn(move || {
            while let Ok(mut batch) = receiver.recv() {
                let mut count = 1;
                while batch.len() < BATCH
                    && let Ok(line) = receiver.try_recv()
                {
                    batch.push_str(&line);
                    count += 1;
                }
                if !matches!(lock(&written.journal).append(&batch), Ok(true)) {
                    written.lost.fetch_add(count, Ordering::Relaxed);
                }
                written.bell.notify_one();
            }
        })?;
        let teller = Teller { target, client, kept: kept.clone() };
        Ok(Self { lines: Some(sender), kept, writer: Some(writer), teller: tokio::spawn(teller.run()) })
    }

    /// Tells it by other settings from now on. What is on its way may come twice, with the same id.
    pub(super) fn retarget(&mut self, target: Target, client: Client) {
        self.teller.abort();
        let teller = Teller { target, client, kept: self.kept.clone() };
        self.teller = tokio::spawn(teller.run());
    }

    pub(super) fn emit(&self, line: &str) {
        if let Some(lines) = &self.lines
            && lines.try_send(line.to_owned()).is_err()
        {
            self.kept.lost.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// Brings what waits to the disk; the next agent tells it.
    pub(super) fn close(&mut self) {
        self.lines = None;
        if let Some(writer) = self.writer.take() {
            drop(writer.join());
        }
        self.teller.abort();
    }
}

impl Drop for Webhook {
    fn drop(&mut self) {
        self.teller.abort();
    }
}

impl Target {
    /// What speaks to the server.
    pub(super) fn client(&self) -> reqwest::Result<Client> {
        let client = Client::builder()
            .redirect(redirect::Policy::none())
            .timeout(self.timeout)
            .user_agent(concat!("freesmtp/", env!("CARGO_PKG_VERSION")));
        let authorities = Certificate::from_pem_bundle(&self.authorities)?;
        authorities.into_iter().fold(client, reqwest::ClientBuilder::add_root_certificate).build()
    }
}

/// Tells one server, for as long as the agent runs.
struct Teller {
    target: Target,
    client: Client,
    kept: Kept,
}

impl Teller {
    async fn run(self) {
        loop {
            // Asked for before the look, so that nothing rings between the two unheard.
            let rung = self.kept.bell.notified();
            let looked = lock(&self.kept.journal).peek(self.target.batch);
            match looked {
                Ok((lines, cursor)) if !lines.is_empty() => {
                    self.tell(&lines).await;
                    if let Err(error) = lock(&self.kept.journal).told(cursor) {
                        self.complain(&format!("what is told cannot be noted: {error}"));
                    }
                }
                Ok(_) => rung.await,
                Err(error) => {
                    self.complain(&format!("events cannot be read: {error}"));
                    tokio::time::sleep(self.target.pauses.1).await;
                }
            }
        }
    }

    /// Until they are taken, or have been tried long enough.
    async fn tell(&self, lines: &[String]) {
        let lost = self.kept.lost.swap(0, Ordering::Relaxed);
        let mut events = lines.join(",");
        if lost > 0 {
            events.push_str(&format!(",{{\"event\":\"lost\",\"count\":{lost}}}"));
        }
        let began = super::event::moment(clock::now());
        let body = format!(
            "{{\"type\":\"mail.events\",\"timestamp\":\"{began}\",\"data\":{{\"events\":[{events}]}}}}"
        );
        let id = format!("evt_{}", hexadecimal(&Sha256::digest(lines.join("\n"))[..16]));
        let since = Instant::now();
        let mut pause = self.target.pauses.0;
        let mut complained = false;
        loop {
            let (why, wish) = match self.post(&id, &body).await {
                Ok(()) => {
                    if complained {
                        self.complain("takes events again");
                    }
                    return;
                }
                Err(refused) => refused,
            };
            if !complained {
                self.complain(&format!("does not take events: {why}; they are tried again"));
                complained = true;
            }
            if since.elapsed() >= self.target.lifetime {
                self.complain(&format!("{} events were tried long enough, and are lost: {why}", lines.len()));
                return;
            }
            // Not all agents at the same moment.
            let shaken = pause.mul_f64(0.75 + fastrand::f64() / 2.0);
            tokio::time::sleep(wish.map_or(shaken, |wish| wish.clamp(shaken, LONGEST_WISH))).await;
            pause = (pause * 2).min(self.target.pauses.1);
        }
    }

    /// Why they were not taken, and how long the server wants to be left alone.
    async fn post(&self, id: &str, body: &str) -> Result<(), (String, Option<Duration>)> {
        let timestamp = clock::now().div_euclid(1_000).to_string();
        let signature = signature(&self.target.secret, id, &timestamp, body);
        let request = self
            .client
            .post(&self.target.url)
            .header(header::CONTENT_TYPE, "application/json")
            .header("webhook-id", id)
            .header("webhook-timestamp", timestamp)
            .header("webhook-signature", signature)
            .body(body.to_owned());
        let response = request.send().await.map_err(|error| (error.to_string(), None))?;
        if response.status().is_success() {
            return Ok(());
        }
        let wish = response.headers().get(header::RETRY_AFTER).and_then(|wish| digits(wish.to_str().ok()?));
        Err((format!("it answered {}", response.status()), wish.map(Duration::from_secs)))
    }

    fn complain(&self, text: &str) {
        // The query of the address may be a secret.
        let place = self.target.url.split('?').next().unwrap_or_default();
        eprintln!("freesmtp agent: the webhook {place}: {text}");
    }
}

/// The value of `webhook-signature`.
pub(super) fn signature(secret: &[u8], id: &str, timestamp: &str, body: &str) -> String {
    // HMAC takes keys of any length (RFC 2104 section 2).
    let Ok(mut mac) = Hmac::<Sha256>::new_from_slice(secret) else { return String::new() };
    for part in [id, ".", timestamp, ".", body] {
        mac.update(part.as_bytes());
    }
    format!("v1,{}", BASE64_STANDARD.encode(mac.finalize().into_bytes()))
}

/// The octets of a secret: `whsec_` and base64, or the text itself.
pub(super) fn secret(text: &str) -> Vec<u8> {
    let decoded = text.strip_prefix("whsec_").and_then(|rest| BASE64_STANDARD.decode(rest).ok());
    decoded.unwrap_or_else(|| text.as_bytes().to_vec())
}

fn hexadecimal(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_signature_is_that_of_standard_webhooks() {
        // The example of the reference implementations.
        let secret = secret("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw");
        let signed =
            signature(&secret, "msg_p5jXN8AQM9LWM0D4loKWxJek", "1614265330", "{\"test\": 2432232314}");
        assert_eq!(signed, "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=");
    }

    #[test]
    fn a_secret_is_base64_or_itself() {
        assert_eq!(secret("whsec_AAEC"), [0, 1, 2]);
        assert_eq!(secret("plain"), b"plain");
        assert_eq!(secret("whsec_!"), b"whsec_!");
    }
}
