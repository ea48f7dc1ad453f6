//! `DkimSigner` and the collection `DkimSigners`.

use std::sync::Mutex;

use freesmtp_core::message::DkimSigner as Core;
use pyo3::{exceptions::PyOverflowError, prelude::*};

use crate::{
    boundary::{call, lock},
    collection::Collection,
    enums::{from_python, to_python},
    error::bad_input,
    value::{optional_text, text, texts, wrong_type},
};

/// One DKIM signature (RFC 6376): whose it is, the key, and what it covers. The key is in no `repr` and no error.
///
/// `key` is PEM text, RSA or Ed25519, not encrypted; or the 32 bytes of an Ed25519 key in base64. The domain's DNS
/// has the public key at `selector._domainkey.domain`.
#[pyclass(module = "freesmtp", frozen, subclass)]
pub(crate) struct DkimSigner(Mutex<Core>);

impl DkimSigner {
    /// One that holds these data.
    pub(crate) fn of(data: Core) -> Self {
        Self(Mutex::new(data))
    }

    /// A copy of the data; the key is shared.
    pub(crate) fn data(&self) -> Core {
        lock(&self.0).clone()
    }
}

#[pymethods]
impl DkimSigner {
    #[new]
    fn new(
        py: Python<'_>,
        domain: &Bound<'_, PyAny>,
        selector: &Bound<'_, PyAny>,
        key: &Bound<'_, PyAny>,
    ) -> PyResult<Self> {
        let domain = text(domain, "DKIM.Domain")?;
        let selector = text(selector, "DKIM.Selector")?;
        let key = text(key, "DKIM.Key")?;
        Ok(Self(Mutex::new(call(py, || Core::new(&domain, &selector, &key))?)))
    }

    /// The domain that answers for the message, in ASCII.
    #[getter]
    fn domain(&self) -> String {
        lock(&self.0).domain().to_owned()
    }

    /// Which of the domain's keys.
    #[getter]
    fn selector(&self) -> String {
        lock(&self.0).selector().to_owned()
    }

    /// `rsa-sha256` or `ed25519-sha256`, as the key is.
    #[getter]
    fn algorithm(&self) -> &'static str {
        lock(&self.0).algorithm()
    }

    /// On whose behalf, an address in the domain or under it, or `@domain`; `None`: not said.
    #[getter]
    fn identity(&self) -> Option<String> {
        lock(&self.0).identity.clone()
    }

    #[setter]
    fn set_identity(&self, value: &Bound<'_, PyAny>) -> PyResult<()> {
        let value = optional_text(value, "DKIM.Identity")?;
        lock(&self.0).identity = value;
        Ok(())
    }

    /// The headers to sign, each as often as it occurs; `From` must be among them.
    #[getter]
    fn headers(&self) -> Vec<String> {
        lock(&self.0).headers.clone()
    }

    #[setter]
    fn set_headers(&self, value: &Bound<'_, PyAny>) -> PyResult<()> {
        let value = texts(value, "DKIM.Headers")?;
        lock(&self.0).headers = value;
        Ok(())
    }

    /// The headers that cannot be added later without breaking the signature.
    #[getter]
    fn oversigned(&self) -> Vec<String> {
        lock(&self.0).oversigned.clone()
    }

    #[setter]
    fn set_oversigned(&self, value: &Bound<'_, PyAny>) -> PyResult<()> {
        let value = texts(value, "DKIM.Oversigned")?;
        lock(&self.0).oversigned = value;
        Ok(())
    }

    /// How headers may change on the way.
    #[getter]
    fn header_canonicalization<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        let value = lock(&self.0).header_canonicalization;
        to_python(py, value)
    }

    #[setter]
    fn set_header_canonicalization(&self, value: &Bound<'_, PyAny>) -> PyResult<()> {
        let value = from_python(value, "DKIM.HeaderCanonicalization")?;
        lock(&self.0).header_canonicalization = value;
        Ok(())
    }

    /// How the body may change on the way.
    #[getter]
    fn body_canonicalization<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        let value = lock(&self.0).body_canonicalization;
        to_python(py, value)
    }

    #[setter]
    fn set_body_canonicalization(&self, value: &Bound<'_, PyAny>) -> PyResult<()> {
        let value = from_python(value, "DKIM.BodyCanonicalization")?;
        lock(&self.0).body_canonicalization = value;
        Ok(())
    }

    /// After how many seconds the signature is void; `None`: never.
    #[getter]
    fn expires_after(&self) -> Option<u32> {
        lock(&self.0).expires_after
    }

    #[setter]
    fn set_expires_after(&self, value: &Bound<'_, PyAny>) -> PyResult<()> {
        const FIELD: &str = "DKIM.ExpiresAfter";
        let value = value.extract().map_err(|error: PyErr| {
            if error.is_instance_of::<PyOverflowError>(value.py()) {
                bad_input(value.py(), FIELD, &format!("{value} is no time; give seconds above zero"))
            } else {
                wrong_type(value, FIELD, "int or None")
            }
        })?;
        lock(&self.0).expires_after = value;
        Ok(())
    }

    fn __repr__(&self) -> String {
        let signer = self.data();
        format!("DkimSigner({:?}, {:?}, <{}>)", signer.domain(), signer.selector(), signer.algorithm())
    }
}

/// The signatures to add, the first one outermost.
#[pyclass(module = "freesmtp", extends = Collection, frozen)]
pub(crate) struct DkimSigners;

#[pymethods]
impl DkimSigners {
    /// Adds a signature: domain, selector and key, or a `DkimSigner`.
    #[pyo3(signature = (domain, selector=None, key=None))]
    fn add<'py>(
        slf: &Bound<'py, Self>,
        domain: &Bound<'py, PyAny>,
        selector: Option<&Bound<'py, PyAny>>,
        key: Option<&Bound<'py, PyAny>>,
    ) -> PyResult<Bound<'py, DkimSigner>> {
        let py = slf.py();
        let item = match (domain.cast::<DkimSigner>(), selector, key) {
            (Ok(signer), None, None) => signer.clone(),
            (_, Some(selector), Some(key)) => Bound::new(py, DkimSigner::new(py, domain, selector, key)?)?,
            _ => return Err(wrong_type(domain, "DKIM", "a DkimSigner, or a domain with selector and key")),
        };
        Ok(slf.as_super().get().push(&item))
    }
}
