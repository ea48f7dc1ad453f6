//! Who is let in.

use axum::{
    extract::{Request, State},
    http::{HeaderMap, HeaderValue, Method, StatusCode, header, uri::Authority},
    middleware::Next,
    response::{IntoResponse, Response},
};

use super::{Web, answer::Problem};

/// Lets nothing through that another site's page may have sent, or that was sent to another name.
pub(super) async fn origin(State(web): State<Web>, request: Request, next: Next) -> Response {
    match check(&web, request.headers()) {
        Ok(()) => next.run(request).await,
        Err(problem) => Problem::new(StatusCode::FORBIDDEN, problem).into_response(),
    }
}

/// Whatever may change something needs the token.
pub(super) async fn token(State(web): State<Web>, request: Request, next: Next) -> Response {
    if matches!(*request.method(), Method::GET | Method::HEAD | Method::OPTIONS) {
        return next.run(request).await;
    }
    let given = request.headers().get(header::AUTHORIZATION).and_then(|value| value.to_str().ok());
    let given = given.and_then(|value| value.split_once(' '));
    match given {
        Some((scheme, token)) if scheme.eq_ignore_ascii_case("Bearer") && web.0.token.is(token.trim()) => {
            next.run(request).await
        }
        _ => {
            let text = "The token is missing or another one; send the header Authorization: Bearer TOKEN, with the \
                        token that stands in the file queue/token of the spool, or where http.token_file says";
            Problem::new(StatusCode::UNAUTHORIZED, text).into_response()
        }
    }
}

/// What browsers may do with an answer: show it, and nothing else.
pub(super) async fn headers(request: Request, next: Next) -> Response {
    let mut response = next.run(request).await;
    let headers = response.headers_mut();
    for (name, value) in [
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (header::X_FRAME_OPTIONS, "DENY"),
        (header::REFERRER_POLICY, "no-referrer"),
        (header::CACHE_CONTROL, "no-store"),
        (header::CONTENT_SECURITY_POLICY, "default-src 'none'; frame-ancestors 'none'"),
    ] {
        // A page says itself what it needs.
        headers.entry(name).or_insert(HeaderValue::from_static(value));
    }
    response
}

fn check(web: &Web, headers: &HeaderMap) -> Result<(), String> {
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
        || web.0.hosts.iter().any(|own| own.eq_ignore_ascii_case(name));
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
        Some(_) => Err(foreign()),
    }
}
