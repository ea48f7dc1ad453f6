//! Handing messages over to the spool, and what it is asked for a message.

use std::path::PathBuf;

use freesmtp_core::{Error, message::SpoolOptions, spool::Durability, types::Moment};
use napi::bindgen_prelude::{Env, Object};
use napi_derive::napi;

use crate::{
    answer::{Answer, guard, promise},
    error::input,
    message::MessageFields,
    smtp::Smtp,
};

/// The spool's options of `EmailMessage`
#[napi(object, use_nullable = true)]
pub struct SpoolFields {
    /// Milliseconds since 1970.
    pub not_before: Option<i64>,
    /// Milliseconds since 1970.
    pub expires: Option<i64>,
    /// From -9 to 9.
    pub spool_priority: i32,
    /// The name of a blast.
    pub blast: Option<String>,
    /// The key of a message that is not to be delivered twice.
    pub idempotency_key: Option<String>,
}

impl SpoolFields {
    /// The options of the core.
    pub(crate) fn into_core(self) -> Result<SpoolOptions, Error> {
        let moment = |milliseconds: i64| Moment::new(milliseconds.div_euclid(1000));
        Ok(SpoolOptions {
            not_before: self.not_before.map(moment),
            expires: self.expires.map(moment),
            priority: i8::try_from(self.spool_priority)
                .map_err(|_| input("SpoolPriority", "is no priority; the numbers go from -9 to 9"))?,
            blast: self.blast,
            idempotency_key: self.idempotency_key,
        })
    }
}

#[napi]
impl Smtp {
    /// The folder of the spool, empty for the usual place.
    #[napi]
    pub fn spool_path(&self) -> Answer<String> {
        guard(|| {
            Ok(self.inner.borrow().spool_path().map(|path| path.display().to_string()).unwrap_or_default())
        })
    }

    /// Sets it.
    #[napi]
    pub fn set_spool_path(&self, path: String) -> Answer<()> {
        guard(|| {
            self.inner.borrow_mut().set_spool_path(path);
            Ok(())
        })
    }

    /// A number of `Durability`.
    #[napi]
    pub fn spool_durability(&self) -> Answer<u8> {
        guard(|| Ok(self.inner.borrow().spool_durability().number()))
    }

    /// Sets it.
    #[napi]
    pub fn set_spool_durability(&self, number: u8) -> Answer<()> {
        guard(|| {
            let durability = Durability::from_number(number)
                .ok_or_else(|| input("SpoolDurability", "is no Durability"))?;
            self.inner.borrow_mut().set_spool_durability(durability);
            Ok(())
        })
    }

    /// Hands messages over with one sync, on a thread of our own, and gives their ids; to the object's spool without a path.
    #[napi(ts_return_type = "Promise<Array<string> | Failed>")]
    pub fn submit<'env>(
        &self,
        env: &'env Env,
        messages: Vec<MessageFields>,
        path: Option<String>,
        is_bulk: bool,
    ) -> napi::Result<Object<'env>> {
        let smtp = self.inner.borrow().clone();
        let messages: Result<Vec<_>, Error> = messages.into_iter().map(MessageFields::into_core).collect();
        promise(env, move || {
            let messages = messages?;
            let path = path.map(PathBuf::from);
            let ids = match (is_bulk, &messages[..], path) {
                (false, [message], None) => vec![smtp.submit_to_spool(message)?],
                (false, [message], Some(path)) => vec![smtp.submit_to_spool_at(message, path)?],
                (_, _, None) => smtp.submit_bulk(messages)?,
                (_, _, Some(path)) => smtp.submit_bulk_at(messages, path)?,
            };
            Ok(ids.iter().map(ToString::to_string).collect::<Vec<String>>())
        })
    }

    /// Writes to the disk what was submitted under `Durability.Batch`.
    #[napi(ts_return_type = "Promise<undefined | Failed>")]
    pub fn sync_spool<'env>(&self, env: &'env Env) -> napi::Result<Object<'env>> {
        let smtp = self.inner.borrow().clone();
        promise(env, move || smtp.sync_spool())
    }
}
