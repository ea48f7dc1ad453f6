//! Writes `include/freesmtp.h`: `cargo run -p freesmtp-ffi --example header > include/freesmtp.h`.
//!
//! The sources are read one noun after another, so that the header comes out as a manual: what everyone needs first.

#![allow(missing_docs)]

use std::{error::Error, io::Write, path::Path};

use cbindgen::{
    Builder, Config, DocumentationStyle, EnumConfig, ExportConfig, ItemType, Language, RenameRule, Style,
};

const HEAD: &str = include_str!("header_head.h");
const FOOT: &str = "\n#ifdef __cplusplus\n} /* extern \"C\" */\n#endif\n\n#endif /* FREESMTP_H */\n";

/// Files, in the order of the header, and what stands above their functions. A file below a folder may not have the
/// name of one beside the folder: cbindgen would follow `mod` into that.
const CHAPTERS: &[(&str, &str)] = &[
    ("smtp", "SMTP: servers, log, send"),
    ("smtp/connection", "SMTP: the kept connection, and commands of your own"),
    ("smtp/log", "SMTP: what the log shows, and who hears it"),
    ("smtp/timeouts", "SMTP: how long it waits"),
    ("message", "Messages"),
    ("message/originator", "Messages: who they are from"),
    ("message/recipients", "Messages: recipients"),
    ("message/recipient_options", "Messages: what is asked of servers for a recipient"),
    ("message/body_parts", "Messages: texts"),
    ("message/attachments", "Messages: attachments"),
    ("message/embedded_objects", "Messages: what HTML shows"),
    ("message/custom_headers", "Messages: headers of your own"),
    ("message/thread", "Messages: answers"),
    ("message/unsubscribe", "Messages: ending a subscription"),
    ("message/calendar", "Messages: invitations"),
    ("message/stream", "Messages: attachments that are read out while they are sent"),
    ("message/merge", "Messages: one for each row"),
    ("message/delivery", "Messages: what is asked of servers on the way"),
    ("message/spool", "Messages: what is asked of the spool"),
    ("message/raw", "Messages: passed through as they are"),
    ("dkim", "Messages: DKIM signatures"),
    ("report", "Reports: what a send answers"),
    ("error", "Errors: why a call failed"),
    ("recipient", "Recipients of a report or an error"),
    ("diagnosis", "Diagnoses: why, who must act, what to do"),
    ("strings", "What was given, and the version"),
    ("server", "Advanced: servers with settings of their own"),
    ("server/login", "Advanced: who logs in to a server, and how"),
    ("server/token", "Advanced: access tokens"),
    ("server/tls", "Advanced: how the connection to a server is protected"),
    ("smtp/spool", "Advanced: handing messages over to the agent"),
    ("smtp/bulk", "Advanced: many messages in one call"),
    ("smtp/merge", "Advanced: a message for each row, many in one call"),
    ("smtp/observers", "Advanced: how far a message and a bulk are, and who does not get one"),
    ("smtp/limits", "Advanced: how much at once, and how fast"),
    ("smtp/agent", "The agent: what became of a message"),
    ("smtp/blast", "The agent: how far a blast is"),
    ("smtp/events", "The agent: what happens to recipients"),
    ("cancel", "Advanced: ending one operation from another thread"),
    ("check", "Checks: looking at a server without sending mail"),
    ("context", "Advanced: explaining a reply that another program got"),
    ("explain", "Advanced: explaining a conversation that somebody wrote down"),
];

/// No function takes them by type, so that a number that is no value is an error and not undefined behaviour.
const ENUMS: [&str; 18] = [
    "freesmtp_error_kind",
    "freesmtp_recipient_status",
    "freesmtp_recipient_type",
    "freesmtp_body_part_format",
    "freesmtp_body_part_encoding",
    "freesmtp_priority",
    "freesmtp_auto_submitted",
    "freesmtp_notify",
    "freesmtp_return_content",
    "freesmtp_durability",
    "freesmtp_deliver_by_mode",
    "freesmtp_valid_since_action",
    "freesmtp_canonicalization",
    "freesmtp_log_body",
    "freesmtp_log_kind",
    "freesmtp_auth_mode",
    "freesmtp_security",
    "freesmtp_min_tls_version",
];

fn main() -> Result<(), Box<dyn Error>> {
    std::io::stdout().write_all(&header()?)?;
    Ok(())
}

/// The whole header.
pub(crate) fn header() -> Result<Vec<u8>, Box<dyn Error>> {
    let sources = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut out = HEAD.as_bytes().to_vec();
    out.push(b'\n');
    out.extend(items(&sources, "enums", &[ItemType::Enums])?);
    for (file, _) in CHAPTERS {
        let types = items(&sources, file, &[ItemType::Structs, ItemType::OpaqueItems, ItemType::Typedefs])?;
        if !types.is_empty() {
            out.push(b'\n');
            out.extend(types);
        }
    }
    for (file, title) in CHAPTERS {
        let rule = "-".repeat(100usize.saturating_sub(title.len()));
        writeln!(out, "\n/* ---- {title} {rule} */\n")?;
        out.extend(items(&sources, file, &[ItemType::Functions])?);
    }
    out.extend(FOOT.as_bytes());
    Ok(out)
}

/// The items of one file, without anything around them.
fn items(sources: &Path, file: &str, kinds: &[ItemType]) -> Result<Vec<u8>, cbindgen::Error> {
    let config = Config {
        language: Language::C,
        // Enums by tag alone: some share their name with a function.
        style: match kinds {
            [ItemType::Functions] => Style::Type,
            [ItemType::Enums] => Style::Tag,
            _ => Style::Both,
        },
        documentation_style: DocumentationStyle::Cxx,
        no_includes: true,
        usize_is_size_t: true,
        line_length: 110,
        enumeration: EnumConfig {
            rename_variants: RenameRule::QualifiedScreamingSnakeCase,
            ..EnumConfig::default()
        },
        export: ExportConfig {
            item_types: kinds.to_vec(),
            include: ENUMS.map(str::to_owned).to_vec(),
            ..ExportConfig::default()
        },
        ..Config::default()
    };
    let path = sources.join(file).with_extension("rs");
    let mut out = Vec::new();
    Builder::new().with_config(config).with_src(path).generate()?.write(&mut out);
    Ok(out)
}
