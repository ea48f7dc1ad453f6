//! Facts that a reply states in its text: addresses, links, times to wait.

use std::{net::IpAddr, time::Duration};

use super::text::{Kind, tokenise};

/// The IP address the text is about: `own` when the text names it, else the first one.
pub(super) fn address_in(text: &str, own: Option<IpAddr>) -> Option<IpAddr> {
    let tokens = tokenise(text);
    let mut named = tokens.iter().filter(|t| t.kind == Kind::Ip).filter_map(|t| t.text.parse().ok());
    let first = named.next()?;
    Some(own.filter(|own| first == *own || named.any(|a: IpAddr| a == *own)).unwrap_or(first))
}

/// The first link in the text, as the server wrote it.
pub(super) fn link_in(text: &str) -> Option<&str> {
    let start = ["https://", "http://"].iter().filter_map(|scheme| text.find(scheme)).min()?;
    let link = text[start..].split(|c: char| c.is_whitespace() || "<>()[]\"'`".contains(c)).next()?;
    let link = link.trim_end_matches(['.', ',', ';', ':', '!', '?']);
    // `http:// host` is a broken link.
    (link.len() > "https://".len()).then_some(link)
}

/// How long the text asks to wait: "try again in 300 seconds", "Greylisted for 5 minutes", "come back in 00:05:00".
pub(super) fn wait_in(text: &str) -> Option<Duration> {
    clock_in(text).or_else(|| words_in(text)).filter(|wait| !wait.is_zero())
}

/// `hh:mm:ss`, as milters write it.
fn clock_in(text: &str) -> Option<Duration> {
    let words = text.split(|c: char| !c.is_ascii_digit() && c != ':');
    words.into_iter().find_map(|word| {
        let mut parts = word.split(':').map(|part| part.parse::<u64>().ok().filter(|_| part.len() == 2));
        let (hours, minutes, seconds) = (parts.next()??, parts.next()??, parts.next()??);
        (parts.next().is_none() && minutes < 60 && seconds < 60)
            .then(|| Duration::from_secs(hours * 3600 + minutes * 60 + seconds))
    })
}

/// Words that make a number of minutes a time to wait, and not a limit ("100 messages in 60 minutes").
const WAITING: [&str; 34] = [
    "again",
    "retry",
    "wait",
    "back",
    "later",
    "greylisted",
    "greylisting",
    "greylist",
    "graylisted",
    "delay",
    "delayed",
    "deferred",
    "warten",
    "erneut",
    "spater",
    "spaeter",
    "wieder",
    "attendre",
    "reessayer",
    "reessayez",
    "espere",
    "intente",
    "nuevo",
    "riprova",
    "riprovare",
    "attendere",
    "aguarde",
    "novamente",
    "ponownie",
    "подождите",
    "повторите",
    "через",
    "后",
    "後",
];

fn words_in(text: &str) -> Option<Duration> {
    let tokens = tokenise(text);
    if !tokens.iter().any(|t| WAITING.contains(&t.text.as_str())) {
        return None;
    }
    let amounts = tokens.iter().enumerate().filter_map(|(at, token)| {
        let digits = token.text.bytes().take_while(u8::is_ascii_digit).count();
        let (number, attached) = token.text.split_at(digits);
        let number: u64 = number.parse().ok().filter(|_| token.kind == Kind::Word)?;
        // "10 more minutes"
        let words = tokens[at + 1..].iter().map(|t| t.text.as_str()).filter(|w| *w != "more").take(1);
        let unit = [attached].into_iter().chain(words).find(|word| !word.is_empty())?;
        number.checked_mul(seconds_of(unit)?).map(Duration::from_secs)
    });
    amounts.into_iter().next()
}

/// The seconds of a unit, in the languages of the servers, whatever ending it takes.
fn seconds_of(unit: &str) -> Option<u64> {
    const UNITS: [(u64, &[&str]); 4] = [
        (1, &["sec", "sek", "seg", "секунд", "秒"]),
        (60, &["min", "мин", "分"]),
        (3600, &["hour", "hr", "stund", "heure", "hora", "ora", "ore", "godzin", "час", "小", "時"]),
        (86400, &["day", "tag", "jour", "dia", "giorn", "dni", "дней", "дня", "день", "天", "日"]),
    ];
    match unit {
        "s" => return Some(1),
        "m" => return Some(60),
        "h" => return Some(3600),
        "d" => return Some(86400),
        _ => {}
    }
    UNITS.iter().find(|(_, names)| names.iter().any(|n| unit.starts_with(n))).map(|(seconds, _)| *seconds)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_to_wait() {
        for (text, seconds) in [
            ("Greylisted, please try again in 300 seconds", 300),
            ("Recipient address rejected: Greylisted for 5 minutes", 300),
            ("Wait 5 minutes.", 300),
            ("Greylisting in action, please come back in 00:05:00", 300),
            ("please retry after 01:00:30", 3630),
            ("try again in 2h", 7200),
            ("Please retry in 10 more minutes", 600),
            ("Bitte versuchen Sie es in 15 Minuten erneut", 900),
            ("请在 10 分钟后重试", 600),
            ("повторите попытку через 2 часа", 7200),
        ] {
            assert_eq!(wait_in(text), Some(Duration::from_secs(seconds)), "{text}");
        }
        for text in [
            "limit of 100 messages in 60 minutes exceeded",
            "try again later",
            "wait 99999999999999999999 days",
            "wait 18446744073709551615 days",
            "try again in 0 seconds",
            "2001:db8::1 please wait",
            "",
        ] {
            assert_eq!(wait_in(text), None, "{text}");
        }
    }

    #[test]
    fn links() {
        assert_eq!(link_in("see https://a.example/b?c=d."), Some("https://a.example/b?c=d"));
        assert_eq!(link_in("<http://a.example>"), Some("http://a.example"));
        assert_eq!(link_in("http:// a.example"), None);
        assert_eq!(link_in("no link"), None);
    }

    #[test]
    fn addresses() {
        let ip = |text: &str| text.parse::<IpAddr>().unwrap();
        assert_eq!(address_in("relay for 69.80.22.132", None), Some(ip("69.80.22.132")));
        assert_eq!(address_in("[192.0.2.1] via 192.0.2.2", Some(ip("192.0.2.2"))), Some(ip("192.0.2.2")));
        assert_eq!(address_in("[2001:db8::1] listed", Some(ip("10.0.0.1"))), Some(ip("2001:db8::1")));
        assert_eq!(address_in("5.7.1 denied", None), None);
    }
}
