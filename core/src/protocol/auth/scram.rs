//! SCRAM (RFC 5802, RFC 7677): password and server prove to each other that they know the same, over any hash.
//!
//! Three messages: names and nonces; the proof of the client; the proof of the server, without which a login does not
//! count. With `-PLUS` the proof covers the TLS channel too (`tls-server-end-point`, RFC 5929 section 4).

use base64::{Engine as _, engine::general_purpose::STANDARD};
use zeroize::Zeroizing;

use super::{
    Fault, Material, Mechanism, Message,
    hash::{self, Hash},
    prepare::prepare,
    printable,
};
use crate::error::Error;

/// Fewest rounds of key derivation (RFC 5802 section 5.1, RFC 7677 section 4): with less, whoever made the server up
/// could try passwords on the proof too fast.
const MIN_ROUNDS: u32 = 4_096;

/// Most rounds of key derivation that a server may ask for: about a second of work. More is an attack on the
/// processor; servers ask for 4,096 to some hundred thousand.
const MAX_ROUNDS: u32 = 2_000_000;

enum State {
    /// The server's nonce, salt and rounds are awaited.
    First,
    /// The server's signature is awaited, and has to be this.
    Final(Vec<u8>),
    /// The server said why it refuses.
    Refused,
    /// The server has proved that it knows the password.
    Verified,
}

/// One SCRAM exchange.
pub(super) struct Scram {
    hash: &'static Hash,
    /// The header that says whether the channel is bound (RFC 5801 section 4).
    header: String,
    /// What the channel is bound to: empty without `-PLUS`.
    binding: Vec<u8>,
    /// The first message without the header.
    first: String,
    nonce: String,
    password: Zeroizing<String>,
    state: State,
    remark: Option<String>,
}

impl Scram {
    /// Without channel binding.
    pub(super) fn new(hash: &'static Hash, material: &mut Material<'_>) -> Result<Self, Error> {
        // `y` tells a server that offered -PLUS that somebody on the way took it out of the list (RFC 5802 section 6).
        let flag = if material.binding.is_some() && !material.plus_offered { "y" } else { "n" };
        Self::with(hash, flag, Vec::new(), material)
    }

    /// With channel binding; chosen only where there is one.
    pub(super) fn plus(hash: &'static Hash, material: &mut Material<'_>) -> Result<Self, Error> {
        let binding = material.binding.unwrap_or_default().to_vec();
        Self::with(hash, "p=tls-server-end-point", binding, material)
    }

    fn with(
        hash: &'static Hash,
        flag: &str,
        binding: Vec<u8>,
        material: &mut Material<'_>,
    ) -> Result<Self, Error> {
        let prepared = prepare(material.credentials)?;
        let nonce = material.nonces.text();
        Ok(Self {
            hash,
            header: format!("{flag},,"),
            binding,
            first: format!("n={},r={nonce}", sasl_name(&prepared.account)),
            nonce,
            password: prepared.password,
            state: State::First,
            remark: None,
        })
    }

    fn is_plus(&self) -> bool {
        !self.binding.is_empty()
    }

    /// The answer to nonce, salt and rounds.
    fn prove(&mut self, challenge: &str) -> Result<Message, Fault> {
        let malformed = |why: &'static str| Fault::Malformed(why.into());
        let mut parts = challenge.split(',');
        let mut next = |name: &str| parts.next().and_then(|part| part.strip_prefix(name));
        // A mandatory extension (`m=`) would stand first: then there is no nonce in its place.
        let nonce = next("r=").ok_or(malformed("the challenge has no nonce"))?;
        let salt = next("s=").ok_or(malformed("the challenge has no salt"))?;
        let rounds = next("i=").ok_or(malformed("the challenge has no iteration count"))?;
        let extends = nonce.len() > self.nonce.len() && nonce.starts_with(&self.nonce);
        if !extends || !nonce.bytes().all(|b| b.is_ascii_graphic()) {
            return Err(malformed("the server's nonce does not extend the client's"));
        }
        let salt = STANDARD.decode(salt).ok().filter(|salt| !salt.is_empty());
        let salt = salt.ok_or(malformed("the salt is not base64"))?;
        let digits = !rounds.is_empty() && rounds.bytes().all(|b| b.is_ascii_digit());
        let rounds = match rounds.parse::<u64>().map(u32::try_from) {
            _ if !digits => return Err(malformed("the iteration count is no number")),
            Ok(Ok(rounds @ MIN_ROUNDS..=MAX_ROUNDS)) => rounds,
            Ok(Ok(..MIN_ROUNDS)) => {
                return Err(malformed("the iteration count is below 4,096, which gives the password away"));
            }
            _ => return Err(malformed("the iteration count is above 2,000,000, which only costs time")),
        };
        let mut bound = self.header.clone().into_bytes();
        bound.extend_from_slice(&self.binding);
        let last = format!("c={},r={nonce}", STANDARD.encode(bound));
        let auth_message = format!("{},{challenge},{last}", self.first);

        let salted = self.hash.pbkdf2(self.password.as_bytes(), &salt, rounds);
        let client_key = Zeroizing::new(hash::hmac(self.hash, &salted, b"Client Key"));
        let stored_key = self.hash.digest(&[&client_key]);
        let mut proof = hash::hmac(self.hash, &stored_key, auth_message.as_bytes());
        proof.iter_mut().zip(client_key.iter()).for_each(|(byte, key)| *byte ^= key);
        let server_key = Zeroizing::new(hash::hmac(self.hash, &salted, b"Server Key"));
        self.state = State::Final(hash::hmac(self.hash, &server_key, auth_message.as_bytes()));
        Ok(Message::new(format!("{last},p={}", STANDARD.encode(proof)).into_bytes()))
    }

    /// The server ends the login with a reason (RFC 5802 section 7).
    fn on_error(&mut self, why: String) -> Result<Message, Fault> {
        self.state = State::Refused;
        let credentials =
            ["invalid-proof", "unknown-user", "invalid-username-encoding"].contains(&why.as_str());
        if !credentials && !why.contains("channel-binding") {
            return Err(Fault::Unverified(format!("the server gave up: {why}").into()));
        }
        // Its refusal follows, and is the better error.
        self.remark = Some(why);
        Ok(Message::default())
    }

    /// The answer to the server's proof.
    fn verify(&mut self, challenge: &str, expected: &[u8]) -> Result<Message, Fault> {
        let signature = challenge.strip_prefix("v=").map(|rest| rest.split(',').next().unwrap_or_default());
        let signature =
            signature.ok_or(Fault::Malformed("the server's last message has no signature".into()))?;
        if !STANDARD.decode(signature).is_ok_and(|signature| hash::same(&signature, expected)) {
            return Err(Fault::Unverified(
                "the server's signature is wrong: it does not know the password".into(),
            ));
        }
        self.state = State::Verified;
        Ok(Message::default())
    }
}

impl Mechanism for Scram {
    fn initial(&mut self) -> Option<Message> {
        Some(Message::new(format!("{}{}", self.header, self.first).into_bytes()))
    }

    fn respond(&mut self, challenge: &[u8]) -> Result<Message, Fault> {
        let challenge = std::str::from_utf8(challenge)
            .map_err(|_| Fault::Malformed("the challenge is not UTF-8".into()))?;
        if let Some(why) = challenge.strip_prefix("e=")
            && matches!(self.state, State::First | State::Final(_))
        {
            return self.on_error(printable(why, 100));
        }
        match std::mem::replace(&mut self.state, State::Refused) {
            State::First => self.prove(challenge),
            State::Final(expected) => self.verify(challenge, &expected),
            State::Refused | State::Verified => {
                Err(Fault::Malformed("SCRAM is over, and this server sent another challenge".into()))
            }
        }
    }

    fn finish(&mut self) -> Result<(), Fault> {
        match self.state {
            State::Verified => Ok(()),
            _ => Err(Fault::Unverified("the server did not prove that it knows the password".into())),
        }
    }

    fn remark(&self) -> Option<&str> {
        self.remark.as_deref()
    }

    fn may_yield(&self) -> bool {
        // A binding that does not match may be somebody on the way: then no other mechanism gets the password.
        let unsupported = ["unsupported-channel-binding-type", "channel-binding-not-supported"];
        let said = self.remark.as_deref().is_some_and(|remark| unsupported.contains(&remark));
        self.is_plus() && (said || matches!(self.state, State::First))
    }
}

/// A name inside a SCRAM message (RFC 5802 section 5.1).
pub(super) fn sasl_name(name: &str) -> String {
    name.replace('=', "=3D").replace(',', "=2C")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::protocol::auth::{Credentials, hash::*, tests::with_material};

    fn scram(hash: &'static Hash, account: &str, password: &str, nonce: &str) -> Scram {
        let c = Credentials { account: account.into(), password: password.into(), ..Credentials::default() };
        let scram = with_material(&c, "", |mut m| Scram::new(hash, &mut m).unwrap());
        let first = scram.first.replace(&scram.nonce, nonce);
        Scram { first, nonce: nonce.to_owned(), ..scram }
    }

    fn text(message: Result<Message, Fault>) -> String {
        String::from_utf8(message.unwrap().to_vec()).unwrap()
    }

    fn initial(scram: &mut Scram) -> String {
        match scram.initial() {
            Some(message) => text(Ok(message)),
            _ => panic!(),
        }
    }

    #[test]
    fn rfc_5802_section_5() {
        let mut scram = scram(&SHA1, "user", "pencil", "fyko+d2lbbFgONRv9qkxdawL");
        assert_eq!(initial(&mut scram), "n,,n=user,r=fyko+d2lbbFgONRv9qkxdawL");
        let first = b"r=fyko+d2lbbFgONRv9qkxdawL3rfcNHYJY1ZVvWVs7j,s=QSXCR+Q6sek8bf92,i=4096";
        assert_eq!(
            text(scram.respond(first)),
            "c=biws,r=fyko+d2lbbFgONRv9qkxdawL3rfcNHYJY1ZVvWVs7j,p=v0X8v3Bz2T0CJGbJQyF0X+HI4Ts="
        );
        scram.finish().unwrap_err();
        assert_eq!(text(scram.respond(b"v=rmF9pqV8S7suAoZWja4dJRkFsKQ=")), "");
        scram.finish().unwrap();
    }

    #[test]
    fn rfc_7677_section_3() {
        let mut scram = scram(&SHA256, "user", "pencil", "rOprNGfwEbeRWgbNEkqO");
        assert_eq!(initial(&mut scram), "n,,n=user,r=rOprNGfwEbeRWgbNEkqO");
        let first = b"r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,s=W22ZaJ0SNY7soEsUEjb6gQ==,i=4096";
        assert_eq!(
            text(scram.respond(first)),
            "c=biws,r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,\
             p=dHzbZapWIk4jUhN+Ute9ytag9zjfMHgsqmmiz7AndVQ="
        );
        assert_eq!(text(scram.respond(b"v=6rriTRBi23WpRR/wtup+mMhUZUn/dB5nLTJRsjl95G4=")), "");
        scram.finish().unwrap();
    }

    #[test]
    fn a_server_that_does_not_know_the_password_is_found_out() {
        for last in ["v=AAAA", "v=", "v=6rriTRBi23WpRR/wtup+mMhUZUn/dB5nLTJRsjl95G5="] {
            let mut scram = scram(&SHA256, "user", "pencil", "abc");
            scram.respond(b"r=abcdef,s=W22ZaJ0SNY7soEsUEjb6gQ==,i=4096").unwrap();
            assert!(matches!(scram.respond(last.as_bytes()), Err(Fault::Unverified(_))), "{last}");
            scram.finish().unwrap_err();
        }
    }

    #[test]
    fn hostile_challenges_are_refused_without_work() {
        for challenge in [
            "",
            "r=abcdef",
            "r=abcdef,s=QSXC",
            "r=abc,s=QSXC,i=4096",
            "r=xbcdef,s=QSXC,i=4096",
            "r=abcdef,s=,i=4096",
            "r=abcdef,s=!,i=4096",
            "r=abcdef,s=QSXC,i=0",
            "r=abcdef,s=QSXC,i=1",
            "r=abcdef,s=QSXC,i=4095",
            "r=abcdef,s=QSXC,i=-4096",
            "r=abcdef,s=QSXC,i=+4096",
            "r=abcdef,s=QSXC,i=",
            "r=abcdef,s=QSXC,i=2147483648",
            "r=abcdef,s=QSXC,i=99999999999999999999999",
            "m=ext,r=abcdef,s=QSXC,i=4096",
        ] {
            let mut scram = scram(&SHA1, "user", "pencil", "abc");
            assert!(matches!(scram.respond(challenge.as_bytes()), Err(Fault::Malformed(_))), "{challenge}");
            scram.finish().unwrap_err();
        }
    }

    #[test]
    fn the_servers_reason_is_kept() {
        let mut scram = scram(&SHA1, "user", "pencil", "abc");
        scram.respond(b"r=abcdef,s=QSXC,i=4096").unwrap();
        assert_eq!(text(scram.respond(b"e=invalid-proof")), "");
        assert_eq!(scram.remark(), Some("invalid-proof"));
        scram.finish().unwrap_err();
        scram.respond(b"v=AAAA").unwrap_err();
    }

    #[test]
    fn the_channel_is_bound_and_an_omitted_offer_is_noticed() {
        let c = Credentials { account: "a,b=c".into(), password: "p".into(), ..Credentials::default() };
        let flags = |binding: Option<&'static [u8]>, plus_offered| {
            with_material(&c, "", |m| {
                let mut m = Material { binding, plus_offered, ..m };
                initial(&mut Scram::new(&SHA1, &mut m).unwrap())
            })
        };
        assert!(flags(None, false).starts_with("n,,n=a=2Cb=3Dc,r="));
        assert!(flags(None, true).starts_with("n,,"));
        assert!(flags(Some(b"hash"), true).starts_with("n,,"));
        assert!(flags(Some(b"hash"), false).starts_with("y,,"));
        let mut plus = with_material(&c, "", |m| {
            Scram::plus(&SHA1, &mut Material { binding: Some(b"hash"), ..m }).unwrap()
        });
        assert!(initial(&mut plus).starts_with("p=tls-server-end-point,,n="));
        let challenge = format!("r={}x,s=QSXC,i=4096", plus.nonce);
        let bound = STANDARD.encode(b"p=tls-server-end-point,,hash");
        assert!(text(plus.respond(challenge.as_bytes())).starts_with(&format!("c={bound},r=")));
    }

    #[test]
    fn a_password_goes_through_saslprep() {
        let proof = |password| {
            let mut scram = scram(&SHA1, "user", password, "abc");
            text(scram.respond(b"r=abcdef,s=QSXC,i=4096"))
        };
        assert_eq!(proof("pa\u{308}sswort"), proof("p\u{e4}sswort"));
        assert_eq!(proof("I\u{ad}X"), proof("\u{2168}"));
        let c = Credentials { account: "u".into(), password: "\u{7}".into(), ..Credentials::default() };
        let error = with_material(&c, "", |mut m| Scram::new(&SHA1, &mut m).err().unwrap());
        assert_eq!(error.field(), Some("Password"));
    }
}
