//! Attachments: checked, then opened.

use std::{
    collections::HashSet,
    io,
    path::{Path, PathBuf},
    sync::Arc,
};

use super::{
    Attachment, CheckedFile, Content, Files, Form, Stamp, base64,
    boundary::Boundary,
    check,
    content_type::ContentType,
    encoding::Encoding,
    lines::{Facts, Lines},
    reader::{Input, Reader, used},
    structure::{Object, Source},
    survey::{Allowed, Survey},
    text::PIECE,
};
use crate::{
    error::{Error, ErrorKind},
    types::{Failure, Stage, shown},
};

/// An attachment that was checked, its file not opened yet.
pub(super) struct Prepared<'a> {
    content: &'a Content,
    field: String,
    name: Option<String>,
    content_type: ContentType,
    content_id: Option<String>,
    inline: bool,
}

/// What decides how an attachment travels, beside its bytes.
#[derive(Clone, Copy)]
pub(super) struct Opening<'a> {
    pub(super) stamp: &'a Stamp,
    pub(super) files: &'a dyn Files,
    pub(super) form: Form,
    pub(super) boundary: &'a Boundary,
    /// It is the whole message, not a part of a multipart.
    pub(super) alone: bool,
}

impl Opening<'_> {
    pub(super) fn allowed(&self) -> Allowed {
        let Form { eight_bit, unencoded, .. } = self.form;
        Allowed { eight_bit, binary: unencoded, alone: self.alone, line_ends: false }
    }
}

pub(super) fn prepare_all<'a>(
    attachments: &'a [Attachment],
    collection: &str,
) -> Result<Vec<Prepared<'a>>, Error> {
    let inline = collection == "EmbeddedObjects";
    let mut seen = HashSet::new();
    let mut prepared = Vec::with_capacity(attachments.len());
    for (i, attachment) in attachments.iter().enumerate() {
        let object = Prepared::check(attachment, format!("{collection}[{i}]"), inline)?;
        if let Some(id) = object.content_id.clone().filter(|id| !seen.insert(id.clone())) {
            let problem = format!("{} is used twice; each object needs its own", shown(&id));
            return Err(Error::input(format!("{}.ContentID", object.field), problem));
        }
        prepared.push(object);
    }
    Ok(prepared)
}

impl<'a> Prepared<'a> {
    fn check(attachment: &'a Attachment, field: String, inline: bool) -> Result<Self, Error> {
        let name = match (&attachment.name, &attachment.content) {
            (Some(name), _) => Some(name.clone()),
            (None, Content::File(path) | Content::Checked(CheckedFile { path, .. })) => {
                Some(name_of(path, &field)?)
            }
            (None, Content::Bytes(_) | Content::Stream(_) | Content::Message(_)) => None,
        };
        if let Some(name) = &name {
            check::file_name(name, &format!("{field}.DisplayName"))?;
        }
        if matches!(&attachment.content, Content::Stream(stream) if stream.is_used()) {
            return Err(used(&field));
        }
        let content_type = match &attachment.content_type {
            None if matches!(attachment.content, Content::Message(_)) => ContentType::message(),
            Some(given) => ContentType::parse(given, &format!("{field}.ContentType"))?,
            None => ContentType::guess(name.as_deref().unwrap_or_default()),
        };
        let problem = match &attachment.content {
            Content::Message(_) if !content_type.is_message() => "a message is attached as message/rfc822",
            Content::Stream(_) if content_type.is_message() => {
                "an attached message is looked through before it is sent, so give it as bytes or as a file"
            }
            _ => "",
        };
        if !problem.is_empty() {
            return Err(Error::input(format!("{field}.ContentType"), problem));
        }
        let content_id = match &attachment.content_id {
            Some(id) => Some(check::content_id(id, &format!("{field}.ContentID"))?),
            None if inline => {
                let problem = "an embedded object needs the identifier that the HTML names as cid:…";
                return Err(Error::input(format!("{field}.ContentID"), problem));
            }
            None => None,
        };
        Ok(Self { content: &attachment.content, field, name, content_type, content_id, inline })
    }

    /// Opens what it needs; may be called again for another copy of the message.
    pub(super) fn open(&self, opening: Opening<'_>) -> Result<Object, Error> {
        let Opening { stamp, files, form, .. } = opening;
        let mut content_type = self.content_type.clone();
        let (source, encoding, octets) = match self.content {
            Content::Message(message) => {
                // The boundaries of the inner message are not those of the outer one.
                let composed = message.compose(&stamp.within(&self.field), files, form).map_err(|error| {
                    let field = error.field().map(|inner| format!("{}.{inner}", self.field));
                    error.with_field(field.unwrap_or_else(|| self.field.clone()))
                })?;
                (Source::Message(composed.text), composed.encoding, None)
            }
            Content::Bytes(_) | Content::File(_) | Content::Checked(_) if content_type.is_message() => {
                let facts = scan(self.content, &self.field, files, |_| Ok(()))?;
                match facts.encoding(form) {
                    Some(encoding) => {
                        let reader = open(self.content, &self.field, files)?;
                        (Source::Lines(reader), encoding, Some(facts.octets))
                    }
                    None => {
                        content_type = ContentType::unknown();
                        self.plain(opening)?
                    }
                }
            }
            _ => self.plain(opening)?,
        };
        Ok(Object {
            source,
            encoding,
            octets,
            name: self.name.clone(),
            content_type,
            content_id: self.content_id.clone(),
            inline: self.inline,
        })
    }

    /// The bytes, each of which must come back; in the shortest form that does so.
    fn plain(&self, opening: Opening<'_>) -> Result<(Source, Encoding, Option<u64>), Error> {
        let allowed = opening.allowed();
        match self.content {
            Content::Bytes(bytes) => {
                let (encoding, octets) = Survey::of(bytes, opening.boundary.as_bytes(), allowed);
                Ok((Source::Memory(Arc::clone(bytes)), encoding, Some(octets)))
            }
            // It can be read once, so nobody can look what it holds.
            Content::Stream(stream) => {
                let name = format!("the stream {}", shown(self.name.as_deref().unwrap_or_default()));
                let (size, input) = (stream.size(), Input::Stream(stream.clone()));
                let reader = Reader { input, size, field: self.field.clone(), name };
                Ok((Source::Reader(reader), Encoding::Base64, size.map(base64::encoded_len)))
            }
            Content::File(_) | Content::Checked(_) | Content::Message(_) => {
                let again = || open(self.content, &self.field, opening.files);
                let mut survey = Survey::new(opening.boundary.as_bytes());
                let mut seen = again()?;
                let total = seen.size.unwrap_or(0);
                each_piece(&mut seen, |piece| Ok(survey.push(piece, total, allowed)))?;
                if survey.is_undecided(total, allowed) {
                    each_piece(&mut again()?, |piece| {
                        survey.measure(piece, allowed);
                        Ok(true)
                    })?;
                }
                let (encoding, octets) = survey.finish(total, allowed);
                let mut reader = again()?;
                // It must be what was looked at.
                reader.size = Some(total);
                Ok((Source::Reader(reader), encoding, Some(octets)))
            }
        }
    }
}

impl Facts {
    /// How lines travel in such a session; `None`: it cannot carry them as they are.
    fn encoding(self, form: Form) -> Option<Encoding> {
        match self.long_line.is_some() || self.nul_line.is_some() {
            true => form.unencoded.then_some(Encoding::Binary),
            false if !self.eight_bit => Some(Encoding::SevenBit),
            false if form.eight_bit => Some(Encoding::EightBit),
            false => form.unencoded.then_some(Encoding::Binary),
        }
    }
}

/// A reader for bytes or a file.
pub(super) fn open(content: &Content, field: &str, files: &dyn Files) -> Result<Reader, Error> {
    let field = field.to_owned();
    match content {
        Content::Bytes(bytes) => {
            let input = Input::Open(Box::new(io::Cursor::new(Arc::clone(bytes))));
            Ok(Reader { input, size: Some(bytes.len() as u64), field, name: "the message".into() })
        }
        Content::File(path) => {
            let name = shown_path(path);
            let file = files.open(path).map_err(|error| {
                let what = format!("cannot open {name}; check the path and the permission to read it");
                failed(&what, &field, &error)
            })?;
            Ok(Reader { input: Input::Open(file.reader), size: Some(file.size), field, name })
        }
        Content::Checked(checked) => {
            let name = shown_path(&checked.path);
            let unreadable = |error| failed(&format!("cannot read {name}"), &field, &error);
            let file = files.open_itself(&checked.path).map_err(unreadable)?;
            let reader = checked.check(file.reader, file.size).map_err(unreadable)?;
            Ok(Reader { input: Input::Open(Box::new(reader)), size: Some(checked.size), field, name })
        }
        Content::Stream(_) | Content::Message(_) => {
            Err(Error::input(field, "a message that is passed through is given as bytes or as a file"))
        }
    }
}

/// Reads a message once from beginning to end in constant memory; `see` gets its normalised pieces.
pub(super) fn scan(
    content: &Content,
    field: &str,
    files: &dyn Files,
    mut see: impl FnMut(&[u8]) -> Result<(), Error>,
) -> Result<Facts, Error> {
    let mut reader = open(content, field, files)?;
    let (mut out, mut lines) = (Vec::new(), Lines::default());
    let seen = each_piece(&mut reader, |piece| {
        out.clear();
        lines.push(piece, &mut out);
        see(&out).map(|()| true)
    });
    if seen.is_err() {
        // What is wrong with a message that was damaged is the damage, which shows at its end.
        each_piece(&mut reader, |_| Ok(true))?;
    }
    seen?;
    out.clear();
    let facts = lines.finish(&mut out);
    see(&out)?;
    Ok(facts)
}

/// Reads on until the end, or until `see` has seen enough.
pub(super) fn each_piece(
    reader: &mut Reader,
    mut see: impl FnMut(&[u8]) -> Result<bool, Error>,
) -> Result<(), Error> {
    let Reader { input, field, name, size } = reader;
    let Input::Open(file) = input else { return Ok(()) };
    // Most messages are small: a whole piece of memory for each would cost more than looking at it.
    let known = size.and_then(|size| usize::try_from(size).ok());
    let mut buffer = vec![0; known.map_or(PIECE, |size| size.clamp(1, PIECE))];
    loop {
        match file.read(&mut buffer) {
            Ok(0) => return Ok(()),
            Ok(length) => {
                if !see(&buffer[..length])? {
                    return Ok(());
                }
            }
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(failed(&format!("cannot read {name}"), field, &error)),
        }
    }
}

fn failed(what: &str, field: &str, error: &io::Error) -> Error {
    Error::io(ErrorKind::FileIo, Stage::Compose, what, error)
        .with_field(field)
        .with_failure(Failure::FileFailed)
}

/// The last part of a path, whichever system it was written for.
fn name_of(path: &Path, field: &str) -> Result<String, Error> {
    let text = path.to_string_lossy();
    let name = text.rsplit(['/', '\\']).next().unwrap_or_default();
    if name.is_empty() {
        let problem = format!("{} names a folder, not a file", shown_path(path));
        return Err(Error::input(field, problem));
    }
    Ok(name.to_owned())
}

fn shown_path(path: &Path) -> String {
    shown(&PathBuf::from(path).to_string_lossy())
}
