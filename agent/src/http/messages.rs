//! `POST /api/messages`.

use axum::{
    body::{Body, Bytes},
    extract::{Query, Request, State},
    http::{HeaderMap, StatusCode, header},
};
use freesmtp_core::{
    EmailMessage, Error,
    message::{Date, RecipientType},
    spool::{Durability, Id, Spool},
};
use serde::Deserialize as _;

use super::{
    Web,
    answer::{Accepted, Failure, Problem},
    message::{NewMessage, NewOptions, option},
    repetition::taken_before,
};
use crate::{
    clock,
    entrances::{Additions, Incoming, message_id, not_held},
};

/// So many octets of a body that is refused are read away: a client that is still writing would not see the answer.
const READ_AWAY: usize = 16 << 20;

/// The key of a request that may be repeated.
const IDEMPOTENCY_KEY: &str = "idempotency-key";

/// Hands a message over for delivery: as JSON, or as a whole message (message/rfc822). The answer comes when it is
/// durable.
#[utoipa::path(
    post,
    path = "/api/messages",
    tag = "messages",
    request_body(
        description = "A message to compose; or a whole one as message/rfc822, its envelope and options in the query",
        content((NewMessage = "application/json"), (String = "message/rfc822"))
    ),
    params(
        ("from" = Option<String>, Query, description = "With message/rfc822: the envelope's sender; without it the header"),
        ("to" = Option<Vec<String>>, Query, description = "With message/rfc822: the recipients; without it the headers"),
        ("not_before" = Option<String>, Query, description = "With message/rfc822, as the others of `spool`"),
        ("Idempotency-Key" = Option<String>, Header, description = "The same message under the same key is delivered once; a repetition is answered with the id of the first")
    ),
    responses(
        (status = 202, description = "It is in the spool", body = Accepted),
        (status = 400, description = "Something is not right; the field is named", body = Failure),
        (status = 401, description = "The token is missing or another one", body = Failure),
        (status = 403, description = "Another site's page, or another host's name", body = Failure),
        (status = 409, description = "The idempotency key belongs to another message", body = Failure),
        (status = 413, description = "It is too large", body = Failure),
        (status = 415, description = "Neither JSON nor message/rfc822", body = Failure),
        (status = 503, description = "The spool does not take it", body = Failure),
        (status = 507, description = "There is no room", body = Failure)
    ),
    security(("token" = []))
)]
pub(super) async fn submit(
    State(web): State<Web>,
    Query(query): Query<Vec<(String, String)>>,
    request: Request,
) -> Result<Accepted, Problem> {
    let (parts, body) = request.into_parts();
    let key = idempotency_key(&parts.headers)?;
    let content_type = parts.headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok());
    let media_type = content_type.unwrap_or_default().split(';').next().unwrap_or_default().trim();
    let id = match media_type.to_ascii_lowercase().as_str() {
        "application/json" if query.is_empty() => from_json(web, body, key).await?,
        "application/json" => {
            return Err(Problem::field(
                query[0].0.clone(),
                "stands in the query; with JSON all of it is in the body",
            ));
        }
        "message/rfc822" => from_text(web, query, body, key).await?,
        _ => {
            let text = "Send application/json or message/rfc822, and say which in Content-Type";
            return Err(Problem::new(StatusCode::UNSUPPORTED_MEDIA_TYPE, text));
        }
    };
    Ok(Accepted { id: id.to_string() })
}

fn idempotency_key(headers: &HeaderMap) -> Result<Option<String>, Problem> {
    let wrong = || Problem::field("Idempotency-Key", "holds other characters than those of ASCII");
    let value = headers.get(IDEMPOTENCY_KEY).map(|value| value.to_str().map_err(|_| wrong())).transpose()?;
    Ok(value.map(|text| text.trim_matches('"').to_owned()))
}

async fn from_json(web: Web, body: Body, key: Option<String>) -> Result<Id, Problem> {
    // Base64 is a third longer than what it holds, and a text may be escaped.
    let limit = web.max_size.saturating_mul(3) / 2 + (1 << 20);
    let mut json = Vec::new();
    read(body, limit, |piece| {
        json.extend_from_slice(&piece);
        Ok(())
    })
    .await?;
    blocking(move || {
        let (mut message, places) = NewMessage::parse(&json)?.message()?;
        drop(json);
        set_key(&mut message, key)?;
        if let Some(first) = taken_before(&web.context.handle.queue, &message)? {
            return Ok(first);
        }
        submit_message(&web.context.handle.spool, &message)
            .map_err(|error| Problem::of(&error, |field| places.name(field)))
    })
    .await
}

async fn from_text(
    web: Web,
    query: Vec<(String, String)>,
    body: Body,
    key: Option<String>,
) -> Result<Id, Problem> {
    let mut envelope = envelope(query)?;
    set_key(&mut envelope, key)?;
    let now = clock::now() / 1_000;
    let trace = format!("Received: by {} with HTTP;\r\n\t{}\r\n", web.name, Date::utc(now));
    let from = envelope.return_path.clone().unwrap_or_default();
    let additions = Additions { trace, from, now, message_id: message_id(&web.name), domain: String::new() };
    let mut incoming = Incoming::new(additions, &web.folder);
    let failed = |error: &std::io::Error| Problem::of(&not_held(error), str::to_owned);
    read(body, web.max_size, |piece| incoming.write(&piece).map_err(|error| failed(&error))).await?;
    blocking(move || {
        let finished = incoming.finish(envelope).map_err(|error| failed(&error))?;
        if let Some(first) = taken_before(&web.context.handle.queue, &finished.message)? {
            return Ok(first);
        }
        finished.submit(&web.context.handle.spool, Durability::Full).map_err(|error| {
            Problem::of(&error, |field| match field {
                "ReturnPath" => "from".to_owned(),
                field if field.starts_with("Recipients") => "to".to_owned(),
                "Raw" => "body".to_owned(),
                other => option(other).unwrap_or(other).to_owned(),
            })
        })
    })
    .await
}

/// What the query says about a whole message.
fn envelope(query: Vec<(String, String)>) -> Result<EmailMessage, Problem> {
    let mut message = EmailMessage::new();
    let mut options = serde_json::Map::new();
    for (name, value) in query {
        match name.as_str() {
            "from" => message.return_path = Some(value),
            "to" => _ = message.add_recipient_as(value, "", RecipientType::To),
            "priority" => {
                // As in JSON, where no number has a plus sign.
                let number: Option<i8> = value.parse().ok().filter(|_| !value.starts_with('+'));
                let number = number.ok_or_else(|| Problem::field("priority", "is no number from -9 to 9"))?;
                options.insert(name, number.into());
            }
            _ => _ = options.insert(name, value.into()),
        }
    }
    let options = NewOptions::deserialize(serde_json::Value::Object(options))
        .map_err(|error| Problem::new(StatusCode::BAD_REQUEST, format!("The query is not right: {error}")))?;
    message.spool = options.read("")?;
    Ok(message)
}

fn set_key(message: &mut EmailMessage, key: Option<String>) -> Result<(), Problem> {
    if key.is_some() && message.spool.idempotency_key.is_some() {
        return Err(Problem::field(
            "Idempotency-Key",
            "stands in the header and in the message; leave one out",
        ));
    }
    message.spool.idempotency_key = message.spool.idempotency_key.take().or(key);
    Ok(())
}

fn submit_message(spool: &Spool, message: &EmailMessage) -> Result<Id, Error> {
    spool.submit_message(message, Durability::Full)
}

/// Reads a body of at most so many octets.
async fn read(
    body: Body,
    limit: usize,
    mut take: impl FnMut(Bytes) -> Result<(), Problem>,
) -> Result<(), Problem> {
    use axum::body::HttpBody as _;

    let too_large = || Problem::new(StatusCode::PAYLOAD_TOO_LARGE, format!("The limit is {limit} octets"));
    let patience = limit.saturating_add(READ_AWAY);
    if body.size_hint().lower() > patience as u64 {
        return Err(too_large());
    }
    let mut body = std::pin::pin!(body);
    let mut size = 0_usize;
    let mut taken = Ok(());
    while let Some(frame) = std::future::poll_fn(|cx| body.as_mut().poll_frame(cx)).await {
        let frame = frame.map_err(|error| {
            Problem::new(StatusCode::BAD_REQUEST, format!("The body did not come whole: {error}"))
        })?;
        let Ok(piece) = frame.into_data() else { continue };
        size = size.saturating_add(piece.len());
        if size > patience {
            return Err(too_large());
        }
        if taken.is_ok() {
            taken = if size > limit { Err(too_large()) } else { take(piece) };
        }
    }
    taken
}

/// Threads that wait for the disk together share one sync.
async fn blocking(work: impl FnOnce() -> Result<Id, Problem> + Send + 'static) -> Result<Id, Problem> {
    tokio::task::spawn_blocking(work).await.unwrap_or_else(|_| {
        Err(Problem::new(StatusCode::INTERNAL_SERVER_ERROR, "The message was not taken; please report this"))
    })
}
