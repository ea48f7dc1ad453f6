//! What is read while a message is sent: a file object, or an iterable of bytes.

use std::io::{self, Read};

use freesmtp_core::message::Stream;
use pyo3::{exceptions::PyTypeError, prelude::*, types::PyBytes};

use crate::raised::call_back;

/// What is asked of `read`: large, because each call waits for the GIL.
const PIECE: usize = 256 * 1024;

/// A stream of what `read(size)` gives until it gives nothing.
pub(crate) fn from_file(file: &Bound<'_, PyAny>) -> PyResult<Stream> {
    // A file of texts is refused now and not in the middle of a send.
    if !file.call_method1("read", (0,))?.is_instance_of::<PyBytes>() {
        return Err(PyTypeError::new_err("read() gave no bytes; open the file in mode \"rb\""));
    }
    Ok(Stream::new(Pieces::new(file, true)))
}

/// A stream of the bytes of each item.
pub(crate) fn from_iterable(pieces: &Bound<'_, PyAny>) -> PyResult<Stream> {
    Ok(Stream::new(Pieces::new(pieces.try_iter()?.as_any(), false)))
}

struct Pieces {
    source: Py<PyAny>,
    is_file: bool,
    piece: Py<PyBytes>,
    /// How much of the piece was given.
    given: usize,
    length: usize,
}

impl Pieces {
    fn new(source: &Bound<'_, PyAny>, is_file: bool) -> Self {
        let piece = PyBytes::new(source.py(), b"").unbind();
        Self { source: source.clone().unbind(), is_file, piece, given: 0, length: 0 }
    }

    /// The next piece; `None` at the end.
    fn next<'py>(&self, py: Python<'py>) -> PyResult<Option<Bound<'py, PyBytes>>> {
        let source = self.source.bind(py);
        if self.is_file {
            let piece = source.call_method1("read", (PIECE,))?;
            // A file object that does not block gives `None` when there is nothing yet.
            let piece = bytes(&piece, "read()")?;
            return Ok(Some(piece).filter(|piece| !piece.as_bytes().is_empty()));
        }
        // An empty item is not the end.
        for item in source.try_iter()? {
            let piece = bytes(&item?, "the iterable")?;
            if !piece.as_bytes().is_empty() {
                return Ok(Some(piece));
            }
        }
        Ok(None)
    }

    fn fill(&mut self, py: Python<'_>, out: &mut [u8]) -> PyResult<usize> {
        if self.given == self.length {
            let Some(piece) = self.next(py)? else { return Ok(0) };
            self.length = piece.as_bytes().len();
            self.given = 0;
            self.piece = piece.unbind();
        }
        let rest = &self.piece.as_bytes(py)[self.given..];
        let count = rest.len().min(out.len());
        out[..count].copy_from_slice(&rest[..count]);
        self.given += count;
        Ok(count)
    }
}

impl Read for Pieces {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        call_back(|py| self.fill(py, out)).map_err(io::Error::other)
    }
}

fn bytes<'py>(piece: &Bound<'py, PyAny>, giver: &str) -> PyResult<Bound<'py, PyBytes>> {
    piece.cast::<PyBytes>().cloned().map_err(|_| {
        let found = piece.get_type().name().map_or_else(|_| "something else".into(), |name| name.to_string());
        PyTypeError::new_err(format!("{giver} must give bytes, not {found}"))
    })
}
