//! Numbers as text. Every message has several, and the machinery of formatting costs more than all of the rest of a
//! short head.

/// Two digits of each number below 100.
const PAIRS: [[u8; 2]; 100] = pairs(10);
/// The same of each octet in lower-case hexadecimal.
const HEX_PAIRS: [[u8; 2]; 256] = pairs(16);

#[allow(clippy::cast_possible_truncation, reason = "a digit is below 16")]
const fn pairs<const N: usize>(base: usize) -> [[u8; 2]; N] {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    let mut pairs = [[0; 2]; N];
    let mut i = 0;
    while i < N {
        pairs[i] = [DIGITS[i / base], DIGITS[i % base]];
        i += 1;
    }
    pairs
}

/// Writes `bytes` in lower-case hexadecimal to the beginning of `out`, as far as it reaches.
pub(super) fn hex(bytes: &[u8], out: &mut [u8]) {
    for (pair, byte) in out.as_chunks_mut::<2>().0.iter_mut().zip(bytes) {
        *pair = HEX_PAIRS[usize::from(*byte)];
    }
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
        let mut text = [b'x'; 9];
        hex(&[0, 0xff, 0x1a, 0xb0], &mut text);
        assert_eq!(&text, b"00ff1ab0x");
    }
}
