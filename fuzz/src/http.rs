//! The web server against any client, whatever bytes it sends and over any borders: it never fails by itself (500), what
//! changes something needs the token, an answer has the headers that keep a browser safe and no header that a client wrote,
//! and nobody is told the token.
//!
//! An input is an octet (where the client is, and how the bytes are cut) and what the client says, in which stand for what it
//! cannot know `{token}`, `{id0}` to `{id2}` (the messages of the queue), and `{length}` (the octets between the next empty
//! line and `{end}`).

use std::sync::{Mutex, PoisonError};

use freesmtp_agent::fuzzing::WebServer;
use tempfile::TempDir;

/// After so many inputs the queue is made anew: what is submitted and purged would pile up.
const INPUTS: u32 = 200;

/// Every header that an answer may have.
const ANSWERED: [&str; 17] = [
    "allow",
    "cache-control",
    "connection",
    "content-disposition",
    "content-length",
    "content-security-policy",
    "content-type",
    "cross-origin-opener-policy",
    "cross-origin-resource-policy",
    "date",
    "etag",
    "referrer-policy",
    "retry-after",
    "transfer-encoding",
    "www-authenticate",
    "x-content-type-options",
    "x-frame-options",
];
const STATUSES: [&str; 19] = [
    "100", "200", "202", "304", "400", "401", "403", "404", "405", "408", "409", "411", "413", "414", "415",
    "422", "431", "503", "507",
];

struct Site {
    server: WebServer,
    inputs: u32,
    _folder: TempDir,
}

static SITE: Mutex<Option<Site>> = Mutex::new(None);

fn site() -> Site {
    let folder = tempfile::tempdir_in(crate::memory()).unwrap();
    Site { server: WebServer::open(folder.path()).unwrap(), inputs: 0, _folder: folder }
}

pub(crate) fn target(data: &[u8]) {
    let Some((first, text)) = data.split_first() else { return };
    let mut kept = SITE.lock().unwrap_or_else(PoisonError::into_inner);
    let mut site = kept.take().filter(|site| site.inputs < INPUTS).unwrap_or_else(site);
    site.inputs += 1;
    let bytes = written(text, &site.server);
    let pieces: Vec<&[u8]> = bytes.chunks(usize::from(first >> 1).max(1) * 16).collect();
    let said = site.server.talk(first & 1 == 1, &pieces);
    // libFuzzer sees what is compared, and writes the token by itself: who knows it may be told what they said.
    let knows = find(&bytes, site.server.token.as_bytes()).is_some();
    assert!(knows || find(&said, site.server.token.as_bytes()).is_none(), "the token is told");
    check(&said);
    let asks = ["GET ", "HEAD ", "OPTIONS "].iter().any(|method| {
        // Empty lines before a request are skipped (RFC 9112 section 2.2).
        let start = bytes.iter().position(|byte| !b"\r\n".contains(byte)).unwrap_or(0);
        bytes[start..].starts_with(method.as_bytes())
    });
    if !asks && !knows {
        assert!(said.get(9) != Some(&b'2'), "changed without the token: {}", shown(&said));
    }
    *kept = Some(site);
}

/// The bytes that an input stands for.
fn written(text: &[u8], server: &WebServer) -> Vec<u8> {
    let mut out = Vec::new();
    let mut rest = text;
    while !rest.is_empty() {
        let end = find(rest, b"{end}");
        let (request, after) = end.map_or((rest, &[][..]), |at| (&rest[..at], &rest[at + 5..]));
        let mut request = replaced(request, b"{token}", server.token.as_bytes());
        for (name, id) in [b"{id0}", b"{id1}", b"{id2}"].iter().zip(&server.ids) {
            request = replaced(&request, *name, id.as_bytes());
        }
        let octets = find(&request, b"\r\n\r\n").map_or(0, |at| request.len() - at - 4);
        out.extend(replaced(&request, b"{length}", octets.to_string().as_bytes()));
        rest = after;
    }
    out
}

fn find(text: &[u8], wanted: &[u8]) -> Option<usize> {
    text.windows(wanted.len()).position(|window| window == wanted)
}

fn replaced(text: &[u8], name: &[u8], value: &[u8]) -> Vec<u8> {
    let (mut out, mut rest) = (Vec::new(), text);
    while let Some(at) = find(rest, name) {
        out.extend([&rest[..at], value].concat());
        rest = &rest[at + name.len()..];
    }
    out.extend(rest);
    out
}

fn shown(said: &[u8]) -> String {
    String::from_utf8_lossy(&said[..said.len().min(2_000)]).into_owned()
}

/// What holds of the first answer.
fn check(said: &[u8]) {
    if said.is_empty() {
        return;
    }
    let end =
        said.windows(4).position(|four| four == b"\r\n\r\n").unwrap_or_else(|| panic!("{}", shown(said)));
    let head = std::str::from_utf8(&said[..end]).unwrap();
    let mut lines = head.split("\r\n");
    let status = lines.next().and_then(|line| line.strip_prefix("HTTP/1.")).and_then(|rest| rest.get(2..5));
    assert!(status.is_some_and(|status| STATUSES.contains(&status)), "{head}");
    let mut safe = false;
    for line in lines {
        let (name, value) = line.split_once(':').unwrap_or_else(|| panic!("{head}"));
        assert!(ANSWERED.contains(&name.to_ascii_lowercase().as_str()), "{name}: {value}");
        assert!(!value.chars().any(char::is_control), "{line:?}");
        safe |= name.eq_ignore_ascii_case("content-security-policy");
    }
    // What HTTP itself does not understand is answered before there is a request.
    let is_ours = !matches!(status, Some("100" | "400" | "408" | "413" | "414" | "431"));
    assert!(safe || !is_ours, "{head}");
}
