//! The engine against a server that says anything at any time: it never panics or loops, its output has a bound, every
//! transaction ends exactly once, and no password is shown.

use arbitrary::Arbitrary;
use freesmtp_core::{
    Security,
    protocol::{
        Config, Transaction,
        auth::{AuthMode, Credentials, TokenSource},
    },
    types::Mailbox,
};

use crate::play::{Chance, Said, Speaker, config, play, transaction};

const SECURITY: [Security; 4] =
    [Security::None, Security::Opportunistic, Security::Required, Security::Implicit];
const PASSWORD: &str = "Zq9-hunter22";

#[derive(Arbitrary, Clone, Copy, Debug)]
struct Settings {
    security: u8,
    mode: Option<u8>,
    asks_for_token: bool,
    lmtp: bool,
    loopback: bool,
}

impl Settings {
    fn config(self) -> Config {
        let credentials = self.mode.map(|mode| Credentials {
            account: "user".to_owned(),
            password: PASSWORD.into(),
            mode: AuthMode::ALL[usize::from(mode) % AuthMode::ALL.len()].0,
            token: if self.asks_for_token { TokenSource::Asked } else { TokenSource::None },
            allow_plaintext: true,
            ..Credentials::default()
        });
        Config {
            security: SECURITY[usize::from(self.security) % SECURITY.len()],
            credentials,
            lmtp: self.lmtp,
            loopback: self.loopback,
            ..config()
        }
    }
}

#[derive(Arbitrary, Clone, Debug)]
struct Asked {
    recipients: u8,
    size: u8,
    eight_bit: bool,
    utf8: bool,
    binary: bool,
    exact: bool,
    all_or_nothing: bool,
    in_turn: bool,
    pieces: Vec<Vec<u8>>,
}

impl Asked {
    fn transaction(&self) -> Transaction {
        let all = ["a@b.test", "c@d.test", "j\u{fc}rgen@b.test", "e@b\u{fc}cher.test"];
        let paths = all.iter().cycle().take(usize::from(self.recipients) % 6);
        Transaction {
            forward_paths: paths.map(|path| Mailbox::parse(path, "").unwrap()).collect(),
            size: u64::from(self.size),
            eight_bit: self.eight_bit,
            utf8: self.utf8,
            binary: self.binary,
            exact: self.exact,
            all_or_nothing: self.all_or_nothing,
            in_turn: self.in_turn,
            ..transaction()
        }
    }
}

#[derive(Arbitrary, Debug)]
struct Input<'a> {
    settings: Settings,
    chance: Chance,
    transactions: Vec<Asked>,
    said: Vec<(bool, Said<'a>)>,
}

pub(crate) fn target(data: &[u8]) {
    let Some(input) = crate::read::<Input<'_>>(data) else { return };
    let mut turns = vec![b"220 hi\r\n".to_vec()];
    for (joined, said) in &input.said {
        match turns.last_mut() {
            Some(last) if *joined => last.extend(said.bytes()),
            _ => turns.push(said.bytes()),
        }
    }
    run(&input.settings, &input.transactions, turns, input.chance);
}

/// The same with nothing but the server's bytes behind a short head.
pub(crate) fn bytes(data: &[u8]) {
    let Some((head, stream)) = data.split_first_chunk::<5>() else { return };
    let Ok(settings) = arbitrary::Unstructured::new(&head[..]).arbitrary::<Settings>() else { return };
    let asked = Asked {
        recipients: 2,
        size: 0,
        eight_bit: false,
        utf8: false,
        binary: false,
        exact: head[4] & 1 == 1,
        all_or_nothing: head[4] & 2 == 2,
        in_turn: false,
        pieces: vec![b".a\r\n".to_vec(), b"\r\n.b".to_vec()],
    };
    let turns = stream.split_inclusive(|byte| *byte == b'\n').map(<[u8]>::to_vec).collect();
    let chance = Chance::none(head[3], 1_000);
    run(&settings, &[asked.clone(), asked], turns, chance);
}

fn run(settings: &Settings, asked: &[Asked], turns: Vec<Vec<u8>>, chance: Chance) {
    let transactions: Vec<Transaction> = asked.iter().take(8).map(Asked::transaction).collect();
    let messages: Vec<Vec<Vec<u8>>> = asked.iter().map(|asked| asked.pieces.clone()).collect();
    let played = play(settings.config(), &transactions, &messages, &mut Speaker(turns.into()), chance);
    // Nobody can hide what nobody was told.
    if settings.mode.is_some() {
        assert!(!played.shown.contains(PASSWORD), "{}", played.shown);
        assert!(played.engine.error().is_none_or(|error| !format!("{error} {error:?}").contains(PASSWORD)));
    }
}
