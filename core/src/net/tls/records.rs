//! What a server says in clear at the beginning of TLS: it does not depend on the platform's library.
//!
//! The `ServerHello` names version and cipher suite (RFC 8446 section 4.1.3, RFC 5246 section 7.4.1.3), and once the
//! handshake has succeeded nobody in between can have changed it. Alerts before encryption say why it failed.

/// An alert (RFC 8446 section 6) by its number.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Alert(pub(super) u8);

impl Alert {
    pub(super) const HANDSHAKE_FAILURE: Self = Self(40);
    pub(super) const PROTOCOL_VERSION: Self = Self(70);
    pub(super) const UNRECOGNIZED_NAME: Self = Self(112);
    pub(super) const CERTIFICATE_REQUIRED: Self = Self(116);

    /// Whether it is about the certificate of the client.
    pub(super) fn is_about_certificate(self) -> bool {
        matches!(self.0, 41..=46 | 48 | 113..=114)
    }

    /// The name of the registry: `handshake_failure`.
    pub(super) fn name(self) -> &'static str {
        ALERTS.iter().find(|(number, _)| *number == self.0).map_or("of an unknown kind", |(_, name)| name)
    }
}

/// What was heard.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Heard {
    /// The version that the server chose.
    pub(super) version: Option<u16>,
    /// The cipher suite that it chose.
    pub(super) cipher: Option<u16>,
    /// It asked for a client certificate; in TLS 1.3 that is encrypted.
    pub(super) asks_for_certificate: bool,
    /// Its last words.
    pub(super) alert: Option<Alert>,
}

// Types of records and of handshake messages.
const CHANGE_CIPHER_SPEC: u8 = 20;
const ALERT: u8 = 21;
const HANDSHAKE: u8 = 22;
const SERVER_HELLO: u8 = 2;
const CERTIFICATE_REQUEST: u8 = 13;
const SUPPORTED_VERSIONS: u16 = 43;

/// Reads as far as it is in clear, and as far as it goes.
pub(super) fn read(bytes: &[u8]) -> Heard {
    let mut heard = Heard::default();
    let mut messages = Vec::new();
    let mut rest = bytes;
    while let Some((kind, body, after)) = record(rest) {
        match (kind, body) {
            (HANDSHAKE, _) => messages.extend(body),
            (ALERT, [_, description]) => heard.alert = Some(Alert(*description)),
            (CHANGE_CIPHER_SPEC, _) => break,
            _ => break,
        }
        rest = after;
    }
    let mut rest = messages.as_slice();
    while let Some((kind, body, after)) = message(rest) {
        match kind {
            SERVER_HELLO if heard.version.is_none() => {
                (heard.version, heard.cipher) = server_hello(body).unzip();
            }
            CERTIFICATE_REQUEST => heard.asks_for_certificate = true,
            _ => {}
        }
        rest = after;
    }
    heard
}

/// Type, content and what follows; the last one may be cut.
fn record(bytes: &[u8]) -> Option<(u8, &[u8], &[u8])> {
    let (&[kind, major, _, high, low], rest) = bytes.split_first_chunk::<5>()?;
    let length = usize::from(u16::from_be_bytes([high, low])).min(rest.len());
    (major == 3).then(|| (kind, &rest[..length], &rest[length..]))
}

fn message(bytes: &[u8]) -> Option<(u8, &[u8], &[u8])> {
    let (&[kind, a, b, c], rest) = bytes.split_first_chunk::<4>()?;
    let length = usize::try_from(u32::from_be_bytes([0, a, b, c])).ok()?.min(rest.len());
    Some((kind, &rest[..length], &rest[length..]))
}

/// Version and cipher suite.
fn server_hello(body: &[u8]) -> Option<(u16, u16)> {
    let (version, rest) = number(body)?;
    let (&session, rest) = rest.get(32..)?.split_first()?;
    let (cipher, rest) = number(rest.get(usize::from(session)..)?)?;
    Some((rest.get(3..).and_then(supported_version).unwrap_or(version), cipher))
}

/// TLS 1.3 calls itself 1.2, and tells the truth in an extension.
fn supported_version(mut extensions: &[u8]) -> Option<u16> {
    loop {
        let (kind, rest) = number(extensions)?;
        let (length, rest) = number(rest)?;
        if kind == SUPPORTED_VERSIONS {
            return Some(number(rest)?.0);
        }
        extensions = rest.get(usize::from(length)..)?;
    }
}

fn number(bytes: &[u8]) -> Option<(u16, &[u8])> {
    let (number, rest) = bytes.split_first_chunk::<2>()?;
    Some((u16::from_be_bytes(*number), rest))
}

/// `TLSv1.3`.
pub(super) fn version_name(version: u16) -> String {
    match version {
        0x0300 => "SSLv3".to_owned(),
        0x0301 => "TLSv1".to_owned(),
        0x0302..=0x0304 => format!("TLSv1.{}", version - 0x0301),
        _ => format!("0x{version:04X}"),
    }
}

/// The name of the registry, `TLS_AES_256_GCM_SHA384`, or the number where it is a rare one.
pub(super) fn cipher_name(cipher: u16) -> String {
    let known = CIPHERS.iter().find(|(number, _)| *number == cipher);
    known.map_or_else(|| format!("0x{cipher:04X}"), |(_, name)| (*name).to_owned())
}

/// The IANA registry "TLS Alerts": those that a server may send.
const ALERTS: [(u8, &str); 30] = [
    (0, "close_notify"),
    (10, "unexpected_message"),
    (20, "bad_record_mac"),
    (22, "record_overflow"),
    (40, "handshake_failure"),
    (41, "no_certificate"),
    (42, "bad_certificate"),
    (43, "unsupported_certificate"),
    (44, "certificate_revoked"),
    (45, "certificate_expired"),
    (46, "certificate_unknown"),
    (47, "illegal_parameter"),
    (48, "unknown_ca"),
    (49, "access_denied"),
    (50, "decode_error"),
    (51, "decrypt_error"),
    (70, "protocol_version"),
    (71, "insufficient_security"),
    (80, "internal_error"),
    (86, "inappropriate_fallback"),
    (90, "user_canceled"),
    (100, "no_renegotiation"),
    (109, "missing_extension"),
    (110, "unsupported_extension"),
    (112, "unrecognized_name"),
    (113, "bad_certificate_status_response"),
    (114, "bad_certificate_hash_value"),
    (115, "unknown_psk_identity"),
    (116, "certificate_required"),
    (120, "no_application_protocol"),
];

/// The IANA registry "TLS Cipher Suites": those that mail servers choose.
const CIPHERS: [(u16, &str); 36] = [
    (0x1301, "TLS_AES_128_GCM_SHA256"),
    (0x1302, "TLS_AES_256_GCM_SHA384"),
    (0x1303, "TLS_CHACHA20_POLY1305_SHA256"),
    (0x1304, "TLS_AES_128_CCM_SHA256"),
    (0x1305, "TLS_AES_128_CCM_8_SHA256"),
    (0x000A, "TLS_RSA_WITH_3DES_EDE_CBC_SHA"),
    (0x002F, "TLS_RSA_WITH_AES_128_CBC_SHA"),
    (0x0033, "TLS_DHE_RSA_WITH_AES_128_CBC_SHA"),
    (0x0035, "TLS_RSA_WITH_AES_256_CBC_SHA"),
    (0x0039, "TLS_DHE_RSA_WITH_AES_256_CBC_SHA"),
    (0x003C, "TLS_RSA_WITH_AES_128_CBC_SHA256"),
    (0x003D, "TLS_RSA_WITH_AES_256_CBC_SHA256"),
    (0x0067, "TLS_DHE_RSA_WITH_AES_128_CBC_SHA256"),
    (0x006B, "TLS_DHE_RSA_WITH_AES_256_CBC_SHA256"),
    (0x009C, "TLS_RSA_WITH_AES_128_GCM_SHA256"),
    (0x009D, "TLS_RSA_WITH_AES_256_GCM_SHA384"),
    (0x009E, "TLS_DHE_RSA_WITH_AES_128_GCM_SHA256"),
    (0x009F, "TLS_DHE_RSA_WITH_AES_256_GCM_SHA384"),
    (0xC009, "TLS_ECDHE_ECDSA_WITH_AES_128_CBC_SHA"),
    (0xC00A, "TLS_ECDHE_ECDSA_WITH_AES_256_CBC_SHA"),
    (0xC012, "TLS_ECDHE_RSA_WITH_3DES_EDE_CBC_SHA"),
    (0xC013, "TLS_ECDHE_RSA_WITH_AES_128_CBC_SHA"),
    (0xC014, "TLS_ECDHE_RSA_WITH_AES_256_CBC_SHA"),
    (0xC023, "TLS_ECDHE_ECDSA_WITH_AES_128_CBC_SHA256"),
    (0xC024, "TLS_ECDHE_ECDSA_WITH_AES_256_CBC_SHA384"),
    (0xC027, "TLS_ECDHE_RSA_WITH_AES_128_CBC_SHA256"),
    (0xC028, "TLS_ECDHE_RSA_WITH_AES_256_CBC_SHA384"),
    (0xC02B, "TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256"),
    (0xC02C, "TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384"),
    (0xC02F, "TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256"),
    (0xC030, "TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384"),
    (0xC0AC, "TLS_ECDHE_ECDSA_WITH_AES_128_CCM"),
    (0xC0AD, "TLS_ECDHE_ECDSA_WITH_AES_256_CCM"),
    (0xCCA8, "TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256"),
    (0xCCA9, "TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256"),
    (0xCCAA, "TLS_DHE_RSA_WITH_CHACHA20_POLY1305_SHA256"),
];

#[cfg(test)]
mod tests {
    use super::*;

    /// The `ServerHello` of RFC 8448 section 3, in its record.
    const TLS13: &[u8] = b"\x16\x03\x03\x00\x5a\x02\x00\x00\x56\x03\x03\xa6\xaf\x06\xa4\x12\x18\x60\xdc\x5e\x6e\x60\
        \x24\x9c\xd3\x4c\x95\x93\x0c\x8a\xc5\xcb\x14\x34\xda\xc1\x55\x77\x2e\xd3\xe2\x69\x28\x00\x13\x01\x00\x00\x2e\
        \x00\x33\x00\x24\x00\x1d\x00\x20\xc9\x82\x88\x76\x11\x20\x95\xfe\x66\x76\x2b\xdb\xf7\xc6\x72\xe1\x56\xd6\xcc\
        \x25\x3b\x83\x3d\xf1\xdd\x69\xb1\xb0\x4e\x75\x1f\x0f\x00\x2b\x00\x02\x03\x04";

    fn hello12(version: u8) -> Vec<u8> {
        let body = [&[3, version][..], &[7; 32], &[0], &[0xC0, 0x2F], &[0], &[0, 0]].concat();
        [&[2, 0, 0, u8::try_from(body.len()).unwrap()][..], &body].concat()
    }

    fn records(messages: &[u8], size: usize) -> Vec<u8> {
        let record = |piece: &[u8]| [&[22, 3, 3, 0, u8::try_from(piece.len()).unwrap()][..], piece].concat();
        messages.chunks(size).flat_map(record).collect()
    }

    #[test]
    fn version_and_cipher_are_those_of_the_server_hello() {
        let heard = read(TLS13);
        assert_eq!(heard.version.map(version_name).as_deref(), Some("TLSv1.3"));
        assert_eq!(heard.cipher.map(cipher_name).as_deref(), Some("TLS_AES_128_GCM_SHA256"));
        let hello = hello12(3);
        let asked =
            [hello.as_slice(), &[11, 0, 0, 3, 0, 0, 0], &[13, 0, 0, 2, 0, 0], &[14, 0, 0, 0]].concat();
        for size in [1, 3, 100, 200] {
            let heard = read(&records(&asked, size));
            assert_eq!(heard.version.map(version_name).as_deref(), Some("TLSv1.2"));
            assert_eq!(
                heard.cipher.map(cipher_name).as_deref(),
                Some("TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256")
            );
            assert!(heard.asks_for_certificate);
        }
        assert_eq!(read(&records(&hello12(2), 200)).version.map(version_name).as_deref(), Some("TLSv1.1"));
    }

    #[test]
    fn alerts_in_clear_are_read_and_encrypted_ones_are_not() {
        assert_eq!(read(b"\x15\x03\x01\x00\x02\x02\x46").alert, Some(Alert::PROTOCOL_VERSION));
        let late = [records(&hello12(3), 100), b"\x15\x03\x03\x00\x02\x02\x28".to_vec()].concat();
        assert_eq!(read(&late).alert.map(Alert::name), Some("handshake_failure"));
        let encrypted = [TLS13, b"\x14\x03\x03\x00\x01\x01", b"\x15\x03\x03\x00\x02\x02\x28"].concat();
        assert_eq!(read(&encrypted).alert, None);
    }

    #[test]
    fn whatever_is_heard_nothing_breaks() {
        for end in 0..TLS13.len() {
            read(&TLS13[..end]);
        }
        for text in [
            b"220 mail.test ESMTP\r\n".as_slice(),
            b"\x16\x03\x03\xff\xff\x02\xff\xff\xff",
            &[0x16; 100],
            &[3; 100],
        ] {
            assert_eq!(read(text), Heard::default());
        }
    }
}
