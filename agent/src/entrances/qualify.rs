//! Addresses of this machine's users, `root`, become `root@domain`.

/// Appends `@domain` to every mailbox of an address field's value that has none; everything else stays as it is.
pub(super) fn qualify(value: &str, domain: &str) -> String {
    let mut places = Vec::new();
    let mut at = At::default();
    let mut bytes = value.bytes().enumerate();
    while let Some((index, byte)) = bytes.next() {
        if byte == b'\\' && (at.quoted || at.comments > 0) {
            bytes.next();
        } else if at.comments > 0 {
            at.comments = match byte {
                b'(' => at.comments + 1,
                b')' => at.comments - 1,
                _ => at.comments,
            };
        } else if at.quoted {
            at.quoted = byte != b'"';
        } else {
            at.outside(index, byte, &mut places);
        }
    }
    at.end(&mut places);
    let mut out = String::with_capacity(value.len() + places.len() * (domain.len() + 1));
    let mut from = 0;
    for place in places {
        out.push_str(&value[from..place]);
        out.push('@');
        out.push_str(domain);
        from = place;
    }
    out.push_str(&value[from..]);
    out
}

/// What is known of the mailbox that is being read.
#[derive(Default)]
struct At {
    comments: u32,
    quoted: bool,
    /// Words outside of angle brackets, one that is quoted included.
    words: u32,
    in_word: bool,
    /// A bracketed address was there.
    has_angle: bool,
    in_angle: bool,
    in_literal: bool,
    /// An `@` was there.
    has_at: bool,
    /// Where the last word ends.
    end: usize,
}

impl At {
    fn outside(&mut self, index: usize, byte: u8, places: &mut Vec<usize>) {
        match byte {
            b'[' => self.in_literal = true,
            b']' => self.in_literal = false,
            b'(' => (self.comments, self.in_word) = (1, false),
            b'"' => (self.quoted, self.words, self.in_word) = (true, self.words + 2, false),
            b'<' => (self.has_angle, self.in_angle, self.words, self.has_at) = (true, true, 0, false),
            b'>' if self.in_angle => {
                self.in_angle = false;
                if self.words == 1 && !self.has_at {
                    places.push(self.end);
                }
            }
            b',' | b';' if !self.in_angle => self.end(places),
            b':' if !self.in_angle && !self.in_literal => {
                let comments = self.comments;
                *self = Self { comments, ..Self::default() };
            }
            b' ' | b'\t' | b'\r' | b'\n' => self.in_word = false,
            _ => {
                self.words += u32::from(!self.in_word);
                self.in_word = true;
                self.has_at |= byte == b'@';
                self.end = index + 1;
            }
        }
    }

    fn end(&mut self, places: &mut Vec<usize>) {
        if !self.has_angle && self.words == 1 && !self.has_at {
            places.push(self.end);
        }
        *self = Self::default();
    }
}

#[cfg(test)]
mod tests {
    use super::qualify;

    #[test]
    fn only_what_has_no_domain_gets_one() {
        for (value, right) in [
            (" root", " root@h.test"),
            (" root (Cron Daemon)", " root@h.test (Cron Daemon)"),
            (" \"Cron\" <root>\r\n", " \"Cron\" <root@h.test>\r\n"),
            (" a, b@c.test,\r\n d\r\n", " a@h.test, b@c.test,\r\n d@h.test\r\n"),
            (" Team: a, B C <d>;", " Team: a@h.test, B C <d@h.test>;"),
            (" undisclosed-recipients:;", " undisclosed-recipients:;"),
            (" a@[IPv6:::1], <>", " a@[IPv6:::1], <>"),
            (" \"a, b\" <c@d.test>", " \"a, b\" <c@d.test>"),
            (" (a \\( , b) c", " (a \\( , b) c@h.test"),
            (" Some Name", " Some Name"),
            (" <@x.test,@y.test:a@b.test>", " <@x.test,@y.test:a@b.test>"),
            (" jörg", " jörg@h.test"),
            ("", ""),
        ] {
            assert_eq!(qualify(value, "h.test"), right, "{value:?}");
        }
    }
}
