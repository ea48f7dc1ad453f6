//! What a call is given.

use std::{ffi::c_void, ptr};

use super::world::{Lent, World};

/// What is right somewhere.
const KNOWN: &[&str] = &[
    "",
    "a@b.test",
    "Name",
    "jürgen@bücher.test",
    "plain text\nof two lines\n",
    "<p>Hello {{ name }}</p>",
    "{{ email }}",
    "{% for i in range(3) %}{{ i }}{% endfor %}",
    "domain.test",
    "mail",
    "nWGxne/9WmC6hEr0kuwsxERJxWl7MmkZcDusAxyuf2A=",
    "@domain.test",
    "REQUEST",
    "BEGIN:VCALENDAR\r\nVERSION:2.0\r\nMETHOD:REQUEST\r\nEND:VCALENDAR\r\n",
    "invite.ics",
    "https://domain.test/u?id=1",
    "mailto:u@domain.test",
    "<id@domain.test>",
    "X-Header",
    "Subject",
    "text/plain; charset=utf-8",
    "DSN",
    "utf-8",
    "iso-8859-1",
    "rfc822;o@domain.test",
    "envelope+id",
    "smtps://user:password@127.0.0.1:9?timeout=1",
    "socks5://127.0.0.1:9",
    "127.0.0.1",
    "[::1]:9",
    "sha256:0000000000000000000000000000000000000000000000000000000000000000",
    "550 5.1.1 <a@b.test>: Recipient address rejected: User unknown",
    "535-5.7.8 Username and Password not accepted\r\n535 5.7.8 x",
    "RCPT",
    "rcpt",
    "S: 220 mail.test ESMTP\nC: EHLO client.test\nS: 250 ok\nC: MAIL FROM:<a@b.test>\nS: 550 5.7.1 no\n",
    "01K9Z3W6T1Q2V4X5Y6Z7A8B9C0",
    "news",
    "PLAIN",
    "From: a@b.test\r\nTo: c@d.test\r\nSubject: x\r\n\r\nHello\r\n",
    "a\r\nBcc: evil@foreign.test",
    "-----BEGIN PRIVATE KEY-----\n-----END PRIVATE KEY-----\n",
];

/// The words of a `freesmtp_context`: its size, the host, the port with three flags, what is offered, eight texts, two numbers.
const CONTEXT: usize = 15;

/// Names of parameters that name files: they stay in this program's folder.
const FILES: &[&str] = &["path"];

impl World<'_> {
    /// A text, or NULL.
    fn drawn_text(&mut self, name: &str) -> Option<Vec<u8>> {
        let kind = self.byte();
        if self.alone || kind == 255 {
            return None;
        }
        let text = match kind {
            0..170 => KNOWN[usize::from(kind) % KNOWN.len()].as_bytes().to_vec(),
            170..200 => {
                let (byte, count): (u8, u16) = (self.byte(), self.input.arbitrary().unwrap_or(0));
                vec![byte; usize::from(count)]
            }
            _ => {
                let most = usize::from(self.byte()).min(self.input.len());
                self.input.bytes(most).unwrap_or_default().to_vec()
            }
        };
        if !FILES.contains(&name) {
            return Some(text);
        }
        // Miri cannot open a file by the handle of its folder.
        if cfg!(miri) { None } else { Some(self.file(&text)) }
    }

    /// The text as the name of a file of this program.
    fn file(&mut self, text: &[u8]) -> Vec<u8> {
        let folder = self.folder();
        let name: Vec<u8> = text.iter().map(|byte| if *byte == b'/' { b'_' } else { *byte }).collect();
        let own = match name.len() % 4 {
            0 => b"a".to_vec(),
            1 => b"spool".to_vec(),
            _ if name.iter().all(|byte| *byte == b'.') => b"missing/a".to_vec(),
            _ => name,
        };
        [folder.as_bytes(), b"/", &own].concat()
    }

    /// Lends bytes to the call: as many as there are, and no more.
    fn lend(&mut self, bytes: Vec<u8>) -> *mut c_void {
        let bytes = Box::into_raw(bytes.into_boxed_slice());
        self.lent.push(Lent::Bytes(bytes));
        bytes.cast()
    }

    /// Lends words: pointers as what they are, and numbers that stand among them.
    fn lend_words(&mut self, words: Vec<*mut c_void>) -> *mut c_void {
        let words = Box::into_raw(words.into_boxed_slice());
        self.lent.push(Lent::Words(words));
        words.cast()
    }

    /// A text that ends in NUL.
    pub(super) fn text(&mut self, name: &str) -> *mut c_void {
        let Some(mut text) = self.drawn_text(name) else { return ptr::null_mut() };
        text.push(0);
        self.lend(text)
    }

    /// A text and its size, with no NUL behind it.
    pub(super) fn text_n(&mut self, name: &str) -> (*mut c_void, usize) {
        match self.drawn_text(name) {
            Some(text) => {
                let size = text.len();
                (self.lend(text), size)
            }
            None => (ptr::null_mut(), 0),
        }
    }

    fn count(&mut self) -> usize {
        if self.alone { 0 } else { usize::from(self.byte() % 5) }
    }

    /// Texts, and how many.
    pub(super) fn texts(&mut self) -> (*mut c_void, usize) {
        let count = self.count();
        let texts = (0..count).map(|_| self.text("")).collect();
        (self.lend_words(texts), count)
    }

    /// Texts, their sizes, and how many.
    pub(super) fn texts_n(&mut self) -> (*mut c_void, *mut c_void, usize) {
        let count = self.count();
        let (texts, sizes) = (0..count)
            .map(|_| {
                let (text, size) = self.text_n("");
                (text, word(size))
            })
            .unzip();
        (self.lend_words(texts), self.lend_words(sizes), count)
    }

    /// Names and values.
    pub(super) fn fields(&mut self) -> (*mut c_void, usize) {
        let count = self.count();
        let words = (0..2 * count).map(|_| self.text("")).collect();
        (self.lend_words(words), count)
    }

    /// Names and values with their sizes.
    pub(super) fn fields_n(&mut self) -> (*mut c_void, usize) {
        let count = self.count();
        let words = (0..2 * count)
            .flat_map(|_| {
                let (text, size) = self.text_n("");
                [text, word(size)]
            })
            .collect();
        (self.lend_words(words), count)
    }

    /// Messages, and how many; the same one may be there twice, and NULL.
    pub(super) fn messages(&mut self) -> (*mut c_void, usize) {
        let count = self.count();
        let words = (0..count).map(|_| self.handle("message", false)).collect();
        (self.lend_words(words), count)
    }

    /// Room for the ids of as many messages as a call gets at most.
    pub(super) fn ids(&mut self) -> *mut c_void {
        if self.alone || self.byte() == 255 { ptr::null_mut() } else { self.lend(vec![0; 4 * 27]) }
    }

    /// Room for a result, in words; or NULL, where it is not asked for.
    pub(super) fn room(&mut self, words: usize) -> *mut c_void {
        if self.alone || self.byte() > 240 {
            ptr::null_mut()
        } else {
            self.lend_words(vec![ptr::null_mut(); words])
        }
    }

    /// Where callbacks have what they work with.
    pub(super) fn user_data(&mut self) -> *mut c_void {
        ptr::null_mut()
    }

    /// A callback, or NULL.
    pub(super) fn callback(&mut self, callback: *const ()) -> *mut c_void {
        if self.alone || self.byte() > 240 { ptr::null_mut() } else { callback.cast_mut().cast() }
    }

    /// Any number, mostly one that is right.
    pub(super) fn number(&mut self) -> i64 {
        match self.byte() {
            small @ 0..200 => i64::from(small % 8),
            200..210 => -1,
            210..220 => i64::from(u16::MAX),
            220..230 => i64::MAX,
            230..240 => i64::MIN,
            _ => self.input.arbitrary().unwrap_or(0),
        }
    }

    /// Any number, and what is none.
    pub(super) fn real(&mut self) -> f64 {
        match self.byte() {
            small @ 0..200 => f64::from(small % 8) / 2.0,
            200..210 => -1.0,
            210..220 => f64::INFINITY,
            220..230 => f64::NAN,
            230..240 => 1e300,
            _ => self.input.arbitrary().unwrap_or(0.0),
        }
    }

    /// Six times.
    pub(super) fn timeouts(&mut self) -> *mut c_void {
        if self.alone || self.byte() > 240 {
            return ptr::null_mut();
        }
        let words = (0..6).map(|_| word(self.real().to_bits() as usize)).collect();
        self.lend_words(words)
    }

    /// What only a call that waits takes.
    pub(super) fn check_options(&mut self) -> *mut c_void {
        ptr::null_mut()
    }

    /// What is known beside a reply.
    pub(super) fn context(&mut self) -> *mut c_void {
        if self.byte() > 200 {
            return ptr::null_mut();
        }
        // One that is filled in, one that is not, and one of a program that knew less of it.
        let size = match self.byte() {
            0..200 => CONTEXT * 8,
            200..230 => 0,
            other => usize::from(other) % (CONTEXT * 8),
        };
        let port = (self.number() as u16).to_ne_bytes();
        let mut flag = || u8::from(self.number() & 1 == 1);
        let numbers = [port[0], port[1], flag(), flag(), flag(), 0, 0, 0];
        let host = self.text("host");
        let (offered, offered_count) = self.texts();
        let mut words =
            vec![word(size), host, word(usize::from_ne_bytes(numbers)), offered, word(offered_count)];
        words.extend((0..8).map(|_| self.text("")));
        words.extend([word(self.number() as usize), word(self.number() as usize)]);
        debug_assert_eq!(words.len(), CONTEXT);
        words.truncate(size.div_ceil(8).max(1));
        self.lend_words(words)
    }
}

/// A number among pointers.
fn word(number: usize) -> *mut c_void {
    ptr::without_provenance_mut(number)
}
