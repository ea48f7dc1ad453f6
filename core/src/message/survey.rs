//! One pass over the bytes of an attachment: which encodings bring every byte back, and which of them is the shortest.

use memchr::{memchr, memchr2_iter, memmem};

use super::{base64, encoding::Encoding, header::HARD_LIMIT, quoted_printable};

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
    /// The end of the last piece, where a boundary may begin.
    tail: Vec<u8>,
    quoted: Quoted,
}

/// How long the bytes are in quoted-printable.
#[derive(Default)]
struct Quoted {
    /// Bytes that take three octets; counted ahead, as counting them is cheap.
    escapes: u64,
    encoder: quoted_printable::Encoder,
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
}

impl<'a> Survey<'a> {
    pub(super) fn new(boundary: &'a [u8]) -> Self {
        Self {
            octets: 0,
            shape: Shape::default(),
            boundary: memmem::Finder::new(boundary),
            has_boundary: false,
            tail: Vec::new(),
            quoted: Quoted::default(),
        }
    }

    /// Looks at the next piece of `total` bytes; answers whether looking further can change anything.
    pub(super) fn push(&mut self, piece: &[u8], total: u64, allowed: Allowed) -> bool {
        self.octets += piece.len() as u64;
        self.shape.push(piece);
        let lines = self.shape.may_be_lines(allowed.eight_bit) && !self.has_boundary;
        if lines || allowed.binary {
            self.look_for_boundary(piece);
        }
        if allowed.binary && !self.has_boundary {
            // As it is, it is shorter than in any other form.
            return true;
        }
        self.quoted.escapes += escapes(piece);
        let hopeless = total + 2 * self.quoted.escapes > base64::encoded_len(total);
        if !hopeless {
            self.quoted.push(piece, false);
        }
        lines || !hopeless
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
        if self.octets != total {
            // Nothing shorter is possible, or the file is changing, which is found out when it is sent.
            return (Encoding::Base64, based);
        }
        let ends = !allowed.alone || self.shape.column == 0;
        if ends && !self.has_boundary && self.shape.are_lines(allowed.eight_bit) {
            let encoding = if self.shape.eight_bit { Encoding::EightBit } else { Encoding::SevenBit };
            return (encoding, total);
        }
        if allowed.binary && !self.has_boundary {
            return (Encoding::Binary, total);
        }
        if total + 2 * self.quoted.escapes <= based {
            self.quoted.push(&[], true);
            if self.quoted.octets <= based {
                return (Encoding::QuotedPrintable, self.quoted.octets);
            }
        }
        (Encoding::Base64, based)
    }
}

/// How many bytes quoted-printable writes in three octets wherever they stand.
fn escapes(bytes: &[u8]) -> u64 {
    let escape = |&b: &u8| u8::from(!matches!(b, b' '..=b'<' | b'>'..=b'~' | b'\t' | b'\r' | b'\n'));
    // Few enough for a sum in one octet, of which wide instructions hold many.
    bytes.chunks(255).map(|block| u64::from(block.iter().map(escape).sum::<u8>())).sum()
}

impl Quoted {
    fn push(&mut self, piece: &[u8], last: bool) {
        let mut rest = piece;
        // A few bytes join what was held; that is enough to decide about it.
        if !self.held.is_empty() {
            let (few, others) = rest.split_at(rest.len().min(4));
            let before = self.held.len();
            self.held.extend_from_slice(few);
            let last = last && others.is_empty();
            let taken = self.encoder.push(&self.held, last, &mut self.octets);
            if others.is_empty() || taken < before {
                self.held.drain(..taken);
                return;
            }
            self.held.clear();
            rest = &rest[taken - before..];
        }
        let taken = self.encoder.push(rest, last, &mut self.octets);
        self.held.extend_from_slice(&rest[taken..]);
    }
}
