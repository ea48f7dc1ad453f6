//! What is read while a message is sent: a stream or an iterable of JavaScript.
//!
//! The core reads on the thread that sends. Each read that finds no bytes left puts a question into the event loop, and
//! waits for one piece: a source is never asked for more than the server takes.

use std::{
    io::{self, Read},
    sync::mpsc::{Receiver, SyncSender, sync_channel},
    thread::{self, ThreadId},
};

use freesmtp_core::message::Stream;
use napi::{
    Status,
    bindgen_prelude::{External, FnArgs, Function, Uint8Array},
    threadsafe_function::{ThreadsafeCallContext, ThreadsafeFunction, ThreadsafeFunctionCallMode},
};
use napi_derive::napi;

use crate::answer::{Answer, guard};

/// A piece of bytes, none at the end, or the reason why there is none.
type Reply = Result<Option<Vec<u8>>, String>;

/// The open end of a question for a piece: dropped unanswered, it tells that no answer will come.
pub struct PieceQuestion(SyncSender<Reply>);

/// What a JavaScript function is called with: the question for a piece; nothing when no more will be asked for.
type Asked = FnArgs<(Option<External<PieceQuestion>>,)>;

/// A JavaScript function that asks a source.
pub type AskSource<'a> = Function<'a, Asked, ()>;

/// Weak for the event loop: the send that reads keeps it running.
type Queue = ThreadsafeFunction<Option<PieceQuestion>, (), Asked, Status, false, true>;

struct Pieces {
    queue: Queue,
    /// The thread of JavaScript, which cannot wait for itself.
    home: ThreadId,
    piece: Vec<u8>,
    given: usize,
    begun: bool,
}

impl Pieces {
    /// The next piece that is not empty; `None` at the end.
    fn next(&mut self) -> io::Result<Option<Vec<u8>>> {
        if thread::current().id() == self.home {
            return Err(io::Error::other("a stream cannot be read by a call that blocks the event loop"));
        }
        self.begun = true;
        loop {
            let (question, answer): (_, Receiver<Reply>) = {
                let (sender, receiver) = sync_channel(1);
                (PieceQuestion(sender), receiver)
            };
            let lost = || io::Error::other("the program ended before its stream did");
            if self.queue.call(Some(question), ThreadsafeFunctionCallMode::NonBlocking) != Status::Ok {
                return Err(lost());
            }
            match answer.recv().map_err(|_| lost())? {
                Ok(Some(piece)) if piece.is_empty() => {}
                Ok(piece) => return Ok(piece),
                Err(reason) => return Err(io::Error::other(reason)),
            }
        }
    }
}

impl Read for Pieces {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        if self.given == self.piece.len() {
            let Some(piece) = self.next()? else { return Ok(0) };
            self.piece = piece;
            self.given = 0;
        }
        let mut rest = self.piece.get(self.given..).unwrap_or_default();
        let count = rest.read(out)?;
        self.given += count;
        Ok(count)
    }
}

impl Drop for Pieces {
    /// A source that was begun is let go of: it may hold a file or a connection.
    fn drop(&mut self) {
        if self.begun {
            let _ = self.queue.call(None, ThreadsafeFunctionCallMode::NonBlocking);
        }
    }
}

/// A stream whose pieces that function gets.
#[napi]
pub fn new_stream(ask: AskSource<'_>) -> napi::Result<External<Stream>> {
    let queue =
        ask.build_threadsafe_function().weak::<true>().build_callback(
            |context: ThreadsafeCallContext<Option<PieceQuestion>>| {
                Ok((context.value.map(External::new),).into())
            },
        )?;
    let pieces = Pieces { queue, home: thread::current().id(), piece: Vec::new(), given: 0, begun: false };
    Ok(External::new(Stream::new(pieces)))
}

/// Answers a question with a copy of the piece; nothing is the end.
#[napi]
pub fn answer_piece(question: &External<PieceQuestion>, piece: Option<Uint8Array>) -> Answer<()> {
    guard(|| {
        // Nobody listens any more when the send has ended.
        let _ = question.0.try_send(Ok(piece.map(|piece| piece.to_vec())));
        Ok(())
    })
}

/// Answers a question with the reason why there is no piece.
#[napi]
pub fn refuse_piece(question: &External<PieceQuestion>, reason: String) -> Answer<()> {
    guard(|| {
        let _ = question.0.try_send(Err(reason));
        Ok(())
    })
}
