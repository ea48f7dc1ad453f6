//! Attachments: checked, then opened.

use std::{
    collections::HashSet,
    io,
    path::{Path, PathBuf},
    sync::Arc,
};

use super::{
    Attachment, Content, Files, Form, OpenedFile, Stamp, check,
    content_type::ContentType,
    lines::{Facts, Lines},
    structure::{Object, Source},
    text::{Input, PIECE, used},
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
            (None, Content::File(path)) => Some(name_of(path, &field)?),
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
    pub(super) fn open(&self, stamp: &Stamp, files: &dyn Files, form: Form) -> Result<Object, Error> {
        let mut content_type = self.content_type.clone();
        let source = match self.content {
            Content::Message(message) => {
                // The boundaries of the inner message are not those of the outer one.
                let composed = message.compose(&stamp.within(&self.field), files, form).map_err(|error| {
                    let field = error.field().map(|inner| format!("{}.{inner}", self.field));
                    error.with_field(field.unwrap_or_else(|| self.field.clone()))
                })?;
                Source::Message { eight_bit: composed.eight_bit, text: composed.text }
            }
            Content::Bytes(_) | Content::File(_) if content_type.is_message() => {
                let facts = scan(self.content, &self.field, files, |_| Ok(()))?;
                if facts.can_travel(form.eight_bit) {
                    let (file, name) = open(self.content, &self.field, files)?;
                    let (octets, eight_bit, field) = (facts.octets, facts.eight_bit, self.field.clone());
                    Source::Lines { file, octets, eight_bit, field, name }
                } else {
                    content_type = ContentType::unknown();
                    self.plain_source(files)?
                }
            }
            _ => self.plain_source(files)?,
        };
        Ok(Object {
            source,
            name: self.name.clone(),
            content_type,
            content_id: self.content_id.clone(),
            inline: self.inline,
        })
    }

    /// The bytes as they are.
    fn plain_source(&self, files: &dyn Files) -> Result<Source, Error> {
        let field = self.field.clone();
        Ok(match self.content {
            Content::Bytes(bytes) => Source::Memory(Arc::clone(bytes)),
            Content::Stream(stream) => Source::Reader {
                size: stream.size(),
                input: Input::Stream(stream.clone()),
                name: format!("the stream {}", shown(self.name.as_deref().unwrap_or_default())),
                field,
            },
            Content::File(_) | Content::Message(_) => {
                let (file, name) = open(self.content, &self.field, files)?;
                Source::Reader { input: Input::Open(file.reader), size: Some(file.size), field, name }
            }
        })
    }
}

impl Facts {
    /// Whether lines can travel as they are.
    fn can_travel(self, eight_bit: bool) -> bool {
        self.long_line.is_none() && self.nul_line.is_none() && (eight_bit || !self.eight_bit)
    }
}

/// A reader for bytes or a file, and what to call it in an error.
pub(super) fn open(content: &Content, field: &str, files: &dyn Files) -> Result<(OpenedFile, String), Error> {
    match content {
        Content::Bytes(bytes) => {
            let reader = Box::new(io::Cursor::new(Arc::clone(bytes)));
            Ok((OpenedFile { reader, size: bytes.len() as u64 }, "the message".into()))
        }
        Content::File(path) => {
            let shown = shown_path(path);
            let file = files.open(path).map_err(|error| {
                let what = format!("cannot open {shown}; check the path and the permission to read it");
                failed(&what, field, &error)
            })?;
            Ok((file, shown))
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
    let (mut file, name) = open(content, field, files)?;
    let (mut buffer, mut out, mut lines) = (vec![0; PIECE], Vec::new(), Lines::default());
    loop {
        out.clear();
        let length = match file.reader.read(&mut buffer) {
            Ok(length) => length,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
            Err(error) => return Err(failed(&format!("cannot read {name}"), field, &error)),
        };
        if length == 0 {
            let facts = lines.finish(&mut out);
            see(&out)?;
            return Ok(facts);
        }
        lines.push(&buffer[..length], &mut out);
        see(&out)?;
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
