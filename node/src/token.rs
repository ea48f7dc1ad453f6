//! Access tokens that functions of the program give.
//!
//! The core asks on a thread of its own choice, but JavaScript runs on one thread alone. So each call of the native half
//! brings a way to ask, which its servers' tokens hold: most put the question into the event loop and wait for the
//! answer; a call that blocks JavaScript's thread calls the function right there. A kept connection holds the number of
//! its function and no way to it: what the function can reach, perhaps the server itself, is not kept alive from here.

use std::{
    cell::RefCell,
    rc::Rc,
    sync::{
        Arc, Weak,
        atomic::{AtomicI64, Ordering},
        mpsc::{Receiver, SyncSender, TryRecvError, sync_channel},
    },
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

/// The open end of a question: dropped unanswered, it tells that no answer will come.
pub struct Question(SyncSender<Reply>);

/// What a JavaScript function is called with to ask for a token: the number of the program's function, whether the
/// server refused the token before, and what to answer.
type Asked = FnArgs<(i64, bool, External<Question>)>;

/// A JavaScript function that asks.
pub type Ask<'a> = Function<'a, Asked, ()>;

/// Weak for the event loop: what waits for a call keeps it running, a question alone does not.
type Queue = ThreadsafeFunction<(i64, bool, Question), (), Asked, Status, false, true>;

/// How a call asks: it is there as long as the call is.
pub(crate) enum Asking {
    /// Through the event loop, from any thread.
    Remote(Option<Arc<Queue>>),
    /// On this thread, by what [`during_here`] has put there.
    Here,
}

thread_local! {
    /// How the call that blocks this thread asks.
    static ASKER: RefCell<Option<Rc<Asker>>> = const { RefCell::new(None) };
}

/// Asks the function with that number; the truth value says that the server refused the token before.
type Asker = dyn Fn(i64, bool) -> Reply;

impl Asking {
    /// Made on the thread of JavaScript.
    pub(crate) fn remote(ask: Option<Ask<'_>>) -> napi::Result<Self> {
        let queue = ask.map(|ask| {
            ask.build_threadsafe_function().weak::<true>().build_callback(|context| {
                let (key, refresh, question): (i64, bool, Question) = context.value;
                Ok((key, refresh, External::new(question)).into())
            })
        });
        Ok(Self::Remote(queue.transpose()?.map(Arc::new)))
    }

    /// A `Token` that asks the function with this number. Connections are kept for the servers that share it.
    pub(crate) fn token(&self, key: i64) -> Token {
        let number = key.unsigned_abs();
        match self {
            Self::Here => Token::keyed(number, move |refresh| {
                let asker = ASKER.with(|asker| asker.borrow().clone());
                asker.ok_or_else(|| LOST.to_owned())?(key, refresh)
            }),
            Self::Remote(queue) => {
                let queue = queue.as_ref().map_or_else(Weak::new, Arc::downgrade);
                Token::keyed(number, move |refresh| {
                    let queue = queue.upgrade().ok_or_else(|| LOST.to_owned())?;
                    let (question, answer) = question();
                    match queue.call((key, refresh, question), ThreadsafeFunctionCallMode::NonBlocking) {
                        Status::Ok => answer.recv().unwrap_or_else(|_| Err(LOST.to_owned())),
                        _ => Err(LOST.to_owned()),
                    }
                })
            }
        }
    }
}

/// Runs `call` on the thread of JavaScript, where a question calls the function at once.
pub(crate) fn during_here<T>(env: &Env, ask: Option<Ask<'_>>, call: impl FnOnce() -> T) -> napi::Result<T> {
    let Some(ask) = ask else {
        return Ok(call());
    };
    let (ask, env) = (ask.create_ref()?, Env::from_raw(env.raw()));
    let asker = move |key, refresh| {
        let (question, answer) = question();
        ask.borrow_back(&env)
            .and_then(|ask| ask.call((key, refresh, External::new(question)).into()))
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

/// A number for a function that gives tokens, of which no thread of this process has another.
#[napi]
pub fn new_token_key() -> i64 {
    static NEXT: AtomicI64 = AtomicI64::new(1);
    NEXT.fetch_add(1, Ordering::Relaxed)
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
