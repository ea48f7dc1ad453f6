// Access tokens that the program's functions give.
'use strict';

const native = require('./native.cjs');
const { because, lacksToken } = require('./error.cjs');
const { text } = require('./kinds.cjs');

/** The native half of each function: connections are kept for servers that share one. */
const callbacks = new WeakMap();
let made = 0;

/** The native half of a function that gives tokens. */
function callbackOf(give) {
  let callback = callbacks.get(give);
  if (!callback) {
    made += 1;
    callback = { id: made, handle: native.tokenCallback(made) };
    callbacks.set(give, callback);
  }
  return callback.handle;
}

/** The questions of one call of the native half. */
class TokenQuestions {
  #give = new Map();
  #open = new Set();
  #failures = [];

  /** `servers`: the values of the servers of the call. */
  constructor(servers) {
    for (const { giveToken } of servers) {
      if (giveToken) {
        this.#give.set(callbacks.get(giveToken).id, giveToken);
      }
    }
  }

  /** What the native half calls; undefined when there is nobody to ask. */
  get ask() {
    const ask = (id, refresh, question) => this.#ask(this.#give.get(id), refresh, question);
    return this.#give.size > 0 ? ask : undefined;
  }

  /** Ends the waiting for answers. */
  cancel() {
    this.#open.forEach((question) => native.refuseToken(question, 'the operation was cancelled'));
    this.#open.clear();
  }

  /** The error of the call, with what was thrown in place of a token as its cause. */
  explain(error) {
    // Each server is asked about in turn, and the failure of a function ends its turn.
    const failures = [...this.#failures];
    for (const one of [...(error.others ?? []), error]) {
      if (lacksToken(one) && failures.length > 0) {
        because(one, failures.shift());
      }
    }
    return error;
  }

  #ask(give, refresh, question) {
    this.#open.add(question);
    const settle = (answer) => {
      this.#open.delete(question);
      answer();
    };
    const refuse = (error) => settle(() => {
      this.#failures.push(error);
      native.refuseToken(question, error instanceof Error ? error.message : String(error));
    });
    const accept = (token) => {
      try {
        text(token, 'Token');
      } catch (error) {
        refuse(error);
        return;
      }
      settle(() => native.answerToken(question, token));
    };
    try {
      const given = give(refresh);
      if (typeof given?.then === 'function') {
        Promise.resolve(given).then(accept, refuse);
      } else {
        accept(given);
      }
    } catch (error) {
      refuse(error);
    }
  }
}

module.exports = { TokenQuestions, callbackOf };
