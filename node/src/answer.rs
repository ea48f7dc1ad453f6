//! How a call answers: with its result, or with the error as data.

use std::panic::{AssertUnwindSafe, catch_unwind};

use freesmtp_core::{Error, ErrorKind, Stage, net::worker};
use napi::bindgen_prelude::{Either, Env, Object, ToNapiValue};
use napi_derive::napi;

use crate::error::{ErrorFields, input};

/// The answer of a call that failed.
#[napi(object, object_from_js = false)]
pub struct Failed {
    /// Everything about it.
    pub error: ErrorFields,
}

/// The answer of a call.
pub type Answer<T> = Either<T, Failed>;

/// Runs the body of an export: an error becomes data, and so does a panic, because neither may cross into Node.
pub(crate) fn guard<T>(body: impl FnOnce() -> Result<T, Error>) -> Answer<T> {
    // Unwind safety: what a panic interrupts is a copy that is thrown away, or a lock of the core, which it recovers.
    let result = catch_unwind(AssertUnwindSafe(body)).unwrap_or_else(|panic| {
        let text = panic
            .downcast_ref::<&str>()
            .copied()
            .or_else(|| panic.downcast_ref::<String>().map(String::as_str))
            .unwrap_or("no text");
        Err(Error::new(
            ErrorKind::Internal,
            Stage::Compose,
            format!("a fault of this library, please report it: {text}"),
        ))
    });
    match result {
        Ok(value) => Either::A(value),
        Err(error) => Either::B(Failed { error: ErrorFields::from(&error) }),
    }
}

/// Runs `body` on a thread of our own; the promise is fulfilled with its [`Answer`] and never rejected.
pub(crate) fn promise<'env, T>(
    env: &'env Env,
    body: impl FnOnce() -> Result<T, Error> + Send + 'static,
) -> napi::Result<Object<'env>>
where
    T: ToNapiValue + Send + 'static,
{
    let (deferred, promise) = env.create_deferred()?;
    worker::run(move || {
        let answer = guard(body);
        deferred.resolve(move |_| Ok(answer));
    });
    Ok(promise)
}

/// An error about an argument that this half or the JavaScript half has noticed: out of range, or not UTF-8.
#[napi]
pub fn bad_input(field: String, message: String) -> Failed {
    Failed { error: ErrorFields::from(&input(field, message)) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn error<T>(answer: Answer<T>) -> ErrorFields {
        match answer {
            Either::A(_) => panic!("answered with a value"),
            Either::B(failed) => failed.error,
        }
    }

    #[test]
    fn a_panic_becomes_an_error_with_its_text() {
        let error = error(guard::<()>(|| panic!("the number {}", 7)));
        assert_eq!((error.kind.as_str(), error.number), ("internal", 900));
        assert!(error.message.contains("the number 7"), "{}", error.message);
    }

    #[test]
    fn bad_input_is_explained_like_that_of_the_core() {
        let error = bad_input("Port".to_owned(), "is too large".to_owned()).error;
        assert_eq!((error.kind.as_str(), error.field.as_deref()), ("message", Some("Port")));
        assert_eq!(error.diagnosis.unwrap().cause, "invalid-input");
    }
}
