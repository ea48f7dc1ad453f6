//! Makes signatures (RFC 6376 sections 3.5, 3.7 and 5).

use base64::{Engine, engine::general_purpose::STANDARD};
use sha2::{Digest, Sha256};

use super::{Canonicalization, DkimSigner, canonical::Body};
use crate::{
    error::Error,
    message::{
        Stamp,
        reader::changed,
        text::{PIECE, Text},
    },
};

/// Puts the signatures of all signers before `text`; `again` gives it once more, as hashing uses it up.
pub(in crate::message) fn sign(
    signers: &[DkimSigner],
    stamp: &Stamp,
    text: Text,
    again: impl FnOnce() -> Result<Text, Error>,
) -> Result<Text, Error> {
    if signers.is_empty() {
        return Ok(text);
    }
    for (i, signer) in signers.iter().enumerate() {
        signer.check(&format!("DKIM[{i}]"))?;
    }
    if let Some(field) = text.stream() {
        let problem = "a stream is read once, and a signature needs the body before it is sent; \
                       attach bytes or a file, or leave DKIM out";
        return Err(Error::input(field, problem));
    }
    let (mut hashed, mut sent, may_change) = match text.copy() {
        Some(copy) => (copy, text, false),
        None => (text, again()?, true),
    };
    let head = sent.head().to_vec();
    let hashes = hash(&mut hashed, head.len())?;
    let mut fields = Vec::new();
    for signer in signers {
        let body = &hashes[usize::from(signer.body_canonicalization.number())];
        field(signer, &head, body, stamp, &mut fields)?;
    }
    let [_, relaxed] = hashes;
    sent.sign(
        fields,
        may_change.then(|| BodyGuard {
            hash: Some(BodyHash::new(Canonicalization::Relaxed)),
            right: relaxed,
            skip: 0,
        }),
    );
    Ok(sent)
}

/// The hashes of the body in both canonical forms, indexed by their numbers.
fn hash(text: &mut Text, head: usize) -> Result<[[u8; 32]; 2], Error> {
    let mut simple = BodyHash::new(Canonicalization::Simple);
    let mut relaxed = BodyHash::new(Canonicalization::Relaxed);
    let (mut piece, mut skip) = (Vec::new(), head);
    loop {
        piece.clear();
        let more = text.read(&mut piece, PIECE)?;
        let body = &piece[skip.min(piece.len())..];
        skip -= piece.len() - body.len();
        simple.push(body);
        relaxed.push(body);
        if !more {
            return Ok([simple.finish(), relaxed.finish()]);
        }
    }
}

/// The hash of a body on its way.
#[derive(Debug)]
struct BodyHash {
    body: Body,
    hash: Sha256,
}

impl BodyHash {
    fn new(form: Canonicalization) -> Self {
        Self { body: Body::new(form), hash: Sha256::new() }
    }

    fn push(&mut self, piece: &[u8]) {
        self.body.push(piece, &mut |bytes| self.hash.update(bytes));
    }

    fn finish(mut self) -> [u8; 32] {
        self.body.finish(&mut |bytes| self.hash.update(bytes));
        self.hash.finalize().into()
    }
}

/// Watches the body that is sent: it must be the one that was signed.
#[derive(Debug)]
pub(in crate::message) struct BodyGuard {
    hash: Option<BodyHash>,
    right: [u8; 32],
    /// Octets before the body that are still to come.
    skip: usize,
}

impl BodyGuard {
    /// The same for a body with so many octets before it.
    pub(in crate::message) fn behind(self, octets: usize) -> Self {
        Self { skip: octets, ..self }
    }

    /// Sees the next piece, and at the last one decides.
    pub(in crate::message) fn see(&mut self, piece: &[u8], more: bool) -> Result<(), Error> {
        let body = &piece[self.skip.min(piece.len())..];
        self.skip -= piece.len() - body.len();
        let Some(hash) = &mut self.hash else { return Ok(()) };
        hash.push(body);
        if !more && self.hash.take().is_some_and(|hash| hash.finish() != self.right) {
            return Err(changed("a file of the signed message", "different"));
        }
        Ok(())
    }
}

/// Appends one `DKIM-Signature` field.
fn field(
    signer: &DkimSigner,
    head: &[u8],
    body_hash: &[u8; 32],
    stamp: &Stamp,
    out: &mut Vec<u8>,
) -> Result<(), Error> {
    let fields = fields_of(head);
    let names = covered(signer, &fields);
    let now = u64::try_from(stamp.date.unix_seconds).unwrap_or(0);
    let forms = (signer.header_canonicalization.tag(), signer.body_canonicalization.tag());
    let mut text = Folded::new("DKIM-Signature:");
    text.word(&format!("v=1; a={}; c={}/{};", signer.algorithm(), forms.0, forms.1));
    text.word(&format!("d={};", signer.domain()));
    text.word(&format!("s={};", signer.selector()));
    if let Some(identity) = &signer.identity {
        text.word(&format!("i={};", quoted(identity)));
    }
    text.word(&format!("t={now};"));
    if let Some(seconds) = signer.expires_after {
        text.word(&format!("x={};", now.saturating_add(u64::from(seconds))));
    }
    for (i, name) in names.iter().enumerate() {
        let end = if i + 1 == names.len() { ";" } else { ":" };
        let piece = format!("{}{name}{end}", if i == 0 { "h=" } else { "" });
        if i == 0 { text.word(&piece) } else { text.glue(&piece) }
    }
    text.word(&format!("bh={};", STANDARD.encode(body_hash)));
    text.word("b=");

    let mut signed = Vec::new();
    let mut left: Vec<&Field<'_>> = fields.iter().collect();
    for name in &names {
        // Several of one name are signed from the last one up (section 5.4.2); one that is not there counts as nothing.
        if let Some(at) = left.iter().rposition(|field| field.name.eq_ignore_ascii_case(name.as_bytes())) {
            signer.header_canonicalization.header(left.remove(at).whole, &mut signed);
        }
    }
    let start = signed.len();
    signer.header_canonicalization.header(format!("{}\r\n", text.out).as_bytes(), &mut signed);
    // Its own field comes without the line end (section 3.7).
    signed.truncate(signed.len().max(start + 2) - 2);
    let signature = signer.key().sign(&signed)?;
    for piece in signature.as_bytes().chunks(72) {
        text.glue(&String::from_utf8_lossy(piece));
    }
    out.extend_from_slice(text.out.as_bytes());
    out.extend_from_slice(b"\r\n");
    Ok(())
}

/// The names to put into `h=`: each signed header as often as it occurs, and once more where it may not be added.
fn covered<'a>(signer: &'a DkimSigner, fields: &[Field<'_>]) -> Vec<&'a str> {
    let mut names: Vec<&str> = Vec::new();
    let all = signer.headers.iter().chain(&signer.oversigned);
    for name in all.map(String::as_str) {
        if names.iter().any(|known| known.eq_ignore_ascii_case(name)) {
            continue;
        }
        let listed = |list: &[String]| list.iter().any(|n| n.eq_ignore_ascii_case(name));
        let found = fields.iter().filter(|field| field.name.eq_ignore_ascii_case(name.as_bytes())).count();
        let more = usize::from(listed(&signer.oversigned));
        names.extend(std::iter::repeat_n(name, found + more));
    }
    names
}

struct Field<'a> {
    name: &'a [u8],
    /// With its line ends.
    whole: &'a [u8],
}

/// The fields of a head whose lines end in CRLF; its empty line ends the last of them.
fn fields_of(head: &[u8]) -> Vec<Field<'_>> {
    let mut ends = Vec::new();
    let mut at = 0;
    for line in head.split_inclusive(|&b| b == b'\n') {
        if at > 0 && !line.starts_with(b" ") && !line.starts_with(b"\t") {
            ends.push(at);
        }
        at += line.len();
    }
    let mut start = 0;
    let fields = ends.into_iter().map(|end| {
        let whole = &head[std::mem::replace(&mut start, end)..end];
        let colon = memchr::memchr(b':', whole).unwrap_or(whole.len());
        Field { name: whole[..colon].trim_ascii_end(), whole }
    });
    fields.collect()
}

/// `i=` in the quoted-printable of DKIM (section 2.11), as far as its characters need it.
fn quoted(identity: &str) -> String {
    identity.replace('=', "=3D").replace(';', "=3B")
}

/// A field that is folded at 78 characters.
struct Folded {
    out: String,
    column: usize,
}

impl Folded {
    fn new(name: &str) -> Self {
        Self { out: name.to_owned(), column: name.len() }
    }

    /// Appends a space and a word.
    fn word(&mut self, word: &str) {
        if self.column + 1 + word.len() > 78 {
            self.fold();
        } else {
            self.out.push(' ');
            self.column += 1;
        }
        self.put(word);
    }

    /// Appends what belongs to the word before, on a new line if it does not fit.
    fn glue(&mut self, word: &str) {
        if self.column + word.len() > 78 {
            self.fold();
        }
        self.put(word);
    }

    fn fold(&mut self) {
        self.out.push_str("\r\n ");
        self.column = 1;
    }

    fn put(&mut self, word: &str) {
        self.out.push_str(word);
        self.column += word.len();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_is_full_with_78_characters() {
        let x = |length: usize| "x".repeat(length);
        let written = |write: &dyn Fn(&mut Folded)| {
            let mut text = Folded::new("Name:");
            write(&mut text);
            text.out
        };
        assert_eq!(written(&|text| text.word(&x(72))), format!("Name: {}", x(72)));
        assert_eq!(written(&|text| text.word(&x(73))), format!("Name:\r\n {}", x(73)));
        for fold in [false, true] {
            let more = usize::from(fold);
            let end = if fold { "\r\n " } else { "" };
            let words = written(&|text| [10, 61 + more].iter().for_each(|length| text.word(&x(*length))));
            assert_eq!(words, format!("Name: {}{}{}", x(10), if fold { end } else { " " }, x(61 + more)));
            let glued = written(&|text| {
                text.word(&x(10));
                text.glue(&x(62 + more));
            });
            assert_eq!(glued, format!("Name: {}{end}{}", x(10), x(62 + more)));
            // A line that was folded counts with the space that it begins with.
            let second =
                written(&|text| [70, 20, 56 + more].iter().for_each(|length| text.word(&x(*length))));
            assert_eq!(second.lines().count(), 2 + more, "{second}");
        }
    }
}
