//! `SendBulkMerge` and `SubmitBulkMerge`: a message for each row of a template.

use std::collections::BTreeMap;

use super::{Bulk, Smtp};
use crate::{
    error::Error,
    message::{EmailMessage, merge::Template},
    spool::Id,
};

impl Smtp {
    /// [`Smtp::send_bulk`] of the message of each row, made when it is wanted. A row that lacks a field, or whose message
    /// is not valid, has that error as its result.
    ///
    /// ```no_run
    /// use std::collections::BTreeMap;
    /// use freesmtp_core::{EmailMessage, Smtp, message::merge::Template};
    ///
    /// # fn main() -> Result<(), freesmtp_core::Error> {
    /// let message = EmailMessage::quick("{{ email }}", "sender@example.com", "News", "Dear {{ name }}",
    ///     Default::default());
    /// let template = Template::new(&message)?;
    /// let rows = [("ann@example.org", "Ann"), ("bob@example.org", "Bob")].map(|(email, name)| {
    ///     BTreeMap::from([("email".to_owned(), email.to_owned()), ("name".to_owned(), name.to_owned())])
    /// });
    /// for sent in Smtp::new("mail.example.com")?.send_bulk_merge(&template, rows) {
    ///     println!("{}: {}", sent.index, sent.result.is_ok());
    /// }
    /// # Ok(())
    /// # }
    /// ```
    pub fn send_bulk_merge<I>(
        &self,
        template: &Template,
        rows: I,
    ) -> Bulk<impl Iterator<Item = Result<EmailMessage, Error>>>
    where
        I: IntoIterator<Item = BTreeMap<String, String>>,
    {
        self.send_bulk(rows.into_iter().map(|row| template.render(&row)))
    }

    /// [`Smtp::submit_bulk`] of the message of each row: the ids of all, in the order of the rows, or an error that names
    /// the row, and none of them is delivered.
    ///
    /// # Errors
    /// As [`Smtp::submit_bulk`]; `ErrorKind::Message` when a row lacks a field.
    pub fn submit_bulk_merge<I>(&self, template: &Template, rows: I) -> Result<Vec<Id>, Error>
    where
        I: IntoIterator<Item = BTreeMap<String, String>>,
    {
        self.submit_bulk(rows.into_iter().map(|row| template.render(&row)))
    }
}
