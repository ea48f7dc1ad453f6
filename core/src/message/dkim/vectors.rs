//! The published signatures are what our canonical forms and keys give.

use base64::{Engine, engine::general_purpose::STANDARD};
use rsa::{pkcs8::DecodePublicKey as _, signature::Verifier as _};
use sha2::{Digest as _, Sha256};

use super::{
    Canonicalization::{self, Relaxed, Simple},
    canonical::Body,
    key::Key,
};

const RFC_8463: &str = "\
DKIM-Signature: v=1; a=ed25519-sha256; c=relaxed/relaxed;
 d=football.example.com; i=@football.example.com;
 q=dns/txt; s=brisbane; t=1528637909; h=from : to :
 subject : date : message-id : from : subject : date;
 bh=2jUSOH9NhtVGCQWNr9BrIAPreKQjO6Sn7XIkfJVOzv8=;
 b=/gCrinpcQOoIfuHNQIbq4pgh9kyIK3AQUdt9OdqQehSwhEIug4D11Bus
 Fa3bT3FY5OsU7ZbnKELq+eXdp1Q1Dw==
DKIM-Signature: v=1; a=rsa-sha256; c=relaxed/relaxed;
 d=football.example.com; i=@football.example.com;
 q=dns/txt; s=test; t=1528637909; h=from : to : subject :
 date : message-id : from : subject : date;
 bh=2jUSOH9NhtVGCQWNr9BrIAPreKQjO6Sn7XIkfJVOzv8=;
 b=F45dVWDfMbQDGHJFlXUNB2HKfbCeLRyhDXgFpEL8GwpsRe0IeIixNTe3
 DhCVlUrSjV4BwcVcOF6+FF3Zo9Rpo1tFOeS9mPYQTnGdaSGsgeefOsk2Jz
 dA+L10TeYt9BgDfQNZtKdN1WO//KgIqXP7OdEFE4LjFYNcUxZQ4FADY+8=
";
const MESSAGE: &str = "\
From: Joe SixPack <joe@football.example.com>
To: Suzie Q <suzie@shopping.example.net>
Subject: Is dinner ready?
Date: Fri, 11 Jul 2003 21:00:37 -0700 (PDT)
Message-ID: <20030712040037.46341.5F8J@football.example.com>
";
const BODY: &str = "Hi.\r\n\r\nWe lost the game.  Are you hungry yet?\r\n\r\nJoe.\r\n";
const RFC_6376: &str = "\
DKIM-Signature: v=1; a=rsa-sha256; s=brisbane; d=example.com;
      c=simple/simple; q=dns/txt; i=joe@football.example.com;
      h=Received : From : To : Subject : Date : Message-ID;
      bh=2jUSOH9NhtVGCQWNr9BrIAPreKQjO6Sn7XIkfJVOzv8=;
      b=AuUoFEfDxTDkHlLXSZEpZj79LICEps6eda7W3deTVFOk4yAUoqOB
      4nujc7YopdG5dWLSdNg6xNAZpOPr+kHxt1IrE+NahM6L/LbvaHut
      KVdkLLkpVaVVQPzeRDI009SO2Il5Lu7rDNH6mZckBdrIx0orEtZV
      4bmp/YzhwvcubU4=;
";
const RECEIVED: &str = "\
Received: from client1.football.example.com  [192.0.2.1]
      by submitserver.example.com with SUBMISSION;
      Fri, 11 Jul 2003 21:01:54 -0700 (PDT)
";
/// RFC 6376 appendix C.
const RFC_6376_PUBLIC: &str = "MIGfMA0GCSqGSIb3DQEBAQUAA4GNADCBiQKBgQDwIRP/UC3SBsEmGqZ9ZJW3/DkMoGeLnQg1fWn7/zYtIxN2SnFCjxOCKG9v3b4jYfcTNh5ijSsq631uBItLa7od+v/RtdC2UzJ1lWT947qR+Rcac2gbto/NMqJ0fzfVjH4OuKhitdY9tf6mcwGjaNBcWToIMmPSPDdQPNUYckcQ2QIDAQAB";
/// RFC 8463 appendix A.2 and A.1.
const RSA_PUBLIC: &str = "MIGfMA0GCSqGSIb3DQEBAQUAA4GNADCBiQKBgQDkHlOQoBTzWRiGs5V6NpP3idY6Wk08a5qhdR6wy5bdOKb2jLQiY/J16JYi0Qvx/byYzCNb3W91y3FutACDfzwQ/BC/e/8uBsCR+yz1Lxj+PL6lHvqMKrM3rG4hstT5QjvHO9PzoxZyVYLzBfO2EeC3Ip3G+2kryOTIKT+l/K4w3QIDAQAB";
const ED25519_SEED: &str = "nWGxne/9WmC6hEr0kuwsxERJxWl7MmkZcDusAxyuf2A=";

fn hash_of_body(form: Canonicalization, text: &str) -> String {
    let (mut body, mut hash) = (Body::new(form), Sha256::new());
    body.push(text.as_bytes(), &mut |bytes| hash.update(bytes));
    body.finish(&mut |bytes| hash.update(bytes));
    STANDARD.encode(hash.finalize())
}

/// Field by field, the one signed first before.
fn fields(text: &str) -> Vec<String> {
    let mut fields: Vec<String> = Vec::new();
    for line in text.lines() {
        match fields.last_mut() {
            Some(last) if line.starts_with(' ') => last.push_str(&format!("{line}\r\n")),
            _ => fields.push(format!("{line}\r\n")),
        }
    }
    fields
}

/// What is signed, and the signature without white space.
fn signed(form: Canonicalization, signature: &str, headers: &str) -> (Vec<u8>, String) {
    let mut out = Vec::new();
    for field in fields(headers) {
        form.header(field.as_bytes(), &mut out);
    }
    let (before, value) = signature.split_once(" b=").unwrap();
    let (value, after) = value.split_once(';').map_or((value, "\r\n"), |(value, _)| (value, ";\r\n"));
    form.header(format!("{before} b={after}").as_bytes(), &mut out);
    out.truncate(out.len() - 2);
    (out, value.split_whitespace().collect())
}

fn verify_rsa(public: &str, data: &[u8], signature: &str) {
    let key = rsa::PublicKey::from_public_key_der(&STANDARD.decode(public).unwrap()).unwrap();
    let key = rsa::pkcs1v15::VerifyingKey::<rsa::sha2::Sha256>::new(key);
    let bytes = STANDARD.decode(signature).unwrap();
    let signature = rsa::pkcs1v15::Signature::try_from(&bytes[..]).unwrap();
    key.verify(data, &signature).unwrap();
    let mut other = data.to_vec();
    other[0] ^= 1;
    assert!(key.verify(&other, &signature).is_err());
}

#[test]
fn rfc_8463_appendix_a() {
    assert_eq!(hash_of_body(Relaxed, BODY), "2jUSOH9NhtVGCQWNr9BrIAPreKQjO6Sn7XIkfJVOzv8=");
    let [ed25519, rsa] = &fields(RFC_8463)[..] else { panic!("two signatures") };
    let (data, signature) = signed(Relaxed, ed25519, MESSAGE);
    // Ed25519 is deterministic: the published signature is the one that our key makes.
    assert_eq!(Key::read(ED25519_SEED).unwrap().sign(&data).unwrap(), signature);
    let (data, signature) = signed(Relaxed, rsa, MESSAGE);
    verify_rsa(RSA_PUBLIC, &data, &signature);
}

#[test]
fn rfc_6376_appendix_a() {
    let body = BODY.replace("  ", " ");
    assert_eq!(hash_of_body(Simple, &body), "2jUSOH9NhtVGCQWNr9BrIAPreKQjO6Sn7XIkfJVOzv8=");
    let [signature] = &fields(RFC_6376)[..] else { panic!("one signature") };
    let (data, signature) = signed(Simple, signature, &format!("{RECEIVED}{MESSAGE}"));
    verify_rsa(RFC_6376_PUBLIC, &data, &signature);
}
