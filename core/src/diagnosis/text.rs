//! A server's text as words that rules can compare: case, accents and typography are evened out, and what is not
//! language (addresses, hosts, codes) is set apart, so that a mailbox called `spam@` or a host called `relay.` decides
//! nothing.

/// What a token is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum Kind {
    /// A word, a number, or one character of Chinese, Japanese or Korean.
    Word,
    /// A mail address.
    Address,
    /// An IP address.
    Ip,
    /// A host or domain name.
    Domain,
    /// A URL.
    Url,
    /// An enhanced status code.
    Code,
    /// The end of a sentence: no word, but it parts what stands on its two sides.
    Stop,
}

/// One token of a text, in lower case.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Token {
    pub(super) kind: Kind,
    pub(super) text: String,
}

/// More than this no honest server says; the rest of a hostile reply is not looked at.
const MAX_TOKENS: usize = 400;

/// Splits `text` into tokens.
pub(super) fn tokenise(text: &str) -> Vec<Token> {
    let mut tokens = Vec::new();
    for chunk in text.split_inclusive(|c: char| c.is_whitespace() || "<>()[]{}\"`,;|#«»“”„".contains(c))
    {
        if tokens.len() >= MAX_TOKENS {
            break;
        }
        let bare = chunk.trim_end_matches(|c: char| c.is_whitespace() || "<>()[]{}\"`,|#«»“”„".contains(c));
        push_chunk(bare.trim_matches(|c: char| ".:;!?*-–—'’_&=/".contains(c)), &mut tokens);
        // A dash between blanks parts sentences too.
        if bare.ends_with(['.', '!', '?', ';', '。']) || matches!(bare, "-" | "--" | "–" | "—") {
            push_stop(&mut tokens);
        }
    }
    tokens.truncate(MAX_TOKENS);
    tokens
}

fn push_stop(tokens: &mut Vec<Token>) {
    if tokens.last().is_some_and(|last| last.kind != Kind::Stop) {
        tokens.push(Token { kind: Kind::Stop, text: String::new() });
    }
}

fn push_chunk(chunk: &str, tokens: &mut Vec<Token>) {
    if chunk.is_empty() {
        return;
    }
    if chunk.contains("://") || chunk.starts_with("www.") {
        tokens.push(Token { kind: Kind::Url, text: chunk.to_ascii_lowercase() });
        return;
    }
    for part in chunk.split('=') {
        push_part(part, tokens);
    }
}

fn push_part(part: &str, tokens: &mut Vec<Token>) {
    let tagged = part.get(..5).is_some_and(|tag| tag.eq_ignore_ascii_case("ipv6:"));
    let address = if tagged { &part[5..] } else { part };
    if address.parse::<std::net::IpAddr>().is_ok() {
        tokens.push(Token { kind: Kind::Ip, text: address.to_ascii_lowercase() });
        return;
    }
    for part in part.split([':', '/', '…']) {
        let part = part.trim_matches(|c: char| ".!?*-'’_&".contains(c));
        let kind = match part {
            "" => continue,
            _ if part.split_once('@').is_some_and(|(l, d)| !l.is_empty() && !d.is_empty()) => Kind::Address,
            _ if part.parse::<std::net::IpAddr>().is_ok() => Kind::Ip,
            _ if is_enhanced_code(part) => Kind::Code,
            _ if is_domain(part) => Kind::Domain,
            _ => {
                push_words(part, tokens);
                continue;
            }
        };
        tokens.push(Token { kind, text: part.to_ascii_lowercase() });
    }
}

fn is_enhanced_code(text: &str) -> bool {
    text.parse::<crate::types::EnhancedCode>().is_ok()
}

/// Two labels or more, the last of letters. `denied.Please` is two sentences and not a host.
fn is_domain(text: &str) -> bool {
    let Some((front, top)) = text.rsplit_once('.') else { return false };
    let label =
        |l: &str| !l.is_empty() && l.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_'));
    let shouted = !text.bytes().any(|b| b.is_ascii_lowercase());
    front.split('.').all(label)
        && (2..=12).contains(&top.len())
        && top.bytes().all(|b| b.is_ascii_alphabetic())
        && (shouted || !top.starts_with(|c: char| c.is_ascii_uppercase()))
}

fn push_words(text: &str, tokens: &mut Vec<Token>) {
    let mut word = String::new();
    let flush = |word: &mut String, tokens: &mut Vec<Token>| {
        if !word.is_empty() {
            tokens.push(Token { kind: Kind::Word, text: std::mem::take(word) });
        }
    };
    let mut chars = text.chars().peekable();
    let mut lower = false;
    while let Some(c) = chars.next() {
        let after_lower = std::mem::replace(&mut lower, c.is_lowercase());
        // "doesn't" is one word, "l'adresse" and "user's" are two.
        let negation = word.ends_with('n') && chars.peek().is_some_and(|next| matches!(next, 't' | 'T'));
        if matches!(c, '\'' | '’') && negation {
            continue;
        }
        // `denied.Please` is two sentences, `RESOLVER.RST` is none.
        let ends = after_lower && chars.peek().is_some_and(|next| next.is_uppercase());
        if matches!(c, '。' | '！') || (matches!(c, '.' | '!' | '?') && ends) {
            flush(&mut word, tokens);
            push_stop(tokens);
        } else if is_ideograph(c) {
            flush(&mut word, tokens);
            word.push(c);
            flush(&mut word, tokens);
        } else if c.is_alphanumeric() {
            fold(c, &mut word);
        } else {
            flush(&mut word, tokens);
        }
    }
    flush(&mut word, tokens);
}

/// Scripts that put no space between words, and Hangul, whose words take endings.
fn is_ideograph(c: char) -> bool {
    matches!(c, '\u{3040}'..='\u{30ff}' | '\u{3400}'..='\u{9fff}' | '\u{ac00}'..='\u{d7a3}' | '\u{f900}'..='\u{faff}')
}

/// Lower case without accents: servers send `ueberschritten` and `überschritten`, `vérifier` and `verifier`.
fn fold(c: char, word: &mut String) {
    if c.is_ascii() {
        word.push(c.to_ascii_lowercase());
        return;
    }
    for c in c.to_lowercase() {
        let plain = match c {
            'ä' | 'æ' => "ae",
            'ö' | 'ø' | 'œ' => "oe",
            'ü' => "ue",
            'ß' => "ss",
            'à' | 'á' | 'â' | 'ã' | 'å' | 'ą' => "a",
            'ç' | 'ć' | 'č' => "c",
            'ď' => "d",
            'è' | 'é' | 'ê' | 'ë' | 'ę' | 'ě' => "e",
            'ì' | 'í' | 'î' | 'ï' => "i",
            'ł' => "l",
            'ñ' | 'ń' | 'ň' => "n",
            'ò' | 'ó' | 'ô' | 'õ' => "o",
            'ř' => "r",
            'ś' | 'š' => "s",
            'ť' => "t",
            'ù' | 'ú' | 'û' | 'ů' => "u",
            'ý' => "y",
            'ź' | 'ż' | 'ž' => "z",
            'ё' => "е",
            _ => {
                word.push(c);
                continue;
            }
        };
        word.push_str(plain);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn words(text: &str) -> Vec<String> {
        tokenise(text)
            .into_iter()
            .filter(|t| t.kind != Kind::Stop)
            .map(|t| if t.kind == Kind::Word { t.text } else { format!("{:?}:{}", t.kind, t.text) })
            .collect()
    }

    #[test]
    fn sets_apart_what_is_not_language() {
        assert_eq!(
            words(
                "5.7.1 <Spam@x.org>: mx.example.com[192.0.2.1] said: see http://a.example/spam?x=1 (#5.1.1)"
            ),
            [
                "Code:5.7.1",
                "Address:spam@x.org",
                "Domain:mx.example.com",
                "Ip:192.0.2.1",
                "said",
                "see",
                "Url:http://a.example/spam?x=1",
                "Code:5.1.1"
            ]
        );
        assert_eq!(
            words("RCPT TO:<u@x.org> IP=2001:db8::1 IPv6:::1"),
            ["rcpt", "to", "Address:u@x.org", "ip", "Ip:2001:db8::1", "Ip:::1"]
        );
    }

    #[test]
    fn evens_out_writing() {
        assert_eq!(
            words("User doesn’t exist.Please check l'adresse, it's WRONG"),
            ["user", "doesnt", "exist", "please", "check", "l", "adresse", "it", "s", "wrong"]
        );
        assert_eq!(words("Größe überschritten, Empfänger"), ["groesse", "ueberschritten", "empfaenger"]);
        assert_eq!(words("Boîte archivée; ящик переполнён"), ["boite", "archivee", "ящик", "переполнен"]);
        assert_eq!(words("用户不存在 user"), ["用", "户", "不", "存", "在", "user"]);
    }

    #[test]
    fn sentences_end() {
        let stops = |text: &str| tokenise(text).iter().map(|t| t.kind == Kind::Stop).collect::<Vec<_>>();
        assert_eq!(stops("denied. Why"), [false, true, false]);
        assert_eq!(stops("denied.Why"), [false, true, false]);
        assert_eq!(stops("denied - why"), [false, true, false]);
        assert_eq!(stops("拒绝。请"), [false, false, true, false]);
        assert_eq!(stops("5.7.1 TLS 1.2 denied, why"), [false; 6]);
    }

    #[test]
    fn a_hostile_reply_costs_little() {
        assert_eq!(tokenise(&"a ".repeat(100_000)).len(), MAX_TOKENS);
        assert!(tokenise(&"用".repeat(100_000)).len() <= MAX_TOKENS);
    }
}
