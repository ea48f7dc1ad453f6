//! NTLM, version 2 (MS-NLMP, MS-SMTPNTLM): three binary messages, the password as a key and never on the wire.
//!
//! The server's time decides where it gives one; then the client also seals the three messages (MIC) and names the
//! channel and the service it means, as servers with extended protection ask for.

use zeroize::Zeroizing;

use md4::{Digest, Md4};

use super::{
    Credentials, Fault, Material, Mechanism, Message,
    credentials::split_domain,
    hash::{self, MD5},
};

const SIGNATURE: &[u8; 8] = b"NTLMSSP\0";

/// Unicode, the target asked for, NTLM, always sign, extended session security, target information, 128 and 56 bits
/// (MS-NLMP 2.2.2.5).
const FLAGS: u32 = 0x1 | 0x4 | 0x200 | 0x8000 | 0x8_0000 | 0x80_0000 | 0x2000_0000 | 0x8000_0000;
const FLAG_UNICODE: u32 = 0x1;

// AV_PAIR identifiers (MS-NLMP 2.2.2.1).
const AV_END: u16 = 0;
const AV_FLAGS: u16 = 6;
const AV_TIMESTAMP: u16 = 7;
const AV_TARGET_NAME: u16 = 9;
const AV_CHANNEL_BINDINGS: u16 = 10;

/// In `AV_FLAGS`: the message carries a MIC.
const HAS_MIC: u32 = 0x2;

/// Where the MIC stands in the last message: behind eight fields and the version.
const MIC: std::ops::Range<usize> = 72..88;

enum State {
    Begin,
    /// The first message was sent.
    Negotiated(Vec<u8>),
    Answered,
}

/// One NTLM exchange.
pub(super) struct Ntlm {
    user: String,
    domain: String,
    password: Zeroizing<String>,
    host: String,
    binding: Option<Vec<u8>>,
    client_challenge: [u8; 8],
    unix_seconds: i64,
    state: State,
    /// The server asked for the first message once more.
    prompted: bool,
}

impl Ntlm {
    pub(super) fn new(material: &mut Material<'_>) -> Self {
        let Credentials { account, password, .. } = material.credentials;
        let (user, domain) = split_domain(account);
        Self {
            user: user.to_owned(),
            domain: domain.to_owned(),
            password: Zeroizing::new(password.expose().to_owned()),
            host: material.host.to_owned(),
            binding: material.binding.map(<[u8]>::to_vec),
            client_challenge: material.nonces.challenge(),
            unix_seconds: material.unix_seconds,
            state: State::Begin,
            prompted: false,
        }
    }

    fn authenticate(&self, negotiate: &[u8], bytes: &[u8]) -> Result<Message, Fault> {
        let challenge = Challenge::parse(bytes)?;
        let sealed = challenge.time.is_some();
        let time = challenge.time.unwrap_or_else(|| file_time(self.unix_seconds));
        let info = if sealed { self.extended(&challenge.pairs) } else { challenge.info.to_vec() };
        let key = response_key(&self.user, &self.domain, &self.password);
        let answer = Answer::new(&key, &challenge.nonce, &self.client_challenge, time, &info);
        // With the server's time the weaker LM answer is left out (MS-NLMP 3.1.5.1.2).
        let lm = if sealed { vec![0; 24] } else { answer.lm };
        let fields = [lm, answer.nt, utf16(&self.domain), utf16(&self.user), Vec::new(), Vec::new()];

        let mut message = Message::new(Vec::new());
        message.extend_from_slice(SIGNATURE);
        message.extend_from_slice(&3_u32.to_le_bytes());
        let mut at = MIC.end;
        for field in &fields {
            let length = u16::try_from(field.len()).map_err(|_| TOO_LONG)?.to_le_bytes();
            let offset = u32::try_from(at).map_err(|_| TOO_LONG)?.to_le_bytes();
            message.extend_from_slice(&[&length[..], &length, &offset].concat());
            at += field.len();
        }
        message.extend_from_slice(&(FLAGS & challenge.flags | FLAG_UNICODE).to_le_bytes());
        // No version, and the place of the MIC.
        message.resize(MIC.end, 0);
        fields.iter().for_each(|field| message.extend_from_slice(field));
        if sealed {
            let mic = hash::hmac(&MD5, &answer.session_key, &[negotiate, bytes, &message].concat());
            message[MIC].copy_from_slice(&mic);
        }
        Ok(message)
    }

    /// The server's pairs, with what a client adds that was given the time.
    fn extended(&self, pairs: &[(u16, &[u8])]) -> Vec<u8> {
        let flags = pairs.iter().find(|(id, _)| *id == AV_FLAGS).map_or(0, |(_, value)| number(value));
        let own = [AV_FLAGS, AV_CHANNEL_BINDINGS, AV_TARGET_NAME];
        let binding = self.binding.as_deref().map_or_else(|| vec![0; 16], channel_binding);
        let target = utf16(&format!("SMTPSVC/{}", self.host));
        let flags = (flags | HAS_MIC).to_le_bytes();
        let mut info = Vec::new();
        let mut add = |id: u16, value: &[u8]| {
            let length = u16::try_from(value.len()).unwrap_or_default();
            info.extend_from_slice(&id.to_le_bytes());
            info.extend_from_slice(&length.to_le_bytes());
            info.extend_from_slice(value.get(..length.into()).unwrap_or_default());
        };
        pairs.iter().filter(|(id, _)| !own.contains(id)).for_each(|(id, value)| add(*id, value));
        add(AV_FLAGS, &flags);
        add(AV_CHANNEL_BINDINGS, &binding);
        add(AV_TARGET_NAME, &target);
        add(AV_END, &[]);
        info
    }
}

const TOO_LONG: Fault =
    Fault::Malformed(std::borrow::Cow::Borrowed("the challenge is too long to be answered"));

impl Mechanism for Ntlm {
    fn initial(&mut self) -> Option<Message> {
        let mut message = Message::new(Vec::new());
        message.extend_from_slice(SIGNATURE);
        message.extend_from_slice(&1_u32.to_le_bytes());
        message.extend_from_slice(&FLAGS.to_le_bytes());
        message.resize(32, 0);
        self.state = State::Negotiated(message.to_vec());
        Some(message)
    }

    /// `334 NTLM supported`: a server after MS-SMTPNTLM 2.2.1, which does not take the message with the command.
    fn prompted(&mut self, text: &str) -> Option<Message> {
        let State::Negotiated(negotiate) = &self.state else { return None };
        let first = !std::mem::replace(&mut self.prompted, true);
        (first && text.to_ascii_lowercase().contains("ntlm")).then(|| Message::new(negotiate.clone()))
    }

    fn respond(&mut self, challenge: &[u8]) -> Result<Message, Fault> {
        match std::mem::replace(&mut self.state, State::Answered) {
            State::Negotiated(negotiate) => self.authenticate(&negotiate, challenge),
            State::Begin | State::Answered => {
                Err(Fault::Malformed("NTLM has one challenge, and this server sent another".into()))
            }
        }
    }
}

/// `CHALLENGE_MESSAGE` (MS-NLMP 2.2.1.2).
struct Challenge<'a> {
    flags: u32,
    nonce: [u8; 8],
    /// The `AV_PAIR`s as they came.
    info: &'a [u8],
    pairs: Vec<(u16, &'a [u8])>,
    time: Option<u64>,
}

impl<'a> Challenge<'a> {
    fn parse(bytes: &'a [u8]) -> Result<Self, Fault> {
        let malformed = |why: &'static str| Fault::Malformed(why.into());
        let short = || malformed("the NTLM challenge is too short");
        let part = |from: usize, to: usize| bytes.get(from..to).ok_or_else(short);
        if part(0, 8)? != SIGNATURE || number(part(8, 12)?) != 2 {
            return Err(malformed("the challenge is none of NTLM"));
        }
        let flags = number(part(20, 24)?);
        let nonce = part(24, 32)?.try_into().map_err(|_| short())?;
        if flags & FLAG_UNICODE == 0 {
            return Err(malformed("the server does not take Unicode"));
        }
        let info = match bytes.get(40..48) {
            None if bytes.len() <= 40 => &[][..],
            None => return Err(short()),
            Some(field) => {
                let (length, offset) = (number(&field[..2]) as usize, number(&field[4..]) as usize);
                let end = offset.checked_add(length);
                end.and_then(|end| bytes.get(offset..end))
                    .ok_or_else(|| malformed("the NTLM challenge points outside itself"))?
            }
        };
        let mut pairs = Vec::new();
        let mut rest = info;
        while !rest.is_empty() {
            let [a, b, c, d, after @ ..] = rest else { return Err(short()) };
            let (id, length) = (u16::from_le_bytes([*a, *b]), u16::from_le_bytes([*c, *d]));
            if id == AV_END {
                break;
            }
            let value = after.get(..length.into()).ok_or_else(short)?;
            pairs.push((id, value));
            rest = &after[value.len()..];
        }
        let time = pairs.iter().find(|(id, _)| *id == AV_TIMESTAMP);
        let time = time.and_then(|(_, value)| (*value).try_into().ok()).map(u64::from_le_bytes);
        Ok(Self { flags, nonce, info, pairs, time })
    }
}

/// What is computed of the password (MS-NLMP 3.3.2).
struct Answer {
    nt: Vec<u8>,
    lm: Vec<u8>,
    session_key: Zeroizing<Vec<u8>>,
}

impl Answer {
    fn new(key: &[u8], server: &[u8; 8], client: &[u8; 8], time: u64, info: &[u8]) -> Self {
        let mut temp = vec![1, 1, 0, 0, 0, 0, 0, 0];
        temp.extend_from_slice(&time.to_le_bytes());
        temp.extend_from_slice(client);
        temp.extend_from_slice(&[0; 4]);
        temp.extend_from_slice(info);
        temp.extend_from_slice(&[0; 4]);
        let mut nt = hash::hmac(&MD5, key, &[server, &temp[..]].concat());
        let session_key = Zeroizing::new(hash::hmac(&MD5, key, &nt));
        nt.extend_from_slice(&temp);
        let mut lm = hash::hmac(&MD5, key, &[&server[..], client].concat());
        lm.extend_from_slice(client);
        Self { nt, lm, session_key }
    }
}

/// `NTOWFv2` (MS-NLMP 3.3.2).
fn response_key(user: &str, domain: &str, password: &str) -> Zeroizing<Vec<u8>> {
    let key = Zeroizing::new(Md4::digest(&*Zeroizing::new(utf16(password))).to_vec());
    Zeroizing::new(hash::hmac(&MD5, &key, &utf16(&format!("{}{domain}", user.to_uppercase()))))
}

/// The MD5 of a `gss_channel_bindings_struct` that holds nothing else (RFC 2744 section 3.11, MS-NLMP 2.2.2.1).
fn channel_binding(certificate_hash: &[u8]) -> Vec<u8> {
    let data = [b"tls-server-end-point:", certificate_hash].concat();
    let length = u32::try_from(data.len()).unwrap_or_default().to_le_bytes();
    MD5.digest(&[&[0; 16], &length, &data])
}

fn utf16(text: &str) -> Vec<u8> {
    text.encode_utf16().flat_map(u16::to_le_bytes).collect()
}

/// Up to four octets, the least first.
fn number(bytes: &[u8]) -> u32 {
    bytes.iter().take(4).rev().fold(0, |number, byte| number << 8 | u32::from(*byte))
}

/// Units of 100 ns since 1601.
fn file_time(unix_seconds: i64) -> u64 {
    u64::try_from(unix_seconds.saturating_add(11_644_473_600)).unwrap_or_default().saturating_mul(10_000_000)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::protocol::auth::tests::with_material;

    /// MS-NLMP 4.2.4: the pairs of the example.
    const INFO: &[u8] = b"\x02\0\x0c\0D\0o\0m\0a\0i\0n\0\x01\0\x0c\0S\0e\0r\0v\0e\0r\0\0\0\0\0";
    const NONCE: [u8; 8] = [0x01, 0x23, 0x45, 0x67, 0x89, 0xab, 0xcd, 0xef];

    fn ntlm(account: &str) -> Ntlm {
        let c =
            Credentials { account: account.into(), password: "Password".into(), ..Credentials::default() };
        let mut ntlm = with_material(&c, "", |mut m| Ntlm::new(&mut m));
        ntlm.client_challenge = [0xaa; 8];
        ntlm
    }

    fn challenge(info: &[u8]) -> Vec<u8> {
        let length = u16::try_from(info.len()).unwrap().to_le_bytes();
        let mut bytes =
            [&SIGNATURE[..], &2_u32.to_le_bytes(), &[0; 8], &0xe28a_8233_u32.to_le_bytes()].concat();
        bytes.extend_from_slice(&NONCE);
        bytes.extend_from_slice(&[0; 8]);
        bytes.extend_from_slice(&[&length[..], &length, &56_u32.to_le_bytes(), &[0; 8], info].concat());
        bytes
    }

    fn field(message: &[u8], index: usize) -> &[u8] {
        let at = 12 + index * 8;
        let (length, offset) = (number(&message[at..at + 2]), number(&message[at + 4..at + 8]));
        &message[offset as usize..(offset + length) as usize]
    }

    #[test]
    fn ms_nlmp_4_2_4() {
        let key = response_key("User", "Domain", "Password");
        assert_eq!(hash::hex(&key), "0c868a403bfd7a93a3001ef22ef02e3f");
        let answer = Answer::new(&key, &NONCE, &[0xaa; 8], 0, INFO);
        assert_eq!(hash::hex(&answer.lm), "86c35097ac9cec102554764a57cccc19aaaaaaaaaaaaaaaa");
        assert_eq!(hash::hex(&answer.nt[..16]), "68cd0ab851e51c96aabc927bebef6a1c");
        assert_eq!(hash::hex(&answer.session_key), "8de40ccadbc14a82f15cb0ad0de95ca3");
    }

    #[test]
    fn the_answer_is_that_of_the_example_for_a_server_without_a_clock() {
        let mut ntlm = ntlm("Domain\\User");
        ntlm.unix_seconds = -11_644_473_600;
        assert!(matches!(ntlm.initial(), Some(m) if m.starts_with(b"NTLMSSP\0\x01\0\0\0\x05\x82\x88\xa0\0")));
        let message = ntlm.respond(&challenge(INFO)).unwrap();
        assert_eq!(hash::hex(field(&message, 0)), "86c35097ac9cec102554764a57cccc19aaaaaaaaaaaaaaaa");
        assert_eq!(hash::hex(&field(&message, 1)[..16]), "68cd0ab851e51c96aabc927bebef6a1c");
        assert_eq!(field(&message, 2), utf16("Domain"));
        assert_eq!(field(&message, 3), utf16("User"));
        assert_eq!(number(&message[60..64]), 0xa088_8201, "what both can do, and Unicode");
        assert_eq!(message[MIC], [0; 16]);
        ntlm.respond(&challenge(INFO)).unwrap_err();
    }

    #[test]
    fn with_the_servers_time_the_three_messages_are_sealed() {
        let time = 0x01d0_0000_0000_0000_u64.to_le_bytes();
        let info = [&INFO[..INFO.len() - 4], b"\x07\0\x08\0", &time, &[0; 4]].concat();
        let mut ntlm = ntlm("User@Domain");
        ntlm.host = "mail.test".into();
        ntlm.binding = Some(b"hash".to_vec());
        let Some(negotiate) = ntlm.initial() else { panic!() };
        let challenge = challenge(&info);
        let message = ntlm.respond(&challenge).unwrap();
        assert_eq!(field(&message, 0), [0; 24]);
        let nt = field(&message, 1);
        assert_eq!(nt[24..32], time, "the server's time is used");
        let sent = &nt[44..];
        for wanted in [&b"\x06\0\x04\0\x02\0\0\0"[..], &utf16("SMTPSVC/mail.test"), &channel_binding(b"hash")]
        {
            assert!(sent.windows(wanted.len()).any(|w| w == wanted));
        }
        let key = response_key("User", "Domain", "Password");
        let session_key = hash::hmac(&MD5, &key, &nt[..16]);
        let mut blank = message.to_vec();
        blank[MIC].fill(0);
        let mic = hash::hmac(&MD5, &session_key, &[&negotiate[..], &challenge, &blank].concat());
        assert_eq!(message[MIC], mic);
    }

    /// MS-NLMP has no example; another implementation (ntlm-auth for Python) comes to the same.
    #[test]
    fn the_channel_is_bound_by_the_hash_of_its_certificate() {
        let hash = b"\xe3\xca\x49\x27\x1e\x50\x89\xcc\x48\xce\x82\x10\x9f\x13\x24\xf4\
                     \x1d\xbe\xdd\xc2\x9a\x77\x74\x10\xc7\x38\xf7\x86\x8c\x4f\xf4\x05";
        assert_eq!(hash::hex(&channel_binding(hash)), "6ea19df066da4622051f9c4f92c6df74");
    }

    #[test]
    fn what_the_server_says_of_itself_is_kept() {
        assert_eq!(number(&[1, 2, 3, 4]), 0x0403_0201);
        let sent = ntlm("u").extended(&[(AV_FLAGS, &[3, 0, 1, 0])]);
        assert!(sent.starts_with(b"\x06\0\x04\0\x03\0\x01\0"), "{sent:?}");
    }

    #[test]
    fn hostile_challenges_are_refused() {
        let good = challenge(INFO);
        let with = |at: usize, bytes: &[u8]| {
            let mut bad = good.clone();
            bad[at..at + bytes.len()].copy_from_slice(bytes);
            bad
        };
        let bad = [
            Vec::new(),
            good[..31].to_vec(),
            good[..47].to_vec(),
            with(0, b"X"),
            with(8, &[3]),
            with(20, &[0]),
            with(40, &[0xff, 0xff]),
            with(44, &[0xff, 0xff, 0xff, 0xff]),
            with(58, &[0xff, 0xff]),
        ];
        for bytes in bad {
            let mut ntlm = ntlm("u");
            ntlm.initial();
            assert!(matches!(ntlm.respond(&bytes), Err(Fault::Malformed(_))), "{bytes:?}");
        }
    }
}
