//! Every SASL mechanism against any challenges: no panic, no password or token in clear text in what is shown, none of
//! them in clear text to a server unless the mechanism has it so, and nobody who cannot prove the password is believed.

use arbitrary::Arbitrary;
use base64::{Engine as _, prelude::BASE64_STANDARD};
use freesmtp_core::protocol::{
    Config,
    auth::{AuthMode, Credentials},
};

use crate::play::{Chance, Speaker, config, play};

#[derive(Arbitrary, Debug)]
enum Challenge<'a> {
    Bytes(&'a [u8]),
    /// Parts of challenges, so that chance gets past the first check.
    Parts(Vec<Part<'a>>),
    Unencoded(&'a str),
    Reply(u8),
}

#[derive(Arbitrary, Debug)]
enum Part<'a> {
    Known(u8),
    Text(&'a str),
}

const PARTS: &[&str] = &[
    // Of the client's own nonces, so that SCRAM goes on.
    "r=",
    "s=QSXC",
    "i=4096",
    "i=1",
    "i=99999999999",
    "v=",
    "e=other-error",
    "m=ext",
    ",",
    "=",
    "\"",
    "\\",
    "nonce=\"n\"",
    "realm=\"\"",
    "realm=\"a.test\"",
    "algorithm=md5-sess",
    "charset=utf-8",
    "qop=\"auth\"",
    "qop=\"auth-int,auth\"",
    "rspauth=",
    "NTLMSSP\0\u{2}\0\0\0",
    "\0\0\0\0",
    "\u{8}\0\u{8}\0\u{38}\0\0\0",
    "{\"status\":\"401\"}",
    "\u{1}",
    "maxbuf=65536",
    "cipher=\"rc4\"",
    "stale=true",
    "Username:",
    "Password:",
];

const REPLIES: &[&str] = &[
    "235 in",
    "535 5.7.8 no",
    "504 5.5.4 no",
    "538 5.7.11 no",
    "432 4.7.12 no",
    "421 bye",
    "250 ok",
    "334 =",
    "334 *",
];

#[derive(Arbitrary, Debug)]
struct Input<'a> {
    mode: u8,
    tls: bool,
    account: &'a str,
    password: &'a str,
    read: u8,
    /// The server extends the nonce that it heard.
    follows: bool,
    challenges: Vec<Challenge<'a>>,
}

const MECHANISMS: &str = "OAUTHBEARER XOAUTH2 SCRAM-SHA-512 SCRAM-SHA-256 SCRAM-SHA-1 DIGEST-MD5 CRAM-MD5 PLAIN LOGIN NTLM EXTERNAL SCRAM-MD5 ANONYMOUS";

pub(crate) fn target(data: &[u8]) {
    let Some(input) = crate::read::<Input<'_>>(data) else { return };
    let (mode, _) = AuthMode::ALL[usize::from(input.mode) % AuthMode::ALL.len()];
    let password = format!("Zq9!{}!9qZ", input.password);
    let credentials = Credentials {
        account: format!("u{}", input.account),
        password: password.as_str().into(),
        mode,
        client_certificate: true,
        allow_plaintext: true,
        ..Credentials::default()
    };
    let security = if input.tls { freesmtp_core::Security::Implicit } else { freesmtp_core::Security::None };
    let config = Config { credentials: Some(credentials), security, ..config() };
    // The nonces are made of the entropy, which is fixed here: a first session shows what a second one will say.
    let nonce = input.follows.then(|| nonce(&config)).flatten();
    let mut turns = opening();
    for (index, challenge) in input.challenges.iter().enumerate() {
        let mut said = match challenge {
            Challenge::Bytes(bytes) => encoded(bytes),
            Challenge::Parts(parts) => {
                let mut text = String::new();
                if let (0, Some(nonce)) = (index, &nonce) {
                    text = format!("r={nonce}more,");
                }
                for part in parts {
                    text.push_str(match part {
                        Part::Known(index) => PARTS[usize::from(*index) % PARTS.len()],
                        Part::Text(text) => text,
                    });
                }
                encoded(text.as_bytes())
            }
            Challenge::Unencoded(text) => format!("334 {}", text.replace(['\r', '\n'], " ")),
            Challenge::Reply(index) => REPLIES[usize::from(*index) % REPLIES.len()].to_owned(),
        };
        said.push_str("\r\n");
        turns.push(said.into_bytes());
    }
    let chance = Chance::none(input.read, 60_000);
    let played = play(config, &[], &[], &mut Speaker(turns.into()), chance);
    let (hidden, shown) = (password.to_ascii_lowercase(), played.shown.to_ascii_lowercase());
    assert!(!shown.contains(&hidden), "{}", played.shown);
    assert!(played.engine.error().is_none_or(|e| !format!("{e}").to_ascii_lowercase().contains(&hidden)));
    if let Some(name) = played.logged_in {
        assert!(!name.starts_with("SCRAM") && name != "DIGEST-MD5", "{name} took chance for a proof");
    }
    let sent = String::from_utf8_lossy(&played.sent);
    assert!(!sent.contains(&password), "a password is at least encoded");
    assert!(sent.lines().all(|line| line.len() <= 12_288));
}

fn opening() -> Vec<Vec<u8>> {
    vec![b"220 hi\r\n".to_vec(), format!("250-a\r\n250 AUTH {MECHANISMS}\r\n").into_bytes()]
}

fn encoded(bytes: &[u8]) -> String {
    format!("334 {}", BASE64_STANDARD.encode(bytes))
}

/// The nonce that the client begins SCRAM with.
fn nonce(config: &Config) -> Option<String> {
    let played = play(config.clone(), &[], &[], &mut Speaker(opening().into()), Chance::none(255, 60_000));
    let sent = String::from_utf8(played.sent).ok()?;
    let line = sent.lines().find(|line| line.starts_with("AUTH SCRAM"))?;
    let first = BASE64_STANDARD.decode(line.split(' ').nth(2)?).ok()?;
    let first = String::from_utf8(first).ok()?;
    Some(first.rsplit_once("r=")?.1.to_owned())
}
