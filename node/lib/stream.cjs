// Sources that are read while a message is sent: a Readable, or an iterable of bytes, in either way.
'use strict';

const { basename } = require('node:path');
const native = require('./native.cjs');
const { reasonOf } = require('./token.cjs');
const { wrongType } = require('./kinds.cjs');

/** Whether it gives pieces one after the other. */
function isSource(value) {
  return typeof value === 'object' && value !== null && typeof (value[Symbol.asyncIterator] ?? value[Symbol.iterator]) === 'function';
}

/** The name of the file that a stream reads. */
function nameOf(source) {
  return typeof source.path === 'string' ? basename(source.path) : null;
}

/** Gives the pieces of a source as they are asked for, and lets go of it. */
class Reader {
  /** What the source threw, and the sentence that the native half was told. */
  failure = null;
  /** The questions of the call that reads. */
  servedFor = null;
  /** What the native half reads. */
  handle;
  #source;
  #iterator = null;
  #isEnded = false;
  #question = null;

  constructor(source) {
    this.#source = source;
    this.handle = native.newStream((question) => (question === null ? this.#leave() : this.#serve(question)));
    // A stream that fails before it is read says so when it is read.
    source.on?.('error', () => {});
  }

  /** Ends the waiting for a piece. */
  cancel() {
    if (this.#question) {
      this.#answer(() => native.refusePiece(this.#question, 'the operation was cancelled'));
    }
  }

  async #serve(question) {
    this.#question = question;
    if (this.servedFor?.isCancelled) {
      this.cancel();
      return;
    }
    try {
      this.#iterator ??= (this.#source[Symbol.asyncIterator] ?? this.#source[Symbol.iterator]).call(this.#source);
      const { done, value } = await this.#iterator.next();
      this.#isEnded = Boolean(done);
      const piece = done ? null : await value;
      if (!done && !(piece instanceof Uint8Array)) {
        throw wrongType('each piece of a stream', 'a Buffer or a Uint8Array', piece);
      }
      this.#answer(() => native.answerPiece(question, piece), question);
    } catch (error) {
      this.#isEnded ||= !(error instanceof TypeError);
      this.failure = { thrown: error, reason: reasonOf(error) };
      this.#answer(() => native.refusePiece(question, this.failure.reason), question);
    }
  }

  /** Answers, unless it was answered meanwhile. */
  #answer(answer, question = this.#question) {
    if (question === this.#question) {
      answer();
      this.#question = null;
    }
  }

  /** Nothing more is wanted of the source: it may hold a file, or a connection. */
  #leave() {
    const iterator = this.#iterator;
    if (!iterator || this.#isEnded) {
      return;
    }
    this.#isEnded = true;
    try {
      // A generator ends only when what it waits for has come: a stream need not wait for that, and nobody here does.
      this.#source.destroy?.();
      Promise.resolve(iterator.return?.()).catch(() => {});
    } catch {
      // The message is gone already, or was refused for a reason of its own.
    }
  }
}

module.exports = { Reader, isSource, nameOf };
