//! The name of this machine.

/// The host name as the system knows it, without asking the name service: it may block.
pub(crate) fn name() -> Option<String> {
    #[cfg(unix)]
    {
        rustix::system::uname().nodename().to_str().ok().map(str::to_owned)
    }
    #[cfg(windows)]
    {
        std::env::var("COMPUTERNAME").ok()
    }
}

/// The fully qualified name of this machine, when its host name is one.
pub(crate) fn qualified_name() -> Option<String> {
    let name = name()?;
    let name = name.trim_end_matches('.');
    let qualified = name.contains('.') && crate::protocol::check_helo_name(name, "").is_ok();
    qualified.then(|| name.to_owned())
}
