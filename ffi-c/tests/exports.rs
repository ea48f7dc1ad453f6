//! Every exported function runs inside the guard and stands in the header; read from the sources, so that a new one
//! cannot be forgotten.

#![allow(clippy::unwrap_used)] // helpers of tests, too

use std::{
    fs,
    path::{Path, PathBuf},
};

/// The text of each source file.
fn sources() -> Vec<(PathBuf, String)> {
    let mut found = Vec::new();
    let mut folders = vec![Path::new(env!("CARGO_MANIFEST_DIR")).join("src")];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else {
                found.push((path.clone(), fs::read_to_string(path).unwrap()));
            }
        }
    }
    found
}

/// Name and body of each `extern "C"` function, test modules left out.
fn exports() -> Vec<(String, String)> {
    let mut found = Vec::new();
    for (_, source) in sources() {
        let source = source.split("#[cfg(test)]").next().unwrap();
        for after in source.split("extern \"C\" fn ").skip(1) {
            let name = after.split(['(', '<']).next().unwrap().to_owned();
            // rustfmt ends a function with a brace in the first column.
            let body = after.split("\n}").next().unwrap();
            let body = body.split_once(" {\n").map_or("", |(_, body)| body);
            found.push((name, body.trim_start().to_owned()));
        }
    }
    found
}

#[test]
fn every_export_runs_inside_the_guard() {
    let exports = exports();
    assert!(exports.len() > 100, "the sources are read wrongly: {} exports", exports.len());
    for (name, body) in exports {
        let guarded = body.starts_with("guard::attempt(") || body.starts_with("guard::value(");
        assert!(guarded, "{name} does not begin with the guard:\n{body}");
        // One statement: nothing stands outside the guard.
        let rest = body.lines().skip(1).filter(|line| !line.starts_with("        ")).collect::<Vec<_>>();
        assert!(rest.iter().all(|line| line.trim_start().starts_with('}')), "{name}: {rest:?} is outside");
    }
}

#[test]
fn every_export_stands_in_the_header_and_nothing_else_does() {
    let header = include_str!("../../include/freesmtp.h");
    let code = header.lines().filter(|line| !line.starts_with([' ', '/']) || line.starts_with("   "));
    let declared: Vec<String> = code
        .filter_map(|line| line.split_once('(').map(|(before, _)| before))
        .filter_map(|before| before.rsplit([' ', '*']).next())
        .filter(|name| name.starts_with("freesmtp_"))
        .map(str::to_owned)
        .collect();
    let mut exported: Vec<String> = exports().into_iter().map(|(name, _)| name).collect();
    let mut declared = declared;
    exported.sort();
    declared.sort();
    assert_eq!(exported, declared);
}

#[test]
fn no_macro_makes_exports() {
    for (path, source) in sources() {
        assert!(!source.contains("macro_rules!"), "{}: cbindgen does not see inside macros", path.display());
    }
}
