// What a call of the native half asks the program for: tokens, and pieces of streams.
'use strict';

const { because } = require('./error.cjs');
const { TokenQuestions } = require('./token.cjs');

class Questions {
  isCancelled = false;
  #tokens;
  #readers = new Set();

  /** `servers`: the values of the servers of the call; `readers`: those of its message. */
  constructor(servers, readers = []) {
    this.#tokens = new TokenQuestions(servers);
    this.follow(readers);
  }

  /** What the native half calls for a token; undefined when there is nobody to ask. */
  get ask() {
    return this.#tokens.ask;
  }

  /** Further readers whose pieces the call asks for. */
  follow(readers) {
    for (const reader of readers) {
      this.#readers.add(reader);
      reader.servedFor = this;
    }
  }

  /** Their message has its result. */
  forget(readers) {
    readers.forEach((reader) => this.#readers.delete(reader));
  }

  /** Ends the waiting for answers. */
  cancel() {
    this.isCancelled = true;
    this.#tokens.cancel();
    this.#readers.forEach((reader) => reader.cancel());
  }

  /** The error of the call, with what the program threw as its cause. */
  explain(error) {
    return explainStream(this.#tokens.explain(error), this.#readers);
  }

  /** The same for one of many errors of a call; `readers`: those of its message. */
  explainOne(error, readers = []) {
    return explainStream(this.#tokens.explainOne(error), readers);
  }
}

function explainStream(error, readers) {
  const failed = error.kind === 'file-io' && [...readers].find(({ failure }) => failure && error.reason.includes(failure.reason));
  return failed ? because(error, failed.failure.thrown) : error;
}

module.exports = { Questions };
