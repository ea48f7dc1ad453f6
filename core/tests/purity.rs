//! `protocol` and `message` name no socket, file system, clock, runtime or other module that does: proven over
//! their sources, so that an `use` slipped in by habit fails here.

#![allow(clippy::unwrap_used, reason = "a test that cannot read the sources has failed")]

use std::{fs, path::Path};

/// What makes a module impure. `Instant` as an argument is data; asking for the time is not.
const FORBIDDEN: &[&str] = &[
    "std::net::Tcp",
    "std::net::Udp",
    "std::net::{",
    "ToSocketAddrs",
    "std::fs",
    "std::env",
    "std::thread",
    "std::process",
    "Instant::now",
    "SystemTime",
    "native_tls",
    "socket2",
    "rustix",
    "getrandom",
    "tokio",
    "crate::net",
    "crate::os",
    "crate::smtp",
    "crate::spool",
    "crate::log",
    "crate::diagnosis",
];

fn sources(folder: &Path, found: &mut Vec<(String, String)>) {
    let module = fs::read_to_string(folder.join("mod.rs")).unwrap_or_default();
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_stem().unwrap().display().to_string();
        // A module of tests does what it likes.
        let tests = name == "tests" || module.contains(&format!("#[cfg(test)]\nmod {name};"));
        if path.is_dir() {
            sources(&path, found);
        } else if path.extension().is_some_and(|e| e == "rs") && !tests {
            found.push((path.display().to_string(), fs::read_to_string(&path).unwrap()));
        }
    }
}

/// The part of a file that is compiled into the library, without comments.
fn code(text: &str) -> String {
    let library = text.split("#[cfg(test)]").next().unwrap_or_default();
    library.lines().filter(|line| !line.trim_start().starts_with("//")).collect::<Vec<_>>().join("\n")
}

#[test]
fn protocol_and_message_do_no_io() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut files = Vec::new();
    for module in ["protocol", "message", "types", "diagnosis"] {
        sources(&root.join(module), &mut files);
    }
    assert!(files.len() > 20, "the sources were found");
    for (path, text) in files {
        let code = code(&text);
        for word in FORBIDDEN {
            // Types and rules may know each other; only the two engines are bound to the direction of the house.
            let inner = path.contains("/diagnosis/") && *word == "crate::diagnosis";
            let addresses = word.starts_with("std::net::{") && !code.contains("std::net::{Tcp");
            assert!(inner || addresses || !code.contains(word), "{path} names {word}");
        }
    }
}

#[test]
fn the_house_is_built_in_one_direction() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    // A module may use those to its left: types, error, {message, protocol, diagnosis, log, spool}, net, smtp. The spool
    // holds messages, so it knows them, and they do not know it.
    let rules: &[(&str, &[&str])] = &[
        (
            "types",
            &[
                "crate::error",
                "crate::message",
                "crate::protocol",
                "crate::diagnosis",
                "crate::log",
                "crate::spool",
                "crate::net",
                "crate::smtp",
            ],
        ),
        (
            "message",
            &[
                "crate::protocol",
                "crate::diagnosis",
                "crate::log",
                "crate::spool",
                "crate::net",
                "crate::smtp",
            ],
        ),
        (
            "protocol",
            &[
                "crate::message",
                "crate::diagnosis",
                "crate::log",
                "crate::spool",
                "crate::net",
                "crate::smtp",
            ],
        ),
        (
            "diagnosis",
            &["crate::message", "crate::protocol", "crate::log", "crate::spool", "crate::net", "crate::smtp"],
        ),
        (
            "log",
            &[
                "crate::message",
                "crate::protocol",
                "crate::diagnosis",
                "crate::spool",
                "crate::net",
                "crate::smtp",
            ],
        ),
        ("spool", &["crate::protocol", "crate::diagnosis", "crate::log", "crate::net", "crate::smtp"]),
        ("net", &["crate::message", "crate::diagnosis", "crate::log", "crate::spool", "crate::smtp"]),
    ];
    for (module, forbidden) in rules {
        let mut files = Vec::new();
        sources(&root.join(module), &mut files);
        for (path, text) in files {
            let code = code(&text);
            for word in *forbidden {
                // What is read from text answers bad input with the one error: the only step back.
                let read = ["certificate_pin.rs", "mailbox.rs", "proxy.rs", "url.rs"];
                let allowed = *word == "crate::error" && read.iter().any(|file| path.ends_with(file));
                assert!(allowed || !code.contains(word), "{path} names {word}");
            }
        }
    }
}

/// The bytes of a record are made and read without a file; and what is done with files goes through `os`, where symbolic
/// links, rights and locks are thought of.
#[test]
fn the_spool_touches_files_in_one_place() {
    let mut files = Vec::new();
    sources(&Path::new(env!("CARGO_MANIFEST_DIR")).join("src/spool"), &mut files);
    assert!(files.len() > 10, "the sources were found");
    let pure = [
        "envelope.rs",
        "fields.rs",
        "frame.rs",
        "id.rs",
        "record.rs",
        "durability.rs",
        "chain.rs",
        "parse.rs",
        "digest.rs",
    ];
    for (path, text) in files {
        let code = code(&text);
        for word in FORBIDDEN.iter().filter(|word| !["std::env", "std::process", "crate::os"].contains(word))
        {
            assert!(
                !code.contains(word) || *word == "std::fs" && code.contains("fs::File,"),
                "{path} names {word}"
            );
        }
        for word in ["File::open", "OpenOptions", "fs::read", "fs::write", "create_dir"] {
            assert!(!code.contains(word), "{path} names {word}");
        }
        if pure.iter().any(|file| path.ends_with(file)) {
            assert!(!code.contains("crate::os") && !code.contains("std::fs"), "{path} does I/O");
        }
    }
}
