//! What a check found, as Python objects: the classes are in `freesmtp/_check.py`.

use freesmtp_core::check::{CheckFact, CheckOptions, CheckReport, CheckStep};
use pyo3::{prelude::*, types::PyTuple};

use crate::{
    boundary::call,
    data::data,
    diagnosis::diagnosis,
    error::tuple,
    value::{optional_address, seconds, text, texts},
};

const MODULE: &str = "freesmtp._check";

/// The options as Python's arguments have them; `None` for what was not given.
pub(crate) struct Arguments<'py> {
    pub(crate) from_: Option<Bound<'py, PyAny>>,
    pub(crate) to: Option<Bound<'py, PyAny>>,
    pub(crate) dkim_selector: Option<Bound<'py, PyAny>>,
    pub(crate) outgoing_ip: Option<Bound<'py, PyAny>>,
    pub(crate) dns: Option<Bound<'py, PyAny>>,
    pub(crate) timeout: Option<Bound<'py, PyAny>>,
    pub(crate) server: usize,
}

impl Arguments<'_> {
    /// The options of the core.
    pub(crate) fn options(&self, py: Python<'_>) -> PyResult<CheckOptions> {
        let word = |value: &Option<Bound<'_, PyAny>>, field: &str| {
            value.as_ref().map(|value| text(value, field)).transpose().map(Option::unwrap_or_default)
        };
        let to = self.to.as_ref().map(|value| texts(value, "To")).transpose()?;
        let address =
            self.outgoing_ip.as_ref().map(|value| optional_address(value, "OutgoingIp")).transpose()?;
        let mut options = CheckOptions {
            from: word(&self.from_, "From")?,
            to: to.unwrap_or_default(),
            dkim_selector: word(&self.dkim_selector, "DkimSelector")?,
            outgoing_ip: address.flatten(),
            server: self.server,
            ..CheckOptions::default()
        };
        let dns = word(&self.dns, "Dns")?;
        call(py, || options.set_dns(&dns))?;
        if let Some(limit) = self.timeout.as_ref().map(|value| seconds(value, "Timeout")).transpose()? {
            options.timeout = limit;
        }
        Ok(options)
    }
}

/// A `freesmtp.CheckReport`.
pub(crate) fn report<'py>(py: Python<'py>, report: &CheckReport) -> PyResult<Bound<'py, PyAny>> {
    data!(py, MODULE, "CheckReport", {
        server: &report.server,
        status: report.status.as_str(),
        summary: &report.summary,
        is_temporary: report.is_temporary(),
        steps: tuple(py, report.steps.iter().map(|found| step(py, found)))?,
        elapsed: report.elapsed.as_secs_f64(),
        warnings: PyTuple::new(py, &report.warnings)?,
        transcript: PyTuple::new(py, &report.transcript)?,
        text: report.to_string(),
    })
}

fn step<'py>(py: Python<'py>, step: &CheckStep) -> PyResult<Bound<'py, PyAny>> {
    data!(py, MODULE, "CheckStep", {
        name: step.name.as_str(),
        status: step.status.as_str(),
        summary: &step.summary,
        is_temporary: step.is_temporary,
        facts: tuple(py, step.facts.iter().map(|found| fact(py, found)))?,
        diagnosis: step.diagnosis.as_ref().map(|found| diagnosis(py, found)).transpose()?,
    })
}

fn fact<'py>(py: Python<'py>, fact: &CheckFact) -> PyResult<Bound<'py, PyAny>> {
    data!(py, MODULE, "CheckFact", { name: fact.name, value: &fact.value })
}
