//! `freesmtp monitor`.

use std::{
    fmt::Write as _,
    fs::{self, File},
    io::Write,
    os::unix::fs::OpenOptionsExt,
    path::{Path, PathBuf},
    process::ExitCode,
};

use clap::Args;
use serde_json::{Value, json};

use super::{
    Exit,
    agent_socket::{Failure, SpoolArguments, clean, ok},
    print,
    queue_text::{array, string},
};

/// The file by which a browser is sent to the page, in the folder `queue` of the spool.
const DOOR: &str = "monitor.html";

/// Tells where the monitor of the running agent is, with the token: a page that shows the queue, the blasts and what fails.
///
/// Whoever has the address with its token may hold, cancel and resume messages. The part behind # is not sent over the
/// network; the page keeps it until its tab is closed. Exit status: 0 when an agent answered, 1 when it serves no monitor, 75
/// when none runs.
#[derive(Debug, Args)]
#[command(after_help = "Example:\n  freesmtp monitor --open")]
pub(crate) struct Arguments {
    /// Open it in the browser, too
    #[arg(long)]
    open: bool,
    #[command(flatten)]
    spool: SpoolArguments,
}

/// Runs it.
pub(crate) fn run(arguments: &Arguments) -> ExitCode {
    let spool = &arguments.spool;
    let answer = spool.connect().and_then(|mut agent| agent.ask(&json!({ "request": "monitor" })));
    let answer = match answer {
        Ok(answer) => links(&answer),
        Err(failure) => return spool.fail(&failure),
    };
    if spool.json {
        print(&format!("{:#}\n", ok(&answer)));
    } else {
        let text: String =
            array(&answer, "urls").iter().map(|url| format!("{}\n", clean(text(url)))).collect();
        print(&text);
    }
    if arguments.open {
        let url = array(&answer, "urls").first().map(text).unwrap_or_default();
        if let Err(failure) = open(&spool.path(), url) {
            return spool.fail(&failure);
        }
    }
    Exit::Done.into()
}

/// The answer, with the addresses as a browser takes them.
fn links(answer: &Value) -> Value {
    let token = encode(&string(answer, "token"));
    let urls: Vec<String> = array(answer, "addresses")
        .iter()
        .map(|address| format!("{}/#token={token}", text(address)))
        .collect();
    let mut answer = answer.clone();
    answer["urls"] = urls.into();
    answer
}

/// As a part of an address (RFC 3986 section 2.1).
fn encode(token: &str) -> String {
    let mut text = String::with_capacity(token.len());
    for byte in token.bytes() {
        if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
            text.push(char::from(byte));
        } else {
            let _ = write!(text, "%{byte:02X}");
        }
    }
    text
}

fn text(value: &Value) -> &str {
    value.as_str().unwrap_or_default()
}

/// Opens the address by way of a file of this user's: everybody sees the arguments of a process, and so the token in them.
fn open(spool: &Path, url: &str) -> Result<(), Failure> {
    let failed = |what: &str, error: &dyn std::fmt::Display| {
        let remedy = "Copy the address into a browser.";
        Failure::new("browser", format!("{what}: {error}"), remedy)
    };
    let path =
        door(spool, url).map_err(|error| failed("the file for the browser cannot be written", &error))?;
    open::that_detached(&path).map_err(|error| failed("no browser could be opened", &error))
}

fn door(spool: &Path, url: &str) -> std::io::Result<PathBuf> {
    let path = spool.join("queue").join(DOOR);
    match fs::remove_file(&path) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    // An address and a token have none of HTML's characters.
    let html = format!(
        "<!doctype html>\n<meta charset=\"utf-8\">\n<meta name=\"referrer\" content=\"no-referrer\">\n\
         <meta http-equiv=\"refresh\" content=\"0; url={url}\">\n<title>freesmtp</title>\n<a href=\"{url}\">The monitor</a>\n"
    );
    File::options().write(true).create_new(true).mode(0o600).open(&path)?.write_all(html.as_bytes())?;
    Ok(path)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_of_any_characters_is_part_of_an_address() {
        let answer = json!({ "addresses": ["http://127.0.0.1:8025"], "token": "a\"<b>&%#'" });
        assert_eq!(links(&answer)["urls"][0], "http://127.0.0.1:8025/#token=a%22%3Cb%3E%26%25%23%27");
    }
}
