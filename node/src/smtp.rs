//! The `SMTP` object.

use std::cell::RefCell;

use freesmtp_core::{self as core, EmailMessage, Error, Timeouts, message::BodyPartFormat};
use napi::bindgen_prelude::{Env, Object};
use napi_derive::napi;

use crate::{
    answer::{Answer, guard, promise},
    bulk::Bulk,
    check::{CheckOptionsFields, CheckReportFields},
    error::input,
    log::{Hear, LogOptionsFields, listener},
    message::MessageFields,
    observers::{self, HearBulkStatus, HearRecipientFailed, HearStatus},
    report::{ReplyFields, ReportFields},
    server::{ServerFields, seconds},
    token::{Ask, Asking, during_here},
};

/// Ends one operation.
#[napi]
#[derive(Default)]
pub struct Cancel {
    pub(crate) inner: core::Cancel,
}

#[napi]
impl Cancel {
    /// One that nobody has used yet.
    #[napi(constructor)]
    pub fn new() -> Self {
        Self::default()
    }

    /// Ends the operation that it was given to.
    #[napi]
    pub fn cancel(&self) -> Answer<()> {
        guard(|| {
            self.inner.cancel();
            Ok(())
        })
    }
}

/// Seconds for each phase.
#[napi(object, use_nullable = true)]
pub struct TimeoutFields {
    /// For one address to accept the connection, and for a TLS handshake.
    pub connect: f64,
    /// From the open connection to the greeting.
    pub greeting: f64,
    /// From a command to its reply.
    pub command: f64,
    /// For the network to take any further bytes.
    pub data_block: f64,
    /// From the end of the message to the reply.
    pub end_of_data: f64,
    /// For a whole call.
    pub operation: Option<f64>,
}

/// Settings and kept connections; the servers come with each call, because JavaScript holds them.
#[napi]
#[derive(Default)]
pub struct Smtp {
    // A function that `sendSync` asks for a token may use this very object.
    pub(crate) inner: RefCell<core::Smtp>,
}

#[napi]
impl Smtp {
    /// An object without servers.
    #[napi(constructor)]
    pub fn new() -> Self {
        Self::default()
    }

    /// The log's path.
    #[napi]
    pub fn log_file(&self) -> Answer<String> {
        guard(|| {
            Ok(self
                .inner
                .borrow()
                .log_file()
                .map(|path| path.to_string_lossy().into_owned())
                .unwrap_or_default())
        })
    }

    /// Logs to a file from now on; an empty path ends it.
    #[napi]
    pub fn set_log_file(&self, path: String) -> Answer<()> {
        guard(|| self.inner.borrow_mut().set_log_file(path))
    }

    /// What the log shows besides the conversation.
    #[napi]
    pub fn log_options(&self) -> Answer<LogOptionsFields> {
        guard(|| Ok(self.inner.borrow().log_options().into()))
    }

    /// Sets what the log shows besides the conversation.
    #[napi]
    pub fn set_log_options(&self, options: LogOptionsFields) -> Answer<()> {
        guard(|| {
            self.inner.borrow_mut().set_log_options(options.into_core()?);
            Ok(())
        })
    }

    /// Gives every line to a function; nothing ends it.
    #[napi]
    pub fn set_protocol_log(&self, hear: Option<Hear<'_>>) -> napi::Result<Answer<()>> {
        let listener = hear.map(listener).transpose()?;
        Ok(guard(|| {
            self.inner.borrow_mut().set_protocol_log(listener);
            Ok(())
        }))
    }

    /// Tells a function how far each message is; nothing ends it.
    #[napi]
    pub fn on_status(&self, hear: Option<HearStatus<'_>>) -> napi::Result<Answer<()>> {
        let listener = hear.map(observers::on_status).transpose()?;
        Ok(guard(|| {
            self.inner.borrow_mut().on_status(listener);
            Ok(())
        }))
    }

    /// Tells a function of each recipient who does not get a message; nothing ends it.
    #[napi]
    pub fn on_recipient_failed(&self, hear: Option<HearRecipientFailed<'_>>) -> napi::Result<Answer<()>> {
        let listener = hear.map(observers::on_recipient_failed).transpose()?;
        Ok(guard(|| {
            self.inner.borrow_mut().on_recipient_failed(listener);
            Ok(())
        }))
    }

    /// Tells a function how far each bulk is; nothing ends it.
    #[napi]
    pub fn on_bulk_status(&self, hear: Option<HearBulkStatus<'_>>) -> napi::Result<Answer<()>> {
        let listener = hear.map(observers::on_bulk_status).transpose()?;
        Ok(guard(|| {
            self.inner.borrow_mut().on_bulk_status(listener);
            Ok(())
        }))
    }

    /// The name given in EHLO.
    #[napi]
    pub fn default_domain(&self) -> Answer<String> {
        guard(|| Ok(self.inner.borrow().default_domain().to_owned()))
    }

    /// Sets the name given in EHLO.
    #[napi]
    pub fn set_default_domain(&self, domain: String) -> Answer<()> {
        guard(|| self.inner.borrow_mut().set_default_domain(&domain))
    }

    /// The limit, when all phases have the same.
    #[napi]
    pub fn default_timeout(&self) -> Answer<Option<f64>> {
        guard(|| Ok(self.inner.borrow().timeouts().same().map(|limit| limit.as_secs_f64())))
    }

    /// Gives all phases the same limit.
    #[napi]
    pub fn set_default_timeout(&self, limit: f64) -> Answer<()> {
        guard(|| {
            let timeouts = self.inner.borrow().timeouts();
            let limit = seconds("DefaultTimeout", limit)?;
            self.inner.borrow_mut().set_timeouts(timeouts.with_phases(Some(limit)))
        })
    }

    /// The limit of each phase.
    #[napi]
    pub fn timeouts(&self) -> Answer<TimeoutFields> {
        guard(|| {
            let Timeouts { connect, greeting, command, data_block, end_of_data, operation } =
                self.inner.borrow().timeouts();
            Ok(TimeoutFields {
                connect: connect.as_secs_f64(),
                greeting: greeting.as_secs_f64(),
                command: command.as_secs_f64(),
                data_block: data_block.as_secs_f64(),
                end_of_data: end_of_data.as_secs_f64(),
                operation: operation.map(|limit| limit.as_secs_f64()),
            })
        })
    }

    /// Sets the limit of each phase.
    #[napi]
    pub fn set_timeouts(&self, timeouts: TimeoutFields) -> Answer<()> {
        guard(|| {
            let limit = |name: &str, value| seconds(&format!("Timeouts.{name}"), value);
            self.inner.borrow_mut().set_timeouts(Timeouts {
                connect: limit("Connect", timeouts.connect)?,
                greeting: limit("Greeting", timeouts.greeting)?,
                command: limit("Command", timeouts.command)?,
                data_block: limit("DataBlock", timeouts.data_block)?,
                end_of_data: limit("EndOfData", timeouts.end_of_data)?,
                operation: timeouts.operation.map(|value| limit("Operation", value)).transpose()?,
            })
        })
    }

    /// How many connections sending in bulk uses at once.
    #[napi]
    pub fn max_connections(&self) -> Answer<u32> {
        guard(|| Ok(u32::try_from(self.inner.borrow().max_connections()).unwrap_or(u32::MAX)))
    }

    /// Sets how many connections sending in bulk uses at once.
    #[napi]
    pub fn set_max_connections(&self, connections: u32) -> Answer<()> {
        guard(|| self.inner.borrow_mut().set_max_connections(connections as usize))
    }

    /// How many messages one connection carries; 0 for any number.
    #[napi]
    pub fn max_messages_per_connection(&self) -> Answer<u32> {
        guard(|| Ok(u32::try_from(self.inner.borrow().max_messages_per_connection()).unwrap_or(u32::MAX)))
    }

    /// Sets how many messages one connection carries.
    #[napi]
    pub fn set_max_messages_per_connection(&self, messages: u32) -> Answer<()> {
        guard(|| {
            self.inner.borrow_mut().set_max_messages_per_connection(messages.into());
            Ok(())
        })
    }

    /// The most messages per second.
    #[napi]
    pub fn rate_limit(&self) -> Answer<Option<f64>> {
        guard(|| Ok(self.inner.borrow().rate_limit()))
    }

    /// Sets the most messages per second.
    #[napi]
    pub fn set_rate_limit(&self, messages_per_second: Option<f64>) -> Answer<()> {
        guard(|| self.inner.borrow_mut().set_rate_limit(messages_per_second))
    }

    /// Whether nothing is sent when one recipient is refused.
    #[napi]
    pub fn all_or_nothing(&self) -> Answer<bool> {
        guard(|| Ok(self.inner.borrow().all_or_nothing()))
    }

    /// Sets whether nothing is sent when one recipient is refused.
    #[napi]
    pub fn set_all_or_nothing(&self, value: bool) -> Answer<()> {
        guard(|| {
            self.inner.borrow_mut().set_all_or_nothing(value);
            Ok(())
        })
    }

    /// Sends on a thread of our own.
    #[napi(ts_return_type = "Promise<ReportFields | Failed>")]
    pub fn send<'env>(
        &self,
        env: &'env Env,
        servers: Vec<ServerFields>,
        message: MessageFields,
        cancel: &Cancel,
        ask: Option<Ask<'_>>,
    ) -> napi::Result<Object<'env>> {
        // Converted here: the bytes of attachments may be reached on the thread of JavaScript only.
        let asking = Asking::remote(ask)?;
        let ready = self.ready(servers, message, &asking);
        let cancel = cancel.inner.clone();
        promise(env, move || {
            let _asking = asking;
            let (smtp, message) = ready?;
            smtp.send_with(&message, &cancel).map(ReportFields::from)
        })
    }

    /// Sends on this thread.
    #[napi]
    pub fn send_sync(
        &self,
        env: &Env,
        servers: Vec<ServerFields>,
        message: MessageFields,
        ask: Option<Ask<'_>>,
    ) -> napi::Result<Answer<ReportFields>> {
        during_here(env, ask, || {
            guard(|| {
                let (smtp, message) = self.ready(servers, message, &Asking::Here)?;
                smtp.send(&message).map(ReportFields::from)
            })
        })
    }

    /// Begins to send any number of messages.
    #[napi(ts_return_type = "Bulk | Failed")]
    pub fn open_bulk(&self, servers: Vec<ServerFields>, ask: Option<Ask<'_>>) -> napi::Result<Answer<Bulk>> {
        let asking = Asking::remote(ask)?;
        Ok(guard(|| Ok(Bulk::new(&self.with(servers, &asking)?, asking))))
    }

    /// Looks at a server without sending mail, on a thread of our own.
    #[napi(ts_return_type = "Promise<CheckReportFields | Failed>")]
    pub fn check<'env>(
        &self,
        env: &'env Env,
        servers: Vec<ServerFields>,
        options: CheckOptionsFields,
        cancel: &Cancel,
        ask: Option<Ask<'_>>,
    ) -> napi::Result<Object<'env>> {
        let asking = Asking::remote(ask)?;
        let smtp = self.with(servers, &asking);
        let cancel = cancel.inner.clone();
        promise(env, move || {
            let _asking = asking;
            let options = options.into_core()?;
            smtp?.check_with(&options, &cancel).map(CheckReportFields::from)
        })
    }

    /// Opens a connection and keeps it.
    #[napi(ts_return_type = "Promise<undefined | Failed>")]
    pub fn connect<'env>(
        &self,
        env: &'env Env,
        servers: Vec<ServerFields>,
        cancel: &Cancel,
        ask: Option<Ask<'_>>,
    ) -> napi::Result<Object<'env>> {
        let asking = Asking::remote(ask)?;
        let smtp = self.with(servers, &asking);
        let cancel = cancel.inner.clone();
        promise(env, move || {
            let _asking = asking;
            smtp?.connect_with(&cancel)
        })
    }

    /// Ends the kept connections.
    #[napi(ts_return_type = "Promise<undefined | Failed>")]
    pub fn disconnect<'env>(&self, env: &'env Env, cancel: &Cancel) -> napi::Result<Object<'env>> {
        let smtp = self.inner.borrow().clone();
        let cancel = cancel.inner.clone();
        promise(env, move || {
            smtp.disconnect_with(&cancel);
            Ok(())
        })
    }

    /// Whether a connection is kept.
    #[napi]
    pub fn connected(&self) -> Answer<bool> {
        guard(|| Ok(self.inner.borrow().connected()))
    }

    /// Cancels everything that is under way.
    #[napi]
    pub fn cancel(&self) -> Answer<()> {
        guard(|| {
            self.inner.borrow().cancel();
            Ok(())
        })
    }

    /// Sends one command.
    #[napi(ts_return_type = "Promise<ReplyFields | Failed>")]
    pub fn send_command<'env>(
        &self,
        env: &'env Env,
        servers: Vec<ServerFields>,
        line: String,
        cancel: &Cancel,
        ask: Option<Ask<'_>>,
    ) -> napi::Result<Object<'env>> {
        let asking = Asking::remote(ask)?;
        let smtp = self.with(servers, &asking);
        let cancel = cancel.inner.clone();
        promise(env, move || {
            let _asking = asking;
            smtp?.send_command_with(&line, &cancel).map(ReplyFields::from)
        })
    }

    /// Forgets all settings at once, and ends the connections on a thread of our own.
    #[napi(ts_return_type = "Promise<undefined | Failed>")]
    pub fn reset<'env>(&self, env: &'env Env) -> napi::Result<Object<'env>> {
        let mut old = self.inner.take();
        promise(env, move || {
            old.reset();
            Ok(())
        })
    }

    fn ready(
        &self,
        servers: Vec<ServerFields>,
        message: MessageFields,
        asking: &Asking,
    ) -> Result<(core::Smtp, EmailMessage), Error> {
        Ok((self.with(servers, asking)?, message.into_core()?))
    }

    fn with(&self, servers: Vec<ServerFields>, asking: &Asking) -> Result<core::Smtp, Error> {
        let mut smtp = self.inner.borrow().clone();
        *smtp.servers_mut() = servers
            .into_iter()
            .enumerate()
            .map(|(index, fields)| fields.into_core(index, asking))
            .collect::<Result<_, _>>()?;
        Ok(smtp)
    }
}

/// Sends a text to one recipient, on a thread of our own.
#[napi(ts_return_type = "Promise<ReportFields | Failed>")]
pub fn quick_send<'env>(
    env: &'env Env,
    server: String,
    recipient: String,
    from: String,
    subject: String,
    body: String,
    format: u8,
) -> napi::Result<Object<'env>> {
    promise(env, move || {
        let format = BodyPartFormat::from_number(format)
            .ok_or_else(|| input("BodyPartFormat", "is no BodyPartFormat"))?;
        core::Smtp::quick_send(&server, &recipient, &from, &subject, &body, format).map(ReportFields::from)
    })
}

/// The version of the library.
#[napi]
pub fn version() -> &'static str {
    core::VERSION
}
