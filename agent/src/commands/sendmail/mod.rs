//! `freesmtp sendmail`: what programs call that know the command `sendmail`.

mod arguments;
#[cfg(feature = "fuzzing")]
pub(crate) mod fuzzing;
mod input;
mod user;

use std::{
    env,
    io::{self, IsTerminal},
    path::Path,
    process::ExitCode,
};

use freesmtp_core::{
    EmailMessage, Error, ErrorKind, Stage,
    message::{Date, Recipient, RecipientOptions, RecipientType, Stamp},
    spool::{self, Durability, Spool},
};

use self::arguments::{Arguments, Mode};
use super::complain;
use crate::{
    clock,
    entrances::{Additions, Files, Incoming, display_name, message_id, not_held, smtp},
};

/// The largest message of a session (`-bs`), in octets.
const MOST_OCTETS: u64 = 256 << 20;

/// The most recipients of a message of a session.
const MOST_RECIPIENTS: usize = 10_000;

/// The name that it goes by.
const NAME: &str = "sendmail";

/// Ends of `sysexits.h`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
enum Exit {
    Ok = 0,
    Usage = 64,
    Data = 65,
    NoUser = 67,
    Software = 70,
    CannotCreate = 73,
    Io = 74,
    TryLater = 75,
    NoPermission = super::NO_PERMISSION,
}

impl Exit {
    fn of(error: &Error) -> Self {
        match error.kind() {
            ErrorKind::Message if error.field().is_some_and(|field| field.starts_with("Recipients")) => {
                Self::NoUser
            }
            ErrorKind::Message => Self::Data,
            _ if error.is_temporary() => Self::TryLater,
            ErrorKind::FileIo => Self::Io,
            ErrorKind::Spool if error.io_kind() == Some(io::ErrorKind::PermissionDenied) => {
                Self::NoPermission
            }
            ErrorKind::Spool => Self::CannotCreate,
            _ => Self::Software,
        }
    }
}

/// Whether this process was called as sendmail, by its own name or as the first argument; then what is given to it.
pub(super) fn called() -> Option<Vec<String>> {
    let mut arguments = env::args_os().map(|argument| argument.to_string_lossy().into_owned());
    let own = arguments.next().unwrap_or_default();
    let own = Path::new(&own).file_name()?.to_str()?.to_owned();
    let mut rest: Vec<String> = arguments.collect();
    match own.as_str() {
        NAME => Some(rest),
        "newaliases" => Some(vec!["-bi".to_owned()]),
        "mailq" => Some(vec!["-bp".to_owned()]),
        // Its help is that of every command.
        _ if rest.first().is_some_and(|name| name == NAME) && rest.get(1).is_none_or(|a| a != "--help") => {
            rest.remove(0);
            Some(rest)
        }
        _ => None,
    }
}

/// Does what the arguments say.
pub(super) fn run(arguments: Vec<String>) -> ExitCode {
    let exit = match Arguments::parse(arguments) {
        Err(problem) => {
            complain(&format!("{NAME}: {problem}\n"));
            Exit::Usage
        }
        Ok(Arguments { mode: Mode::Aliases, .. }) => Exit::Ok,
        Ok(arguments) if arguments.mode == Mode::Message && !arguments.has_recipients() => {
            complain(&format!(
                "{NAME}: no recipient is given; name one, or give -t for those of the headers\n"
            ));
            Exit::Usage
        }
        Ok(arguments) => match arguments.run() {
            Ok(()) => Exit::Ok,
            Err(error) => {
                complain(&format!("{NAME}: {error}\n"));
                Exit::of(&error)
            }
        },
    };
    ExitCode::from(exit as u8)
}

impl Arguments {
    fn has_recipients(&self) -> bool {
        self.from_headers || !self.recipients.is_empty()
    }

    fn run(self) -> Result<(), Error> {
        let spool = Spool::open_default()?;
        match self.mode {
            Mode::Smtp => session(&spool),
            Mode::Message | Mode::Aliases => self.message(&spool),
        }
    }

    fn message(self, spool: &Spool) -> Result<(), Error> {
        let domain = user::domain();
        let qualified = |address: &str| match address {
            "" => String::new(),
            address if address.contains('@') => address.to_owned(),
            address => format!("{address}@{domain}"),
        };
        let (login, full_name) = user::user();
        let sender = self.sender.as_deref().map(|given| qualified(bare(given)));
        // The null reverse-path is no author.
        let author = sender.clone().filter(|path| !path.is_empty()).unwrap_or_else(|| qualified(&login));
        let name = self.full_name.clone().or_else(|| env::var("NAME").ok()).unwrap_or(full_name);
        let now = clock::now() / 1_000;
        let additions = Additions {
            trace: String::new(),
            from: display_name(&name, &author),
            now,
            message_id: message_id(&domain),
            domain: domain.clone(),
        };
        let mut incoming = Incoming::new(additions, env::temp_dir());
        let mut input = io::stdin().lock();
        if input.is_terminal() {
            complain("Type the message, its headers first; Ctrl-D at the beginning of a line ends it.\n");
        }
        let mut failed = None;
        let read = input::read(&mut input, self.ignore_dots, |bytes| {
            incoming.write(bytes).inspect_err(|error| failed = Some(not_held(error)))
        });
        if let Err(error) = read {
            return Err(failed.unwrap_or_else(|| {
                Error::io(ErrorKind::FileIo, Stage::Compose, "the message cannot be read", &error)
            }));
        }
        let mut envelope = EmailMessage::new();
        envelope.return_path = Some(sender.unwrap_or(author));
        envelope.delivery.return_content = self.return_content;
        envelope.delivery.envelope_id.clone_from(&self.envelope_id);
        let options = RecipientOptions { notify: self.notify, ..RecipientOptions::default() };
        let recipient = |email: String| {
            let mut recipient = Recipient::new(email.into(), RecipientType::To);
            recipient.options = options.clone();
            recipient
        };
        let mut finished = incoming.finish(envelope).map_err(|error| not_held(&error))?;
        let message = &mut finished.message;
        if self.from_headers {
            // Those of the arguments are added to them, as Postfix does it.
            let stamp = Stamp { date: Date::utc(now), random: [0; 24], host: String::new() };
            match spool::compose(message, &stamp, &Files) {
                Ok((found, _)) => {
                    message.recipients = found.recipients.into_iter().map(|r| recipient(r.email)).collect();
                }
                Err(error) if error.field() == Some("Recipients") && !self.recipients.is_empty() => {}
                Err(error) => return Err(error),
            }
        }
        message.recipients.extend(self.recipients.iter().map(|email| recipient(qualified(bare(email)))));
        finished.submit(spool, Durability::Full).map(drop)
    }
}

/// Speaks SMTP on standard input and output.
fn session(spool: &Spool) -> Result<(), Error> {
    let name = user::domain();
    let policy = smtp::Policy {
        name: name.clone(),
        max_size: MOST_OCTETS,
        max_recipients: MOST_RECIPIENTS,
        starttls: false,
        users: None,
        require_auth: false,
    };
    let reception = smtp::Reception::new(spool.clone(), env::temp_dir(), name);
    smtp::dialogue(policy, reception, &mut io::stdin().lock(), &mut io::stdout().lock()).map_err(|error| {
        Error::io(
            ErrorKind::FileIo,
            Stage::Compose,
            "the session over standard input and output broke",
            &error,
        )
    })
}

/// The address of `Name <address>` and `<address>`.
fn bare(text: &str) -> &str {
    let text = text.trim();
    match text.strip_suffix('>').and_then(|inner| inner.rsplit_once('<')) {
        Some((_, address)) => address.trim(),
        None => text,
    }
}
