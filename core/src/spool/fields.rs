//! An envelope as the fields of a record: each a tag, a length and a value.

use super::{Body, BodyType, Envelope, Id, Recipient, Record};
use crate::{
    error::Error,
    message::{DeliverByMode, DeliveryOptions, Notify, RecipientOptions, ReturnContent, ValidSinceAction},
    types::Moment,
};

/// What stands before the fields: the id, and their length.
pub(super) const FIXED: usize = 20;
/// What stands behind a message: its own checksum, for those who read it later, without its record.
pub(super) const TRAILER: usize = 4;

const MESSAGE_ID: u8 = 1;
const REVERSE_PATH: u8 = 2;
const BODY: u8 = 3;
const SMTPUTF8: u8 = 4;
const RET: u8 = 5;
const ENVID: u8 = 6;
const REQUIRETLS: u8 = 7;
const DELIVERBY: u8 = 8;
const MT_PRIORITY: u8 = 9;
const OPTIONAL: u8 = 10;
const NOT_BEFORE: u8 = 11;
const EXPIRES: u8 = 12;
const PRIORITY: u8 = 13;
const BLAST: u8 = 14;
const IDEMPOTENCY_KEY: u8 = 15;
const BODY_FILE: u8 = 16;
const RECIPIENT: u8 = 32;
const NOTIFY: u8 = 33;
const ORCPT: u8 = 34;
const RRVS: u8 = 35;
/// Fields from here on can be left out of account by who does not know them.
const MAY_BE_SKIPPED: u8 = 128;

/// Appends the content of a record up to the message, whose bytes and checksum follow unless they are in a file. `limit` is the most
/// octets that there may be.
pub(super) fn write(
    out: &mut Vec<u8>,
    id: Id,
    envelope: &Envelope,
    message_id: &str,
    file: Option<&Body>,
    limit: usize,
) -> Result<(), Error> {
    let begin = out.len();
    out.extend_from_slice(&id.number().to_be_bytes());
    out.extend_from_slice(&[0; 4]);
    let mut fields = Writer(out);
    if !message_id.is_empty() {
        fields.put(MESSAGE_ID, message_id.as_bytes());
    }
    if !envelope.reverse_path.is_empty() {
        fields.put(REVERSE_PATH, envelope.reverse_path.as_bytes());
    }
    if envelope.body != BodyType::SevenBit {
        fields.put(BODY, &[envelope.body as u8]);
    }
    if envelope.utf8 {
        fields.put(SMTPUTF8, &[]);
    }
    fields.delivery(&envelope.delivery);
    fields.options(envelope);
    if let Some(Body::File { name, length, crc }) = file {
        let value = [&length.to_le_bytes()[..], &crc.to_le_bytes(), name.as_bytes()].concat();
        fields.put(BODY_FILE, &value);
    }
    for recipient in &envelope.recipients {
        fields.recipient(recipient);
    }
    let length = out.len() - begin - FIXED;
    if length > limit {
        let problem = format!(
            "are {} and take {length} octets in the spool, where {limit} are allowed; submit the message to fewer at a time",
            envelope.recipients.len()
        );
        return Err(Error::input("Recipients", problem));
    }
    let length = u32::try_from(length).unwrap_or(u32::MAX);
    out[begin + 16..begin + FIXED].copy_from_slice(&length.to_le_bytes());
    Ok(())
}

struct Writer<'a>(&'a mut Vec<u8>);

impl Writer<'_> {
    fn put(&mut self, tag: u8, value: &[u8]) {
        self.0.push(tag);
        self.0.extend_from_slice(&u32::try_from(value.len()).unwrap_or(u32::MAX).to_le_bytes());
        self.0.extend_from_slice(value);
    }

    fn delivery(&mut self, delivery: &DeliveryOptions) {
        if delivery.return_content != ReturnContent::Default {
            self.put(RET, &[delivery.return_content.number()]);
        }
        if let Some(id) = &delivery.envelope_id {
            self.put(ENVID, id.as_bytes());
        }
        if delivery.require_tls {
            self.put(REQUIRETLS, &[]);
        }
        if let Some(seconds) = delivery.deliver_by {
            let [a, b, c, d] = seconds.to_le_bytes();
            self.put(
                DELIVERBY,
                &[a, b, c, d, delivery.deliver_by_mode.number(), u8::from(delivery.deliver_by_trace)],
            );
        }
        if let Some(priority) = delivery.mt_priority {
            self.put(MT_PRIORITY, &priority.to_le_bytes());
        }
        if delivery.optional_extensions != DeliveryOptions::default().optional_extensions {
            self.put(OPTIONAL, delivery.optional_extensions.join(",").as_bytes());
        }
    }

    fn options(&mut self, envelope: &Envelope) {
        let options = &envelope.options;
        for (tag, moment) in [(NOT_BEFORE, options.not_before), (EXPIRES, options.expires)] {
            if let Some(moment) = moment {
                self.put(tag, &moment.unix_seconds.to_le_bytes());
            }
        }
        if options.priority != 0 {
            self.put(PRIORITY, &options.priority.to_le_bytes());
        }
        for (tag, text) in [(BLAST, &options.blast), (IDEMPOTENCY_KEY, &options.idempotency_key)] {
            if let Some(text) = text {
                self.put(tag, text.as_bytes());
            }
        }
    }

    fn recipient(&mut self, recipient: &Recipient) {
        self.put(RECIPIENT, recipient.email.as_bytes());
        let options = &recipient.options;
        if options.notify != Notify::DEFAULT {
            self.put(NOTIFY, &[options.notify.number()]);
        }
        if let Some(original) = &options.original_recipient {
            self.put(ORCPT, original.as_bytes());
        }
        if let Some(since) = options.valid_since {
            let value =
                [&since.unix_seconds.to_le_bytes()[..], &[options.valid_since_action.number()]].concat();
            self.put(RRVS, &value);
        }
    }
}

/// Reads the content of a record that begins at `offset` with its content at `content_at`. The message is checked like
/// everything else that another program may have written.
///
/// # Errors
/// What is wrong with it, in words.
pub(super) fn read(content: &[u8], content_at: u64, offset: u64) -> Result<Record, String> {
    let short = || "its content is shorter than it says".to_owned();
    let (id, rest) = content.split_first_chunk::<16>().ok_or_else(short)?;
    let (length, rest) = rest.split_first_chunk::<4>().ok_or_else(short)?;
    let length = usize::try_from(u32::from_le_bytes(*length)).map_err(|_| short())?;
    let mut fields = rest.get(..length).ok_or_else(short)?;
    let (message, trailer) = match rest[length..].split_last_chunk::<TRAILER>() {
        Some((message, trailer)) => (message, Some(*trailer)),
        None => (&rest[length..], None),
    };
    let id = Id::from_number(u128::from_be_bytes(*id));
    let mut record = Record {
        id,
        submitted: id.moment(),
        message_id: String::new(),
        envelope: Envelope::default(),
        body: Body::Inline { offset: content_at + (FIXED + length) as u64, length: message.len() as u64 },
        offset,
        end: content_at + content.len() as u64,
    };
    while let Some((tag, rest)) = fields.split_first() {
        let (length, rest) = rest.split_first_chunk::<4>().ok_or_else(short)?;
        let length = usize::try_from(u32::from_le_bytes(*length)).map_err(|_| short())?;
        let value = rest.get(..length).ok_or_else(short)?;
        fields = &rest[length..];
        field(&mut record, *tag, value)?;
    }
    match (&record.body, trailer) {
        (Body::File { .. }, None) if message.is_empty() => {}
        (Body::File { .. }, _) => return Err("it holds a message and names a file with one".to_owned()),
        (Body::Inline { .. }, Some(crc)) if crc == crc32c::crc32c(message).to_le_bytes() => {}
        (Body::Inline { .. }, _) => return Err("the checksum of its message is wrong".to_owned()),
    }
    record.envelope.check().map_err(|error| format!("its envelope is not valid: {error}"))?;
    Ok(record)
}

fn field(record: &mut Record, tag: u8, value: &[u8]) -> Result<(), String> {
    let wrong = || format!("its field {tag} does not have the form that it should");
    let text = || std::str::from_utf8(value).map(str::to_owned).map_err(|_| wrong());
    let byte = || if let [byte] = value { Ok(*byte) } else { Err(wrong()) };
    let moment = |bytes: &[u8]| {
        bytes.try_into().map(|bytes| Moment::new(i64::from_le_bytes(bytes))).map_err(|_| wrong())
    };
    let Envelope { reverse_path, recipients, delivery, body, utf8, options } = &mut record.envelope;
    match tag {
        MESSAGE_ID => record.message_id = text()?,
        REVERSE_PATH => *reverse_path = text()?,
        BODY => {
            *body = match byte()? {
                0 => BodyType::SevenBit,
                1 => BodyType::EightBit,
                2 => BodyType::Binary,
                _ => return Err(wrong()),
            }
        }
        SMTPUTF8 => *utf8 = true,
        RET => delivery.return_content = ReturnContent::from_number(byte()?).ok_or_else(wrong)?,
        ENVID => delivery.envelope_id = Some(text()?),
        REQUIRETLS => delivery.require_tls = true,
        DELIVERBY => {
            let [a, b, c, d, mode, trace] = value else { return Err(wrong()) };
            delivery.deliver_by = Some(u32::from_le_bytes([*a, *b, *c, *d]));
            delivery.deliver_by_mode = DeliverByMode::from_number(*mode).ok_or_else(wrong)?;
            delivery.deliver_by_trace = *trace != 0;
        }
        MT_PRIORITY => delivery.mt_priority = Some(i8::from_le_bytes([byte()?])),
        OPTIONAL => {
            let text = text()?;
            delivery.optional_extensions =
                text.split(',').filter(|word| !word.is_empty()).map(|word| word.to_owned().into()).collect();
        }
        NOT_BEFORE => options.not_before = Some(moment(value)?),
        EXPIRES => options.expires = Some(moment(value)?),
        PRIORITY => options.priority = i8::from_le_bytes([byte()?]),
        BLAST => options.blast = Some(text()?),
        IDEMPOTENCY_KEY => options.idempotency_key = Some(text()?),
        BODY_FILE => {
            let (length, rest) = value.split_first_chunk::<8>().ok_or_else(wrong)?;
            let (crc, name) = rest.split_first_chunk::<4>().ok_or_else(wrong)?;
            let name = std::str::from_utf8(name).map_err(|_| wrong())?;
            if !is_file_name(name) {
                return Err(wrong());
            }
            record.body = Body::File {
                name: name.to_owned(),
                length: u64::from_le_bytes(*length),
                crc: u32::from_le_bytes(*crc),
            };
        }
        RECIPIENT => recipients.push(Recipient::new(text()?)),
        NOTIFY => {
            last(recipients).ok_or_else(wrong)?.notify = Notify::from_number(byte()?).ok_or_else(wrong)?;
        }
        ORCPT => last(recipients).ok_or_else(wrong)?.original_recipient = Some(text()?),
        RRVS => {
            let last = last(recipients).ok_or_else(wrong)?;
            let (since, action) = value.split_last_chunk::<1>().ok_or_else(wrong)?;
            last.valid_since = Some(moment(since)?);
            last.valid_since_action = ValidSinceAction::from_number(action[0]).ok_or_else(wrong)?;
        }
        MAY_BE_SKIPPED.. => {}
        _ => return Err(format!("its field {tag} is unknown: it was written by a newer version")),
    }
    Ok(())
}

/// What is asked for the recipient that was named last.
fn last(recipients: &mut [Recipient]) -> Option<&mut RecipientOptions> {
    recipients.last_mut().map(|recipient| &mut recipient.options)
}

/// Whether it is the name of a file of `bodies/`, and leads nowhere else.
pub(super) fn is_file_name(name: &str) -> bool {
    let plain = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'-' | b'_');
    !name.is_empty() && name.len() <= 255 && !name.starts_with('.') && name.bytes().all(plain)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::message::SpoolOptions;

    fn everything() -> Envelope {
        Envelope {
            reverse_path: "sender@example.com".into(),
            recipients: vec![
                Recipient {
                    email: "a@example.com".into(),
                    options: RecipientOptions {
                        notify: Notify::SUCCESS | Notify::DELAY,
                        original_recipient: Some("rfc822;b@example.com".into()),
                        valid_since: Some(Moment::new(1_700_000_000)),
                        valid_since_action: ValidSinceAction::Reject,
                    },
                },
                Recipient::new("ü@bücher.example"),
            ],
            delivery: DeliveryOptions {
                return_content: ReturnContent::Headers,
                envelope_id: Some("a b".into()),
                require_tls: true,
                deliver_by: Some(600),
                deliver_by_mode: DeliverByMode::Return,
                deliver_by_trace: true,
                hold_for: None,
                hold_until: None,
                mt_priority: Some(-3),
                optional_extensions: vec![].into(),
            },
            body: BodyType::EightBit,
            utf8: true,
            options: SpoolOptions {
                not_before: Some(Moment::new(1_800_000_000)),
                expires: Some(Moment::new(1_800_000_001)),
                priority: -9,
                blast: Some("März".into()),
                idempotency_key: Some("key".into()),
            },
        }
    }

    fn written(envelope: &Envelope, file: Option<&Body>, message: &[u8]) -> Vec<u8> {
        let mut out = Vec::new();
        write(&mut out, Id::from_number(7), envelope, "<a@b>", file, 1 << 20).unwrap();
        if file.is_none() {
            out.extend_from_slice(message);
            out.extend_from_slice(&crc32c::crc32c(message).to_le_bytes());
        }
        out
    }

    #[test]
    fn every_field_comes_back() {
        let plain = Envelope { recipients: vec![Recipient::new("a@example.com")], ..Envelope::default() };
        for envelope in [everything(), plain] {
            let bytes = written(&envelope, None, b"Subject: x\r\n\r\n");
            let record = read(&bytes, 100, 84).unwrap();
            assert_eq!(record.envelope, envelope);
            assert_eq!((record.message_id.as_str(), record.id), ("<a@b>", Id::from_number(7)));
            assert_eq!((record.offset, record.end), (84, 100 + bytes.len() as u64));
            let Body::Inline { offset, length } = record.body else { panic!("it is in the record") };
            assert_eq!((offset + length + TRAILER as u64, length), (record.end, 14));
        }
        let file = Body::File { name: "x.eml".into(), length: 1 << 40, crc: 9 };
        assert_eq!(read(&written(&everything(), Some(&file), b""), 0, 0).unwrap().body, file);
        for more in 1..=TRAILER {
            let both = [written(&everything(), Some(&file), b""), vec![0; more]].concat();
            assert!(read(&both, 0, 0).is_err(), "{more}");
        }
        let mut flipped = written(&everything(), None, b"Subject: x\r\n\r\n");
        *flipped.last_mut().unwrap() ^= 1;
        assert!(read(&flipped, 0, 0).is_err());
    }

    #[test]
    fn what_is_cut_or_not_valid_is_refused() {
        let bytes = written(&everything(), None, b"");
        for length in 0..bytes.len() {
            assert!(read(&bytes[..length], 0, 0).is_err(), "{length}");
        }
        let mut injected = everything();
        injected.recipients[0].email = "a@b\r\nDATA".into();
        assert!(read(&written(&injected, None, b""), 0, 0).unwrap_err().contains("Recipients[0]"));
        let nobody = Envelope { recipients: vec![], ..everything() };
        assert!(read(&written(&nobody, None, b""), 0, 0).is_err());
        for name in ["../x", "a/b", ".x", "", "a\0"] {
            let file = Body::File { name: name.into(), length: 1, crc: 1 };
            assert!(read(&written(&everything(), Some(&file), b""), 0, 0).is_err(), "{name:?}");
        }
    }

    #[test]
    fn fields_of_a_newer_version_are_skipped_where_they_may_be() {
        for (tag, fine) in [(127_u8, false), (36, false), (128, true), (255, true)] {
            let mut bytes = written(&everything(), None, b"");
            let end = bytes.len() - TRAILER;
            bytes.splice(end..end, [tag, 1, 0, 0, 0, 9]);
            let length = u32::try_from(end + 6 - FIXED).unwrap();
            bytes[16..20].copy_from_slice(&length.to_le_bytes());
            assert_eq!(read(&bytes, 0, 0).is_ok(), fine, "{tag}");
        }
    }

    #[test]
    fn an_envelope_has_an_end() {
        let length = written(&everything(), None, b"").len() - FIXED - TRAILER;
        let write = |limit| write(&mut Vec::new(), Id::from_number(7), &everything(), "<a@b>", None, limit);
        assert!(write(length).is_ok());
        let error = write(length - 1).unwrap_err();
        assert_eq!(error.field(), Some("Recipients"));
        assert!(error.message().contains(&format!("take {length} octets")), "{error}");
    }

    #[test]
    fn each_body_and_each_choice_comes_back() {
        let mut envelope = everything();
        for body in [BodyType::SevenBit, BodyType::EightBit, BodyType::Binary] {
            envelope.body = body;
            assert_eq!(read(&written(&envelope, None, b""), 0, 0).unwrap().envelope, envelope);
        }
        envelope.delivery.optional_extensions =
            vec!["DSN".to_owned().into(), "REQUIRETLS".to_owned().into()].into_iter().collect();
        envelope.delivery.deliver_by_trace = false;
        envelope.recipients.reverse();
        assert_eq!(read(&written(&envelope, None, b""), 0, 0).unwrap().envelope, envelope);
    }

    #[test]
    fn a_field_has_one_form() {
        let with = |tag: u8, value: &[u8]| {
            let mut bytes = written(&everything(), None, b"");
            let end = bytes.len() - TRAILER;
            let length = u8::try_from(value.len()).unwrap();
            bytes.splice(end..end, [&[tag, length, 0, 0, 0], value].concat());
            let length = u32::try_from(end + 5 + value.len() - FIXED).unwrap();
            bytes[16..20].copy_from_slice(&length.to_le_bytes());
            read(&bytes, 0, 0)
        };
        assert_eq!(with(BODY, &[0]).unwrap().envelope.body, BodyType::SevenBit);
        assert_eq!(with(BODY, &[2]).unwrap().envelope.body, BodyType::Binary);
        let wrong: [(u8, &[u8]); 9] = [
            (BODY, &[3]),
            (BODY, &[]),
            (BODY, &[1, 1]),
            (RET, &[9]),
            (NOTIFY, &[255]),
            (REVERSE_PATH, &[255]),
            (NOT_BEFORE, &[0; 7]),
            (DELIVERBY, &[0; 5]),
            (RRVS, &[]),
        ];
        for (tag, value) in wrong {
            assert!(with(tag, value).unwrap_err().contains(&format!("field {tag}")), "{tag} {value:?}");
        }
    }

    #[test]
    fn names_of_files_lead_nowhere_else() {
        for name in ["a", "Ab-c_1.eml", &"x".repeat(255)] {
            assert!(is_file_name(name), "{name}");
        }
        for name in ["", ".", "..", ".a", "a b", "ä", "a/b", "a\\b", "a\0", &"x".repeat(256)] {
            assert!(!is_file_name(name), "{name}");
        }
    }
}
