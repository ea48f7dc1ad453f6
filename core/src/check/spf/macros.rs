//! Macro strings of SPF records (RFC 7208 section 7).

/// A macro string that was parsed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct MacroString(Vec<Piece>);

#[derive(Clone, Debug, PartialEq, Eq)]
enum Piece {
    Literal(String),
    Macro {
        /// In lower case.
        letter: char,
        /// How many parts from the right are kept.
        keep: Option<usize>,
        reverse: bool,
        delimiters: String,
        /// An upper case letter: the value is escaped as in a URL.
        escape: bool,
    },
}

/// Longest name that can be asked for (RFC 7208 section 7.3).
const LONGEST_NAME: usize = 253;

impl MacroString {
    /// Parses the explanation of a domain, or the value of an unknown modifier.
    pub(super) fn text(text: &str) -> Result<Self, String> {
        parse(text, "slodiphcrtv", true).map(Self)
    }

    /// Parses a `domain-spec`: it ends in a macro, or in a dot and a top label (section 7.1).
    pub(super) fn domain(text: &str) -> Result<Self, String> {
        let pieces = parse(text, "slodiphv", false)?;
        let ends_well = match pieces.last() {
            None => false,
            Some(Piece::Macro { .. }) => true,
            Some(Piece::Literal(_))
                if text.ends_with("%%") || text.ends_with("%_") || text.ends_with("%-") =>
            {
                true
            }
            Some(Piece::Literal(end)) => {
                let end = end.strip_suffix('.').unwrap_or(end);
                end.rsplit_once('.').is_some_and(|(_, label)| is_top_label(label))
            }
        };
        if ends_well { Ok(Self(pieces)) } else { Err(format!("{text:?} is no domain name")) }
    }

    /// The string with each macro replaced by what `value` gives for its letter.
    pub(super) fn expand(&self, mut value: impl FnMut(char) -> String) -> String {
        let mut expanded = String::new();
        for piece in &self.0 {
            match piece {
                Piece::Literal(text) => expanded.push_str(text),
                Piece::Macro { letter, keep, reverse, delimiters, escape } => {
                    let value = value(*letter);
                    let mut parts: Vec<&str> = value.split(|c| delimiters.contains(c)).collect();
                    if *reverse {
                        parts.reverse();
                    }
                    let kept = keep.map_or(0, |keep| parts.len().saturating_sub(keep));
                    let value = parts[kept..].join(".");
                    if *escape { expanded.push_str(&url_escaped(&value)) } else { expanded.push_str(&value) }
                }
            }
        }
        expanded
    }

    /// The same as a name: too long a one loses labels on its left.
    pub(super) fn expand_name(&self, value: impl FnMut(char) -> String) -> String {
        let name = self.expand(value);
        let mut name = name.strip_suffix('.').unwrap_or(&name);
        while name.len() > LONGEST_NAME {
            match name.split_once('.') {
                Some((_, rest)) => name = rest,
                None => break,
            }
        }
        name.to_owned()
    }
}

fn parse(text: &str, letters: &str, spaces: bool) -> Result<Vec<Piece>, String> {
    let mut pieces = Vec::new();
    let mut literal = String::new();
    let mut chars = text.chars();
    while let Some(c) = chars.next() {
        if c != '%' {
            if !(c.is_ascii_graphic() || (spaces && c == ' ')) {
                return Err(format!("{c:?} may not stand in {text:?}"));
            }
            literal.push(c);
            continue;
        }
        match chars.next() {
            Some('%') => literal.push('%'),
            Some('_') => literal.push(' '),
            Some('-') => literal.push_str("%20"),
            Some('{') => {
                if !literal.is_empty() {
                    pieces.push(Piece::Literal(std::mem::take(&mut literal)));
                }
                let rest = chars.as_str();
                let (inside, after) =
                    rest.split_once('}').ok_or_else(|| format!("a macro in {text:?} has no end"))?;
                pieces.push(one(inside, letters)?);
                chars = after.chars();
            }
            _ => return Err(format!("a % in {text:?} begins no macro")),
        }
    }
    if !literal.is_empty() {
        pieces.push(Piece::Literal(literal));
    }
    Ok(pieces)
}

/// Letter, digits, `r`, delimiters.
fn one(inside: &str, letters: &str) -> Result<Piece, String> {
    let wrong = || format!("%{{{inside}}} is no macro that may stand there");
    let letter =
        inside.chars().next().filter(|c| letters.contains(c.to_ascii_lowercase())).ok_or_else(wrong)?;
    let rest = &inside[1..];
    let digits = rest.bytes().take_while(u8::is_ascii_digit).count();
    let (number, rest) = rest.split_at(digits);
    let keep = match number {
        "" => None,
        number => Some(number.parse().unwrap_or(usize::MAX)),
    };
    if keep == Some(0) {
        return Err(wrong());
    }
    let (reverse, delimiters) = match rest.strip_prefix(['r', 'R']) {
        Some(delimiters) => (true, delimiters),
        None => (false, rest),
    };
    if !delimiters.chars().all(|c| ".-+,/_=".contains(c)) {
        return Err(wrong());
    }
    let delimiters = if delimiters.is_empty() { "." } else { delimiters }.to_owned();
    let escape = letter.is_ascii_uppercase();
    Ok(Piece::Macro { letter: letter.to_ascii_lowercase(), keep, reverse, delimiters, escape })
}

/// Letters, digits and inner hyphens, and not digits alone (section 7.1).
fn is_top_label(label: &str) -> bool {
    let allowed = label.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-');
    let digits = label.bytes().all(|b| b.is_ascii_digit());
    !label.is_empty() && allowed && !digits && !label.starts_with('-') && !label.ends_with('-')
}

fn url_escaped(text: &str) -> String {
    let escape = |b: u8| match b {
        b'-' | b'.' | b'_' | b'~' => char::from(b).to_string(),
        b if b.is_ascii_alphanumeric() => char::from(b).to_string(),
        b => format!("%{b:02X}"),
    };
    text.bytes().map(escape).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The examples of RFC 7208 section 7.4.
    #[test]
    fn the_examples_of_the_rfc() {
        let value = |v6: bool| {
            move |letter| {
                match letter {
                    's' => "strong-bad@email.example.com",
                    'o' | 'd' => "email.example.com",
                    'l' => "strong-bad",
                    'i' if v6 => "2.0.0.1.0.d.b.8.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.c.b.0.1",
                    'i' => "192.0.2.3",
                    'v' if v6 => "ip6",
                    _ => "in-addr",
                }
                .to_owned()
            }
        };
        for (text, expanded) in [
            ("%{s}", "strong-bad@email.example.com"),
            ("%{o}", "email.example.com"),
            ("%{d4}", "email.example.com"),
            ("%{d3}", "email.example.com"),
            ("%{d2}", "example.com"),
            ("%{d1}", "com"),
            ("%{dr}", "com.example.email"),
            ("%{d2r}", "example.email"),
            ("%{l}", "strong-bad"),
            ("%{l-}", "strong.bad"),
            ("%{lr}", "strong-bad"),
            ("%{lr-}", "bad.strong"),
            ("%{l1r-}", "strong"),
            ("%{ir}.%{v}._spf.%{d2}", "3.2.0.192.in-addr._spf.example.com"),
            ("%{lr-}.lp._spf.%{d2}", "bad.strong.lp._spf.example.com"),
            ("%{lr-}.lp.%{ir}.%{v}._spf.%{d2}", "bad.strong.lp.3.2.0.192.in-addr._spf.example.com"),
            ("%{ir}.%{v}.%{l1r-}.lp._spf.%{d2}", "3.2.0.192.in-addr.strong.lp._spf.example.com"),
            ("%{d2}.trusted-domains.example.net", "example.com.trusted-domains.example.net"),
            ("%{S}", "strong-bad%40email.example.com"),
        ] {
            assert_eq!(MacroString::domain(text).unwrap().expand(value(false)), expanded, "{text}");
        }
        assert_eq!(
            MacroString::domain("%{ir}.%{v}._spf.%{d2}").unwrap().expand(value(true)),
            "1.0.b.c.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.8.b.d.0.1.0.0.2.ip6._spf.example.com"
        );
    }

    #[test]
    fn what_is_no_macro_string_is_refused() {
        for bad in [
            "",
            "%",
            "%a.test",
            "%{d.test",
            "%{}",
            "%{q}.test",
            "%{d0}",
            "%{d:}",
            "%{dx}",
            "%{c}.test",
            "a.%{t}",
            "localhost",
            "a.123",
            "a.test-",
            "a.-b",
            "a b.test",
            "a.t\u{e4}st",
            "a.test/24",
            ".",
        ] {
            assert!(MacroString::domain(bad).is_err(), "{bad:?}");
        }
        for good in ["a.test", "a.test.", "a.x--y", "_a.b-1.c3", "%{d}", "a.%%", "a.b1c", "%{i}.%{C}"] {
            let parsed = MacroString::domain(good);
            assert_eq!(parsed.is_ok(), !good.contains('C'), "{good:?}");
        }
        let text = MacroString::text("%{c} at %{t}: 100%%, see%_a%-b").unwrap();
        assert_eq!(text.expand(|c| c.to_string()), "c at t: 100%, see a%20b");
    }

    #[test]
    fn a_name_that_is_too_long_loses_its_left() {
        let name = MacroString::domain("%{l}.example.test").unwrap();
        let long = vec!["abcdefghi"; 30].join(".");
        let expanded = name.expand_name(|_| long.clone());
        assert!(expanded.len() <= 253 && expanded.ends_with(".abcdefghi.example.test"), "{expanded}");
        assert!(expanded.starts_with("abcdefghi."), "{expanded}");
    }
}
