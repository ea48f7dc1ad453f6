//! What cannot be understood is kept, beside a file that says why.

use std::{fs, io, path::Path};

/// Keeps bytes under that name, and why.
pub(super) fn keep(spool: &Path, name: &str, bytes: &[u8], reason: &str) -> io::Result<()> {
    let folder = super::folder(spool, "badmail");
    crate::os::create_private_folder(&folder)?;
    // The reason last: where it is, the other one is whole.
    fs::write(folder.join(name), bytes)?;
    fs::write(folder.join(format!("{name}.reason")), format!("{reason}\n"))
}
