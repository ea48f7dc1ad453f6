//! Who is let in.

use axum::{
    extract::{Request, State},
    http::{HeaderMap, HeaderValue, Method, StatusCode, header, uri::Authority},
    middleware::Next,
    response::{IntoResponse, Response},
};

use super::{Door, Web, answer::Problem, page};

/// What the page may do in a browser: what it brings itself, and nothing else.
const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; \
    font-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

/// What is open to everyone who reaches it, wherever from.
const PUBLIC: [&str; 2] = ["/healthz", "/api/openapi.json"];

/// Lets nothing through that another site's page may have sent, or that was sent to another name.
pub(super) async fn origin(State(web): State<Web>, request: Request, next: Next) -> Response {
    match check(&web, &request) {
        Ok(()) => next.run(request).await,
        Err(problem) => Problem::new(StatusCode::FORBIDDEN, problem).into_response(),
    }
}

/// Whatever may change something needs the token; so does a question that did not come from this machine.
pub(super) async fn token(State(web): State<Web>, request: Request, next: Next) -> Response {
    let is_question = matches!(*request.method(), Method::GET | Method::HEAD | Method::OPTIONS);
    let path = request.uri().path();
    let is_open = is_question && (web.door == Door::Here || PUBLIC.contains(&path) || page::has(path));
    if is_open || has_token(&web, request.headers()) {
        return next.run(request).await;
    }
    refuse()
}

/// This needs the token always.
pub(super) async fn token_always(State(web): State<Web>, request: Request, next: Next) -> Response {
    if has_token(&web, request.headers()) { next.run(request).await } else { refuse() }
}

fn has_token(web: &Web, headers: &HeaderMap) -> bool {
    let given = headers.get(header::AUTHORIZATION).and_then(|value| value.to_str().ok());
    given
        .and_then(|value| value.split_once(' '))
        .is_some_and(|(scheme, token)| scheme.eq_ignore_ascii_case("Bearer") && web.token.is(token.trim()))
}

fn refuse() -> Response {
    let remedy = "Send the header Authorization: Bearer TOKEN, with the token that stands in the file queue/token of the \
                  spool, or where http.token_file says; `freesmtp monitor` tells it.";
    Problem::new(StatusCode::UNAUTHORIZED, "The token is missing or another one")
        .with("token", remedy)
        .into_response()
}

/// What browsers may do with an answer.
pub(super) async fn headers(request: Request, next: Next) -> Response {
    let mut response = next.run(request).await;
    let headers = response.headers_mut();
    for (name, value) in [
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (header::X_FRAME_OPTIONS, "DENY"),
        (header::REFERRER_POLICY, "no-referrer"),
        (header::CACHE_CONTROL, "no-store"),
        (header::CONTENT_SECURITY_POLICY, POLICY),
        (header::HeaderName::from_static("cross-origin-opener-policy"), "same-origin"),
        (header::HeaderName::from_static("cross-origin-resource-policy"), "same-origin"),
    ] {
        headers.entry(name).or_insert(HeaderValue::from_static(value));
    }
    response
}

fn check(web: &Web, request: &Request) -> Result<(), String> {
    let headers = request.headers();
    let text = |name: header::HeaderName| match headers.get(name) {
        None => Ok(None),
        Some(value) => value.to_str().map(Some).map_err(|_| "A header is not ASCII".to_owned()),
    };
    let host = text(header::HOST)?.unwrap_or_default();
    let authority: Authority =
        host.parse().map_err(|_| "The Host header is missing, or no name".to_owned())?;
    let name = authority.host().trim_matches(['[', ']']);
    let is_here = name.eq_ignore_ascii_case("localhost")
        || name.parse::<std::net::IpAddr>().is_ok_and(|ip| ip.to_canonical().is_loopback())
        || web.hosts.iter().any(|own| own.eq_ignore_ascii_case(name));
    if !is_here {
        return Err(format!("The Host {name:?} is not this server's; add it to http.hosts if it is"));
    }
    let foreign = || "The request comes from the page of another site".to_owned();
    if let Some(origin) = text(header::ORIGIN)? {
        let from = origin.split_once("://").filter(|(scheme, _)| matches!(*scheme, "http" | "https"));
        if from.is_none_or(|(_, from)| !from.eq_ignore_ascii_case(host)) {
            return Err(foreign());
        }
    }
    match headers.get("sec-fetch-site").map(HeaderValue::as_bytes) {
        None | Some(b"same-origin" | b"none") => Ok(()),
        // Somebody followed a link: the page says nothing by itself, and no other page sees it.
        Some(_) if is_visit(request) => Ok(()),
        Some(_) => Err(foreign()),
    }
}

/// A person who opens the page.
fn is_visit(request: &Request) -> bool {
    let says = |name: &str, value: &str| request.headers().get(name).is_some_and(|said| said == value);
    *request.method() == Method::GET
        && request.uri().path() == "/"
        && says("sec-fetch-mode", "navigate")
        && says("sec-fetch-dest", "document")
}
