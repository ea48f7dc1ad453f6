//! Numbers as text. Every message has several, and the machinery of formatting costs more than all of the rest of a
//! short head.

/// Writes `bytes` in lower-case hexadecimal to the beginning of `out`, as far as it reaches.
pub(super) fn hex(bytes: &[u8], out: &mut [u8]) {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    for (pair, byte) in out.chunks_exact_mut(2).zip(bytes) {
        pair[0] = DIGITS[usize::from(byte >> 4)];
        pair[1] = DIGITS[usize::from(byte & 15)];
    }
}

/// Appends `number` in decimal.
pub(super) fn decimal(number: u64, out: &mut Vec<u8>) {
    decimal_of(number, 1, out);
}

/// Appends `number` in decimal, with zeros before it up to so many digits; 20 at most.
pub(super) fn decimal_of(number: u64, least: usize, out: &mut Vec<u8>) {
    const MOST: usize = 20;
    if let (0..100, 2, Ok(number)) = (number, least, u8::try_from(number)) {
        out.extend_from_slice(&[b'0' + number / 10, b'0' + number % 10]);
        return;
    }
    let mut text = [b'0'; MOST];
    let (mut start, mut rest) = (MOST, number);
    while rest > 0 {
        start -= 1;
        // A digit fits.
        text[start] = b'0' + u8::try_from(rest % 10).unwrap_or(0);
        rest /= 10;
    }
    out.extend_from_slice(&text[start.min(MOST - least.min(MOST))..]);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_as_formatting() {
        for number in [0, 1, 9, 10, 99, 1_700_000_000, u64::MAX] {
            for least in [1, 2, 4, 20] {
                let mut out = Vec::new();
                decimal_of(number, least, &mut out);
                assert_eq!(String::from_utf8(out).unwrap(), format!("{number:0least$}"));
            }
        }
        let mut text = [b'x'; 9];
        hex(&[0, 0xff, 0x1a, 0xb0], &mut text);
        assert_eq!(&text, b"00ff1ab0x");
    }
}
