//! What is alive between calls, and what a call is lent.

use std::{
    ffi::{CStr, c_char, c_void},
    ptr, slice,
};

use arbitrary::Unstructured;
use tempfile::TempDir;

use super::{callbacks, free};

/// Handles beyond these are let go of as they come.
const MOST_HANDLES: usize = 32;

/// A handle; one that is borrowed lives as long as the one that it is of.
struct Handle {
    kind: &'static str,
    at: *mut c_void,
    of: Option<*mut c_void>,
}

/// A program: what it holds, and what it will do next.
pub(super) struct World<'a> {
    pub(super) input: Unstructured<'a>,
    handles: Vec<Handle>,
    /// Handles of the call that is made, and whether it may change them.
    used: Vec<(*mut c_void, bool)>,
    /// The call gets NULL for everything.
    pub(super) alone: bool,
    /// What the call borrows; each of it exactly as long as it is said to be.
    pub(super) lent: Vec<Lent>,
    files: Option<TempDir>,
}

/// Memory of a call, which is given back behind it. It is known by its address alone: a `Box` that moves ends, by Rust's
/// rules, what was lent of it before.
pub(super) enum Lent {
    Bytes(*mut [u8]),
    Words(*mut [*mut c_void]),
}

impl Drop for Lent {
    fn drop(&mut self) {
        // SAFETY: they were boxes, and are let go of here alone.
        unsafe {
            match *self {
                Self::Bytes(bytes) => drop(Box::from_raw(bytes)),
                Self::Words(words) => drop(Box::from_raw(words)),
            }
        }
    }
}

impl<'a> World<'a> {
    pub(super) fn new(data: &'a [u8]) -> Self {
        callbacks::begin();
        let mut world = Self {
            input: Unstructured::new(data),
            handles: Vec::new(),
            used: Vec::new(),
            alone: false,
            lent: Vec::new(),
            files: None,
        };
        let server = c"smtp://127.0.0.1:9".as_ptr().cast_mut().cast();
        // SAFETY: a text that ends in NUL.
        let (smtp, message, own) = unsafe {
            (super::freesmtp_smtp_new(server), super::freesmtp_message_new(), super::freesmtp_server_new())
        };
        world.gained("smtp", smtp);
        world.gained("message", message);
        world.gained("server", own);
        world
    }

    /// Which call is next.
    pub(super) fn drawn(&mut self) -> Option<u16> {
        if self.input.is_empty() { None } else { self.input.arbitrary().ok() }
    }

    /// The call is over.
    pub(super) fn after(&mut self) {
        self.used.clear();
        self.lent.clear();
        self.alone = false;
    }

    /// The program is over: it lets go of everything.
    pub(super) fn end(mut self) {
        for handle in std::mem::take(&mut self.handles) {
            if handle.of.is_none() {
                free(handle.kind, handle.at);
            }
        }
    }

    /// The call gets nothing.
    pub(super) fn alone(&mut self) {
        self.alone = true;
    }

    /// A handle that is alive, or NULL. One that the call may change stands once among its arguments.
    pub(super) fn handle(&mut self, kind: &str, changes: bool) -> *mut c_void {
        let fitting: Vec<*mut c_void> = self
            .handles
            .iter()
            .filter(|handle| handle.kind == kind && (!changes || handle.of.is_none()))
            .map(|handle| handle.at)
            .filter(|at| !self.used.iter().any(|(used, changed)| used == at && (changes || *changed)))
            .collect();
        let draw = usize::from(self.byte());
        if self.alone || fitting.is_empty() || draw == 255 {
            return ptr::null_mut();
        }
        let at = fitting[draw % fitting.len()];
        self.used.push((at, changes));
        at
    }

    /// A handle that is let go of, with what was borrowed of it.
    pub(super) fn lost(&mut self, kind: &str) -> *mut c_void {
        let at = self.handle(kind, true);
        self.forget(at);
        at
    }

    fn forget(&mut self, at: *mut c_void) {
        if at.is_null() {
            return;
        }
        let children: Vec<_> =
            self.handles.iter().filter(|handle| handle.of == Some(at)).map(|handle| handle.at).collect();
        self.handles.retain(|handle| handle.at != at && handle.of != Some(at));
        for child in children {
            self.forget(child);
        }
    }

    /// A handle that the program owns from now on.
    pub(super) fn gained(&mut self, kind: &'static str, at: *mut c_void) {
        if at.is_null() {
            return;
        }
        assert!(
            !self.handles.iter().any(|handle| handle.at == at && handle.of.is_none()),
            "{kind}: given twice"
        );
        if self.handles.len() < MOST_HANDLES {
            self.handles.push(Handle { kind, at, of: None });
        } else {
            free(kind, at);
        }
    }

    /// A handle that is another one's.
    pub(super) fn borrowed(&mut self, kind: &'static str, at: *mut c_void, of: *mut c_void) {
        if !at.is_null() && self.handles.len() < MOST_HANDLES {
            self.handles.push(Handle { kind, at, of: Some(of) });
        }
    }

    /// What a call put where it was told to.
    pub(super) fn put(&mut self, kind: &'static str, out: *mut c_void, failed: bool) {
        if out.is_null() {
            return;
        }
        // SAFETY: it is room for a pointer.
        let given = unsafe { *out.cast::<*mut c_void>() };
        assert_eq!(given.is_null(), failed, "{kind}: an error or a result");
        self.gained(kind, given);
    }

    /// Whether a call failed; then its error is looked at and kept.
    pub(super) fn failed(&mut self, error: *mut c_void) -> bool {
        if error.is_null() {
            return false;
        }
        // SAFETY: an error that was given just now.
        let (kind, message, text, field) = unsafe {
            (
                super::freesmtp_error_kind(error),
                super::freesmtp_error_message(error),
                super::freesmtp_error_text(error),
                super::freesmtp_error_field(error),
            )
        };
        let message = text_of(message).expect("an error says what is wrong");
        if super::shows() {
            eprintln!("    {message}");
        }
        assert!(kind >= 100 && kind != 900, "{kind}: {message}");
        assert!(!message.is_empty() && !message.chars().any(char::is_control), "{message:?}");
        assert!(text_of(text).is_some_and(|text| !text.is_empty()));
        self.borrowed_text(field);
        self.gained("error", error);
        true
    }

    /// A text that lives as long as what it was asked of.
    pub(super) fn borrowed_text(&mut self, text: *mut c_void) {
        let _ = text_of(text);
    }

    /// A text that the program owns, and its size where it was asked for.
    pub(super) fn owned_text(&mut self, text: *mut c_void, size: *mut c_void) {
        if text.is_null() {
            return;
        }
        let bytes = bytes_of(text, size);
        assert!(std::str::from_utf8(bytes).is_ok(), "{bytes:?}");
        self.owned_bytes(text, size);
    }

    /// Bytes that the program owns.
    pub(super) fn owned_bytes(&mut self, bytes: *mut c_void, size: *mut c_void) {
        if bytes.is_null() {
            return;
        }
        let _ = bytes_of(bytes, size);
        // SAFETY: they were given to be let go of so.
        unsafe { super::freesmtp_free(bytes) };
    }

    /// Bytes that a call put where it was told to.
    pub(super) fn text_put(&mut self, out: *mut c_void, size: *mut c_void, failed: bool) {
        if out.is_null() {
            return;
        }
        // SAFETY: it is room for a pointer.
        let text = unsafe { *out.cast::<*mut c_void>() };
        assert_eq!(text.is_null(), failed, "an error or a result");
        if !text.is_null() {
            let _ = bytes_of(text, size);
            // SAFETY: it was given to be let go of so.
            unsafe { super::freesmtp_free(text) };
        }
    }

    /// The folder of this program's files.
    pub(super) fn folder(&mut self) -> String {
        let files = self.files.get_or_insert_with(|| {
            let files = tempfile::tempdir_in(crate::memory()).expect("a folder in memory");
            std::fs::write(files.path().join("a"), "Hello\r\n").expect("a file in memory");
            files
        });
        files.path().to_str().expect("it was made by tempfile").to_owned()
    }

    pub(super) fn byte(&mut self) -> u8 {
        self.input.arbitrary().unwrap_or(0)
    }
}

fn text_of<'a>(text: *mut c_void) -> Option<&'a str> {
    if text.is_null() {
        return None;
    }
    // SAFETY: every text that is given ends in NUL.
    let text = unsafe { CStr::from_ptr(text.cast::<c_char>()) };
    Some(text.to_str().expect("texts are UTF-8"))
}

fn bytes_of<'a>(text: *mut c_void, size: *mut c_void) -> &'a [u8] {
    if size.is_null() {
        // SAFETY: every text that is given ends in NUL.
        return unsafe { CStr::from_ptr(text.cast::<c_char>()) }.to_bytes();
    }
    // SAFETY: the size was put there, and so many bytes and a NUL are behind the pointer.
    unsafe {
        let size = *size.cast::<usize>();
        assert_eq!(*text.cast::<u8>().add(size), 0, "NUL stands behind it");
        slice::from_raw_parts(text.cast::<u8>(), size)
    }
}
