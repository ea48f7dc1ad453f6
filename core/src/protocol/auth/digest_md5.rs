//! DIGEST-MD5 (RFC 2831): user name, realm and password hashed with two nonces; the server answers with a hash of its
//! own (`rspauth`), without which a login does not count.
//!
//! Only authentication is asked for (`qop=auth`): TLS protects the session.

use std::fmt::Write as _;

use zeroize::Zeroizing;

use super::{
    Fault, Material, Mechanism, Message,
    credentials::split_domain,
    hash::{self, MD5},
    prepare::prepare,
};
use crate::{error::Error, types::Secret};

/// The longest challenge (RFC 2831 section 2.1.1).
const MAX_CHALLENGE: usize = 2_048;

/// How user name, realm and password become octets.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Charset {
    /// The server names none: ISO 8859-1.
    Latin1,
    /// `utf-8`: sent so, and hashed as ISO 8859-1 where that can hold the value (RFC 2831 section 2.1.2.1).
    Utf8,
    /// `"utf-8"` in quotation marks, which the grammar does not have: Dovecot, which hashes UTF-8 whatever it holds.
    PureUtf8,
}

enum State {
    Asked,
    /// The answer was sent; `rspauth` has to be this.
    Answered(String),
    Verified,
}

/// One DIGEST-MD5 exchange.
pub(super) struct DigestMd5 {
    account: String,
    password: Secret,
    /// The same two through SASLprep.
    prepared: (String, Zeroizing<String>),
    cnonce: String,
    uri: String,
    state: State,
}

impl DigestMd5 {
    pub(super) fn new(material: &mut Material<'_>) -> Result<Self, Error> {
        let prepared = prepare(material.credentials)?;
        Ok(Self {
            account: material.credentials.account.clone(),
            password: material.credentials.password.clone(),
            prepared: (prepared.account, prepared.password),
            cnonce: material.nonces.text(),
            uri: format!("smtp/{}", material.host),
            state: State::Asked,
        })
    }

    fn answer(&mut self, challenge: &[u8]) -> Result<Message, Fault> {
        let challenge = Challenge::parse(challenge)?;
        let (account, password) = match challenge.charset {
            Charset::Latin1 => (self.account.as_str(), self.password.expose()),
            _ => (self.prepared.0.as_str(), self.prepared.1.as_str()),
        };
        let (user, realm) = challenge.realm_for(account);
        let encode = |text: &str, hashed: bool| encode(text, challenge.charset, hashed).ok_or(NOT_LATIN1);
        let realm_part = realm.map(|realm| encode(realm, true)).transpose()?.unwrap_or_default();
        let key = Zeroizing::new(MD5.digest(&[
            &encode(user, true)?,
            b":",
            &realm_part,
            b":",
            &encode(password, true)?,
        ]));
        let nonce = encode(&challenge.nonce, false)?;
        let a1 = MD5.digest(&[&key, b":", &nonce, b":", self.cnonce.as_bytes()]);
        let response = |verb: &[u8]| {
            let a2 = MD5.digest(&[verb, b":", self.uri.as_bytes()]);
            let cnonce = self.cnonce.as_bytes();
            let (a1, a2) = (hash::hex(&a1), hash::hex(&a2));
            hash::hex(&MD5.digest(&[
                a1.as_bytes(),
                b":",
                &nonce,
                b":00000001:",
                cnonce,
                b":auth:",
                a2.as_bytes(),
            ]))
        };
        let mut text = String::new();
        if challenge.charset != Charset::Latin1 {
            text.push_str("charset=utf-8,");
        }
        let _ = write!(text, "username={}", quoted(user));
        if let Some(realm) = realm {
            let _ = write!(text, ",realm={}", quoted(realm));
        }
        let _ = write!(
            text,
            ",nonce={},nc=00000001,cnonce={},digest-uri={},response={},qop=auth",
            quoted(&challenge.nonce),
            quoted(&self.cnonce),
            quoted(&self.uri),
            response(b"AUTHENTICATE")
        );
        let expected = response(b"");
        let message = encode(&text, false)?;
        self.state = State::Answered(expected);
        Ok(message)
    }
}

const NOT_LATIN1: Fault = Fault::Malformed(std::borrow::Cow::Borrowed(
    "the server takes ISO 8859-1 only, which has not all letters",
));

impl Mechanism for DigestMd5 {
    fn initial(&mut self) -> Option<Message> {
        None
    }

    fn respond(&mut self, challenge: &[u8]) -> Result<Message, Fault> {
        match &self.state {
            State::Asked => self.answer(challenge),
            State::Answered(expected) => {
                let directives = directives(&latin1(challenge))?;
                let proof = directives.iter().find(|d| d.name == "rspauth");
                let proof =
                    proof.ok_or(Fault::Malformed("the server's last message has no rspauth".into()))?;
                if !hash::same(proof.value.to_ascii_lowercase().as_bytes(), expected.as_bytes()) {
                    let why = "the server's rspauth is wrong: it does not know the password";
                    return Err(Fault::Unverified(why.into()));
                }
                self.state = State::Verified;
                Ok(Message::default())
            }
            State::Verified => {
                Err(Fault::Malformed("DIGEST-MD5 is over, and this server sent another challenge".into()))
            }
        }
    }

    fn finish(&mut self) -> Result<(), Fault> {
        match self.state {
            State::Verified => Ok(()),
            _ => Err(Fault::Unverified("the server did not prove that it knows the password".into())),
        }
    }
}

/// What the server asks for.
#[derive(Debug)]
struct Challenge {
    realms: Vec<String>,
    nonce: String,
    charset: Charset,
}

impl Challenge {
    fn parse(bytes: &[u8]) -> Result<Self, Fault> {
        let malformed = |why: &'static str| Err(Fault::Malformed(why.into()));
        if bytes.len() >= MAX_CHALLENGE {
            return malformed("the challenge is longer than DIGEST-MD5 allows");
        }
        let directives = directives(&latin1(bytes))?;
        let all = |name: &'static str| directives.iter().filter(move |d| d.name == name);
        let charset = match all("charset").next() {
            None => Charset::Latin1,
            Some(d) if !d.value.eq_ignore_ascii_case("utf-8") => {
                return malformed("the challenge names a charset other than utf-8");
            }
            Some(d) if d.quoted => Charset::PureUtf8,
            Some(_) => Charset::Utf8,
        };
        let text = |value: &str| match charset {
            Charset::Latin1 => Some(value.to_owned()),
            _ => String::from_utf8(encode(value, Charset::Latin1, true)?.to_vec()).ok(),
        };
        let mut nonces = all("nonce");
        let (Some(nonce), None) = (nonces.next(), nonces.next()) else {
            return malformed("the challenge has not one nonce");
        };
        if nonce.value.is_empty() {
            return malformed("the challenge has an empty nonce");
        }
        if all("algorithm").next().is_none_or(|d| !d.value.eq_ignore_ascii_case("md5-sess")) {
            return malformed("the challenge names no algorithm or another than md5-sess");
        }
        let auth = |d: &Directive| d.value.split(',').any(|qop| qop.trim().eq_ignore_ascii_case("auth"));
        if all("qop").next().is_some() && !all("qop").any(auth) {
            return malformed("the server does not offer authentication alone (qop=auth)");
        }
        let realms: Option<Vec<String>> = all("realm").map(|d| text(&d.value)).collect();
        match (realms, text(&nonce.value)) {
            (Some(realms), Some(nonce)) => Ok(Self { realms, nonce, charset }),
            _ => malformed("the challenge is not UTF-8, as it says"),
        }
    }

    /// User name and realm: an account `user@domain` belongs to that realm where the server has it or leaves the choice
    /// open; else the first realm offered.
    fn realm_for<'a>(&'a self, account: &'a str) -> (&'a str, Option<&'a str>) {
        let (user, domain) = split_domain(account);
        let open = self.realms.iter().all(String::is_empty);
        let offered = self.realms.iter().find(|realm| realm.eq_ignore_ascii_case(domain));
        match (offered, self.realms.iter().find(|realm| !realm.is_empty())) {
            _ if domain.is_empty() => (account, self.realms.first().map(String::as_str)),
            (Some(realm), _) => (user, Some(realm)),
            (None, _) if open => (user, Some(domain)),
            (None, first) => (account, first.map(String::as_str)),
        }
    }
}

#[derive(Debug)]
struct Directive {
    name: String,
    value: String,
    quoted: bool,
}

/// `name=token,name="quoted \" string"` (RFC 2831 section 7.1).
fn directives(text: &str) -> Result<Vec<Directive>, Fault> {
    let malformed = || Fault::Malformed("the challenge is no list of directives".into());
    let mut found = Vec::new();
    let mut rest = text;
    loop {
        rest = rest.trim_start_matches([',', ' ', '\t', '\r', '\n']);
        if rest.is_empty() {
            return Ok(found);
        }
        let (name, after) = rest.split_once('=').ok_or_else(malformed)?;
        let (name, after) = (name.trim().to_ascii_lowercase(), after.trim_start());
        if let Some(quoted) = after.strip_prefix('"') {
            let mut value = String::new();
            let mut chars = quoted.char_indices();
            let end = loop {
                match chars.next().ok_or_else(malformed)? {
                    (at, '"') => break at,
                    (_, '\\') => value.push(chars.next().ok_or_else(malformed)?.1),
                    (_, c) => value.push(c),
                }
            };
            rest = quoted.get(end + 1..).unwrap_or_default();
            found.push(Directive { name, value, quoted: true });
        } else {
            let end = after.find(',').unwrap_or(after.len());
            found.push(Directive { name, value: after[..end].trim().to_owned(), quoted: false });
            rest = &after[end..];
        }
    }
}

/// Octets as the characters of ISO 8859-1.
fn latin1(bytes: &[u8]) -> String {
    bytes.iter().copied().map(char::from).collect()
}

/// The octets of a value, to be sent or to be hashed; `None` when the charset has not all its letters.
fn encode(text: &str, charset: Charset, hashed: bool) -> Option<Message> {
    let narrow = || text.chars().map(|c| u8::try_from(u32::from(c)).ok()).collect::<Option<Vec<u8>>>();
    let utf8 = || text.as_bytes().to_vec();
    Some(Message::new(match charset {
        Charset::Latin1 => narrow()?,
        Charset::Utf8 if hashed => narrow().unwrap_or_else(utf8),
        Charset::Utf8 | Charset::PureUtf8 => utf8(),
    }))
}

fn quoted(text: &str) -> String {
    format!("\"{}\"", text.replace('\\', "\\\\").replace('"', "\\\""))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::protocol::auth::{Credentials, tests::with_material};

    fn digest(account: &str, password: &str, host: &str, cnonce: &str) -> DigestMd5 {
        let c = Credentials { account: account.into(), password: password.into(), ..Credentials::default() };
        let digest = with_material(&c, "", |m| DigestMd5::new(&mut Material { host, ..m }).unwrap());
        DigestMd5 { cnonce: cnonce.to_owned(), ..digest }
    }

    fn text(message: Result<Message, Fault>) -> String {
        String::from_utf8(message.unwrap().to_vec()).unwrap()
    }

    #[test]
    fn rfc_2831_section_4() {
        for (service, nonce, cnonce, response, rspauth) in [
            (
                "imap",
                "OA6MG9tEQGm2hh",
                "OA6MHXh6VqTrRk",
                "d388dad90d4bbd760a152321f2143af7",
                "ea40f60335c427b5527b84dbabcdfffd",
            ),
            (
                "acap",
                "OA9BSXrbuRhWay",
                "OA9BSuZWMSpW8m",
                "6084c6db3fede7352c551284490fd0fc",
                "2f0b3d7c3c2e486600ef710726aa2eae",
            ),
        ] {
            let mut digest = digest("chris", "secret", "", cnonce);
            digest.uri = format!("{service}/elwood.innosoft.com");
            let challenge = format!(
                "realm=\"elwood.innosoft.com\",nonce=\"{nonce}\",qop=\"auth\",algorithm=md5-sess,charset=utf-8"
            );
            assert_eq!(
                text(digest.respond(challenge.as_bytes())),
                format!(
                    "charset=utf-8,username=\"chris\",realm=\"elwood.innosoft.com\",nonce=\"{nonce}\",nc=00000001,\
                     cnonce=\"{cnonce}\",digest-uri=\"{service}/elwood.innosoft.com\",response={response},qop=auth"
                )
            );
            digest.finish().unwrap_err();
            assert_eq!(text(digest.respond(format!("rspauth={rspauth}").as_bytes())), "");
            digest.finish().unwrap();
        }
    }

    #[test]
    fn a_wrong_or_missing_rspauth_is_found_out() {
        for (last, unverified) in
            [("rspauth=ea40", true), ("rspauth=\"\"", true), ("", false), ("a=b", false)]
        {
            let mut digest = digest("chris", "secret", "h", "c");
            digest.respond(b"nonce=\"n\",algorithm=md5-sess").unwrap();
            let fault = digest.respond(last.as_bytes()).unwrap_err();
            assert_eq!(matches!(fault, Fault::Unverified(_)), unverified, "{last}");
            digest.finish().unwrap_err();
        }
    }

    #[test]
    fn quotes_and_commas_stay_inside_their_value() {
        let mut digest = digest("a \"b\\c\" d,e", "p", "host", "c");
        let answer = text(
            digest.respond(br#"realm="x \"y\", z" , nonce="n\\m",qop="auth,auth-int",algorithm=md5-sess"#),
        );
        assert!(
            answer.starts_with(r#"username="a \"b\\c\" d,e",realm="x \"y\", z",nonce="n\\m","#),
            "{answer}"
        );
    }

    #[test]
    fn hostile_challenges_are_refused() {
        let long = format!("nonce=\"{}\",algorithm=md5-sess", "n".repeat(3_000));
        for challenge in [
            "",
            "nonce",
            "nonce=\"n",
            "nonce=\"n\\",
            "nonce=\"n\"",
            "nonce=\"\",algorithm=md5-sess",
            "nonce=\"a\",nonce=\"b\",algorithm=md5-sess",
            "nonce=\"n\",algorithm=md5",
            "nonce=\"n\",algorithm=md5-sess,qop=\"auth-int\"",
            "nonce=\"n\",algorithm=md5-sess,charset=utf-7",
            "realm=\"\u{ff}\",nonce=\"n\",algorithm=md5-sess,charset=utf-8",
            &long,
        ] {
            let bytes: Vec<u8> = challenge.chars().map(|c| c as u8).collect();
            let fault = digest("u", "p", "h", "c").respond(&bytes).unwrap_err();
            assert!(matches!(fault, Fault::Malformed(_)), "{challenge}");
        }
    }

    #[test]
    fn the_realm_is_the_accounts_own_where_the_server_has_it() {
        let pick = |realms: &[&str], account: &str| {
            let realms = realms.iter().map(|r| (*r).to_owned()).collect();
            let challenge = Challenge { realms, nonce: "n".into(), charset: Charset::Utf8 };
            let (user, realm) = challenge.realm_for(account);
            (user.to_owned(), realm.map(str::to_owned))
        };
        let is = |user: &str, realm: Option<&str>| (user.to_owned(), realm.map(str::to_owned));
        assert_eq!(pick(&["a.test", "b.test"], "u@B.test"), is("u", Some("b.test")));
        assert_eq!(pick(&["a.test", "b.test"], "u"), is("u", Some("a.test")));
        assert_eq!(pick(&["a.test"], "u@c.test"), is("u@c.test", Some("a.test")));
        assert_eq!(pick(&[""], "u@c.test"), is("u", Some("c.test")));
        assert_eq!(pick(&[], "u@c.test"), is("u", Some("c.test")));
        assert_eq!(pick(&[], "u"), is("u", None));
        assert_eq!(pick(&[""], "u"), is("u", Some("")));
    }

    #[test]
    fn letters_beyond_ascii_are_hashed_as_the_server_does() {
        let answers = |charset: &str| {
            let mut digest = digest("j\u{fc}rgen", "p\u{e4}ss", "h", "c");
            let challenge = format!("nonce=\"n\",algorithm=md5-sess{charset}");
            let message = digest.respond(challenge.as_bytes()).unwrap();
            let shown = latin1(&message);
            let response = shown.split("response=").nth(1).unwrap().to_owned();
            (shown.contains("j\u{fc}rgen"), response)
        };
        let (narrow, latin) = answers("");
        let (wide, utf8) = answers(",charset=utf-8");
        let (_, pure) = answers(",charset=\"utf-8\"");
        assert!(narrow && !wide, "sent in the charset agreed on");
        assert_eq!(latin, utf8, "hashed as ISO 8859-1 in both (RFC 2831 section 2.1.2.1)");
        assert_ne!(utf8, pure);
        let fault = digest("\u{65e5}", "p", "h", "c").respond(b"nonce=\"n\",algorithm=md5-sess").unwrap_err();
        assert!(matches!(fault, Fault::Malformed(_)));
    }
}
