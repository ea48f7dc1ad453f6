//! The objects of a job, and what each line does to them.

use std::{
    fs::File,
    mem::take,
    path::Path,
    str::FromStr,
    sync::atomic::{AtomicUsize, Ordering},
    time::Duration,
};

use base64::{Engine, prelude::BASE64_STANDARD};
use freesmtp_core::{
    EmailMessage, Error, Secret, Server, Smtp, Token,
    check::CheckOptions,
    message::{
        Attachment, AutoSubmitted, Calendar, DeliverByMode, DkimSigner, Notify, Priority, RecipientOptions,
        RecipientType, ReturnContent, Stream, ValidSinceAction,
    },
    spool::Durability,
    types::{Moment, Reply},
};
use serde_json::Value;

use crate::{
    answer,
    calls::Calls,
    operations::{Ended, Ending, Operations, cancelled, hear},
};

/// Why a line could not be carried out.
pub(crate) enum Failed {
    /// The job is wrong.
    Job(String),
    /// The API refused.
    Api(Error),
}

impl From<Error> for Failed {
    fn from(error: Error) -> Self {
        Self::Api(error)
    }
}

/// One `SMTP` object, the current message, and the parts that wait for the line that adds them.
#[derive(Default)]
pub(crate) struct Session {
    smtp: Smtp,
    message: EmailMessage,
    server: Server,
    recipient_name: Option<String>,
    attachment_name: Option<String>,
    content_id: Option<String>,
    header_name: Option<String>,
    dkim_domain: String,
    dkim_selector: String,
    dkim_identity: Option<String>,
    dkim_headers: Option<Vec<String>>,
    dkim_oversigned: Option<Vec<String>>,
    calendar_method: String,
    calendar_file_name: Option<String>,
    repeat: Option<u64>,
    bulk: Vec<EmailMessage>,
    check: CheckOptions,
    ending: Ending,
    calls: Calls,
}

impl Session {
    /// Does what the line says; the answers of a `send` or a `sendbulk`.
    pub(crate) fn carry_out(
        &mut self,
        operations: &Operations,
        key: &str,
        value: &str,
    ) -> Result<Vec<Value>, Failed> {
        if let Some(option) = key.strip_prefix("check.") {
            self.set_check(option, value)?;
            return Ok(Vec::new());
        }
        if let Some(property) = key.strip_prefix("server.") {
            self.set_server(property, value)?;
            return Ok(Vec::new());
        }
        match key {
            "smtp.defaultdomain" => self.smtp.set_default_domain(value)?,
            "smtp.logfile" => self.smtp.set_log_file(value)?,
            "smtp.allornothing" => self.smtp.set_all_or_nothing(parse(value)?),
            "smtp.disconnect" => {
                if let Err(Ended) = operations.disconnect(&self.smtp, &mut self.ending) {
                    return Ok(vec![answer::ended()]);
                }
            }
            "smtp.connect" => {
                let connected = operations.connect(&self.smtp, &mut self.ending);
                return Ok(vec![called(key, connected.map(|done| done.map(|()| Vec::new())))]);
            }
            "smtp.command" => {
                let reply = operations.command(&self.smtp, value, &mut self.ending);
                let texts = |reply: Reply| vec![reply.code().to_string(), reply.text()];
                return Ok(vec![called(key, reply.map(|done| done.map(texts)))]);
            }
            "cancel.own" => self.ending.own = Some(value.to_owned()),
            "cancel.object" => self.ending.object = Some(value.to_owned()),
            "wait" => hear(value).map_err(|fault| Failed::Job(fault.to_string()))?,
            "smtp.maxconnections" => self.smtp.set_max_connections(parse(value)?)?,
            "smtp.maxmessagesperconnection" => self.smtp.set_max_messages_per_connection(parse(value)?),
            "smtp.ratelimit" => self.smtp.set_rate_limit(Some(parse(value)?))?,
            "smtp.spoolpath" => self.smtp.set_spool_path(value),
            "smtp.spooldurability" => {
                self.smtp.set_spool_durability(enumerated(value, Durability::from_number)?);
            }
            "repeat" => self.repeat = Some(parse(value)?),
            "bulk.add" => self.bulk.push(self.message.clone()),
            "bulk.repeat" => {
                let copies = std::iter::repeat_n(&self.message, parse(value)?).cloned();
                self.bulk.extend(copies);
            }
            "send" => return Ok(vec![self.send(operations)]),
            "sendbulk" => return Ok(self.send_bulk(operations)),
            "spoolstatus" => return Ok(vec![answer::spool_status(key, &self.smtp.spool_status(value)?)]),
            "blaststatus" => return Ok(vec![answer::blast(key, &self.smtp.blast_status(value)?)]),
            "pauseblast" => return Ok(vec![answer::blast(key, &self.smtp.pause_blast(value)?)]),
            "resumeblast" => return Ok(vec![answer::blast(key, &self.smtp.resume_blast(value)?)]),
            "cancelblast" => return Ok(vec![answer::blast(key, &self.smtp.cancel_blast(value)?)]),
            "waitforblast" => {
                let limit = Some(std::time::Duration::from_secs(20));
                return Ok(vec![answer::blast(key, &self.smtp.wait_for_blast(value, limit)?)]);
            }
            "waitformessage" => {
                let limit = Some(std::time::Duration::from_secs(20));
                return Ok(vec![answer::spool_status(key, &self.smtp.wait_for_message(value, limit)?)]);
            }
            "spoolevents" => {
                let smtp = &self.smtp;
                let events = cancelled(smtp, &mut self.ending, |cancel| match cancel {
                    Some(cancel) => smtp.spool_events_with("news", cancel),
                    None => smtp.spool_events("news"),
                })?;
                let events = events.take(parse(value)?).collect::<Result<Vec<_>, _>>()?;
                return Ok(vec![answer::events(key, &events)]);
            }
            "submittospool" => {
                return Ok(vec![answer::submitted(key, &[self.smtp.submit_to_spool(&self.message)?])]);
            }
            "submitbulk" => {
                let ids = self.smtp.submit_bulk(std::mem::take(&mut self.bulk))?;
                return Ok(vec![answer::submitted(key, &ids)]);
            }
            "check" => return Ok(vec![self.check()]),
            _ if Calls::has(key) => return self.calls.carry_out(&self.smtp, &self.message, key, value),
            _ => self.set_message(key, value)?,
        }
        Ok(Vec::new())
    }

    fn set_server(&mut self, property: &str, value: &str) -> Result<(), Failed> {
        let server = &mut self.server;
        match property {
            "host" => *server = Server::new(value),
            "port" => server.port = parse(value)?,
            "security" => server.security = value.parse()?,
            "timeout" => server.timeout = Some(Duration::from_secs(parse(value)?)),
            "account" => value.clone_into(&mut server.account),
            "password" => server.password = Secret::new(value),
            "sasl" => value.clone_into(&mut server.sasl),
            "token" => server.token = Token::Fixed(Secret::new(value)),
            "tokens" => server.token = one_by_one(value),
            "disabledextensions" => {
                server.disabled_extensions = value.split(',').map(str::to_owned).collect();
            }
            "lmtp" => server.lmtp = parse(value)?,
            "proxy" => server.proxy = Some(value.parse()?),
            "localendpoint" => server.local_end_point = Some(parse(value)?),
            "capem" => server.ca_pem = Some(value.as_bytes().to_vec()),
            "clientcertificatepassword" => server.client_certificate_password = Secret::new(value),
            "certificatepins" => {
                server.certificate_pins = value.split(',').map(str::parse).collect::<Result<_, _>>()?;
            }
            "mintlsversion" => server.min_tls_version = value.parse()?,
            "mailauth" => server.mail_auth = Some(value.to_owned()),
            "clientcertificate" => server.client_certificate = Some(value.into()),
            "clientkey" => server.client_key = Some(value.into()),
            "authmode" => server.auth_mode = value.parse()?,
            "cafile" => server.ca_file = Some(value.into()),
            "tlsservername" => value.clone_into(&mut server.tls_server_name),
            "allowplaintextauth" => server.allow_plaintext_auth = parse(value)?,
            "dangeracceptinvalidcerts" => server.danger_accept_invalid_certs = parse(value)?,
            "dangeracceptinvalidhostnames" => server.danger_accept_invalid_hostnames = parse(value)?,
            "add" => self.smtp.servers_mut().push(server.clone()),
            _ => return Err(unknown()),
        }
        Ok(())
    }

    fn set_check(&mut self, option: &str, value: &str) -> Result<(), Failed> {
        let check = &mut self.check;
        match option {
            "from" => value.clone_into(&mut check.from),
            "to" => check.to.push(value.to_owned()),
            "dkimselector" => value.clone_into(&mut check.dkim_selector),
            "outgoingip" => check.set_outgoing_ip(value)?,
            "dns" => check.set_dns(value)?,
            "timeout" => check.timeout = Duration::from_secs(parse(value)?),
            "server" => check.server = parse(value)?,
            _ => return Err(unknown()),
        }
        Ok(())
    }

    fn set_message(&mut self, key: &str, value: &str) -> Result<(), Failed> {
        let message = &mut self.message;
        let text = || value.to_owned();
        match key {
            "message.new" => *message = EmailMessage::new(),
            "raw" => *message = EmailMessage::raw(value.as_bytes()),
            "raw.file" => *message = EmailMessage::raw(Path::new(value)),
            "from.email" => message.from.email = text(),
            "from.name" => message.from.name = text(),
            "sender.email" => message.sender.get_or_insert_default().email = text(),
            "sender.name" => message.sender.get_or_insert_default().name = text(),
            "replyto.email" => message.reply_to.get_or_insert_default().email = text(),
            "replyto.name" => message.reply_to.get_or_insert_default().name = text(),
            "returnpath" => message.return_path = Some(text()),
            "subject" => message.subject = text(),
            "messageid" => message.message_id = Some(text()),
            "charset" => message.charset_encoding = text().into(),
            "inreplyto" => message.in_reply_to.push(text()),
            "reference" => message.references.push(text()),
            "autosubmitted" => message.auto_submitted = enumerated(value, AutoSubmitted::from_number)?,
            "listunsubscribe" => message.list_unsubscribe.push(text()),
            "listunsubscribe.oneclick" => message.list_unsubscribe_one_click = parse(value)?,
            "dkim.domain" => self.dkim_domain = text(),
            "dkim.selector" => self.dkim_selector = text(),
            "dkim.identity" => self.dkim_identity = Some(text()),
            "dkim.headers" => self.dkim_headers = Some(words(value)),
            "dkim.oversigned" => self.dkim_oversigned = Some(words(value)),
            "dkim.key" => {
                let (domain, selector) = (take(&mut self.dkim_domain), take(&mut self.dkim_selector));
                let mut signer = DkimSigner::new(&domain, &selector, value)?;
                signer.identity = self.dkim_identity.take();
                signer.headers = self.dkim_headers.take().unwrap_or(signer.headers);
                signer.oversigned = self.dkim_oversigned.take().unwrap_or(signer.oversigned);
                message.dkim.push(signer);
            }
            "calendar.method" => self.calendar_method = text(),
            "calendar.filename" => self.calendar_file_name = Some(text()),
            "calendar.text" => {
                let mut calendar = Calendar::new(value);
                calendar.method = take(&mut self.calendar_method);
                calendar.file_name = self.calendar_file_name.take().or(calendar.file_name);
                message.calendar = Some(calendar);
            }
            "priority" => {
                message.priority = enumerated(value, Priority::from_number)?;
            }
            "returncontent" => {
                message.delivery.return_content = enumerated(value, ReturnContent::from_number)?;
            }
            "envelopeid" => message.delivery.envelope_id = Some(text()),
            "requiretls" => message.delivery.require_tls = parse(value)?,
            "deliverby" => message.delivery.deliver_by = Some(parse(value)?),
            "deliverbymode" => {
                message.delivery.deliver_by_mode = enumerated(value, DeliverByMode::from_number)?;
            }
            "deliverbytrace" => message.delivery.deliver_by_trace = parse(value)?,
            "holdfor" => message.delivery.hold_for = Some(parse(value)?),
            "holduntil" => message.delivery.hold_until = Some(Moment::new(parse(value)?)),
            "mtpriority" => message.delivery.mt_priority = Some(parse(value)?),
            "notbefore" => message.spool.not_before = Some(Moment::new(parse(value)?)),
            "expires" => message.spool.expires = Some(Moment::new(parse(value)?)),
            "spoolpriority" => message.spool.priority = parse(value)?,
            "blast" => message.spool.blast = Some(text()),
            "idempotencykey" => message.spool.idempotency_key = Some(text()),
            "optionalextensions" => {
                let keywords = value.split(',').filter(|keyword| !keyword.is_empty());
                message.delivery.optional_extensions =
                    keywords.map(|keyword| keyword.to_owned().into()).collect();
            }
            "recipient.notify" => last(message)?.notify = enumerated(value, Notify::from_number)?,
            "recipient.originalrecipient" => last(message)?.original_recipient = Some(text()),
            "recipient.validsince" => last(message)?.valid_since = Some(Moment::new(parse(value)?)),
            "recipient.validsinceaction" => {
                last(message)?.valid_since_action = enumerated(value, ValidSinceAction::from_number)?;
            }
            "recipient.name" => self.recipient_name = Some(text()),
            "recipient.to" => self.add_recipient(value, RecipientType::To),
            "recipient.cc" => self.add_recipient(value, RecipientType::Cc),
            "recipient.bcc" => self.add_recipient(value, RecipientType::Bcc),
            "text" => {
                message.add_text(value);
            }
            "html" => {
                message.add_html(value);
            }
            "attachment.name" => self.attachment_name = Some(text()),
            "attachment.file" => match self.attachment_name.take() {
                Some(name) => message.attachments.push(Attachment::file(value).with_name(name)),
                None => message.attachments.push(Attachment::file(value)),
            },
            "attachment.stream" => {
                let file = File::open(value).map_err(|fault| Failed::Job(fault.to_string()))?;
                message
                    .attach_stream(waiting(&mut self.attachment_name, "attachment.name")?, Stream::new(file));
            }
            "attachment.bytes" => {
                let bytes = BASE64_STANDARD.decode(value).map_err(|fault| Failed::Job(fault.to_string()))?;
                message.attach_bytes(waiting(&mut self.attachment_name, "attachment.name")?, bytes);
            }
            "attachment.contenttype" => {
                last_part(&mut message.attachments)?.content_type = Some(text());
            }
            "embedded.contenttype" => {
                last_part(&mut message.embedded_objects)?.content_type = Some(text());
            }
            "embedded.cid" => self.content_id = Some(text()),
            "embedded.file" => {
                message.embed_file(value, waiting(&mut self.content_id, "embedded.cid")?);
            }
            "header.name" => self.header_name = Some(text()),
            "header.value" => {
                message.add_header(waiting(&mut self.header_name, "header.name")?, value);
            }
            _ => return Err(unknown()),
        }
        Ok(())
    }

    fn add_recipient(&mut self, email: &str, kind: RecipientType) {
        self.message.add_recipient_as(email, self.recipient_name.take().unwrap_or_default(), kind);
    }

    fn check(&mut self) -> Value {
        match self.smtp.check(&std::mem::take(&mut self.check)) {
            Ok(report) => answer::checked(&report),
            Err(error) => answer::failure("check", 0, &error),
        }
    }

    fn send(&mut self, operations: &Operations) -> Value {
        let times = self.repeat.take().unwrap_or(1).max(1);
        let mut sends = 0;
        loop {
            match operations.send(&self.smtp, &self.message, &mut self.ending) {
                Err(Ended) => return answer::ended(),
                Ok(Ok(_)) if sends + 1 < times => sends += 1,
                Ok(Ok(report)) => return answer::success(sends + 1, &report),
                Ok(Err(error)) => return answer::failure("send", sends, &error),
            }
        }
    }

    /// The results in the order of the messages.
    fn send_bulk(&mut self, operations: &Operations) -> Vec<Value> {
        let mut results = operations.send_bulk(&self.smtp, std::mem::take(&mut self.bulk));
        results.sort_by_key(|sent| sent.index);
        results.iter().map(answer::sent).collect()
    }
}

/// The answer of a call that is no send.
fn called(key: &str, done: Result<Result<Vec<String>, Error>, Ended>) -> Value {
    match done {
        Ok(Ok(told)) => answer::told(key, &told),
        Ok(Err(error)) => answer::failure(key, 0, &error),
        Err(Ended) => answer::ended(),
    }
}

/// A callback that gives the tokens one per call.
fn one_by_one(tokens: &str) -> Token {
    let tokens: Vec<Secret> = tokens.split(',').map(Secret::new).collect();
    let given = AtomicUsize::new(0);
    Token::callback(move |_refused| {
        let next = tokens.get(given.fetch_add(1, Ordering::Relaxed));
        next.cloned().ok_or_else(|| "no more tokens".to_owned())
    })
}

/// Texts between commas; none of nothing.
fn words(value: &str) -> Vec<String> {
    value.split_terminator(',').map(str::to_owned).collect()
}

/// An enum's value by its number.
fn enumerated<T>(value: &str, from_number: impl Fn(u8) -> Option<T>) -> Result<T, Failed> {
    from_number(parse(value)?).ok_or_else(|| Failed::Job(format!("{value} is no value of that enum")))
}

/// What is asked of the servers for the recipient that was added last.
fn last(message: &mut EmailMessage) -> Result<&mut RecipientOptions, Failed> {
    let recipient =
        message.recipients.last_mut().ok_or_else(|| Failed::Job("no recipient yet".to_owned()))?;
    Ok(&mut recipient.options)
}

/// The part that was added last.
fn last_part(parts: &mut [Attachment]) -> Result<&mut Attachment, Failed> {
    parts.last_mut().ok_or_else(|| Failed::Job("nothing was added yet".to_owned()))
}

fn unknown() -> Failed {
    Failed::Job("no such key".to_owned())
}

fn parse<T: FromStr>(value: &str) -> Result<T, Failed> {
    value.parse().map_err(|_| Failed::Job(format!("{value:?} can't be read")))
}

fn waiting(part: &mut Option<String>, key: &str) -> Result<String, Failed> {
    part.take().ok_or_else(|| Failed::Job(format!("{key} must come before")))
}
