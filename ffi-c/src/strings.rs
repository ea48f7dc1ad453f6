//! Texts and bytes between C and Rust.

use std::{
    ffi::{CStr, CString, c_char, c_void},
    ptr, slice,
};

use freesmtp_core::Error;

use crate::guard;

/// The text at `pointer`, which must be there.
///
/// # Safety
/// `pointer` is NULL, or NUL-terminated and unchanged as long as the result is used.
pub(crate) unsafe fn text<'a>(pointer: *const c_char, name: &str) -> Result<&'a str, Error> {
    // SAFETY: the caller's promise is the same.
    unsafe { optional(pointer, name) }?.ok_or_else(|| Error::input(name, "is NULL"))
}

/// The text at `pointer`, or `None` for NULL.
///
/// # Safety
/// As for [`text`].
pub(crate) unsafe fn optional<'a>(pointer: *const c_char, name: &str) -> Result<Option<&'a str>, Error> {
    if pointer.is_null() {
        return Ok(None);
    }
    // SAFETY: not NULL, so NUL-terminated, as the caller promises.
    let bytes = unsafe { CStr::from_ptr(pointer) }.to_bytes();
    utf8(bytes, name).map(Some)
}

/// The text of `size` bytes at `pointer`, which must be there.
///
/// # Safety
/// `pointer` is NULL, or points to `size` bytes that are unchanged as long as the result is used.
pub(crate) unsafe fn text_n<'a>(pointer: *const c_char, size: usize, name: &str) -> Result<&'a str, Error> {
    if pointer.is_null() {
        return Err(Error::input(name, "is NULL"));
    }
    // SAFETY: the caller's promise is the same.
    utf8(unsafe { bytes(pointer.cast(), size, name) }?, name)
}

/// The text of `size` bytes at `pointer`, or `None` for NULL.
///
/// # Safety
/// As for [`text_n`].
pub(crate) unsafe fn optional_n<'a>(
    pointer: *const c_char,
    size: usize,
    name: &str,
) -> Result<Option<&'a str>, Error> {
    if pointer.is_null() {
        return Ok(None);
    }
    // SAFETY: the caller's promise is the same.
    unsafe { text_n(pointer, size, name) }.map(Some)
}

/// The `count` texts at `pointers`; none may be at NULL.
///
/// # Safety
/// `pointers` is NULL, or points to `count` pointers, each of them as for [`text`].
pub(crate) unsafe fn texts(
    pointers: *const *const c_char,
    count: usize,
    name: &str,
) -> Result<Vec<String>, Error> {
    // SAFETY: the caller's promise is the same.
    let pointers = unsafe { array(pointers, count, name) }?;
    // SAFETY: each is as the caller promises.
    pointers.iter().map(|pointer| unsafe { text(*pointer, name) }.map(str::to_owned)).collect()
}

/// The same with the texts' sizes.
///
/// # Safety
/// `pointers` and `sizes` are NULL, or point to `count` of each; each pointer is as for [`text_n`].
pub(crate) unsafe fn texts_n(
    pointers: *const *const c_char,
    sizes: *const usize,
    count: usize,
    name: &str,
) -> Result<Vec<String>, Error> {
    // SAFETY: the caller's promise is the same.
    let (pointers, sizes) = unsafe { (array(pointers, count, name)?, array(sizes, count, name)?) };
    let all = pointers.iter().zip(sizes);
    // SAFETY: each is as the caller promises.
    all.map(|(pointer, size)| unsafe { text_n(*pointer, *size, name) }.map(str::to_owned)).collect()
}

/// # Safety
/// `pointer` is NULL, or points to `count` values that are unchanged as long as the result is used.
unsafe fn array<'a, T>(pointer: *const T, count: usize, name: &str) -> Result<&'a [T], Error> {
    if count == 0 {
        return Ok(&[]);
    }
    if pointer.is_null() {
        return Err(Error::input(name, "is NULL"));
    }
    if count.checked_mul(size_of::<T>()).is_none_or(|size| isize::try_from(size).is_err()) {
        return Err(Error::input(name, "has a size that no memory can have"));
    }
    // SAFETY: not NULL, so `count` values are there, as the caller promises; the size was checked.
    Ok(unsafe { slice::from_raw_parts(pointer, count) })
}

/// The `size` bytes at `pointer`; none may be at NULL, as an empty array often is.
///
/// # Safety
/// As for [`text_n`].
pub(crate) unsafe fn bytes<'a>(pointer: *const c_void, size: usize, name: &str) -> Result<&'a [u8], Error> {
    // SAFETY: the caller's promise is the same.
    unsafe { array(pointer.cast(), size, name) }
}

fn utf8<'a>(bytes: &'a [u8], name: &str) -> Result<&'a str, Error> {
    std::str::from_utf8(bytes).map_err(|error| {
        Error::input(name, format!("is not UTF-8 from byte {} on; convert it first", error.valid_up_to()))
    })
}

/// A copy of `bytes` that the caller lets go with `freesmtp_free`, a NUL after its end; NULL when memory is short.
pub(crate) fn give(bytes: &[u8], size: Option<&mut usize>) -> *mut c_char {
    if let Some(size) = size {
        *size = bytes.len();
    }
    // SAFETY: any size may be asked for; a slice and one more byte never overflow.
    let memory: *mut u8 = unsafe { libc::malloc(bytes.len() + 1) }.cast();
    if memory.is_null() {
        return ptr::null_mut();
    }
    // SAFETY: `memory` is new, not NULL and one byte longer than `bytes`.
    unsafe {
        ptr::copy_nonoverlapping(bytes.as_ptr(), memory, bytes.len());
        memory.add(bytes.len()).write(0);
    }
    memory.cast()
}

/// The same for a text that may be missing.
pub(crate) fn give_text(text: Option<&str>, size: Option<&mut usize>) -> *mut c_char {
    give_bytes(text.map(str::as_bytes), size)
}

/// The same for bytes that may be missing.
pub(crate) fn give_bytes(bytes: Option<&[u8]>, size: Option<&mut usize>) -> *mut c_char {
    match bytes {
        Some(bytes) => give(bytes, size),
        None => {
            if let Some(size) = size {
                *size = 0;
            }
            ptr::null_mut()
        }
    }
}

/// A text that C reads up to its NUL; one inside, which only a hostile server can have put there, becomes U+FFFD.
pub(crate) fn c_string(text: &str) -> CString {
    CString::new(text).or_else(|_| CString::new(text.replace('\0', "\u{fffd}"))).unwrap_or_default()
}

/// The pointer to a text that its owner keeps; NULL when there is none.
pub(crate) fn lend(text: Option<&CString>) -> *const c_char {
    text.map_or(ptr::null(), |text| text.as_ptr())
}

/// Lets go of what the library gave: texts and bytes that a function's comment calls owned. NULL is allowed.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn freesmtp_free(memory: *mut c_void) {
    guard::value((), || {
        // SAFETY: NULL, or from `give`, as the header demands.
        unsafe { libc::free(memory) };
    });
}

const VERSION: &CStr = match CStr::from_bytes_with_nul(concat!(env!("CARGO_PKG_VERSION"), "\0").as_bytes()) {
    Ok(text) => text,
    Err(_) => c"",
};

/// The version of the library, such as `0.1.0`. Static.
#[unsafe(no_mangle)]
pub extern "C" fn freesmtp_version() -> *const c_char {
    guard::value(ptr::null(), || VERSION.as_ptr())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bad_texts_are_named() {
        // SAFETY: NULL and literals.
        unsafe {
            assert_eq!(text(ptr::null(), "subject").unwrap_err().field(), Some("subject"));
            assert_eq!(text(c"\xff".as_ptr(), "subject").unwrap_err().field(), Some("subject"));
            assert_eq!(text_n(ptr::null(), 0, "subject").unwrap_err().field(), Some("subject"));
            assert_eq!(bytes(c"".as_ptr().cast(), usize::MAX, "bytes").unwrap_err().field(), Some("bytes"));
            assert_eq!(bytes(ptr::null(), 1, "bytes").unwrap_err().field(), Some("bytes"));
            assert_eq!(bytes(ptr::null(), 0, "bytes").unwrap(), b"");
            assert_eq!(text_n(c"a".as_ptr(), 2, "subject").unwrap(), "a\0");
            assert_eq!(optional(ptr::null(), "name").unwrap(), None);
            let one = [c"a".as_ptr(), ptr::null()];
            assert_eq!(texts(one.as_ptr(), 1, "names").unwrap(), ["a"]);
            assert_eq!(texts(one.as_ptr(), 2, "names").unwrap_err().field(), Some("names"));
            assert_eq!(texts(ptr::null(), 1, "names").unwrap_err().field(), Some("names"));
            assert_eq!(texts(one.as_ptr(), usize::MAX, "names").unwrap_err().field(), Some("names"));
            assert!(texts(ptr::null(), 0, "names").unwrap().is_empty());
            assert_eq!(texts_n(one.as_ptr(), [2].as_ptr(), 1, "names").unwrap(), ["a\0"]);
            assert_eq!(texts_n(one.as_ptr(), ptr::null(), 1, "names").unwrap_err().field(), Some("names"));
        }
    }

    #[test]
    fn what_is_given_ends_in_nul_and_tells_its_size() {
        let mut size = 0;
        let memory = give(b"a\0b", Some(&mut size));
        // SAFETY: three bytes and the NUL after them.
        let all = unsafe { slice::from_raw_parts(memory.cast::<u8>(), size + 1) };
        assert_eq!(all, b"a\0b\0");
        // SAFETY: from `give`.
        unsafe { freesmtp_free(memory.cast()) };
        assert_eq!(c_string("a\0b").to_str(), Ok("a\u{fffd}b"));
    }
}
