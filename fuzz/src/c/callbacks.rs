//! What the library calls back. The names are those of the header's types, without their prefix.

use std::{
    ffi::{c_char, c_void},
    ptr, slice,
    sync::atomic::{AtomicU32, Ordering},
};

/// How often one was called since the program began.
static CALLED: AtomicU32 = AtomicU32::new(0);

/// A program begins.
pub(super) fn begin() {
    CALLED.store(0, Ordering::Relaxed);
}

fn called() -> u32 {
    CALLED.fetch_add(1, Ordering::Relaxed)
}

/// Reads what it is lent, to its last octet.
fn looked_at(bytes: *const c_void, size: usize) {
    if !bytes.is_null() {
        // SAFETY: the library says so.
        let bytes = unsafe { slice::from_raw_parts(bytes.cast::<u8>(), size) };
        std::hint::black_box(bytes.iter().fold(0_u8, |sum, byte| sum ^ byte));
    }
}

/// Three times some octets, then the end, and an error after that.
pub(super) extern "C" fn read(_user_data: *mut c_void, buffer: *mut c_void, size: usize) -> i64 {
    match called() % 5 {
        0..3 => {
            let count = size.min(100);
            // SAFETY: the library says that it is so long.
            unsafe { ptr::write_bytes(buffer.cast::<u8>(), b'x', count) };
            count as i64
        }
        3 => 0,
        _ => -1,
    }
}

pub(super) extern "C" fn take_text(
    _user_data: *mut c_void,
    property: *const c_void,
    property_size: usize,
    text: *const c_void,
    text_size: usize,
) {
    looked_at(property, property_size);
    looked_at(text, text_size);
}

#[repr(transparent)]
struct Field([*const c_char; 2]);
// SAFETY: texts that live for ever.
unsafe impl Sync for Field {}
static FIELD: Field = Field([c"name".as_ptr(), c"value".as_ptr()]);

#[repr(C)]
struct FieldN([(*const c_char, usize); 2]);
// SAFETY: texts that live for ever.
unsafe impl Sync for FieldN {}
static FIELD_N: FieldN = FieldN([(c"email".as_ptr(), 5), (c"a@b.test".as_ptr(), 8)]);

fn row(fields: *mut *const c_void, count: *mut usize, own: *const c_void) -> bool {
    // SAFETY: the library gives room for both.
    unsafe {
        *fields = own;
        *count = 1;
    }
    called() % 4 != 3
}

pub(super) extern "C" fn bulk_row(_user: *mut c_void, fields: *mut *const c_void, count: *mut usize) -> bool {
    row(fields, count, (&raw const FIELD).cast())
}

pub(super) extern "C" fn bulk_row_n(
    _user: *mut c_void,
    fields: *mut *const c_void,
    count: *mut usize,
) -> bool {
    row(fields, count, (&raw const FIELD_N).cast())
}

pub(super) extern "C" fn submitted(_user_data: *mut c_void, _index: usize, id: *const c_void) {
    looked_at(id, 27);
}

pub(super) extern "C" fn release(_user_data: *mut c_void) {}
pub(super) extern "C" fn protocol_log(_user_data: *mut c_void, _event: *const c_void) {}
pub(super) extern "C" fn status(_user_data: *mut c_void, _sent: u64, _size: u64) {}
pub(super) extern "C" fn recipient_failed(
    _user: *mut c_void,
    _email: *const c_void,
    _response: *const c_void,
) {
}
pub(super) extern "C" fn bulk_status(_user_data: *mut c_void, _sent: usize, _failed: usize, _all: usize) {}

pub(super) extern "C" fn bulk_next(_user_data: *mut c_void) -> *mut c_void {
    ptr::null_mut()
}

pub(super) extern "C" fn bulk_result(
    _user_data: *mut c_void,
    _index: usize,
    _report: *const c_void,
    _error: *const c_void,
) -> bool {
    true
}

pub(super) extern "C" fn spool_event_callback(_user_data: *mut c_void, _event: *const c_void) -> bool {
    false
}

/// Nothing asks for a token where there is no network; an answer that was handed over is given.
pub(super) extern "C" fn token_callback(_user_data: *mut c_void, _refresh: bool, answer: *mut c_void) {
    // SAFETY: the answer was handed over, and a text that ends in NUL.
    let error = unsafe { super::freesmtp_token_answer_fail(answer, c"none".as_ptr().cast_mut().cast()) };
    super::free("error", error);
}
