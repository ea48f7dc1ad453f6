//! What differs between operating systems.

use std::{fs::DirBuilder, io, path::Path};

/// Makes the folder and those above it, for this user alone; one that exists is left as it is.
pub(crate) fn create_private_folder(path: &Path) -> io::Result<()> {
    let mut builder = DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    // Windows: a new folder takes over the rights of the one above it, which in a user's profile are the user's own.
    builder.create(path)
}

/// Whether this process has the rights of another user or group than the one that called it: the program file is
/// set-user-ID or set-group-ID.
pub(crate) fn has_others_rights() -> bool {
    use rustix::process::{getegid, geteuid, getgid, getuid};
    getuid() != geteuid() || getgid() != getegid()
}

/// Whether a socket could not be opened because no more file descriptors are allowed.
pub(crate) fn is_out_of_handles(error: &io::Error) -> bool {
    // EMFILE and ENFILE of every Unix; WSAEMFILE of Windows.
    const CODES: &[i32] = if cfg!(windows) { &[10_024] } else { &[23, 24] };
    error.raw_os_error().is_some_and(|code| CODES.contains(&code))
}

/// The octets that this user may still write to the file system of a folder.
pub(crate) fn free_room(folder: &Path) -> io::Result<u64> {
    let system = rustix::fs::statvfs(folder)?;
    Ok(system.f_bavail.saturating_mul(system.f_frsize))
}

/// The name of this machine, its full one where it has one.
pub(crate) fn host_name() -> String {
    rustix::system::uname().nodename().to_str().unwrap_or("localhost").trim_end_matches('.').to_owned()
}

/// Lets this process open as many files as it may, and `need` where it has the right to; gives how many, when that is fewer.
pub(crate) fn raise_file_limit(need: u64) -> Option<u64> {
    use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
    let limit = getrlimit(Resource::Nofile);
    let fewer = limit.maximum.filter(|most| *most < need);
    let own = || Rlimit { current: limit.maximum, maximum: limit.maximum };
    let wanted = fewer.map_or_else(own, |_| Rlimit { current: Some(need), maximum: Some(need) });
    match setrlimit(Resource::Nofile, wanted) {
        Ok(()) => None,
        // Only root raises what it may; where even this fails, sessions fail later with an error that says why.
        Err(_) => {
            let _ = setrlimit(Resource::Nofile, own());
            fewer
        }
    }
}
