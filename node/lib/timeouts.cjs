// The limits of the phases of a session, in seconds.
'use strict';

const { inspect } = require('node:util');
const names = require('./names.cjs');
const { take } = require('./error.cjs');
const { number, optional } = require('./kinds.cjs');

/** A view: setting a limit sets it in the SMTP object. */
class Timeouts {
  #native;

  constructor(native) {
    this.#native = native;
  }

  static {
    for (const [phase, original] of Object.entries(names.members.Timeouts)) {
      Object.defineProperty(this.prototype, phase, {
        get() {
          return take(this.#native.timeouts())[phase];
        },
        set(value) {
          const limit = (phase === 'operation' ? optional(number) : number)(value, `Timeouts.${original}`);
          take(this.#native.setTimeouts({ ...take(this.#native.timeouts()), [phase]: limit }));
        },
        configurable: true,
        enumerable: true,
      });
    }
  }

  toJSON() {
    return take(this.#native.timeouts());
  }

  [inspect.custom](depth, options) {
    return `Timeouts ${inspect(this.toJSON(), options)}`;
  }
}
names.apply(Timeouts);

module.exports = { Timeouts };
