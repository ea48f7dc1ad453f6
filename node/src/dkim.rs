//! `DkimSigner`.

use freesmtp_core::{
    Error,
    message::{DkimSigner, dkim::Canonicalization},
};
use napi::bindgen_prelude::{External, ExternalRef};
use napi_derive::napi;

use crate::{
    answer::{Answer, guard},
    error::input,
};

/// A signer as it is before anything is set. The key is read once, and never goes back to JavaScript.
#[napi(object, object_from_js = false, use_nullable = true)]
pub struct NewSigner {
    /// Domain, selector and key.
    pub signer: External<DkimSigner>,
    /// The domain, in ASCII.
    pub domain: String,
    /// Which of the domain's keys.
    pub selector: String,
    /// As the key is.
    pub algorithm: String,
    /// On whose behalf.
    pub identity: Option<String>,
    /// The headers to sign.
    pub headers: Vec<String>,
    /// The headers that cannot be added later.
    pub oversigned: Vec<String>,
    /// A number of `Canonicalization`.
    pub header_canonicalization: u8,
    /// A number of `Canonicalization`.
    pub body_canonicalization: u8,
    /// Seconds.
    pub expires_after: Option<u32>,
}

/// `DkimSigner`
#[napi(object, object_to_js = false, use_nullable = true)]
pub struct SignerFields {
    /// Domain, selector and key, from [`new_signer`].
    pub signer: ExternalRef<DkimSigner>,
    /// On whose behalf.
    pub identity: Option<String>,
    /// The headers to sign.
    pub headers: Vec<String>,
    /// The headers that cannot be added later.
    pub oversigned: Vec<String>,
    /// A number of `Canonicalization`.
    pub header_canonicalization: u8,
    /// A number of `Canonicalization`.
    pub body_canonicalization: u8,
    /// Seconds.
    pub expires_after: Option<u32>,
}

impl SignerFields {
    /// The signer of the core.
    pub(crate) fn into_core(self) -> Result<DkimSigner, Error> {
        let form = |number, name: &str| {
            Canonicalization::from_number(number)
                .ok_or_else(|| input(format!("DKIM.{name}"), "is no Canonicalization"))
        };
        let mut signer = (*self.signer).clone();
        signer.header_canonicalization = form(self.header_canonicalization, "HeaderCanonicalization")?;
        signer.body_canonicalization = form(self.body_canonicalization, "BodyCanonicalization")?;
        signer.identity = self.identity;
        signer.headers = self.headers;
        signer.oversigned = self.oversigned;
        signer.expires_after = self.expires_after;
        Ok(signer)
    }
}

/// Reads the key of a signer.
#[napi]
pub fn new_signer(domain: String, selector: String, key: String) -> Answer<NewSigner> {
    guard(|| {
        let signer = DkimSigner::new(&domain, &selector, &key)?;
        Ok(NewSigner {
            domain: signer.domain().to_owned(),
            selector: signer.selector().to_owned(),
            algorithm: signer.algorithm().to_owned(),
            identity: signer.identity.clone(),
            headers: signer.headers.clone(),
            oversigned: signer.oversigned.clone(),
            header_canonicalization: signer.header_canonicalization.number(),
            body_canonicalization: signer.body_canonicalization.number(),
            expires_after: signer.expires_after,
            signer: External::new(signer),
        })
    })
}
