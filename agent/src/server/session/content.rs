//! The content of a message, as it comes behind DATA (RFC 5321) or in chunks (RFC 3030).

use super::{Session, State, Step};
use crate::server::{
    data::{DataReader, Fault},
    reply::Reply,
};

impl Session {
    pub(super) fn on_data(&mut self, bytes: &[u8]) {
        let State::Data(reader) = &mut self.state else { return };
        let mut message = Vec::with_capacity(bytes.len());
        let end = reader.read(bytes, &mut message);
        let (size, fault) = (reader.size(), reader.fault());
        if fault.is_none() && size <= self.offer.max_size && !message.is_empty() {
            self.steps.push_back(Step::Body(message));
        }
        let Some(used) = end else { return };
        self.lines.push(&bytes[used..]);
        match self.refusal(fault, size) {
            None => self.commit(),
            Some(refusal) => {
                self.steps.push_back(Step::Abandon);
                self.state = State::Commands;
                self.envelope = None;
                self.reply(&refusal);
            }
        }
    }

    /// Why a message of that size with that fault is refused.
    fn refusal(&self, fault: Option<Fault>, size: u64) -> Option<Reply> {
        let text = match fault {
            Some(Fault::BareLineEnd) => {
                "The message holds a CR or LF that is not CRLF (RFC 5321 section 2.3.8)"
            }
            Some(Fault::LongLine) => {
                "The message holds a line of more than 998 octets (RFC 5322 section 2.1.1)"
            }
            None => return (size > self.offer.max_size).then(|| self.too_large()),
        };
        Some(Reply::new(554, "5.6.0", text))
    }

    pub(super) fn too_large(&self) -> Reply {
        let limit = self.offer.max_size;
        Reply::new(552, "5.3.4", format!("Message too large: the limit is {limit} bytes"))
    }

    fn commit(&mut self) {
        self.state = State::Committing;
        self.steps.push_back(Step::Commit);
    }

    /// Whatever is wrong, the octets of the chunk come, and are no commands.
    pub(super) fn on_bdat(&mut self, left: u64, last: bool) {
        let refusal = match &self.envelope {
            _ if !self.offer.chunking => Some(Reply::new(502, "5.5.1", "BDAT is not implemented here")),
            None => Some(Reply::new(503, "5.5.1", "MAIL comes before BDAT")),
            Some(envelope) if envelope.recipients.is_empty() => {
                Some(Reply::new(554, "5.5.1", "No valid recipients"))
            }
            Some(envelope) => {
                if self.chunks.is_none() {
                    self.chunks = Some(DataReader::chunked());
                    self.steps.push_back(Step::Begin(self.client.clone(), envelope.clone()));
                }
                let so_far = self.chunks.as_ref().map_or(0, DataReader::size);
                (so_far.saturating_add(left) > self.offer.max_size).then(|| self.too_large())
            }
        };
        self.state = State::Chunk { left, last, refusal };
        let early = self.lines.take_rest();
        self.on_chunk(&early);
    }

    pub(super) fn on_chunk(&mut self, bytes: &[u8]) {
        let State::Chunk { left, last, refusal } = &mut self.state else { return };
        let count = usize::try_from(*left).unwrap_or(usize::MAX).min(bytes.len());
        *left -= count as u64;
        let (is_whole, last, refused) = (*left == 0, *last, refusal.take());
        if let (None, Some(reader)) = (&refused, &mut self.chunks) {
            let mut message = Vec::with_capacity(count);
            reader.read(&bytes[..count], &mut message);
            if reader.fault().is_none() && !message.is_empty() {
                self.steps.push_back(Step::Body(message));
            }
        }
        if !is_whole {
            if let State::Chunk { refusal, .. } = &mut self.state {
                *refusal = refused;
            }
            return;
        }
        self.lines.push(&bytes[count..]);
        self.state = State::Commands;
        let reader = self.chunks.as_ref();
        let bare = reader.is_some_and(|reader| last && reader.is_within_line_end());
        let fault = reader.and_then(DataReader::fault).or(bare.then_some(Fault::BareLineEnd));
        let size = reader.map_or(0, DataReader::size);
        if let Some(reply) = refused.or_else(|| self.refusal(fault, size)) {
            self.forget();
            self.fault(&reply);
        } else if last {
            self.chunks = None;
            self.commit();
        } else {
            self.reply(&Reply::new(250, "2.0.0", format!("{size} octets received")));
        }
    }
}
