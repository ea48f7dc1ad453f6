//! What is taken for an address, a command, a name or the URL of a server: what is taken is taken again as it was written
//! down, and holds nothing that could end its line, its path or its parameter.

use freesmtp_core::{
    Server,
    protocol::{Command, check_helo_name},
    types::{Mailbox, Proxy},
};

pub(crate) fn target(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else { return };
    if let Ok(mailbox) = Mailbox::parse(text, "Email") {
        for utf8 in [false, true] {
            let Some(path) = mailbox.to_path(utf8) else { continue };
            assert!(!path.chars().any(char::is_control) && path.len() <= 254, "{text:?} {path:?}");
            assert!(utf8 || path.is_ascii(), "{text:?} {path:?}");
            assert_eq!(outside_of_quotes(&path), 1, "one @, no bracket, no space: {text:?} {path:?}");
            let again = Mailbox::parse(&path, "Email").expect("what was written is read");
            assert_eq!(again, mailbox, "{text:?} {path:?}");
            assert_eq!(again.to_path(utf8).as_deref(), Some(&*path));
        }
    }
    if let Ok(command) = Command::new(text) {
        assert!(command.as_str().bytes().all(|byte| (b' '..=b'~').contains(&byte)));
    }
    if check_helo_name(text, "DefaultDomain").is_ok() {
        assert!(text.bytes().all(|byte| byte.is_ascii_graphic()) && !text.is_empty());
    }
    if let Ok(server) = Server::parse(text) {
        let _ = (server.label(), server.effective_port(), server.effective_security(), server.unix_path());
    }
    if let Ok(proxy) = Proxy::parse(text) {
        let again = Proxy::parse(&proxy.url()).expect("what was written is read");
        assert_eq!((again.host(), again.port()), (proxy.host(), proxy.port()));
        assert_eq!((again.user(), again.password()), (proxy.user(), proxy.password()));
    }
}

/// How many `@` stand outside of quotation marks; far too many where an angle bracket or a space does.
fn outside_of_quotes(path: &str) -> usize {
    let (mut count, mut quoted, mut escaped) = (0, false, false);
    for c in path.chars() {
        match c {
            _ if escaped => escaped = false,
            '\\' => escaped = true,
            '"' => quoted = !quoted,
            _ if quoted => {}
            '@' => count += 1,
            '<' | '>' | ' ' => count += 100,
            _ => {}
        }
    }
    if quoted || escaped { usize::MAX } else { count }
}
