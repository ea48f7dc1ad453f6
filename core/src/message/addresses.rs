//! Mailboxes in the address lists of a header (RFC 5322 section 3.4), for raw messages.

/// Deeper comments are an attack, not a remark.
const DEEPEST_COMMENT: usize = 32;

/// The addresses of a list, in order, each as `local@domain`, not checked further: names, comments, group names and
/// source routes are left out. Takes linear time.
pub(super) fn addresses(value: &str) -> Result<Vec<String>, &'static str> {
    let mut list = List::default();
    let mut depth = 0_usize;
    let mut chars = value.chars();
    while let Some(c) = chars.next() {
        if depth > 0 {
            match c {
                '\\' => _ = chars.next(),
                '(' => depth += 1,
                ')' => depth -= 1,
                _ => {}
            }
            if depth > DEEPEST_COMMENT {
                return Err("its comments are nested too deeply");
            }
            continue;
        }
        if list.quoted {
            list.push(c);
            match c {
                '\\' => chars.next().into_iter().for_each(|c| list.push(c)),
                '"' => list.quoted = false,
                _ => {}
            }
            continue;
        }
        match c {
            // A comment ends a word: what follows is not part of the domain before it.
            '(' => {
                depth = 1;
                list.push(' ');
            }
            ')' => return Err("it has a ) without a ("),
            '"' => {
                list.quoted = true;
                list.push(c);
            }
            '<' if list.angle.is_none() => {
                list.angle = Some(String::new());
                list.in_angle = true;
            }
            '>' if list.in_angle => list.in_angle = false,
            '<' | '>' => return Err("its angle brackets do not match"),
            ',' | ';' if !list.in_angle => list.end(),
            ':' if !list.in_angle && !list.literal => list.word.clear(),
            _ => {
                list.literal = (list.literal || c == '[') && c != ']';
                list.push(c);
            }
        }
    }
    if depth > 0 || list.quoted || list.in_angle {
        return Err("a comment, a quotation or an angle bracket has no end");
    }
    list.end();
    Ok(list.found)
}

#[derive(Default)]
struct List {
    found: Vec<String>,
    /// What stands outside angle brackets: a name, or a bare address.
    word: String,
    angle: Option<String>,
    in_angle: bool,
    quoted: bool,
    /// Within the brackets of an address literal.
    literal: bool,
}

impl List {
    fn push(&mut self, c: char) {
        match &mut self.angle {
            Some(angle) if self.in_angle => angle.push(c),
            _ => self.word.push(c),
        }
    }

    fn end(&mut self) {
        let word = std::mem::take(&mut self.word);
        let address = match self.angle.take() {
            // A source route names the way, not the mailbox (RFC 5322 section 4.4).
            Some(angle) if angle.trim_start().starts_with('@') => {
                angle.split_once(':').map(|(_, address)| address.to_owned()).unwrap_or(angle)
            }
            Some(angle) => angle,
            None => word,
        };
        let address = address.trim();
        if !address.is_empty() {
            self.found.push(address.to_owned());
        }
        self.literal = false;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lists_of_every_form() {
        for (value, right) in [
            ("", &[][..]),
            ("a@b.example", &["a@b.example"]),
            (
                "A B <a@b.example>, \"c, d\" <c@d.example> ,e@f.example",
                &["a@b.example", "c@d.example", "e@f.example"],
            ),
            (
                "Team: a@b.example, C <c@d.example>;, e@f.example",
                &["a@b.example", "c@d.example", "e@f.example"],
            ),
            ("undisclosed-recipients:;", &[]),
            ("a@b.example (A (the) B), (x) c@d.example", &["a@b.example", "c@d.example"]),
            ("a@[IPv6:2001:db8::1]", &["a@[IPv6:2001:db8::1]"]),
            ("<@x.example,@y.example:a@b.example>", &["a@b.example"]),
            ("\"a@b.example x\"@internal.example", &["\"a@b.example x\"@internal.example"]),
            ("\"foo@a.example> ORCPT=x\" <u@c.example>", &["u@c.example"]),
            ("user@good.example(x)evil.example", &["user@good.example evil.example"]),
            ("=?utf-8?Q?a=2Cb?= <a@b.example>", &["a@b.example"]),
            (r"a@b.example (x\) y), c@d.example", &["a@b.example", "c@d.example"]),
            (r#""x\" <x@y.example>, " <a@b.example>"#, &["a@b.example"]),
            ("<a@b.example> behind it, c@d.example", &["a@b.example", "c@d.example"]),
        ] {
            assert_eq!(addresses(value).unwrap(), right, "{value}");
        }
    }

    #[test]
    fn what_does_not_match_is_refused() {
        for value in ["a <b@c", "a@b (x", "\"a", "a@b)", "<a@b><c@d>", "a <b <c@d>>", "a@b>"] {
            assert!(addresses(value).is_err(), "{value}");
        }
    }

    #[test]
    fn any_list_takes_linear_time() {
        assert!(addresses(&"(".repeat(100_000)).is_err());
        assert_eq!(addresses(&"a@b.example,".repeat(200_000)).unwrap().len(), 200_000);
    }
}
