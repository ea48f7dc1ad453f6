//! A second verifier of DKIM, beside dkimpy: the crate `mail-auth`, without the network.
//!
//! `dkim-verifier KEYS FOLDER`, as `core/tests/dkim_verify.py` has it: KEYS has a line `selector record` for each public
//! key of example.com; FOLDER holds messages. Prints for each message, in the order of their names, the number of its
//! signatures and whether each one is valid.

use std::{
    borrow::Borrow, collections::HashMap, env, error::Error, fs, hash::Hash, path::PathBuf, sync::Arc,
    time::Instant,
};

use mail_auth::{
    AuthenticatedMessage, DkimResult, MessageAuthenticator, Parameters, ResolverCache, Txt,
    common::{parse::TxtRecordParser, verify::DomainKey},
    hickory_resolver::config::{ResolverConfig, ResolverOpts},
};

/// The records of the domain, by their names.
struct Keys(HashMap<Box<str>, Txt>);

impl Keys {
    fn read(lines: &str) -> Result<Self, Box<dyn Error>> {
        let mut records = HashMap::new();
        for line in lines.lines() {
            let (selector, record) = line.split_once(' ').ok_or("a line is `selector record`")?;
            let key = DomainKey::parse(record.as_bytes()).map_err(|error| error.to_string())?;
            let name = format!("{selector}._domainkey.example.com.");
            records.insert(name.into(), Txt::DomainKey(Arc::new(key)));
        }
        Ok(Self(records))
    }
}

impl ResolverCache<Box<str>, Txt> for Keys {
    fn get<Q: Hash + Eq + ?Sized>(&self, name: &Q) -> Option<Txt>
    where
        Box<str>: Borrow<Q>,
    {
        self.0.get(name).cloned()
    }

    fn remove<Q: Hash + Eq + ?Sized>(&self, _: &Q) -> Option<Txt>
    where
        Box<str>: Borrow<Q>,
    {
        None
    }

    fn insert(&self, _: Box<str>, _: Txt, _: Instant) {}
}

fn main() -> Result<(), Box<dyn Error>> {
    let mut args = env::args_os().skip(1).map(PathBuf::from);
    let (Some(keys), Some(folder)) = (args.next(), args.next()) else {
        return Err("usage: KEYS FOLDER".into());
    };
    let keys = Keys::read(&fs::read_to_string(keys)?)?;
    let mut messages: Vec<PathBuf> =
        fs::read_dir(folder)?.map(|entry| Ok(entry?.path())).collect::<Result<_, std::io::Error>>()?;
    messages.sort();
    tokio::runtime::Builder::new_current_thread().build()?.block_on(async {
        // It has no name server to ask.
        let config = ResolverConfig::from_parts(None, Vec::new(), Vec::new());
        let verifier = MessageAuthenticator::new(config, ResolverOpts::default())?;
        for path in messages {
            let bytes = fs::read(&path)?;
            let message = AuthenticatedMessage::parse(&bytes).ok_or("no message")?;
            let found = verifier.verify_dkim(Parameters::new(&message).with_txt_cache(&keys)).await;
            let verdicts = found.iter().map(|signature| match signature.result() {
                DkimResult::Pass => " True",
                result => {
                    eprintln!("{}: {result:?}", path.display());
                    " False"
                }
            });
            println!("{}{}", found.len(), verdicts.collect::<String>());
        }
        Ok(())
    })
}
