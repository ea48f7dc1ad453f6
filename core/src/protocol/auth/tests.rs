//! What the tests of the mechanisms share, and what holds for all of them.

use proptest::prelude::*;

use super::*;
use crate::types::Secret;

/// Calls with all that an exchange is made of, at fixed values.
pub(super) fn with_material<T>(
    credentials: &Credentials,
    token: &str,
    call: impl FnOnce(Material<'_>) -> T,
) -> T {
    call(Material {
        credentials,
        token: &Secret::new(token),
        host: "mail.test",
        port: 587,
        binding: None,
        plus_offered: false,
        nonces: &mut Nonces::new([7; 32]),
        unix_seconds: 1_700_000_000,
    })
}

fn each_mechanism(mut run: impl FnMut(&'static str, Box<dyn Mechanism>)) {
    let c = Credentials {
        account: "user@a.test".into(),
        password: "hunter22".into(),
        mode: AuthMode::Sasl,
        ..Credentials::default()
    };
    let channel = Channel { tls: true, loopback: false, binding: true };
    for (mode, _) in AuthMode::ALL {
        for name in mode.mechanisms().unwrap_or_default() {
            let named = Credentials { sasl: (*name).into(), ..c.clone() };
            let row = choose(&named, &[(*name).to_owned()], channel, &[]).unwrap();
            let exchange = with_material(&named, "token", |m| {
                (row.start)(&mut Material { binding: Some(b"hash"), ..m })
            });
            run(name, exchange.unwrap());
        }
    }
}

/// Texts that look like challenges, so that chance gets past the first check.
fn challenges() -> impl Strategy<Value = Vec<Vec<u8>>> {
    let pieces = prop::sample::select(vec![
        "r=",
        "s=QSXC",
        "i=4096",
        "i=1",
        "i=99999999999",
        "v=",
        "e=",
        "m=",
        ",",
        "=",
        "\"",
        "\\",
        "nonce=\"n\"",
        "realm=\"\"",
        "algorithm=md5-sess",
        "charset=utf-8",
        "qop=\"auth\"",
        "rspauth=",
        "NTLMSSP\0\u{2}\0\0\0",
        "\0\0\0\0",
        "{\"status\":\"401\"}",
        "\u{1}",
        "\u{fffd}",
    ]);
    let text = prop::collection::vec(pieces, 0..12).prop_map(|p| p.concat().into_bytes());
    let bytes = prop::collection::vec(any::<u8>(), 0..200);
    let ntlm = prop::collection::vec(any::<u8>(), 0..80)
        .prop_map(|rest| [b"NTLMSSP\0\x02\0\0\0".to_vec(), rest].concat());
    prop::collection::vec(prop_oneof![text, bytes, ntlm], 1..4)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(32))]

    #[test]
    fn no_challenge_makes_a_mechanism_panic_or_believe(challenges in challenges()) {
        each_mechanism(|name, mut exchange| {
            exchange.initial();
            for challenge in &challenges {
                if exchange.respond(challenge).is_err() {
                    break;
                }
            }
            if name.starts_with("SCRAM") || name == "DIGEST-MD5" {
                assert!(exchange.finish().is_err(), "{name} took chance for a proof");
            }
        });
    }
}

#[test]
fn a_huge_challenge_is_answered_or_refused_at_once() {
    each_mechanism(|_, mut exchange| {
        exchange.initial();
        let _ = exchange.respond(&vec![b'x'; 64 * 1024]);
        let _ = exchange.respond(&vec![b','; 64 * 1024]);
    });
}

#[test]
fn what_a_server_says_is_shown_without_controls_and_short() {
    assert_eq!(printable("\u{1b}[2Ja\r\nb", 100), "[2Ja  b");
    assert_eq!(printable(&"x".repeat(1_000), 10), "xxxxxxxxxx");
}
