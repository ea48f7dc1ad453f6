//! The key that signatures of the sender's domain are verified with (RFC 6376 section 3.6.1).

use base64::{Engine as _, engine::general_purpose::STANDARD};
use rsa::{
    PublicKey, pkcs1::DecodeRsaPublicKey as _, pkcs8::DecodePublicKey as _, traits::PublicKeyParts as _,
};

use super::{
    CheckName, CheckStatus, CheckStep, advice,
    domain::{Domain, not_answered, tags},
};
use crate::{
    dns::DnsError,
    types::{Cause, Who},
};

const NAME: CheckName = CheckName::Dkim;

/// RFC 8301 section 3.2: verifiers take no shorter keys, and signers should not use them.
const SHORTEST: usize = 1024;
const SHORT: usize = 2048;

pub(super) fn dkim(domain: &Domain<'_>) -> CheckStep {
    if domain.selector.is_empty() {
        return CheckStep::skipped(NAME, "No selector was given: the domain's DKIM key was not looked up.");
    }
    let name = format!("{}._domainkey.{}", domain.selector, domain.name);
    let texts = match domain.resolver.texts(&name) {
        Ok(texts) => texts,
        Err(DnsError::NoSuchName) => Vec::new(),
        Err(DnsError::Failed(why)) => {
            return not_answered(NAME, &format!("The DKIM key {name}"), &why).with("name", name);
        }
    };
    let [record] = texts.as_slice() else {
        let (summary, remedy) = match texts.len() {
            0 => (
                format!("There is no DKIM key at {name}: signatures with this selector fail."),
                format!("Check the selector, or have the TXT record {name} made that your signer gives you."),
            ),
            count => (
                format!("There are {count} records at {name}, and must be one: signatures may fail."),
                "Have the records removed that are not the key.".to_owned(),
            ),
        };
        let step = refused(&summary, &remedy).with("name", &name);
        return texts.iter().fold(step, |step, text| step.with("record", text));
    };
    judge(&name, record).with("name", &name).with("record", record)
}

fn judge(name: &str, record: &str) -> CheckStep {
    let key = match Key::parse(record) {
        Ok(key) => key,
        Err(Fault::Revoked) => {
            let summary = format!("The DKIM key {name} was revoked: its p= is empty.");
            return refused(&summary, "Sign with the selector that is in use now, and check that one.");
        }
        Err(Fault::Broken(why)) => {
            let summary = format!("The DKIM key {name} cannot be used: {why}.");
            return refused(&summary, "Have the record made anew, exactly as your signer gives it.");
        }
    };
    let described = format!("{} key of {} bits", key.kind, key.bits);
    let step = if key.kind == "rsa" && key.bits < SHORTEST {
        let summary = format!("The DKIM key {name} is too short: {} bits.", key.bits);
        refused(&summary, "Make a key of 2048 bits; keys below 1024 are not verified any more.")
    } else if key.kind == "rsa" && key.bits < SHORT {
        warned(
            &format!("The DKIM key {name} is there: an {described}, which is short."),
            "Make a key of 2048 bits when you renew it.",
        )
    } else if key.testing {
        warned(
            &format!("The DKIM key {name} is there and says that it is a test: failures do not count (t=y)."),
            "Remove t=y from the record once signing works.",
        )
    } else {
        CheckStep::new(NAME, CheckStatus::Ok, format!("The DKIM key {name} is there: an {described}."))
    };
    step.with("key_type", key.kind)
        .with("key_bits", key.bits)
        .with("testing", if key.testing { "yes" } else { "no" })
}

fn refused(summary: &str, remedy: &str) -> CheckStep {
    noted(CheckStatus::Failed, summary, remedy)
}

fn warned(summary: &str, remedy: &str) -> CheckStep {
    noted(CheckStatus::Warning, summary, remedy)
}

fn noted(status: CheckStatus, summary: &str, remedy: &str) -> CheckStep {
    CheckStep::new(NAME, status, summary).with_diagnosis(advice(
        Cause::DomainAuthFailed,
        Who::SenderAccount,
        summary,
        &[remedy.to_owned()],
        summary,
        "RFC 6376 section 3.6.1",
    ))
}

/// A key that can verify.
#[derive(Debug, PartialEq, Eq)]
struct Key {
    kind: &'static str,
    bits: usize,
    testing: bool,
}

#[derive(Debug, PartialEq, Eq)]
enum Fault {
    Revoked,
    Broken(String),
}

impl Key {
    fn parse(record: &str) -> Result<Self, Fault> {
        let broken = |why: &str| Err(Fault::Broken(why.to_owned()));
        let Some(tags) = tags(record) else {
            return broken("it is no list of tags such as v=DKIM1; k=rsa; p=…");
        };
        let tag = |name: &str| tags.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str());
        let lists = |name: &str, wanted: &[&str]| {
            tag(name).is_none_or(|list| {
                list.split(':').any(|item| wanted.iter().any(|w| item.trim().eq_ignore_ascii_case(w)))
            })
        };
        if tag("v").is_some_and(|version| version != "DKIM1") || (tag("v").is_some() && tags[0].0 != "v") {
            return broken("v= is not DKIM1, or does not come first");
        }
        if !lists("h", &["sha256"]) {
            return broken("h= allows no sha256, and other hashes are not used any more");
        }
        if !lists("s", &["*", "email"]) {
            return broken("s= does not allow mail");
        }
        let Some(key) = tag("p") else { return broken("it has no p=") };
        if key.is_empty() {
            return Err(Fault::Revoked);
        }
        let testing =
            tag("t").is_some_and(|flags| flags.split(':').any(|flag| flag.trim().eq_ignore_ascii_case("y")));
        let key: String = key.split_ascii_whitespace().collect();
        let Ok(bytes) = STANDARD.decode(key) else { return broken("p= is not base64") };
        match tag("k").unwrap_or("rsa").to_ascii_lowercase().as_str() {
            // The RFC asks for SubjectPublicKeyInfo; some publish the bare key, and verifiers take it.
            "rsa" => match PublicKey::from_public_key_der(&bytes)
                .ok()
                .or_else(|| PublicKey::from_pkcs1_der(&bytes).ok())
            {
                Some(public) => Ok(Self { kind: "rsa", bits: public.n().bit_width() as usize, testing }),
                None => broken("p= holds no RSA key"),
            },
            "ed25519" if bytes.len() == 32 => Ok(Self { kind: "ed25519", bits: 256, testing }),
            "ed25519" => broken("p= holds no Ed25519 key: that has 32 bytes"),
            other => broken(&format!("k={other} is not known")),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The keys of RFC 8463 appendix A.
    const RSA: &str = "v=DKIM1; k=rsa; p=MIGfMA0GCSqGSIb3DQEBAQUAA4GNADCBiQKBgQDkHlOQoBTzWRiGs5V6NpP3idY6Wk08a5qhdR6wy5bdOKb2jLQiY/J16JYi0Qvx/byYzCNb3W91y3FutACDfzwQ/BC/e/8uBsCR+yz1Lxj+PL6lHvqMKrM3rG4hstT5QjvHO9PzoxZyVYLzBfO2EeC3Ip3G+2kryOTIKT+l/K4w3QIDAQAB";
    const ED25519: &str = "v=DKIM1; k=ed25519; p=11qYAYKxCrfVS/7TyWQHOg7hcvPapiMlrwIaaPcHURo=";

    #[test]
    fn keys_of_the_rfc() {
        assert_eq!(Key::parse(RSA), Ok(Key { kind: "rsa", bits: 1024, testing: false }));
        assert_eq!(Key::parse(ED25519), Ok(Key { kind: "ed25519", bits: 256, testing: false }));
        // v= and k= may be left out, and a long record has blanks where its strings were joined by hand.
        let (_, key) = RSA.split_once("p=").unwrap();
        let bare = format!("t=s:y; s=email; h=sha1:sha256; p={} {}", &key[..40], &key[40..]);
        assert_eq!(Key::parse(&bare), Ok(Key { kind: "rsa", bits: 1024, testing: true }));
    }

    #[test]
    fn keys_that_verify_nothing() {
        assert_eq!(Key::parse("v=DKIM1; p="), Err(Fault::Revoked));
        for bad in [
            "",
            "text",
            "v=DKIM1",
            "v=DKIM2; p=AAAA",
            "k=rsa; v=DKIM1; p=AAAA",
            "v=DKIM1; p=*",
            "v=DKIM1; p=AAAA",
            "v=DKIM1; k=dsa; p=AAAA",
            "v=DKIM1; k=ed25519; p=AAAA",
            &RSA.replace("k=rsa", "h=sha1"),
            &RSA.replace("k=rsa", "s=chat"),
        ] {
            assert!(matches!(Key::parse(bad), Err(Fault::Broken(_))), "{bad}");
        }
    }
}
