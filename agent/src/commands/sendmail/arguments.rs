//! sendmail's command line.

use freesmtp_core::message::{Notify, ReturnContent};

/// Options that have a value, with it or as the next argument.
const WITH_VALUE: &str = "ABCFLNORVXbfhopr";
/// Options that may have a value with them, never as the next argument.
const WITH_VALUE_ATTACHED: &str = "deq";
/// Options without a value.
const ALONE: &str = "GIUcimnstvx";

/// What sendmail is to do.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum Mode {
    /// Take a message from standard input (`-bm`).
    #[default]
    Message,
    /// Speak SMTP on standard input and output (`-bs`).
    Smtp,
    /// Rebuild the aliases (`-bi`, `newaliases`): there are none.
    Aliases,
}

/// The arguments, read.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Arguments {
    pub(super) mode: Mode,
    /// `-t`: the headers name recipients too.
    pub(super) from_headers: bool,
    /// `-i`: a line of one dot is text.
    pub(super) ignore_dots: bool,
    /// `-f`, `-r`.
    pub(super) sender: Option<String>,
    /// `-F`.
    pub(super) full_name: Option<String>,
    /// `-N`.
    pub(super) notify: Notify,
    /// `-R`.
    pub(super) return_content: ReturnContent,
    /// `-V`.
    pub(super) envelope_id: Option<String>,
    pub(super) recipients: Vec<String>,
}

impl Arguments {
    /// Reads them; an error is the usage's.
    pub(super) fn parse(arguments: impl IntoIterator<Item = String>) -> Result<Self, String> {
        let mut parsed = Self::default();
        let mut arguments = arguments.into_iter();
        while let Some(argument) = arguments.next() {
            if argument == "--" {
                parsed.recipients.extend(arguments);
                break;
            }
            match argument.strip_prefix('-').filter(|options| !options.is_empty()) {
                Some(options) => parsed.options(options, &mut arguments)?,
                None => parsed.recipients.push(argument),
            }
        }
        // Some give all recipients in one argument.
        let split = |text: String| {
            let mut list: Vec<String> = Vec::new();
            let (mut quoted, mut from) = (false, 0);
            for (at, byte) in text.bytes().enumerate() {
                quoted ^= byte == b'"';
                if byte == b',' && !quoted {
                    list.push(text[from..at].trim().to_owned());
                    from = at + 1;
                }
            }
            list.push(text[from..].trim().to_owned());
            list.retain(|address| !address.is_empty());
            list
        };
        parsed.recipients = parsed.recipients.into_iter().flat_map(split).collect();
        Ok(parsed)
    }

    /// Letters behind one dash.
    fn options(&mut self, text: &str, rest: &mut impl Iterator<Item = String>) -> Result<(), String> {
        for (at, letter) in text.char_indices() {
            let attached = &text[at + letter.len_utf8()..];
            if WITH_VALUE.contains(letter) {
                let value = match attached {
                    "" => rest.next().ok_or_else(|| format!("-{letter} has no value"))?,
                    value => value.to_owned(),
                };
                return self.option(letter, value);
            }
            if WITH_VALUE_ATTACHED.contains(letter) {
                return match letter {
                    'q' => Err("-q: the agent delivers what is queued; see freesmtp queue".to_owned()),
                    _ => Ok(()),
                };
            }
            match letter {
                'i' => self.ignore_dots = true,
                't' => self.from_headers = true,
                'I' => self.mode = Mode::Aliases,
                _ if ALONE.contains(letter) => {}
                _ => return Err(format!("-{letter} is not an option of sendmail")),
            }
        }
        Ok(())
    }

    fn option(&mut self, letter: char, value: String) -> Result<(), String> {
        match letter {
            'b' => {
                self.mode = match value.as_str() {
                    "m" | "a" => Mode::Message,
                    "s" => Mode::Smtp,
                    "i" => Mode::Aliases,
                    "p" => return Err("-bp: see freesmtp queue list".to_owned()),
                    _ => return Err(format!("-b{value} is not done here; use -bm, -bs or -bi")),
                }
            }
            'f' | 'r' => self.sender = Some(value),
            'F' => self.full_name = Some(value),
            'N' => {
                self.notify = value
                    .parse()
                    .map_err(|()| format!("-N {value}: give never, or success,failure,delay"))?;
            }
            'R' => {
                self.return_content = match value.to_ascii_lowercase().as_str() {
                    "full" => ReturnContent::Full,
                    "hdrs" => ReturnContent::Headers,
                    _ => return Err(format!("-R {value}: give full or hdrs")),
                }
            }
            'V' => self.envelope_id = Some(value),
            'o' => self.ignore_dots |= value.starts_with('i'),
            'O' => {
                let (name, on) = value.split_once('=').unwrap_or((&value, "true"));
                let on = on.trim_start().to_ascii_lowercase();
                if name.trim().eq_ignore_ascii_case("IgnoreDots") && !on.starts_with(['f', 'n']) {
                    self.ignore_dots = true;
                }
            }
            // -A, -B, -C, -L, -X, -h, -p say what is found out here, or concern sendmail's own house.
            _ => {}
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(line: &str) -> Result<Arguments, String> {
        Arguments::parse(line.split_whitespace().map(str::to_owned))
    }

    #[test]
    fn as_programs_call_it() {
        let rcpt = |list: &[&str]| list.iter().map(|text| (*text).to_owned()).collect::<Vec<_>>();
        // PHP, cron, git send-email, mutt, mailx, Django.
        let php = parse("-t -i -fwww@h.test").unwrap();
        assert!(php.from_headers && php.ignore_dots);
        assert_eq!(php.sender.as_deref(), Some("www@h.test"));
        let cron = parse("-FCronDaemon -i -B8BITMIME -oem root").unwrap();
        assert_eq!((cron.full_name.as_deref(), &cron.recipients), (Some("CronDaemon"), &rcpt(&["root"])));
        let git = parse("-i -f a@b.test c@d.test e@f.test").unwrap();
        assert_eq!(git.recipients, rcpt(&["c@d.test", "e@f.test"]));
        let mutt = parse("-oem -oi -N failure,delay -R hdrs -V id -- -a@b.test c@d.test").unwrap();
        assert!(mutt.ignore_dots);
        assert_eq!(mutt.notify, Notify::FAILURE | Notify::DELAY);
        assert_eq!(mutt.return_content, ReturnContent::Headers);
        assert_eq!(mutt.envelope_id.as_deref(), Some("id"));
        assert_eq!(mutt.recipients, rcpt(&["-a@b.test", "c@d.test"]));
        let grouped = parse("c@d.test,e@f.test -ti -bm -O DeliveryMode=b -odi -G -v").unwrap();
        assert!(grouped.from_headers && grouped.ignore_dots);
        assert_eq!(grouped.recipients, rcpt(&["c@d.test", "e@f.test"]));
        assert!(parse("-O IgnoreDots=True a@b").unwrap().ignore_dots);
        assert!(!parse("-O IgnoreDots=False -oem a@b").unwrap().ignore_dots);
        assert_eq!(parse("-bs").unwrap().mode, Mode::Smtp);
        let null = Arguments::parse(["-f", "", "a@b"].map(str::to_owned)).unwrap();
        assert_eq!(null.sender.as_deref(), Some(""));
    }

    #[test]
    fn what_is_no_option_is_named() {
        for (line, word) in [
            ("-W a@b", "-W"),
            ("a@b -f", "-f"),
            ("-bd", "-bd"),
            ("-N often a@b", "often"),
            ("-R all", "all"),
            ("-q30m", "-q"),
        ] {
            assert!(parse(line).unwrap_err().contains(word), "{line}");
        }
    }
}
