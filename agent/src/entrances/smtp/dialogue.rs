//! A session over standard input and output: `sendmail -bs`.

use std::{
    io::{self, Read, Write},
    sync::Arc,
};

use super::{policy::Policy, reception::Reception};
use crate::server::{Session, Step};

/// Speaks SMTP to the end of the session, or of the input.
pub(crate) fn dialogue(
    policy: Policy,
    mut reception: Reception,
    input: &mut impl Read,
    output: &mut impl Write,
) -> io::Result<()> {
    let mut session = Session::new(Arc::new(policy), None);
    let mut buffer = vec![0; 64 * 1024];
    loop {
        match session.next() {
            Step::Send(bytes) => {
                output.write_all(&bytes)?;
                output.flush()?;
            }
            Step::Begin(client, envelope) => reception.begin(&client, envelope),
            Step::Body(bytes) => reception.body(&bytes),
            // TLS is not offered.
            Step::Abandon | Step::StartTls => reception.abandon(),
            Step::Commit => {
                let Some(whole) = reception.commit() else { return Ok(()) };
                session.committed(&whole.submit());
            }
            Step::NeedInput => match input.read(&mut buffer)? {
                0 => return Ok(()),
                count => session.input(&buffer[..count]),
            },
            Step::Close => return Ok(()),
        }
    }
}
