//! The page: files that are built from `monitor/` and are part of this program.

use std::{fmt::Write as _, sync::LazyLock};

use axum::{
    extract::Request,
    http::{HeaderValue, StatusCode, header},
    response::{IntoResponse, Response},
};
use sha2::{Digest, Sha256};

/// A file of the page.
struct Asset {
    path: &'static str,
    media_type: &'static str,
    bytes: &'static [u8],
}

const FILES: [Asset; 4] = [
    Asset { path: "/", media_type: "text/html; charset=utf-8", bytes: include_bytes!("page/index.html") },
    Asset {
        path: "/assets/app.js",
        media_type: "text/javascript; charset=utf-8",
        bytes: include_bytes!("page/app.js"),
    },
    Asset {
        path: "/assets/app.css",
        media_type: "text/css; charset=utf-8",
        bytes: include_bytes!("page/app.css"),
    },
    Asset { path: "/assets/icon.svg", media_type: "image/svg+xml", bytes: include_bytes!("page/icon.svg") },
];

/// What each of them is known by.
static TAGS: LazyLock<[HeaderValue; FILES.len()]> = LazyLock::new(|| {
    FILES.each_ref().map(|file| {
        let mut tag = "\"".to_owned();
        for byte in &Sha256::digest(file.bytes)[..16] {
            let _ = write!(tag, "{byte:02x}");
        }
        tag.push('"');
        HeaderValue::from_str(&tag).unwrap_or(HeaderValue::from_static("\"\""))
    })
});

/// The paths of its files.
pub(super) fn paths() -> impl Iterator<Item = &'static str> {
    FILES.iter().map(|file| file.path)
}

/// Whether that is one of its files.
pub(super) fn has(path: &str) -> bool {
    paths().any(|own| own == path)
}

/// A file of the page.
pub(super) async fn file(request: Request) -> Response {
    let path = request.uri().path();
    let Some((file, tag)) = FILES.iter().zip(&*TAGS).find(|(file, _)| file.path == path) else {
        return super::answer::nothing_here().await.into_response();
    };
    let known = request.headers().get(header::IF_NONE_MATCH);
    let headers = [
        (header::ETAG, tag.clone()),
        // It may be kept, and is asked for each time: another agent has another page.
        (header::CACHE_CONTROL, HeaderValue::from_static("no-cache")),
        (header::CONTENT_TYPE, HeaderValue::from_static(file.media_type)),
    ];
    if known
        .and_then(|known| known.to_str().ok())
        .is_some_and(|known| known.contains(tag.to_str().unwrap_or("?")))
    {
        return (StatusCode::NOT_MODIFIED, headers).into_response();
    }
    (headers, file.bytes).into_response()
}
