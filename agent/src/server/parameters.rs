//! The parameters of MAIL and RCPT, and what they make of an envelope.

use freesmtp_core::message::{DeliveryOptions, ReturnContent};

use super::{
    command::Path,
    envelope::{Client, Envelope, Recipient},
    policy::Offer,
    reply::Reply,
};

/// The envelope that MAIL begins.
pub(super) fn mail(path: Path, client: &Client, offer: &Offer, auth: bool) -> Result<Envelope, Reply> {
    let mut envelope = Envelope { sender: path.address, ..Envelope::default() };
    for (keyword, value) in checked(&path.parameters, client)? {
        match (keyword, value) {
            ("SIZE", value) => {
                let digits = value.filter(|v| v.len() <= 20 && v.bytes().all(|b| b.is_ascii_digit()));
                // Twenty digits may be more than a u64 holds (RFC 1870 section 3), and are more than any limit.
                envelope.declared_size = Some(digits.ok_or_else(|| bad("SIZE"))?.parse().unwrap_or(u64::MAX));
            }
            ("BODY", Some(body)) if body.eq_ignore_ascii_case("7BIT") => {}
            ("BODY", Some(body)) if body.eq_ignore_ascii_case("8BITMIME") => envelope.eight_bit = true,
            ("BODY", _) => return Err(bad("BODY")),
            ("SMTPUTF8", None) => envelope.utf8 = true,
            ("SMTPUTF8", Some(_)) => return Err(bad("SMTPUTF8")),
            ("RET", Some(text)) if offer.dsn => {
                envelope.return_content = match text.to_ascii_uppercase().as_str() {
                    "FULL" => ReturnContent::Full,
                    "HDRS" => ReturnContent::Headers,
                    _ => return Err(bad("RET")),
                }
            }
            ("ENVID", Some(text)) if offer.dsn => {
                let id = from_xtext(text).ok_or_else(|| bad("ENVID"))?;
                let options = DeliveryOptions { envelope_id: Some(id), ..DeliveryOptions::default() };
                options.check(freesmtp_core::types::Moment::new(0)).map_err(|_| bad("ENVID"))?;
                envelope.envelope_id = options.envelope_id;
            }
            ("RET" | "ENVID", None) if offer.dsn => return Err(bad(keyword)),
            // Who sent it first; of no use here (RFC 4954 section 5).
            ("AUTH", Some(_)) if auth => {}
            _ => return Err(unknown(keyword)),
        }
    }
    if !envelope.sender.is_ascii() && !envelope.utf8 {
        return Err(Reply::new(550, "5.6.7", "An address outside ASCII needs SMTPUTF8"));
    }
    Ok(envelope)
}

/// The recipient that RCPT names.
pub(super) fn rcpt(path: Path, client: &Client, offer: &Offer) -> Result<Recipient, Reply> {
    let mut recipient = Recipient::from(path.address.as_str());
    for (keyword, value) in checked(&path.parameters, client)? {
        match (keyword, value) {
            ("NOTIFY", Some(text)) if offer.dsn => {
                recipient.options.notify = text.parse().map_err(|()| bad("NOTIFY"))?;
            }
            ("ORCPT", Some(text)) if offer.dsn => {
                recipient.options.original_recipient = Some(original(text).ok_or_else(|| bad("ORCPT"))?);
            }
            ("NOTIFY" | "ORCPT", None) if offer.dsn => return Err(bad(keyword)),
            _ => return Err(unknown(keyword)),
        }
    }
    recipient.options.check(str::to_owned).map_err(|_| bad("ORCPT"))?;
    Ok(recipient)
}

/// Each parameter, once, to who said EHLO.
fn checked<'a>(
    parameters: &'a [(String, Option<String>)],
    client: &Client,
) -> Result<impl Iterator<Item = (&'a str, Option<&'a str>)> + use<'a>, Reply> {
    for (index, (keyword, _)) in parameters.iter().enumerate() {
        if !client.extended {
            return Err(unknown(keyword));
        }
        if parameters[..index].iter().any(|(earlier, _)| earlier == keyword) {
            return Err(Reply::new(501, "5.5.4", format!("{keyword} is given twice")));
        }
    }
    Ok(parameters.iter().map(|(keyword, value)| (keyword.as_str(), value.as_deref())))
}

fn bad(keyword: &str) -> Reply {
    Reply::new(501, "5.5.4", format!("Bad value of {keyword}"))
}

fn unknown(keyword: &str) -> Reply {
    Reply::new(555, "5.5.4", format!("{keyword} is not supported"))
}

/// The address that ORCPT names, behind its type (RFC 3461 section 4.2).
fn original(text: &str) -> Option<String> {
    let (kind, address) = text.split_once(';')?;
    let address = from_xtext(address)?;
    let address = if kind.eq_ignore_ascii_case("utf-8") { from_embedded(&address)? } else { address };
    Some(format!("{kind};{address}"))
}

/// An address of type `utf-8`, whose characters may stand as `\x{…}` (RFC 6533 section 3).
fn from_embedded(text: &str) -> Option<String> {
    let mut parts = text.split("\\x{");
    let mut out = parts.next()?.to_owned();
    for part in parts {
        let (digits, rest) = part.split_once('}')?;
        let are_digits = digits.len() <= 6 && digits.bytes().all(|byte| byte.is_ascii_hexdigit());
        let point = if are_digits { u32::from_str_radix(digits, 16).ok()? } else { return None };
        out.push(char::from_u32(point)?);
        out.push_str(rest);
    }
    Some(out)
}

/// The text of an `xtext` (RFC 3461 section 4).
fn from_xtext(text: &str) -> Option<String> {
    let mut out = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((&byte, after)) = rest.split_first() {
        rest = after;
        if byte != b'+' {
            out.push(byte);
            continue;
        }
        let (pair, after) = rest.split_at_checked(2)?;
        let hex = pair.iter().all(u8::is_ascii_hexdigit).then_some(pair)?;
        out.push(u8::from_str_radix(std::str::from_utf8(hex).ok()?, 16).ok()?);
        rest = after;
    }
    String::from_utf8(out).ok()
}

#[cfg(test)]
mod tests {
    use super::{from_xtext, original};

    #[test]
    fn an_original_recipient_outside_ascii_is_read_in_each_form() {
        for (text, address) in [
            ("rfc822;a+2Bb@x.test", "rfc822;a+b@x.test"),
            (r"rfc822;a\x{41}@x.test", r"rfc822;a\x{41}@x.test"),
            (r"utf-8;bj\x{F6}rn\x{2B}1\x{3D}\x{1F600}@x.test", "utf-8;björn+1=😀@x.test"),
            (r"UTF-8;\x{5C}x{41}@x.test", r"UTF-8;\x{41}@x.test"),
            ("utf-8;björn@x.test", "utf-8;björn@x.test"),
        ] {
            assert_eq!(original(text).as_deref(), Some(address), "{text}");
        }
        for text in [
            "a@x.test",
            r"utf-8;\x{",
            r"utf-8;\x{}",
            r"utf-8;\x{D800}",
            r"utf-8;\x{4g}",
            r"utf-8;\x{0000041}",
        ] {
            assert_eq!(original(text), None, "{text}");
        }
    }

    #[test]
    fn xtext_is_read() {
        assert_eq!(from_xtext("a+2Bb+20c").as_deref(), Some("a+b c"));
        for text in ["+", "+2", "+2g", "+FF"] {
            assert_eq!(from_xtext(text), None, "{text}");
        }
    }
}
