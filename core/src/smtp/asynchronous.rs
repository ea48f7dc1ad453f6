//! The operations of the object for programs that run on tokio.

use super::Smtp;
use crate::{
    error::Error,
    message::EmailMessage,
    net::{Cancel, Runtime},
    types::{Reply, Report},
};

/// Asynchronous operations. They do what the ones without `_async` do, over the same
/// settings and kept connections, and wait without blocking their thread.
///
/// They run in a task of a tokio runtime with I/O and time enabled (`enable_all`, as `#[tokio::main]` has it). A future
/// that is dropped, as by a timeout or `select!`, ends its operation: the connection in use is closed, nothing
/// half-sent is delivered, and a connection is never kept half used. When the whole message had been sent already, the
/// server may deliver it, and nobody hears of that: where this matters, end an operation with [`Smtp::cancel`], which
/// tells it apart as `ErrorKind::OutcomeUnknown`.
///
/// ```no_run
/// use freesmtp_core::{EmailMessage, Smtp};
///
/// # async fn example() -> Result<(), freesmtp_core::Error> {
/// let smtp = Smtp::new("smtps://user:password@mail.example.com")?;
/// let messages = ["first@example.org", "second@example.org"].map(|recipient| {
///     let mut message = EmailMessage::new();
///     message.from = "sender@example.com".into();
///     message.add_recipient(recipient);
///     message.subject = "Report".to_owned();
///     message.add_text("It is ready.");
///     message
/// });
///
/// // Both at once, each over a connection of its own.
/// let (first, second) = tokio::join!(smtp.send_async(&messages[0]), smtp.send_async(&messages[1]));
/// println!("{} {}", first?.reply, second?.reply);
///
/// // The connections were kept. This waits for a limited time.
/// let limit = std::time::Duration::from_secs(10);
/// match tokio::time::timeout(limit, smtp.send_async(&messages[0])).await {
///     Ok(sent) => println!("{}", sent?.reply),
///     Err(_) => println!("given up"),
/// }
/// smtp.disconnect_async().await;
/// # Ok(())
/// # }
/// ```
impl Smtp {
    /// [`Smtp::send`] as a future.
    ///
    /// # Errors
    /// As [`Smtp::send`]; `ErrorKind::Internal` outside a tokio runtime.
    pub async fn send_async(&self, message: &EmailMessage) -> Result<Report, Error> {
        self.send_on(Runtime::tokio()?, message, &Cancel::new()).await
    }

    /// [`Smtp::connect`] as a future.
    ///
    /// # Errors
    /// As [`Smtp::connect`]; `ErrorKind::Internal` outside a tokio runtime.
    pub async fn connect_async(&self) -> Result<(), Error> {
        self.connect_on(Runtime::tokio()?, &Cancel::new()).await
    }

    /// [`Smtp::disconnect`] as a future.
    pub async fn disconnect_async(&self) {
        // Like `disconnect` it has no failure that anybody could act on.
        if let Ok(runtime) = Runtime::tokio() {
            let _ = self.disconnect_on(runtime, &Cancel::new()).await;
        }
    }

    /// [`Smtp::send_command`] as a future.
    ///
    /// # Errors
    /// As [`Smtp::send_command`]; `ErrorKind::Internal` outside a tokio runtime.
    pub async fn send_command_async(&self, line: &str) -> Result<Reply, Error> {
        self.command_on(Runtime::tokio()?, line, &Cancel::new()).await
    }
}
