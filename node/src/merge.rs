//! `MergeTemplate`

use std::collections::BTreeMap;

use freesmtp_core::message::merge::Template;
use napi::bindgen_prelude::External;
use napi_derive::napi;

use crate::{
    answer::{Answer, guard},
    message::MessageFields,
};

/// One field of a row.
#[napi(object, object_to_js = false)]
pub struct RowField {
    /// Its name.
    pub name: String,
    /// What stands there.
    pub value: String,
}

/// A text of one row.
#[napi(object, object_from_js = false)]
pub struct MergedText {
    /// Its place in the message, such as `Recipients[0].Email`.
    pub property: String,
    /// What stands there.
    pub text: String,
}

/// Compiles the texts of a message.
#[napi]
pub fn new_template(message: MessageFields) -> Answer<External<Template>> {
    guard(|| Template::new(&message.into_core()?).map(External::new))
}

/// The texts that differ from row to row.
#[napi]
pub fn merged_texts(template: &External<Template>, row: Vec<RowField>) -> Answer<Vec<MergedText>> {
    guard(|| {
        let row: BTreeMap<String, String> = row.into_iter().map(|field| (field.name, field.value)).collect();
        let texts = template.texts(&row)?;
        Ok(texts.into_iter().map(|(property, text)| MergedText { property, text }).collect())
    })
}
