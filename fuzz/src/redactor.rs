//! A server that echoes what it was told in any disguise the redactor knows: the password is never shown, neither as it is
//! nor in capitals nor in base64.

use arbitrary::Arbitrary;
use base64::{Engine as _, prelude::BASE64_STANDARD};
use freesmtp_core::protocol::{
    Config,
    auth::{AuthMode, Credentials},
};

use crate::play::{Chance, Speaker, config, play, transaction};

#[derive(Arbitrary, Debug)]
enum Echo<'a> {
    Text(&'a str),
    Password,
    /// From there on.
    Part(u8),
    Capitals,
    Encoded,
    Plain,
    PlainCapitals,
    Account,
    Byte(u8),
    LineEnd,
}

#[derive(Arbitrary, Debug)]
struct Input<'a> {
    login: bool,
    password: &'a str,
    account: &'a str,
    read: u8,
    codes: [u16; 4],
    echoes: [Vec<Echo<'a>>; 4],
}

pub(crate) fn target(data: &[u8]) {
    let Some(input) = crate::read::<Input<'_>>(data) else { return };
    let rest: String =
        input.password.chars().filter(|c| c.is_alphanumeric() || "!#$ /+-._".contains(*c)).collect();
    let password = format!("Zq9!hunter{rest}");
    let account: String = input.account.chars().filter(char::is_ascii_alphanumeric).collect();
    let account = format!("user{account}");
    let plain = format!("\0{account}\0{password}");
    let credentials = Credentials {
        account: account.clone(),
        password: password.as_str().into(),
        mode: if input.login { AuthMode::AuthLogin } else { AuthMode::Plain },
        allow_plaintext: true,
        ..Credentials::default()
    };
    let mut turns = vec![b"220 hi\r\n".to_vec(), b"250-a\r\n250 AUTH PLAIN LOGIN\r\n".to_vec()];
    if input.login {
        turns.push(b"334 VXNlcm5hbWU6\r\n".to_vec());
        turns.push(b"334 UGFzc3dvcmQ6\r\n".to_vec());
    }
    for (code, echoes) in input.codes.iter().zip(&input.echoes) {
        let code = 200 + code % 400;
        let mut said = format!("{code}-").into_bytes();
        for echo in echoes {
            match echo {
                Echo::Text(text) => said.extend(text.bytes().filter(|byte| !b"\r\n".contains(byte))),
                Echo::Password => said.extend(password.as_bytes()),
                Echo::Part(from) => said.extend(password.bytes().skip(usize::from(*from) % password.len())),
                Echo::Capitals => said.extend(password.to_ascii_uppercase().into_bytes()),
                Echo::Encoded => said.extend(BASE64_STANDARD.encode(&password).into_bytes()),
                Echo::Plain => said.extend(BASE64_STANDARD.encode(&plain).into_bytes()),
                Echo::PlainCapitals => {
                    said.extend(BASE64_STANDARD.encode(&plain).to_ascii_uppercase().into_bytes());
                }
                Echo::Account => said.extend(account.as_bytes()),
                Echo::Byte(b'\r' | b'\n') => said.push(b' '),
                Echo::Byte(byte) => said.push(*byte),
                Echo::LineEnd => said.extend(format!("\r\n{code}-").into_bytes()),
            }
        }
        said.extend(format!("\r\n{code} end\r\n").into_bytes());
        turns.push(said);
    }
    let config = Config { credentials: Some(credentials), ..config() };
    let played =
        play(config, &[transaction()], &[], &mut Speaker(turns.into()), Chance::none(input.read, 60_000));
    let mut said = played.shown.clone();
    if let Some(error) = played.engine.error() {
        said.push_str(&format!("{error}\n{error:?}"));
    }
    for result in &played.results {
        said.push_str(&format!("{result:?}"));
    }
    let said = said.to_ascii_lowercase();
    let encoded = [BASE64_STANDARD.encode(&password), BASE64_STANDARD.encode(&plain)];
    // What was never said in that form is a riddle, not an echo.
    let encoded = if input.login { [encoded[0].clone(), encoded[0].clone()] } else { encoded };
    for secret in [password.as_str(), encoded[0].trim_end_matches('='), encoded[1].trim_end_matches('=')] {
        assert!(!said.contains(&secret.to_ascii_lowercase()), "{secret:?} in {said}");
    }
}
