//! The lines of a job.

/// Key and value of a line; `None` for an empty line or a comment.
pub(crate) fn read_line(line: &str) -> Result<Option<(&str, String)>, String> {
    if line.is_empty() || line.starts_with('#') {
        return Ok(None);
    }
    let (key, value) = line.split_once(' ').unwrap_or((line, ""));
    Ok(Some((key, unescape(value).map_err(|fault| format!("{key}: {fault}"))?)))
}

fn unescape(value: &str) -> Result<String, String> {
    let mut text = String::with_capacity(value.len());
    let mut characters = value.chars();
    while let Some(character) = characters.next() {
        text.push(match character {
            '\\' => match characters.next() {
                Some('n') => '\n',
                Some('r') => '\r',
                Some('t') => '\t',
                Some('0') => '\0',
                Some('\\') => '\\',
                other => {
                    return Err(format!("no such escape: \\{}", other.map_or(String::new(), String::from)));
                }
            },
            character => character,
        });
    }
    Ok(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_and_their_escapes() {
        assert_eq!(read_line(""), Ok(None));
        assert_eq!(read_line("# text"), Ok(None));
        assert_eq!(read_line("send"), Ok(Some(("send", String::new()))));
        assert_eq!(read_line(r"text  a\n\r\t\0\\n"), Ok(Some(("text", " a\n\r\t\0\\n".to_owned()))));
        assert!(read_line(r"text \x").is_err());
        assert!(read_line(r"text \").is_err());
    }
}
