//! Every input that a fuzzer found worth keeping, and every one that it broke something with, again: in each `cargo test`.

#![allow(clippy::unwrap_used, clippy::panic, reason = "it is a test")]

use std::{fs, panic::catch_unwind, path::Path};

use freesmtp_fuzz::{TARGETS, Target};

/// Every target, or the one that `FREESMTP_FUZZ` names.
fn targets() -> impl Iterator<Item = (&'static str, Target)> {
    let only = std::env::var("FREESMTP_FUZZ").ok();
    if let Some(name) = &only {
        assert!(freesmtp_fuzz::target(name).is_some(), "FREESMTP_FUZZ={name} is no target of this build");
    }
    TARGETS.iter().copied().filter(move |(name, _)| only.as_deref().is_none_or(|only| only == *name))
}

#[test]
fn what_was_found_before_is_found_no_more() {
    let home = Path::new(env!("CARGO_MANIFEST_DIR"));
    for (name, target) in targets() {
        let mut inputs = 0;
        for kind in ["corpus", "crashes"] {
            let Ok(folder) = fs::read_dir(home.join(kind).join(name)) else { continue };
            for entry in folder {
                let path = entry.unwrap().path();
                let input = fs::read(&path).unwrap();
                assert!(catch_unwind(|| target(&input)).is_ok(), "{name} with {}", path.display());
                inputs += 1;
            }
        }
        // A target without a corpus is none that has ever run.
        assert!(inputs > 0, "{name} has no corpus");
        target(&[]);
    }
}

/// A folder that no target has would be replayed by nobody.
#[test]
fn every_corpus_has_its_target() {
    let home = Path::new(env!("CARGO_MANIFEST_DIR"));
    for kind in ["corpus", "crashes"] {
        for entry in fs::read_dir(home.join(kind)).unwrap() {
            let entry = entry.unwrap();
            let name = entry.file_name().into_string().unwrap();
            let known = TARGETS.iter().any(|(own, _)| *own == name);
            assert!(known || !entry.path().is_dir(), "{kind}/{name} belongs to no target");
        }
    }
}

/// What somebody wrote for the web server asks for all that its description has.
#[test]
fn every_path_of_the_web_server_has_a_seed() {
    let home = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut asked = String::new();
    for entry in fs::read_dir(home.join("seeds/http")).unwrap() {
        asked.push_str(&fs::read_to_string(entry.unwrap().path()).unwrap());
    }
    let described = fs::read_to_string(home.join("../docs/openapi.json")).unwrap();
    let paths = described.lines().filter_map(|line| line.strip_prefix("    \"/")?.strip_suffix("\": {"));
    let mut count = 0;
    for path in paths {
        let path = path.replace("{id}", "{id0}").replace("{name}", "news");
        let has = [" ", "?"].iter().any(|end| asked.contains(&format!(" /{path}{end}")));
        assert!(has, "/{path} has no seed");
        count += 1;
    }
    assert!(count > 15, "the description is read wrongly: {count}");
}

/// A short run on what the corpus becomes when it is changed a little, the same each time: `FREESMTP_FUZZ_ROUNDS` of each input.
#[test]
fn what_is_like_it_is_not_found_either() {
    let home = Path::new(env!("CARGO_MANIFEST_DIR"));
    let rounds = std::env::var("FREESMTP_FUZZ_ROUNDS").map_or(3, |rounds| rounds.parse().unwrap());
    for (name, target) in targets() {
        let mut paths: Vec<_> = fs::read_dir(home.join("corpus").join(name))
            .unwrap()
            .map(|entry| entry.unwrap().path())
            .collect();
        paths.sort();
        let inputs: Vec<Vec<u8>> = paths.iter().map(|path| fs::read(path).unwrap()).collect();
        let mut random = Random(0x9E37_79B9_7F4A_7C15);
        for _ in 0..rounds {
            for input in &inputs {
                let changed = random.changed(input, &inputs);
                if catch_unwind(|| target(&changed)).is_err() {
                    let path = std::env::temp_dir().join(format!("freesmtp-fuzz-{name}"));
                    fs::write(&path, &changed).unwrap();
                    panic!("{name} with {}", path.display());
                }
            }
        }
    }
}

/// Numbers that are the same in each run (xorshift64).
struct Random(u64);

impl Random {
    fn below(&mut self, most: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        usize::try_from(self.0 >> 33).unwrap() % most.max(1)
    }

    fn changed(&mut self, input: &[u8], others: &[Vec<u8>]) -> Vec<u8> {
        let mut bytes = input.to_vec();
        for _ in 0..=self.below(4) {
            let at = self.below(bytes.len() + 1);
            match self.below(6) {
                0 => bytes.truncate(at),
                1 => bytes.insert(at, u8::try_from(self.below(256)).unwrap()),
                2 => bytes.splice(at..at, *b"\r\n").for_each(drop),
                3 if at < bytes.len() => _ = bytes.remove(at),
                4 if at < bytes.len() => bytes[at] ^= 1 << self.below(8),
                _ => {
                    let other = &others[self.below(others.len())];
                    let from = self.below(other.len() + 1);
                    bytes.splice(at.., other[from..].iter().copied()).for_each(drop);
                }
            }
        }
        bytes
    }
}
