//! What nearly every address is: a dot-string of ASCII and a short domain of letters, digits, underscores and single
//! hyphens that does not end in a digit. It is a mailbox as it stands.
//!
//! Everything else is looked at more closely: so punycode, which has two hyphens in a row, and numbers, which may be
//! addresses of IPv4.

use super::{domain::LONGEST_LABEL, local_part};

/// Where the `@` is, when `email` is a mailbox of that kind.
pub(super) fn at(email: &str) -> Option<usize> {
    let email = email.as_bytes();
    let at = words::<ATEXT, DOT>(email)?;
    let (b'@', domain) = email[at..].split_first()? else { return None };
    // Then no label is too long either.
    let short = at <= local_part::LONGEST && domain.len() <= LONGEST_LABEL;
    let whole = short && words::<LABEL, JOINT>(domain)? == domain.len();
    (whole && domain.last().is_some_and(|last| !last.is_ascii_digit())).then_some(at)
}

/// How far `text` is words of one kind with one joint between two; `None` where the words and joints are not so. No
/// joint decides where it goes on: a wrong guess of the processor costs more than the rest of an address.
fn words<const WORD: u8, const BETWEEN: u8>(text: &[u8]) -> Option<usize> {
    // As behind a joint: none may stand at the beginning.
    let (mut before, mut twice) = (BETWEEN, 0);
    let mut end = 0;
    for octet in text {
        // All that it is: what else two neighbours are is left out at the end, once for all.
        let kind = KINDS[usize::from(*octet)];
        if kind & (WORD | BETWEEN) == 0 {
            break;
        }
        twice |= before & kind;
        before = kind;
        end += 1;
    }
    ((twice | before) & BETWEEN == 0).then_some(end)
}

/// `atext` of RFC 5322 section 3.2.3.
const ATEXT: u8 = 1;
/// What stands between two atoms.
const DOT: u8 = 2;
/// What a label of a domain begins and ends with: letters, digits, and the underscore that inner networks use.
const LABEL: u8 = 4;
/// What stands between those: a dot, or a hyphen within a label.
const JOINT: u8 = 8;

/// What each octet is.
const KINDS: [u8; 256] = {
    let mut kinds = [0; 256];
    let mut octet = 0_u8;
    while octet < 128 {
        let i = octet as usize;
        if local_part::is_atext(octet) {
            kinds[i] |= ATEXT;
        }
        if octet.is_ascii_alphanumeric() || octet == b'_' {
            kinds[i] |= LABEL;
        }
        if octet == b'.' || octet == b'-' {
            kinds[i] |= JOINT;
        }
        octet += 1;
    }
    kinds[b'.' as usize] |= DOT;
    kinds
};
