//! A file of `pickup/`: what is understood is composed as any message is, and no line of the envelope is left in the text.

use freesmtp_core::{
    message::Form,
    spool::{compose, pickup},
};

use crate::raw::{NoFiles, check, stamp};

pub(crate) fn target(data: &[u8]) {
    let message = match pickup::parse(data) {
        Ok((mut message, text_at)) => {
            message.raw = Some(data[text_at..].into());
            message
        }
        Err(reason) => {
            assert!(!reason.contains(['\r', '\n']), "a reason is one sentence: {reason:?}");
            return;
        }
    };
    if let Ok(composed) = message.compose(&stamp(), &NoFiles, Form::default()) {
        check(composed, false);
    }
    if let Ok((envelope, composed)) = compose(&message, &stamp(), &NoFiles) {
        envelope.check().expect("what was composed may be written");
        check(composed, false);
    }
}
