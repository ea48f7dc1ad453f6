//! Numbers as text. Every message has several, and the machinery of formatting costs more than all of the rest of a
//! short head.

/// Two digits of each number below 100.
const PAIRS: [[u8; 2]; 100] = {
    let mut pairs = [[b'0'; 2]; 100];
    let mut i = 0_u8;
    while i < 100 {
        pairs[i as usize] = [b'0' + i / 10, b'0' + i % 10];
        i += 1;
    }
    pairs
};

/// Twelve octets in lower-case hexadecimal.
#[inline]
pub(super) fn hex(octets: [u8; 12]) -> [u8; 24] {
    let mut digits = [0; 24];
    for (digits, octets) in digits.as_chunks_mut().0.iter_mut().zip(octets.as_chunks().0) {
        *digits = hex_of_four(*octets);
    }
    digits
}

/// The same of four, in one number: octets that were just written are slow to read as a wider one than they were.
#[inline]
fn hex_of_four(octets: [u8; 4]) -> [u8; 8] {
    const EACH: u64 = u64::MAX / 255;
    let number = u64::from(u32::from_le_bytes(octets));
    // Each octet into two, then each of its halves into one.
    let number = (number | number << 16) & 0x0000_ffff_0000_ffff;
    let number = (number | number << 8) & 0x00ff_00ff_00ff_00ff;
    let halves = (number >> 4 | number << 8) & (EACH * 15);
    // 1 where the digit is a letter.
    let letters = (halves + EACH * 6) >> 4 & EACH;
    (halves + EACH * u64::from(b'0') + letters * u64::from(b'a' - b'9' - 1)).to_le_bytes()
}

/// The two digits of a number below 100.
pub(super) fn two(number: u64) -> [u8; 2] {
    usize::try_from(number).ok().and_then(|number| PAIRS.get(number)).copied().unwrap_or_default()
}

/// No number has more digits.
pub(super) const MOST_DIGITS: usize = 20;

/// Appends `number` in decimal.
pub(super) fn decimal(number: u64, out: &mut Vec<u8>) {
    let (text, start) = digits(number);
    out.extend_from_slice(&text[start..]);
}

/// `number` in decimal at the end of the text, and where it begins.
#[inline]
pub(super) fn digits(number: u64) -> ([u8; MOST_DIGITS], usize) {
    let mut text = [0; MOST_DIGITS];
    let (mut start, mut rest) = (MOST_DIGITS, number);
    for pair in text.as_chunks_mut::<2>().0.iter_mut().rev() {
        *pair = two(rest % 100);
        start -= if rest < 10 { 1 } else { 2 };
        rest /= 100;
        if rest == 0 {
            break;
        }
    }
    (text, start)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_as_formatting() {
        for number in [0, 1, 9, 10, 99, 100, 101, 999, 1_700_000_000, u64::MAX] {
            let mut out = Vec::new();
            decimal(number, &mut out);
            assert_eq!(String::from_utf8(out).unwrap(), number.to_string());
        }
        assert_eq!(&hex(*b"\0\xff\x1a\xb0\x09\x90abcdef"), b"00ff1ab00990616263646566");
    }
}
