//! The web server against any client, whatever bytes it sends and over any borders: it never fails by itself (500), what
//! changes something needs the token, an answer has the headers that keep a browser safe and no header that a client wrote,
//! and nobody is told the token.

use std::sync::{LazyLock, Mutex, PoisonError};

use arbitrary::Arbitrary;
use freesmtp_agent::fuzzing::WebServer;
use tempfile::TempDir;

/// After so many inputs the queue is made anew: what is submitted and purged would pile up.
const INPUTS: u32 = 200;

#[derive(Arbitrary, Clone, Copy, Debug)]
enum Method {
    Get,
    Head,
    Post,
    Put,
    Delete,
    Options,
}

#[derive(Arbitrary, Debug)]
enum Header<'a> {
    Token,
    Json,
    Text,
    Origin(&'a str),
    Site(u8),
    Key(&'a str),
    Chunked,
    Expect,
    Other { name: u8, value: &'a [u8] },
    Bytes(&'a [u8]),
}

#[derive(Arbitrary, Debug)]
enum Body<'a> {
    None,
    Bytes(&'a [u8]),
    Json { from: &'a str, to: &'a str, subject: &'a str, text: &'a str },
    Order { id: u8, filter: &'a str },
    Known(u8),
}

#[derive(Arbitrary, Debug)]
struct Request<'a> {
    method: Method,
    path: u8,
    /// What stands in the place of a name or an id in the path.
    name: Option<&'a str>,
    query: Option<&'a str>,
    host: u8,
    headers: Vec<Header<'a>>,
    body: Body<'a>,
}

#[derive(Arbitrary, Debug)]
enum Said<'a> {
    Request(Request<'a>),
    Bytes(&'a [u8]),
}

#[derive(Arbitrary, Debug)]
struct Input<'a> {
    here: bool,
    cut: u8,
    said: Vec<Said<'a>>,
}

/// Every path of the API's description, and those that are not described.
static PATHS: LazyLock<Vec<String>> = LazyLock::new(|| {
    let described = freesmtp_agent::openapi();
    let paths = described.lines().filter_map(|line| line.strip_prefix("    \"/")?.strip_suffix("\": {"));
    let paths: Vec<String> = paths
        .map(|path| format!("/{path}"))
        .chain(["/", "/api/openapi.json", "/x"].map(str::to_owned))
        .collect();
    assert!(paths.len() > 15, "{paths:?}");
    paths
});
const HOSTS: [&str; 8] = [
    "localhost",
    "127.0.0.1:8025",
    "[::1]",
    "fuzz.test",
    "evil.test",
    "",
    "127.0.0.1@evil.test",
    "localhost:99999",
];
const NAMES: [&str; 8] = [
    "Host",
    "Content-Length",
    "Cookie",
    "Authorization",
    "Accept-Encoding",
    "Range",
    "If-None-Match",
    "Upgrade",
];
const BODIES: [&str; 6] = [
    "From: a@b.test\r\nTo: c@d.test\r\nSubject: x\r\n\r\nHello\r\n",
    "{\"all\":true}",
    "{\"blast\":\"news\"}",
    "{\"from\":\"a@b.test\",\"to\":[\"c@d.test\"],\"headers\":{\"X-A\":\"b\"},\"spool\":{\"priority\":1}}",
    "[[[[[[[[",
    "5\r\n{\"all\r\n7\r\n\":true}\r\n0\r\n\r\n",
];
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
    let Some(input) = crate::read::<Input<'_>>(data) else { return };
    let mut kept = SITE.lock().unwrap_or_else(PoisonError::into_inner);
    let mut site = kept.take().filter(|site| site.inputs < INPUTS).unwrap_or_else(site);
    site.inputs += 1;
    let bytes: Vec<u8> = input.said.iter().flat_map(|said| said.bytes(&site.server)).collect();
    let pieces: Vec<&[u8]> = bytes.chunks(usize::from(input.cut).max(1) * 16).collect();
    let said = site.server.talk(input.here, &pieces);
    check(&said, &site.server.token);
    if let [Said::Request(request)] = &input.said[..] {
        // A head that the input wrote itself may be another request's.
        let forged = request.headers.iter().any(|header| matches!(header, Header::Bytes(_) | Header::Token));
        let asks = matches!(request.method, Method::Get | Method::Head | Method::Options);
        if !forged && !asks {
            assert!(!said.starts_with(b"HTTP/1.1 2"), "changed without the token: {}", shown(&said));
        }
    }
    *kept = Some(site);
}

impl Said<'_> {
    fn bytes(&self, server: &WebServer) -> Vec<u8> {
        match self {
            Self::Request(request) => request.bytes(server),
            Self::Bytes(bytes) => bytes.to_vec(),
        }
    }
}

impl Request<'_> {
    fn bytes(&self, server: &WebServer) -> Vec<u8> {
        let method = match self.method {
            Method::Get => "GET",
            Method::Head => "HEAD",
            Method::Post => "POST",
            Method::Put => "PUT",
            Method::Delete => "DELETE",
            Method::Options => "OPTIONS",
        };
        let own =
            if self.path & 1 == 0 { "news" } else { &server.ids[usize::from(self.path) % server.ids.len()] };
        let own = self.name.unwrap_or(own);
        let mut path =
            PATHS[usize::from(self.path) % PATHS.len()].replace("{id}", own).replace("{name}", own);
        if let Some(query) = self.query {
            path = format!("{path}?{query}");
        }
        let body = self.body.text(server);
        let mut out =
            format!("{method} {path} HTTP/1.1\r\nHost: {}\r\n", HOSTS[usize::from(self.host) % HOSTS.len()])
                .into_bytes();
        for header in self.headers.iter().take(40) {
            header.write(server, &mut out);
        }
        if !self.headers.iter().any(|header| matches!(header, Header::Chunked)) && !body.is_empty() {
            out.extend(format!("Content-Length: {}\r\n", body.len()).bytes());
        }
        out.extend(b"\r\n");
        out.extend(body);
        out
    }
}

impl Header<'_> {
    fn write(&self, server: &WebServer, out: &mut Vec<u8>) {
        match self {
            Self::Token => out.extend(format!("Authorization: Bearer {}\r\n", server.token).bytes()),
            Self::Json => out.extend(b"Content-Type: application/json\r\n"),
            Self::Text => out.extend(b"Content-Type: message/rfc822\r\n"),
            Self::Origin(text) => out.extend(format!("Origin: {}\r\n", one_line(text)).bytes()),
            Self::Site(number) => {
                let site = ["none", "same-origin", "same-site", "cross-site"][usize::from(number % 4)];
                out.extend(format!("Sec-Fetch-Site: {site}\r\n").bytes());
            }
            Self::Key(text) => out.extend(format!("Idempotency-Key: {}\r\n", one_line(text)).bytes()),
            Self::Chunked => out.extend(b"Transfer-Encoding: chunked\r\n"),
            Self::Expect => out.extend(b"Expect: 100-continue\r\n"),
            Self::Other { name, value } => {
                out.extend(NAMES[usize::from(*name) % NAMES.len()].bytes());
                out.extend(b": ");
                out.extend(value.iter().filter(|byte| !b"\r\n".contains(byte)));
                out.extend(b"\r\n");
            }
            Self::Bytes(bytes) => out.extend(*bytes),
        }
    }
}

impl Body<'_> {
    fn text(&self, server: &WebServer) -> Vec<u8> {
        match self {
            Self::None => Vec::new(),
            Self::Bytes(bytes) => bytes.to_vec(),
            Self::Json { from, to, subject, text } => {
                format!("{{\"from\":{from:?},\"to\":{to:?},\"subject\":{subject:?},\"text\":{text:?}}}")
                    .into_bytes()
            }
            Self::Order { id, filter } => {
                let id = &server.ids[usize::from(*id) % server.ids.len()];
                format!("{{\"ids\":[{id:?}],{filter}}}").into_bytes()
            }
            Self::Known(index) => BODIES[usize::from(*index) % BODIES.len()].as_bytes().to_vec(),
        }
    }
}

fn one_line(text: &str) -> String {
    text.replace(['\r', '\n'], "")
}

fn shown(said: &[u8]) -> String {
    String::from_utf8_lossy(&said[..said.len().min(2_000)]).into_owned()
}

/// What holds of the first answer, and of everything that was said.
fn check(said: &[u8], token: &str) {
    assert!(!said.windows(token.len()).any(|window| window == token.as_bytes()), "the token is told");
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
