//! Where the access token of OAUTHBEARER and XOAUTH2 comes from: a text, or a function of the program.

use std::ffi::{c_char, c_void};

use freesmtp_core::{Error, Secret, Token};

use crate::{
    error::freesmtp_error,
    guard,
    server::freesmtp_server,
    strings::{text, text_n},
};

/// What a token callback answers. It lives for the call of the callback only, and belongs to its thread.
pub struct freesmtp_token_answer(Result<Secret, String>);

/// Gets an access token: called when a session needs one, on the thread that sends, and once more in the same session
/// when the server refuses the token; `refresh` then says that a kept one is of no use.
///
/// It answers with `freesmtp_token_answer_give`, or says why there is none with `freesmtp_token_answer_fail`; answering
/// with neither fails the login. Where several threads send, several may be in it at the same time with the same
/// `user_data`. It must return: no `longjmp`, no C++ exception; and it must let the SMTP object and its settings be.
pub type freesmtp_token_callback = Option<
    unsafe extern "C" fn(user_data: *mut c_void, refresh: bool, answer: Option<&mut freesmtp_token_answer>),
>;

/// Lets go of the `user_data` of a callback: called once, by the thread that lets go of the last handle or connection
/// that might use it.
pub type freesmtp_release = Option<unsafe extern "C" fn(user_data: *mut c_void)>;

/// Sets the OAuth access token, which goes before the password; empty for none. It is wiped from memory when the server
/// is let go, and never given back.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn freesmtp_server_set_token(
    server: Option<&mut freesmtp_server>,
    token: *const c_char,
) -> Option<Box<freesmtp_error>> {
    guard::attempt(|| {
        let server = &mut guard::handle(server, "server")?.0;
        // SAFETY: rule 2 of the header: NULL, or NUL-terminated.
        let token = unsafe { text(token, "token") }?;
        server.token = token.into();
        Ok(())
    })
}

/// The same with the text's size.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn freesmtp_server_set_token_n(
    server: Option<&mut freesmtp_server>,
    token: *const c_char,
    token_size: usize,
) -> Option<Box<freesmtp_error>> {
    guard::attempt(|| {
        let server = &mut guard::handle(server, "server")?.0;
        // SAFETY: rule 2 of the header: NULL, or that many bytes.
        let token = unsafe { text_n(token, token_size, "token") }?;
        server.token = token.into();
        Ok(())
    })
}

/// Sets a function that gets the OAuth access token for each session. `user_data` is handed to it as it is, and must be
/// good until `release` is called, or for ever where `release` is NULL. When this call fails, `release` is not called.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn freesmtp_server_set_token_callback(
    server: Option<&mut freesmtp_server>,
    callback: freesmtp_token_callback,
    user_data: *mut c_void,
    release: freesmtp_release,
) -> Option<Box<freesmtp_error>> {
    guard::attempt(|| {
        let server = &mut guard::handle(server, "server")?.0;
        let callback = guard::handle(callback, "callback")?;
        let program = Program { callback, user_data, release };
        server.token = Token::callback(move |refresh| program.get(refresh));
        Ok(())
    })
}

/// Gives `server` the token or the callback of `other`, another server. A session that was logged in with one callback
/// is kept for the messages of that callback only; this is how several servers have the same one.
#[unsafe(no_mangle)]
pub extern "C" fn freesmtp_server_share_token(
    server: Option<&mut freesmtp_server>,
    other: Option<&freesmtp_server>,
) -> Option<Box<freesmtp_error>> {
    guard::attempt(|| {
        let server = &mut guard::handle(server, "server")?.0;
        server.token = guard::handle(other, "other")?.0.token.clone();
        Ok(())
    })
}

/// Answers with a token, which is copied. The last answer counts.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn freesmtp_token_answer_give(
    answer: Option<&mut freesmtp_token_answer>,
    token: *const c_char,
) -> Option<Box<freesmtp_error>> {
    guard::attempt(|| {
        // SAFETY: rule 2 of the header: NULL, or NUL-terminated.
        guard::handle(answer, "answer")?.put(unsafe { text(token, "token") }, |token| Ok(token.into()))
    })
}

/// The same with the text's size.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn freesmtp_token_answer_give_n(
    answer: Option<&mut freesmtp_token_answer>,
    token: *const c_char,
    token_size: usize,
) -> Option<Box<freesmtp_error>> {
    guard::attempt(|| {
        // SAFETY: rule 2 of the header: NULL, or that many bytes.
        guard::handle(answer, "answer")?
            .put(unsafe { text_n(token, token_size, "token") }, |token| Ok(token.into()))
    })
}

/// Answers that no token could be had: `reason` is a sentence for a person, which the error of the send then holds.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn freesmtp_token_answer_fail(
    answer: Option<&mut freesmtp_token_answer>,
    reason: *const c_char,
) -> Option<Box<freesmtp_error>> {
    guard::attempt(|| {
        // SAFETY: rule 2 of the header: NULL, or NUL-terminated.
        guard::handle(answer, "answer")?
            .put(unsafe { text(reason, "reason") }, |reason| Err(reason.to_owned()))
    })
}

/// The same with the text's size.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn freesmtp_token_answer_fail_n(
    answer: Option<&mut freesmtp_token_answer>,
    reason: *const c_char,
    reason_size: usize,
) -> Option<Box<freesmtp_error>> {
    guard::attempt(|| {
        // SAFETY: rule 2 of the header: NULL, or that many bytes.
        let reason = unsafe { text_n(reason, reason_size, "reason") };
        guard::handle(answer, "answer")?.put(reason, |reason| Err(reason.to_owned()))
    })
}

impl freesmtp_token_answer {
    /// A text that is none becomes the reason too: the program may not look at what the call returns.
    fn put(
        &mut self,
        text: Result<&str, Error>,
        answer: impl FnOnce(&str) -> Result<Secret, String>,
    ) -> Result<(), Error> {
        self.0 = text.as_ref().map_err(|error| error.message().to_owned()).and_then(|text| answer(text));
        text.map(drop)
    }
}

/// A callback with its data.
struct Program {
    callback: unsafe extern "C" fn(*mut c_void, bool, Option<&mut freesmtp_token_answer>),
    user_data: *mut c_void,
    release: freesmtp_release,
}

// SAFETY: the header demands a callback, data and a release that any thread may use, several at the same time.
unsafe impl Send for Program {}
// SAFETY: the same.
unsafe impl Sync for Program {}

impl Program {
    fn get(&self, refresh: bool) -> Result<Secret, String> {
        let mut answer = freesmtp_token_answer(Err("the token callback gave no answer".to_owned()));
        // SAFETY: the program promised that both are good until `release`, which waits for `drop`.
        unsafe { (self.callback)(self.user_data, refresh, Some(&mut answer)) };
        answer.0
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        if let Some(release) = self.release {
            // SAFETY: nobody can call the callback any more, and this happens once.
            unsafe { release(self.user_data) };
        }
    }
}
