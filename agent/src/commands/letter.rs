//! The message that arguments and standard input describe.

use std::{
    fs,
    io::{self, IsTerminal, Read},
    path::PathBuf,
};

use clap::Args;
use freesmtp_core::{Address, EmailMessage, Error, ErrorKind, Stage, message::RecipientType};

use super::complain;

/// Who writes what to whom.
#[derive(Debug, Args)]
#[command(next_help_heading = "Message")]
pub(crate) struct Letter {
    /// Who the message is from: user@example.com or 'Name <user@example.com>'
    #[arg(long, value_name = "ADDRESS")]
    from: Option<String>,
    /// A recipient, written likewise; may be repeated, as the others below
    #[arg(long, value_name = "ADDRESS")]
    to: Vec<String>,
    /// A recipient of a copy
    #[arg(long, value_name = "ADDRESS")]
    cc: Vec<String>,
    /// A recipient of a copy that the others don't see
    #[arg(long, value_name = "ADDRESS")]
    bcc: Vec<String>,
    /// Where answers go
    #[arg(long, value_name = "ADDRESS")]
    reply_to: Option<String>,
    /// Where failures to deliver are reported; '' for nowhere
    #[arg(long, value_name = "ADDRESS")]
    return_path: Option<String>,
    /// The subject
    #[arg(long, default_value = "")]
    subject: String,
    /// An HTML text; standard input is then its plain alternative
    #[arg(long, value_name = "FILE")]
    html: Option<PathBuf>,
    /// A file to attach
    #[arg(long, value_name = "FILE")]
    attach: Vec<PathBuf>,
    /// A file that the HTML text shows as 'cid:CID'
    #[arg(long, value_name = "FILE=CID")]
    embed: Vec<String>,
    /// A further header
    #[arg(long, value_name = "NAME: VALUE")]
    header: Vec<String>,
}

impl Letter {
    /// The message; its plain text is read from standard input.
    pub(super) fn read(&self) -> Result<EmailMessage, Error> {
        let Some(from) = &self.from else {
            return Err(Error::input("--from", "is missing; give the address that the message is from"));
        };
        if [&self.to, &self.cc, &self.bcc].iter().all(|list| list.is_empty()) {
            return Err(Error::input("--to", "is missing; give a recipient, here or with --cc or --bcc"));
        }
        let mut message = EmailMessage::new();
        message.from = address(from);
        message.reply_to = self.reply_to.as_deref().map(address);
        message.return_path.clone_from(&self.return_path);
        message.subject.clone_from(&self.subject);
        for (addresses, kind) in
            [(&self.to, RecipientType::To), (&self.cc, RecipientType::Cc), (&self.bcc, RecipientType::Bcc)]
        {
            for Address { email, name } in addresses.iter().map(|text| address(text)) {
                message.add_recipient_as(email, name, kind);
            }
        }
        for path in &self.attach {
            message.attach_file(path);
        }
        for pair in &self.embed {
            let (path, content_id) = pair.rsplit_once('=').ok_or_else(|| {
                Error::input("--embed", format!("{pair:?} has no =; write it as picture.png=picture"))
            })?;
            message.embed_file(path, content_id);
        }
        for header in &self.header {
            let (name, value) = header.split_once(':').ok_or_else(|| {
                Error::input("--header", format!("{header:?} has no colon; write it as 'Name: value'"))
            })?;
            message.add_header(name.trim_end(), value.trim());
        }
        let text = self.text()?;
        if !text.is_empty() || self.html.is_none() {
            message.add_text(text);
        }
        if let Some(path) = &self.html {
            let failed = |error: io::Error| unreadable("--html", &path.display().to_string(), &error);
            message.add_html(utf8("--html", fs::read(path).map_err(failed)?)?);
        }
        Ok(message)
    }

    /// What is an envelope's: who it is from, to whom, and where failures are reported.
    pub(super) fn envelope(&self) -> (Option<Address>, Vec<Address>, Option<String>) {
        let to = self.to.iter().map(|text| address(text)).collect();
        (self.from.as_deref().map(address), to, self.return_path.clone())
    }

    fn text(&self) -> Result<String, Error> {
        let mut input = io::stdin().lock();
        if input.is_terminal() {
            if self.html.is_some() {
                return Ok(String::new());
            }
            complain("Type the message; Ctrl-D at the beginning of a line ends it.\n");
        }
        let mut bytes = Vec::new();
        input.read_to_end(&mut bytes).map_err(|error| unreadable("stdin", "standard input", &error))?;
        utf8("stdin", bytes)
    }
}

/// Takes `user@example.com`, and `Name <user@example.com>` with or without quotation marks about the name.
fn address(text: &str) -> Address {
    let text = text.trim();
    let parts = text.strip_suffix('>').and_then(|rest| rest.rsplit_once('<'));
    match parts {
        Some((name, email)) => {
            let name = name.trim();
            let unquoted = name.strip_prefix('"').and_then(|rest| rest.strip_suffix('"'));
            Address::named(email.trim(), unquoted.unwrap_or(name))
        }
        None => Address::new(text),
    }
}

fn utf8(field: &str, bytes: Vec<u8>) -> Result<String, Error> {
    String::from_utf8(bytes).map_err(|error| {
        let at = error.utf8_error().valid_up_to();
        Error::input(field, format!("is not UTF-8 at byte {at}; convert it first, or attach it as a file"))
    })
}

fn unreadable(field: &str, what: &str, error: &io::Error) -> Error {
    Error::io(ErrorKind::FileIo, Stage::Compose, format!("{what} can't be read"), error).with_field(field)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_with_and_without_names() {
        assert_eq!(address(" a@b.test "), Address::new("a@b.test"));
        assert_eq!(address("Zoë <a@b.test>"), Address::named("a@b.test", "Zoë"));
        assert_eq!(address("\"M, Zoë\" <a@b.test>"), Address::named("a@b.test", "M, Zoë"));
        assert_eq!(address("<a@b.test>"), Address::new("a@b.test"));
        // What is neither is left to the check of the message, which names the field.
        assert_eq!(address("a@b.test>"), Address::new("a@b.test>"));
    }
}
