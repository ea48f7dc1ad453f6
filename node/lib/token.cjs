// Access tokens that the program's functions give.
'use strict';

const native = require('./native.cjs');
const { because, lacksToken } = require('./error.cjs');
const { text } = require('./kinds.cjs');

/** The number of each function: connections are kept for servers that share one. */
const keys = new WeakMap();

/** The number by which the native half knows a function that gives tokens. */
function keyOf(give) {
  let key = keys.get(give);
  if (key === undefined) {
    key = native.newTokenKey();
    keys.set(give, key);
  }
  return key;
}

function reasonOf(thrown) {
  return thrown instanceof Error ? thrown.message : String(thrown);
}

const CANCELLED = 'the operation was cancelled';

/** Failures that are kept to explain errors with. */
const KEPT = 100;

/** The questions of one call of the native half. */
class TokenQuestions {
  #give = new Map();
  #open = new Set();
  #failures = [];
  #cancelled = false;

  /** `servers`: the values of the servers of the call. */
  constructor(servers) {
    for (const { giveToken } of servers) {
      if (giveToken) {
        this.#give.set(keyOf(giveToken), giveToken);
      }
    }
  }

  /** What the native half calls; undefined when there is nobody to ask. */
  get ask() {
    const ask = (key, refresh, question) => this.#ask(this.#give.get(key), refresh, question);
    return this.#give.size > 0 ? ask : undefined;
  }

  /** Ends the waiting for answers. */
  cancel() {
    this.#cancelled = true;
    this.#open.forEach((question) => native.refuseToken(question, CANCELLED));
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

  /** The same for one of many errors of a call, which may all come of one failure. */
  explainOne(error) {
    for (const one of [...(error.others ?? []), error]) {
      const found = lacksToken(one) ? this.#failures.findLastIndex((thrown) => one.reason.includes(reasonOf(thrown))) : -1;
      if (found >= 0) {
        because(one, this.#failures[found]);
      }
    }
    return error;
  }

  #ask(give, refresh, question) {
    if (this.#cancelled) {
      native.refuseToken(question, CANCELLED);
      return;
    }
    this.#open.add(question);
    const settle = (answer) => {
      this.#open.delete(question);
      answer();
    };
    const refuse = (error) => settle(() => {
      this.#failures.push(error);
      this.#failures.splice(0, this.#failures.length - KEPT);
      native.refuseToken(question, reasonOf(error));
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

module.exports = { TokenQuestions, keyOf, reasonOf };
