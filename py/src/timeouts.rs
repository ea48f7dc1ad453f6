//! `Timeouts`: how long each phase of a session may take.

use std::{
    sync::{Arc, Mutex},
    time::Duration,
};

use freesmtp_core::{Smtp, Timeouts as Core};
use pyo3::prelude::*;

use crate::{
    boundary::{call, lock},
    value::{optional_seconds, seconds},
};

/// The limits of an `SMTP` object, in seconds (RFC 5321 section 4.5.3.2). A change holds from the next operation on.
#[pyclass(module = "freesmtp", frozen)]
pub(crate) struct Timeouts(pub(crate) Arc<Mutex<Smtp>>);

impl Timeouts {
    fn get(&self, phase: impl Fn(&Core) -> Duration) -> f64 {
        phase(&lock(&self.0).timeouts()).as_secs_f64()
    }

    fn set(
        &self,
        value: &Bound<'_, PyAny>,
        field: &str,
        phase: fn(&mut Core) -> &mut Duration,
    ) -> PyResult<()> {
        let limit = seconds(value, field)?;
        call(value.py(), || {
            let mut smtp = lock(&self.0);
            let mut timeouts = smtp.timeouts();
            *phase(&mut timeouts) = limit;
            smtp.set_timeouts(timeouts)
        })
    }
}

#[pymethods]
impl Timeouts {
    /// For one address to accept the connection, and for a TLS handshake.
    #[getter]
    fn connect(&self) -> f64 {
        self.get(|timeouts| timeouts.connect)
    }

    #[setter]
    fn set_connect(&self, value: &Bound<'_, PyAny>) -> PyResult<()> {
        self.set(value, "Timeouts.Connect", |timeouts| &mut timeouts.connect)
    }

    /// From the open connection to the greeting.
    #[getter]
    fn greeting(&self) -> f64 {
        self.get(|timeouts| timeouts.greeting)
    }

    #[setter]
    fn set_greeting(&self, value: &Bound<'_, PyAny>) -> PyResult<()> {
        self.set(value, "Timeouts.Greeting", |timeouts| &mut timeouts.greeting)
    }

    /// From a command to its reply.
    #[getter]
    fn command(&self) -> f64 {
        self.get(|timeouts| timeouts.command)
    }

    #[setter]
    fn set_command(&self, value: &Bound<'_, PyAny>) -> PyResult<()> {
        self.set(value, "Timeouts.Command", |timeouts| &mut timeouts.command)
    }

    /// For the network to take any further bytes of what is being sent.
    #[getter]
    fn data_block(&self) -> f64 {
        self.get(|timeouts| timeouts.data_block)
    }

    #[setter]
    fn set_data_block(&self, value: &Bound<'_, PyAny>) -> PyResult<()> {
        self.set(value, "Timeouts.DataBlock", |timeouts| &mut timeouts.data_block)
    }

    /// From the end of the message to the server's reply.
    #[getter]
    fn end_of_data(&self) -> f64 {
        self.get(|timeouts| timeouts.end_of_data)
    }

    #[setter]
    fn set_end_of_data(&self, value: &Bound<'_, PyAny>) -> PyResult<()> {
        self.set(value, "Timeouts.EndOfData", |timeouts| &mut timeouts.end_of_data)
    }

    /// For a whole call, over all servers; `None`, as it is at first, for no such limit.
    #[getter]
    fn operation(&self) -> Option<f64> {
        lock(&self.0).timeouts().operation.map(|limit| limit.as_secs_f64())
    }

    #[setter]
    fn set_operation(&self, value: &Bound<'_, PyAny>) -> PyResult<()> {
        let limit = optional_seconds(value, "Timeouts.Operation")?;
        call(value.py(), || {
            let mut smtp = lock(&self.0);
            let timeouts = Core { operation: limit, ..smtp.timeouts() };
            smtp.set_timeouts(timeouts)
        })
    }

    fn __repr__(&self) -> String {
        let Core { connect, greeting, command, data_block, end_of_data, operation } =
            lock(&self.0).timeouts();
        format!(
            "Timeouts(connect={connect:?}, greeting={greeting:?}, command={command:?}, data_block={data_block:?}, \
             end_of_data={end_of_data:?}, operation={operation:?})"
        )
    }
}
