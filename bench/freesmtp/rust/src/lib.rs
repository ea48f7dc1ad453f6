//! The work that is measured: a number of messages over a number of connections to a server on this machine.

mod meter;

use std::{env, error::Error, hint::black_box, path::PathBuf, thread};

use freesmtp_core::{EmailMessage, Smtp, message::BodyPartFormat};
pub use meter::Meter;

/// What to send, as the command line says it: `PORT N SIZE CONNECTIONS [ATTACHMENT]`.
#[derive(Debug)]
pub struct Work {
    /// The server's port on 127.0.0.1.
    pub port: u16,
    /// Messages in all.
    pub count: usize,
    /// Octets of each message's text.
    pub size: usize,
    /// Threads, each with one message under way.
    pub connections: usize,
    /// A file to attach to every message.
    pub attachment: Option<PathBuf>,
}

impl Work {
    /// Reads the command line.
    ///
    /// # Errors
    /// When an argument is missing or not a number.
    pub fn from_args() -> Result<Self, Box<dyn Error>> {
        let mut args = env::args_os().skip(1);
        let mut number = || -> Result<usize, Box<dyn Error>> {
            let arg = args.next().ok_or("usage: PORT N SIZE CONNECTIONS [ATTACHMENT]")?;
            Ok(arg.to_string_lossy().parse()?)
        };
        Ok(Self {
            port: u16::try_from(number()?)?,
            count: number()?,
            size: number()?,
            connections: number()?.max(1),
            attachment: args.next().map(PathBuf::from),
        })
    }

    /// Sends everything and closes the connections.
    ///
    /// # Errors
    /// The first message that was not taken.
    pub fn carry_out(&self) -> Result<(), freesmtp_core::Error> {
        let smtp = Smtp::new(&format!("127.0.0.1:{}", self.port))?;
        let text = self.text();
        thread::scope(|scope| {
            let threads: Vec<_> = (0..self.connections)
                .map(|thread| {
                    let (smtp, text) = (smtp.clone(), &text);
                    scope.spawn(move || {
                        (thread..self.count)
                            .step_by(self.connections)
                            .try_for_each(|i| smtp.send(&self.message(i, text)).map(drop))
                    })
                })
                .collect();
            threads.into_iter().try_for_each(|thread| match thread.join() {
                Ok(sent) => sent,
                Err(panic) => std::panic::resume_unwind(panic),
            })
        })?;
        smtp.disconnect();
        Ok(())
    }

    /// Sends everything with `SendBulk`, and closes the connections.
    ///
    /// # Errors
    /// The first message that was not taken.
    pub fn carry_out_in_bulk(&self) -> Result<(), freesmtp_core::Error> {
        let mut smtp = Smtp::new(&format!("127.0.0.1:{}", self.port))?;
        smtp.set_max_connections(self.connections)?;
        let text = self.text();
        let messages = (0..self.count).map(|index| self.message(index, &text));
        smtp.send_bulk(messages).try_for_each(|sent| sent.result.map(drop))?;
        smtp.disconnect();
        Ok(())
    }

    /// Composes everything without a server.
    ///
    /// With `FREESMTP_BENCH=anew` each message is made anew and has a buffer of its own; else one message is kept, of
    /// which recipient and subject are set each time, and one buffer, as a program does that composes many.
    ///
    /// # Errors
    /// The first message that is not valid.
    pub fn compose(&self) -> Result<(), freesmtp_core::Error> {
        // What a program has at hand before it composes.
        let given: Vec<(String, String)> =
            (0..1000).map(|i| (format!("r{i}@example.test"), format!("Message {i}"))).collect();
        let (text, mut next) = (self.text(), given.iter().cycle().take(self.count));
        let anew = |recipient: &str, subject: &str| {
            EmailMessage::quick(
                recipient,
                "sender@example.test",
                subject,
                text.as_str(),
                BodyPartFormat::Plain,
            )
        };
        if env::var("FREESMTP_BENCH").is_ok_and(|how| how == "anew") {
            return next.try_for_each(|(recipient, subject)| {
                anew(recipient, subject).to_bytes().map(|b| drop(black_box(b)))
            });
        }
        let (mut message, mut bytes) = (anew("", ""), Vec::new());
        next.try_for_each(|(recipient, subject)| {
            message.recipients[0].address.email.clone_from(recipient);
            message.subject.clone_from(subject);
            bytes.clear();
            message.append_to(&mut bytes)?;
            black_box(&bytes);
            Ok(())
        })
    }

    /// The text of every message.
    #[must_use]
    pub fn text(&self) -> String {
        format!("{}\r\n", "x".repeat(70)).repeat((self.size / 72).max(1))
    }

    /// The message of that number.
    #[must_use]
    pub fn message(&self, index: usize, text: &str) -> EmailMessage {
        let mut message = EmailMessage::new();
        message.from = "sender@example.test".into();
        message.add_recipient(format!("r{index}@example.test"));
        message.subject = format!("Message {index}");
        message.add_text(text);
        if let Some(path) = &self.attachment {
            message.attach_file(path);
        }
        message
    }
}
