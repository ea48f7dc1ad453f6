//! Merge: one message for each row, from a message whose texts have fields.

use std::{
    collections::BTreeMap,
    ffi::{c_char, c_void},
    ptr, slice,
};

use freesmtp_core::{EmailMessage, Error, message::merge::Template};

use crate::{
    error::freesmtp_error,
    guard,
    message::freesmtp_message,
    strings::{text, text_n},
};

/// A message whose texts are compiled once, and filled in for each row.
pub struct freesmtp_template(Template);

impl freesmtp_template {
    /// The message of one row.
    ///
    /// # Safety
    /// `fields` is NULL, or points to `count` fields with as many bytes as they say, or up to a NUL.
    pub(crate) unsafe fn message<F: Field>(
        &self,
        fields: *const F,
        count: usize,
    ) -> Result<EmailMessage, Error> {
        // SAFETY: the caller's promise is the same.
        let row = unsafe { row(fields, count) }?;
        self.0.render(&row)
    }
}

/// A field in either form.
pub(crate) trait Field {
    /// Its name and its value.
    ///
    /// # Safety
    /// Both are NULL, or have as many bytes as they say, or up to a NUL.
    unsafe fn texts(&self) -> Result<(&str, &str), Error>;
}

/// One field of a row: its name, and its value.
#[repr(C)]
pub struct freesmtp_field {
    /// The name in `{{ name }}`.
    pub name: *const c_char,
    /// What stands there for this row.
    pub value: *const c_char,
}

/// The same with the texts' sizes.
#[repr(C)]
pub struct freesmtp_field_n {
    /// The name in `{{ name }}`.
    pub name: *const c_char,
    /// Its size in bytes.
    pub name_size: usize,
    /// What stands there for this row.
    pub value: *const c_char,
    /// Its size in bytes.
    pub value_size: usize,
}

/// Takes one text: `property` is its place in the message, such as `Recipients[0].Email`; both are borrowed for the call.
/// It must return: no `longjmp`, no C++ exception.
pub type freesmtp_take_text = Option<
    unsafe extern "C" fn(
        user_data: *mut c_void,
        property: *const c_char,
        property_size: usize,
        text: *const c_char,
        text_size: usize,
    ),
>;

/// Compiles the texts of a message, which may have `{{ fields }}` of Jinja, with its filters and conditions: in the
/// subject, the texts, addresses and names, the values of custom headers, names of attachments, links to unsubscribe, and
/// the invitation. In HTML texts the values are escaped. The error names the property and the line.
///
/// The message is copied. `*template_out` is owned: `freesmtp_template_free`.
#[unsafe(no_mangle)]
pub extern "C" fn freesmtp_template_new(
    message: Option<&freesmtp_message>,
    template_out: Option<&mut *mut freesmtp_template>,
) -> Option<Box<freesmtp_error>> {
    guard::attempt(|| {
        let template_out = guard::handle(template_out, "template_out")?;
        *template_out = ptr::null_mut();
        let template = Template::new(&guard::handle(message, "message")?.0)?;
        *template_out = Box::into_raw(Box::new(freesmtp_template(template)));
        Ok(())
    })
}

/// Lets go of it. NULL is allowed.
#[unsafe(no_mangle)]
pub extern "C" fn freesmtp_template_free(message_template: Option<Box<freesmtp_template>>) {
    guard::value((), || drop(message_template));
}

/// The message of one row, which has `count` fields. A field that the row does not have is an error, never an empty text;
/// what comes out is checked like any message when it is sent, so a row can inject nothing. `*message` is owned:
/// `freesmtp_message_free`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn freesmtp_template_render(
    message_template: Option<&freesmtp_template>,
    fields: *const freesmtp_field,
    count: usize,
    message: Option<&mut *mut freesmtp_message>,
) -> Option<Box<freesmtp_error>> {
    guard::attempt(|| {
        let message = guard::handle(message, "message")?;
        *message = ptr::null_mut();
        let template = guard::handle(message_template, "message_template")?;
        // SAFETY: rule 2 of the header: NULL, or `count` fields with NUL-terminated texts.
        let made = unsafe { template.message(fields, count) }?;
        *message = Box::into_raw(Box::new(freesmtp_message(made)));
        Ok(())
    })
}

/// The same with the texts' sizes.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn freesmtp_template_render_n(
    message_template: Option<&freesmtp_template>,
    fields: *const freesmtp_field_n,
    count: usize,
    message: Option<&mut *mut freesmtp_message>,
) -> Option<Box<freesmtp_error>> {
    guard::attempt(|| {
        let message = guard::handle(message, "message")?;
        *message = ptr::null_mut();
        let template = guard::handle(message_template, "message_template")?;
        // SAFETY: rule 2 of the header: NULL, or `count` fields with as many bytes as they say.
        let made = unsafe { template.message(fields, count) }?;
        *message = Box::into_raw(Box::new(freesmtp_message(made)));
        Ok(())
    })
}

/// The texts of one row that differ from row to row, for programs that hold messages in another form: `take` is called
/// for each before this returns.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn freesmtp_template_texts_n(
    message_template: Option<&freesmtp_template>,
    fields: *const freesmtp_field_n,
    count: usize,
    take: freesmtp_take_text,
    user_data: *mut c_void,
) -> Option<Box<freesmtp_error>> {
    guard::attempt(|| {
        let template = &guard::handle(message_template, "message_template")?.0;
        let take = guard::handle(take, "take")?;
        // SAFETY: rule 2 of the header: NULL, or `count` fields with as many bytes as they say.
        let row = unsafe { row(fields, count) }?;
        for (property, text) in template.texts(&row)? {
            let (name, value) = (property.as_ptr().cast(), text.as_ptr().cast());
            // SAFETY: the program promised a function that takes its own data; the texts outlive the call.
            unsafe { take(user_data, name, property.len(), value, text.len()) };
        }
        Ok(())
    })
}

impl Field for freesmtp_field {
    unsafe fn texts(&self) -> Result<(&str, &str), Error> {
        // SAFETY: the caller's promise is the same.
        unsafe { Ok((text(self.name, "name")?, text(self.value, "value")?)) }
    }
}

impl Field for freesmtp_field_n {
    unsafe fn texts(&self) -> Result<(&str, &str), Error> {
        // SAFETY: the caller's promise is the same.
        unsafe {
            Ok((text_n(self.name, self.name_size, "name")?, text_n(self.value, self.value_size, "value")?))
        }
    }
}

/// A row of `count` fields.
///
/// # Safety
/// `fields` is NULL, or points to `count` fields with as many bytes as they say, or up to a NUL, unchanged as long as the
/// call lasts.
unsafe fn row<F: Field>(fields: *const F, count: usize) -> Result<BTreeMap<String, String>, Error> {
    if count == 0 {
        return Ok(BTreeMap::new());
    }
    if fields.is_null() {
        return Err(Error::input("fields", "is NULL"));
    }
    if count.checked_mul(size_of::<F>()).is_none_or(|size| isize::try_from(size).is_err()) {
        return Err(Error::input("count", "is a size that no memory can have"));
    }
    // SAFETY: not NULL, so `count` fields are there, as the caller promises; the size was checked.
    let fields = unsafe { slice::from_raw_parts(fields, count) };
    // SAFETY: the caller's promise is the same.
    let texts = fields.iter().map(|field| unsafe { field.texts() });
    texts.map(|field| field.map(|(name, value)| (name.to_owned(), value.to_owned()))).collect()
}
