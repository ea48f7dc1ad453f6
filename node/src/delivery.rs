//! What is asked of the servers for a message and its recipients, as JavaScript holds it.

use freesmtp_core::{
    Error,
    message::{
        DeliverByMode, DeliveryOptions, EmailMessage, Notify, RecipientOptions, ReturnContent,
        ValidSinceAction,
    },
    types::Moment,
};
use napi_derive::napi;

use crate::{
    answer::{Answer, guard},
    error::input,
};

/// The delivery options of `EmailMessage`
#[napi(object, use_nullable = true)]
pub struct DeliveryFields {
    /// A number of `ReturnContent`.
    pub return_content: u8,
    /// What delivery reports give back.
    pub envelope_id: Option<String>,
    /// Whether TLS is needed on the whole way.
    pub require_tls: bool,
    /// Seconds.
    pub deliver_by: Option<u32>,
    /// A number of `DeliverByMode`.
    pub deliver_by_mode: u8,
    /// Whether each server reports.
    pub deliver_by_trace: bool,
    /// Seconds.
    pub hold_for: Option<u32>,
    /// Milliseconds since 1970.
    pub hold_until: Option<i64>,
    /// From -9 to 9.
    pub mt_priority: Option<i32>,
    /// EHLO keywords.
    pub optional_extensions: Vec<String>,
}

impl DeliveryFields {
    /// The options of the core.
    pub(crate) fn into_core(self) -> Result<DeliveryOptions, Error> {
        let priority = |number: i32| i8::try_from(number).map_err(|_| input("MtPriority", "is no priority"));
        Ok(DeliveryOptions {
            return_content: ReturnContent::from_number(self.return_content)
                .ok_or_else(|| input("ReturnContent", "is no ReturnContent"))?,
            envelope_id: self.envelope_id,
            require_tls: self.require_tls,
            deliver_by: self.deliver_by,
            deliver_by_mode: DeliverByMode::from_number(self.deliver_by_mode)
                .ok_or_else(|| input("DeliverByMode", "is no DeliverByMode"))?,
            deliver_by_trace: self.deliver_by_trace,
            hold_for: self.hold_for,
            hold_until: self.hold_until.map(moment),
            mt_priority: self.mt_priority.map(priority).transpose()?,
            optional_extensions: self.optional_extensions.into_iter().map(Into::into).collect(),
        })
    }
}

/// The delivery options of a new message.
#[napi]
pub fn delivery_defaults() -> Answer<DeliveryFields> {
    guard(|| {
        let options = EmailMessage::new().delivery;
        Ok(DeliveryFields {
            return_content: options.return_content.number(),
            envelope_id: options.envelope_id,
            require_tls: options.require_tls,
            deliver_by: options.deliver_by,
            deliver_by_mode: options.deliver_by_mode.number(),
            deliver_by_trace: options.deliver_by_trace,
            hold_for: options.hold_for,
            hold_until: options.hold_until.map(|moment| moment.unix_seconds.saturating_mul(1000)),
            mt_priority: options.mt_priority.map(i32::from),
            optional_extensions: options.optional_extensions.iter().map(ToString::to_string).collect(),
        })
    })
}

/// The delivery options of a recipient, given to `Recipients[index]`.
pub(crate) fn recipient_options(
    index: usize,
    notify: u8,
    original_recipient: Option<String>,
    valid_since: Option<i64>,
    valid_since_action: u8,
) -> Result<RecipientOptions, Error> {
    let field = |name: &str| format!("Recipients[{index}].{name}");
    Ok(RecipientOptions {
        notify: Notify::from_number(notify).ok_or_else(|| input(field("Notify"), "is no Notify"))?,
        original_recipient,
        valid_since: valid_since.map(moment),
        valid_since_action: ValidSinceAction::from_number(valid_since_action)
            .ok_or_else(|| input(field("ValidSinceAction"), "is no ValidSinceAction"))?,
    })
}

fn moment(milliseconds: i64) -> Moment {
    Moment::new(milliseconds.div_euclid(1000))
}
