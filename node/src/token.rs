//! Access tokens that functions of the program give.
//!
//! The core asks on the thread that sends, but JavaScript runs on its own thread alone. So each call of the native half
//! brings a way to ask: a send on a thread of its own puts the question into the event loop and waits for the answer;
//! one that blocks JavaScript's thread calls the function right there. A server holds only the number of its function:
//! what the function can reach, perhaps the server itself, is not kept alive from here.

use std::{
    cell::RefCell,
    rc::Rc,
    sync::mpsc::{Receiver, SyncSender, TryRecvError, sync_channel},
};

use freesmtp_core::{Secret, Token};
use napi::{
    Status,
    bindgen_prelude::{Env, External, FnArgs, Function},
    threadsafe_function::{ThreadsafeFunction, ThreadsafeFunctionCallMode},
};
use napi_derive::napi;

use crate::answer::{Answer, guard};

type Reply = Result<Secret, String>;

/// Asks the function with that number; the truth value says that the server refused the token before.
type Asker = dyn Fn(u32, bool) -> Reply;

/// The open end of a question: dropped unanswered, it tells that no answer will come.
pub struct Question(SyncSender<Reply>);

/// What a JavaScript function is called with to ask for a token: the number of the program's function, whether the
/// server refused the token before, and what to answer.
type Asked = FnArgs<(u32, bool, External<Question>)>;

/// A JavaScript function that asks.
pub type Ask<'a> = Function<'a, Asked, ()>;

type Queue = ThreadsafeFunction<(u32, bool, Question), (), Asked, Status, false>;

thread_local! {
    /// How the call that runs on this thread asks.
    static ASKER: RefCell<Option<Rc<Asker>>> = const { RefCell::new(None) };
}

/// How a call with a thread of its own asks.
pub(crate) struct Remote(Option<Queue>);

impl Remote {
    /// Made on the thread of JavaScript.
    pub(crate) fn new(ask: Option<Ask<'_>>) -> napi::Result<Self> {
        let queue = ask.map(|ask| {
            ask.build_threadsafe_function().build_callback(|context| {
                let (id, refresh, question): (u32, bool, Question) = context.value;
                Ok((id, refresh, External::new(question)).into())
            })
        });
        Ok(Self(queue.transpose()?))
    }

    /// Runs `call`, whose questions go to JavaScript.
    pub(crate) fn during<T>(self, call: impl FnOnce() -> T) -> T {
        match self.0 {
            Some(queue) => during(
                Rc::new(move |id, refresh| {
                    let (question, answer) = question();
                    let status = queue.call((id, refresh, question), ThreadsafeFunctionCallMode::NonBlocking);
                    match status {
                        Status::Ok => answer.recv().unwrap_or_else(|_| Err(LOST.to_owned())),
                        _ => Err(LOST.to_owned()),
                    }
                }),
                call,
            ),
            None => call(),
        }
    }
}

/// Runs `call` on the thread of JavaScript, where a question calls the function at once.
pub(crate) fn during_here<T>(env: &Env, ask: Option<Ask<'_>>, call: impl FnOnce() -> T) -> napi::Result<T> {
    let Some(ask) = ask else {
        return Ok(call());
    };
    let (ask, env) = (ask.create_ref()?, Env::from_raw(env.raw()));
    let asker = move |id, refresh| {
        let (question, answer) = question();
        ask.borrow_back(&env)
            .and_then(|ask| ask.call((id, refresh, External::new(question)).into()))
            .map_err(|error| error.reason.clone())?;
        match answer.try_recv() {
            Ok(reply) => reply,
            Err(TryRecvError::Empty) => Err(PROMISED.to_owned()),
            Err(TryRecvError::Disconnected) => Err(LOST.to_owned()),
        }
    };
    Ok(during(Rc::new(asker), call))
}

const LOST: &str = "the function of Token never answered";
const PROMISED: &str = "the function of Token gave a promise, which sendSync cannot wait for because it blocks the \
                        thread that would fulfil it; use send, or give the token itself";

fn question() -> (Question, Receiver<Reply>) {
    let (sender, receiver) = sync_channel(1);
    (Question(sender), receiver)
}

fn during<T>(asker: Rc<Asker>, call: impl FnOnce() -> T) -> T {
    /// Puts back what was there before, also after a panic.
    struct Restore(Option<Rc<Asker>>);
    impl Drop for Restore {
        fn drop(&mut self) {
            let before = self.0.take();
            ASKER.with(|asker| asker.replace(before));
        }
    }
    let _restore = Restore(ASKER.with(|current| current.replace(Some(asker))));
    call()
}

/// A `Token` that asks the function with this number. Connections are kept for the servers that share it.
#[napi]
pub fn token_callback(id: u32) -> External<Token> {
    External::new(Token::callback(move |refresh| {
        let asker = ASKER.with(|asker| asker.borrow().clone());
        asker.ok_or_else(|| LOST.to_owned())?(id, refresh)
    }))
}

/// Answers a question with the token; only the first answer counts.
#[napi]
pub fn answer_token(question: &External<Question>, token: String) -> Answer<()> {
    guard(|| {
        // Nobody listens any more when the call has ended.
        let _ = question.0.try_send(Ok(Secret::new(token)));
        Ok(())
    })
}

/// Answers a question with the reason why there is no token; only the first answer counts.
#[napi]
pub fn refuse_token(question: &External<Question>, reason: String) -> Answer<()> {
    guard(|| {
        let _ = question.0.try_send(Err(reason));
        Ok(())
    })
}
