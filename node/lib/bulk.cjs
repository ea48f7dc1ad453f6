// `SendBulk`: the loop that fetches messages from the program's iterable as they are needed, and gives results as they
// come. Both go on at once: a source that is slow keeps no result back, a server that is slow asks for no message.
'use strict';

const { setImmediate: turn } = require('node:timers/promises');
const { because, take, toError } = require('./error.cjs');
const { wrongType } = require('./kinds.cjs');
const { messageValues, readersOf } = require('./message.cjs');
const { toReport } = require('./report.cjs');

/** How many messages a source that never waits gives before the event loop has a turn. */
const BATCH = 32;

/** Begins to iterate, in either way. */
function iteratorOf(messages) {
  const begin = typeof messages === 'object' && (messages?.[Symbol.asyncIterator] ?? messages?.[Symbol.iterator]);
  if (typeof begin !== 'function') {
    throw wrongType('messages', 'an iterable or an async iterable', messages);
  }
  return begin.call(messages);
}

const isPromise = (value) => typeof value?.then === 'function';

/** What stands for a message that could not be made. */
class Unmade {
  constructor(error) {
    this.error = error;
  }
}

/** Wakes the loop: a race of promises would remember each that it lost. */
class Bell {
  #wake = null;
  #rang = false;

  ring() {
    this.#rang = true;
    this.#wake?.();
  }

  async heard() {
    if (!this.#rang) {
      await new Promise((resolve) => {
        this.#wake = resolve;
      });
      this.#wake = null;
    }
    this.#rang = false;
  }
}

/** The program's messages on their way into the bulk. */
class Source {
  /** What the iterable threw. */
  failure = null;
  /** Errors of what is no message, by its place. */
  refused = new Map();
  /** The readers of messages that have streams, by the message's place. */
  readers = new Map();
  #bulk;
  #questions;
  #iterator;
  #bell;
  #isPending = false;
  #isDone = false;

  constructor(bulk, iterator, bell, questions) {
    this.#bulk = bulk;
    this.#questions = questions;
    this.#iterator = iterator;
    this.#bell = bell;
  }

  /** Gives what is wanted now; whether more is, and the event loop should have a turn first. */
  fill() {
    for (let given = 0; !this.#isPending && take(this.#bulk.wantsMessage()); given += 1) {
      this.#fetch();
      if (given === BATCH) {
        return true;
      }
    }
    return false;
  }

  /** Nothing is wanted any more. */
  async leave() {
    if (this.#isDone) {
      return;
    }
    this.#isDone = true;
    const left = this.#iterator.return?.();
    if (!this.#isPending) {
      await left;
    } else if (isPromise(left)) {
      // A generator ends only when what it waits for has come, which may be never.
      left.then(undefined, () => {});
    }
  }

  #fetch() {
    try {
      const step = this.#iterator.next();
      if (isPromise(step)) {
        this.#await(step, (next) => this.#take(next));
      } else {
        this.#take(step);
      }
    } catch (error) {
      this.#end({ error });
    }
  }

  #take({ done, value }) {
    if (done) {
      this.#end(null);
    } else if (isPromise(value)) {
      this.#await(value, (message) => this.#give(message));
    } else {
      this.#give(value);
    }
  }

  #await(promise, then) {
    this.#isPending = true;
    const settle = (how) => (value) => {
      this.#isPending = false;
      if (!this.#isDone) {
        try {
          how(value);
        } catch (error) {
          this.#end({ error });
        }
      }
      this.#bell.ring();
    };
    promise.then(settle(then), settle((error) => this.#end({ error })));
  }

  #give(message) {
    try {
      if (message instanceof Unmade) {
        throw message.error;
      }
      const values = messageValues(message);
      const readers = readersOf(values);
      this.#questions.follow(readers);
      const index = take(this.#bulk.push(values));
      if (readers.length > 0) {
        this.readers.set(index, readers);
      }
    } catch (error) {
      this.refused.set(take(this.#bulk.pushNone()), error);
    }
  }

  #end(failure) {
    this.#isDone = true;
    this.failure = failure;
    take(this.#bulk.close());
  }
}

/** The results on their way out of the bulk. */
class Results {
  /** There are no more. */
  isEnded = false;
  #bulk;
  #bell;
  #convert;
  #isWaiting = false;
  #arrived = null;

  constructor(bulk, bell, convert) {
    this.#bulk = bulk;
    this.#bell = bell;
    this.#convert = convert;
  }

  /** Sees to it that they are waited for. */
  await() {
    if (this.#isWaiting || this.isEnded) {
      return;
    }
    this.#isWaiting = true;
    this.#bulk.next().then((answer) => {
      this.#isWaiting = false;
      this.#arrived = answer;
      this.isEnded = answer === null || 'error' in answer;
      this.#bell.ring();
    });
  }

  /** Those that have arrived. */
  take() {
    const arrived = take(this.#arrived) ?? [];
    this.#arrived = null;
    return arrived.map(this.#convert);
  }
}

/** The results of a bulk, in the order in which they complete. `running`: the questions of all that is under way. */
async function* bulkResults(bulk, iterator, { questions, signal, running }) {
  const bell = new Bell();
  const source = new Source(bulk, iterator, bell, questions);
  const results = new Results(bulk, bell, ({ index, report, error }) => {
    const refused = source.refused.get(index);
    const readers = source.readers.get(index) ?? [];
    source.refused.delete(index);
    source.readers.delete(index);
    questions.forget(readers);
    return {
      index,
      report: report && toReport(report),
      error: error && (refused ?? questions.explainOne(toError(error), readers)),
    };
  });
  const cancel = () => {
    take(bulk.cancel());
    questions.cancel();
    bell.ring();
  };
  let isAborted = false;
  const abort = () => {
    isAborted = !results.isEnded;
    cancel();
  };
  running.add(questions);
  signal?.addEventListener('abort', abort, { once: true });
  if (signal?.aborted) {
    abort();
  }
  try {
    while (!results.isEnded) {
      const isBusy = source.fill();
      results.await();
      await (isBusy ? turn() : bell.heard());
      yield* results.take();
    }
    if (isAborted) {
      throw because(toError(bulk.cancelled().error), signal.reason);
    }
    if (source.failure) {
      throw source.failure.error;
    }
  } finally {
    signal?.removeEventListener('abort', abort);
    cancel();
    // Nothing of a bulk that was left goes on behind the program's back.
    while (!results.isEnded) {
      results.await();
      await bell.heard();
    }
    running.delete(questions);
    await source.leave();
  }
}

module.exports = { Unmade, bulkResults, iteratorOf };
