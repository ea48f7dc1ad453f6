//! One pass over the bytes of an attachment: which encodings bring every byte back, and which of them is the shortest.

use memchr::{memchr, memchr2, memchr2_iter, memmem};

use super::{base64, encoding::Encoding, header::HARD_LIMIT, quoted_printable, text::PIECE};

/// Whether bytes that come in pieces are lines that a session can carry: each ended by CRLF, none too long, no NUL.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Shape {
    broken: bool,
    eight_bit: bool,
    /// Octets in the current line.
    column: usize,
    after_cr: bool,
}

impl Shape {
    /// Looks at the next piece.
    pub(super) fn push(&mut self, piece: &[u8]) {
        self.eight_bit |= !piece.is_ascii();
        self.broken = self.broken || !self.goes_on(piece);
    }

    /// Whether they still can become lines; `eight_bit`: octets above 127 may occur in them.
    pub(super) fn may_be_lines(&self, eight_bit: bool) -> bool {
        !self.broken && (eight_bit || !self.eight_bit)
    }

    /// Whether they are lines; the last one need not have its end.
    pub(super) fn are_lines(&self, eight_bit: bool) -> bool {
        self.may_be_lines(eight_bit) && !self.after_cr
    }

    fn goes_on(&mut self, piece: &[u8]) -> bool {
        if memchr(0, piece).is_some() || (self.after_cr && piece.first().is_some_and(|&b| b != b'\n')) {
            return false;
        }
        let (mut start, mut after_cr) = (0, self.after_cr);
        for at in memchr2_iter(b'\r', b'\n', piece) {
            let is_cr = piece[at] == b'\r';
            // A CR and at once its LF; neither by itself.
            if is_cr == after_cr || (after_cr && at != start) {
                return false;
            }
            if is_cr && self.column + (at - start) > HARD_LIMIT {
                return false;
            }
            self.column = if is_cr { self.column } else { 0 };
            after_cr = is_cr;
            start = at + 1;
        }
        if after_cr && start != piece.len() {
            return false;
        }
        self.after_cr = after_cr;
        // A CR is no part of its line.
        self.column += piece.len() - start;
        self.column <= HARD_LIMIT
    }
}

/// What has been found of bytes that come in pieces.
pub(super) struct Survey<'a> {
    octets: u64,
    shape: Shape,
    /// Each boundary of the message begins so; it must not occur in what travels as it is.
    boundary: memmem::Finder<'a>,
    has_boundary: bool,
    /// A CR or LF occurred, where none may travel as it is.
    has_line_end: bool,
    /// The end of the last piece, where a boundary may begin.
    tail: Vec<u8>,
    /// Bytes that quoted-printable writes in three octets.
    escapes: u64,
    quoted: Quoted,
}

/// How long the bytes are in quoted-printable.
#[derive(Default)]
struct Quoted {
    /// Made with the first piece.
    encoder: Option<quoted_printable::Encoder>,
    octets: u64,
    /// The last bytes, whose form depends on what follows.
    held: Vec<u8>,
}

/// What the session and the place in the message allow.
#[derive(Clone, Copy, Debug)]
pub(super) struct Allowed {
    /// Octets above 127.
    pub(super) eight_bit: bool,
    /// Any octets.
    pub(super) binary: bool,
    /// The part is the end of the message, which has to end in CRLF.
    pub(super) alone: bool,
    /// A line end may travel as a line end. What stores mail writes its own there, and a reader of the store gets that
    /// back: right for a text, and a changed byte for a file.
    pub(super) line_ends: bool,
}

impl<'a> Survey<'a> {
    pub(super) fn new(boundary: &'a [u8]) -> Self {
        Self {
            octets: 0,
            shape: Shape::default(),
            boundary: memmem::Finder::new(boundary),
            has_boundary: false,
            has_line_end: false,
            tail: Vec::new(),
            escapes: 0,
            quoted: Quoted::default(),
        }
    }

    /// What is found of bytes in memory.
    pub(super) fn of(bytes: &[u8], boundary: &'a [u8], allowed: Allowed) -> (Encoding, u64) {
        let (mut survey, total) = (Self::new(boundary), bytes.len() as u64);
        // In pieces: the first may show that looking further changes nothing.
        let _ = bytes.chunks(PIECE).all(|piece| survey.push(piece, total, allowed));
        if survey.is_undecided(total, allowed) {
            survey.measure(bytes, allowed);
        }
        survey.finish(total, allowed)
    }

    /// Looks at the next piece of `total` bytes; answers whether looking further can change anything.
    pub(super) fn push(&mut self, piece: &[u8], total: u64, allowed: Allowed) -> bool {
        self.octets += piece.len() as u64;
        self.has_line_end =
            self.has_line_end || (!allowed.line_ends && memchr2(b'\r', b'\n', piece).is_some());
        if self.may_be_lines(allowed) {
            self.shape.push(piece);
        }
        let lines = self.may_be_lines(allowed);
        if lines || allowed.binary {
            self.look_for_boundary(piece);
        }
        if allowed.binary {
            // As it is, it is shorter than in any other form. Only who knows the boundary can write it into a file; it
            // then takes base64.
            return !self.has_boundary;
        }
        self.escapes += escapes(piece, !allowed.line_ends);
        lines || self.may_be_quoted(total)
    }

    fn may_be_lines(&self, allowed: Allowed) -> bool {
        self.shape.may_be_lines(allowed.eight_bit) && !self.has_boundary && !self.has_line_end
    }

    /// Whether quoted-printable can be shorter than base64, as far as is known without its line ends.
    fn may_be_quoted(&self, total: u64) -> bool {
        total + 2 * self.escapes <= base64::encoded_len(total)
    }

    /// Whether the bytes, all of which were looked at, have to be [measured](Self::measure) too.
    pub(super) fn is_undecided(&self, total: u64, allowed: Allowed) -> bool {
        self.octets == total
            && !allowed.binary
            && total > 0
            && !self.are_lines(allowed)
            && self.may_be_quoted(total)
    }

    /// Looks at the next piece once more, for its length in quoted-printable: that takes much longer than a first look,
    /// which most contents do not need more of.
    pub(super) fn measure(&mut self, piece: &[u8], allowed: Allowed) {
        self.quoted.push(piece, false, allowed);
    }

    /// Whether the bytes are lines that can travel as they are.
    fn are_lines(&self, allowed: Allowed) -> bool {
        let ends = !allowed.alone || self.shape.column == 0;
        ends && self.may_be_lines(allowed) && self.shape.are_lines(allowed.eight_bit)
    }

    fn look_for_boundary(&mut self, piece: &[u8]) {
        let most = self.boundary.needle().len().saturating_sub(1);
        let border = &piece[..piece.len().min(most)];
        self.tail.extend_from_slice(border);
        self.has_boundary |= self.boundary.find(&self.tail).is_some() || self.boundary.find(piece).is_some();
        if border.len() < piece.len() {
            self.tail.clear();
            self.tail.extend_from_slice(&piece[piece.len().saturating_sub(most)..]);
        } else {
            self.tail.drain(..self.tail.len().saturating_sub(most));
        }
    }

    /// The shortest form that brings every byte back, and its octets.
    pub(super) fn finish(mut self, total: u64, allowed: Allowed) -> (Encoding, u64) {
        let based = base64::encoded_len(total);
        if total == 0 && !allowed.binary {
            // As short as the others; but readers (mailparser) count the line end before the boundary to a part in 7bit.
            return (Encoding::Base64, based);
        }
        if self.octets != total {
            // Nothing shorter is possible, or the file is changing, which is found out when it is sent.
            return (Encoding::Base64, based);
        }
        if self.are_lines(allowed) {
            let encoding = if self.shape.eight_bit { Encoding::EightBit } else { Encoding::SevenBit };
            return (encoding, total);
        }
        if allowed.binary && !self.has_boundary {
            return (Encoding::Binary, total);
        }
        if self.is_undecided(total, allowed) {
            self.quoted.push(&[], true, allowed);
            if self.quoted.octets <= based {
                let encoding =
                    if allowed.line_ends { Encoding::QuotedPrintable } else { Encoding::QuotedBytes };
                return (encoding, self.quoted.octets);
            }
        }
        (Encoding::Base64, based)
    }
}

/// How many bytes quoted-printable writes in three octets wherever they stand; CR and LF too, where they end no line.
fn escapes(bytes: &[u8], line_ends: bool) -> u64 {
    let line_end = u8::from(line_ends);
    let escape = |&b: &u8| {
        let is_end = u8::from(b == b'\r' || b == b'\n');
        u8::from(!matches!(b, b' '..=b'<' | b'>'..=b'~' | b'\t' | b'\r' | b'\n')) | (is_end & line_end)
    };
    // Few enough for a sum in one octet, of which wide instructions hold many.
    bytes.chunks(255).map(|block| u64::from(block.iter().map(escape).sum::<u8>())).sum()
}

impl Quoted {
    fn push(&mut self, piece: &[u8], last: bool, allowed: Allowed) {
        let encoder = self.encoder.get_or_insert_with(|| match allowed.line_ends {
            true => quoted_printable::Encoder::default(),
            false => quoted_printable::Encoder::binary(),
        });
        let mut rest = piece;
        // A few bytes join what was held; that is enough to decide about it.
        if !self.held.is_empty() {
            let (few, others) = rest.split_at(rest.len().min(4));
            let before = self.held.len();
            self.held.extend_from_slice(few);
            let last = last && others.is_empty();
            let taken = encoder.push(&self.held, last, &mut self.octets);
            if others.is_empty() || taken < before {
                self.held.drain(..taken);
                return;
            }
            self.held.clear();
            rest = &rest[taken - before..];
        }
        let taken = encoder.push(rest, last, &mut self.octets);
        self.held.extend_from_slice(&rest[taken..]);
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const BOUNDARY: &[u8] = b"=_0123456789";

    fn chosen(bytes: &[u8], step: usize, allowed: Allowed) -> (Encoding, u64) {
        let (mut survey, total) = (Survey::new(BOUNDARY), bytes.len() as u64);
        let _ = bytes.chunks(step).all(|piece| survey.push(piece, total, allowed));
        if survey.is_undecided(total, allowed) {
            bytes.chunks(step).for_each(|piece| survey.measure(piece, allowed));
        }
        let chosen = survey.finish(total, allowed);
        assert_eq!(chosen, Survey::of(bytes, BOUNDARY, allowed));
        chosen
    }

    /// Each encoding that brings the bytes back, found in the plainest way, and its octets.
    fn right(bytes: &[u8], allowed: Allowed) -> Vec<(Encoding, u64)> {
        let total = bytes.len() as u64;
        let mut quoted = Vec::new();
        quoted_printable::encode(bytes, &mut quoted);
        let mut right = vec![(Encoding::Base64, base64::encoded_len(total))];
        let may_end_lines = allowed.line_ends || !bytes.iter().any(|b| b"\r\n".contains(b));
        if allowed.line_ends {
            right.push((Encoding::QuotedPrintable, quoted.len() as u64));
        } else {
            let mut octets = 0;
            quoted_printable::Encoder::binary().push(bytes, true, &mut octets);
            right.push((Encoding::QuotedBytes, octets));
        }
        let searched = bytes.windows(BOUNDARY.len()).all(|window| window != BOUNDARY);
        let pairs = bytes.windows(2).filter(|pair| pair == b"\r\n").count();
        let ends = bytes.iter().filter(|b| b"\r\n".contains(b)).count();
        let short =
            bytes.split(|b| *b == b'\n').all(|line| line.strip_suffix(b"\r").unwrap_or(line).len() <= 998);
        let whole = !allowed.alone || bytes.is_empty() || bytes.ends_with(b"\r\n");
        if may_end_lines && searched && ends == 2 * pairs && short && whole && !bytes.contains(&0) {
            if bytes.is_ascii() {
                right.push((Encoding::SevenBit, total));
            } else if allowed.eight_bit {
                right.push((Encoding::EightBit, total));
            }
        }
        if searched && allowed.binary {
            right.push((Encoding::Binary, total));
        }
        right
    }

    fn contents() -> impl Strategy<Value = Vec<u8>> {
        let text = "(([ -~]|\\PC|x{60,120}|x{300}|=|\r\n|\n|\r|\0|=_0123456789|\t){0,60}(\r\n)?)";
        prop_oneof![
            proptest::string::string_regex(text)
                .unwrap_or_else(|e| panic!("{e}"))
                .prop_map(String::into_bytes),
            "([ -~]{0,90}\r\n){0,40}".prop_map(String::into_bytes),
            "([ -~ü]{0,90}\n){0,40}".prop_map(String::into_bytes),
            proptest::collection::vec(any::<u8>(), 0..400),
        ]
    }

    proptest! {
        /// Never one that would lose a byte, and never a longer one than the shortest.
        #[test]
        fn the_shortest_right_encoding_is_chosen(
            bytes in contents(), step in 1usize..200, eight_bit: bool, binary: bool, alone: bool, line_ends: bool,
        ) {
            let allowed = Allowed { eight_bit, binary, alone, line_ends };
            let (encoding, octets) = chosen(&bytes, step, allowed);
            let right = right(&bytes, allowed);
            prop_assert!(right.contains(&(encoding, octets)), "{encoding:?} {octets} of {right:?}");
            if binary && bytes.windows(BOUNDARY.len()).any(|window| window == BOUNDARY) {
                return Ok(());
            }
            let shortest = right.iter().map(|(_, octets)| *octets).min();
            prop_assert_eq!(Some(octets), shortest, "{:?} of {:?}", encoding, right);
        }
    }

    const WIDE: Allowed = Allowed { eight_bit: true, binary: false, alone: false, line_ends: true };

    #[test]
    fn a_line_has_998_octets_at_most() {
        let lines = |octets: usize| [b"short\r\n", vec![b'x'; octets].as_slice(), b"\r\nshort\r\n"].concat();
        for (octets, right) in
            [(998, Encoding::SevenBit), (999, Encoding::QuotedPrintable), (1000, Encoding::QuotedPrintable)]
        {
            for step in [1, 7, 500, 2000] {
                assert_eq!(chosen(&lines(octets), step, WIDE).0, right, "{octets} by {step}");
            }
        }
    }

    #[test]
    fn a_boundary_is_seen_over_any_border() {
        for before in 0..100 {
            let bytes = [vec![b'a'; before].as_slice(), BOUNDARY, b"\r\n"].concat();
            for step in 1..60 {
                assert_eq!(chosen(&bytes, step, WIDE).0, Encoding::QuotedPrintable, "{before} by {step}");
            }
        }
    }

    #[test]
    fn an_empty_content_is_base64_where_a_line_end_would_count_as_its_own() {
        assert_eq!(chosen(b"", 1, WIDE), (Encoding::Base64, 0));
        assert_eq!(chosen(b"", 1, Allowed { binary: true, ..WIDE }), (Encoding::SevenBit, 0));
    }

    #[test]
    fn large_contents_are_not_looked_at_to_the_end_for_nothing() {
        let random: Vec<u8> =
            (0..1_000_000_u32).map(|i| (i.wrapping_mul(2_654_435_761) >> 24) as u8).collect();
        let (mut survey, total) = (Survey::new(BOUNDARY), random.len() as u64);
        let allowed = Allowed { eight_bit: true, binary: false, alone: false, line_ends: true };
        let looked = random.chunks(1000).take_while(|piece| survey.push(piece, total, allowed)).count();
        assert!(looked < 500, "{looked}");
        assert_eq!(survey.finish(total, allowed).0, Encoding::Base64);
    }
}
