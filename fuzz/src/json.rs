//! The body of `POST /api/messages`: what is understood is composed as any message is, and injects no header.

use freesmtp_agent::fuzzing::message_of_json;
use freesmtp_core::message::Form;

use crate::raw::{NoFiles, check, stamp};

pub(crate) fn target(data: &[u8]) {
    let Some(message) = message_of_json(data) else { return };
    let Ok(composed) = message.compose(&stamp(), &NoFiles, Form::default()) else { return };
    check(composed, false);
}
