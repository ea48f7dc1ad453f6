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
    for (pair, octet) in digits.as_chunks_mut::<2>().0.iter_mut().zip(octets) {
        *pair = [octet >> 4, octet & 15];
    }
    digits.map(|digit| if digit < 10 { b'0' + digit } else { b'a' - 10 + digit })
}

/// The two digits of a number below 100.
pub(super) fn two(number: u64) -> [u8; 2] {
    usize::try_from(number).ok().and_then(|number| PAIRS.get(number)).copied().unwrap_or_default()
}

/// Appends `number` in decimal.
pub(super) fn decimal(number: u64, out: &mut Vec<u8>) {
    /// No number has more digits.
    const MOST: usize = 20;
    let mut text = [0; MOST];
    let (mut start, mut rest) = (MOST, number);
    for pair in text.as_chunks_mut::<2>().0.iter_mut().rev() {
        *pair = two(rest % 100);
        start -= if rest < 10 { 1 } else { 2 };
        rest /= 100;
        if rest == 0 {
            break;
        }
    }
    out.extend_from_slice(&text[start..]);
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
