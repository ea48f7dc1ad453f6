// What the log shows.
'use strict';

const { inspect } = require('node:util');
const names = require('./names.cjs');
const { take } = require('./error.cjs');
const { flag, text } = require('./kinds.cjs');

/** A view: setting an option sets it in the SMTP object. */
class LogOptions {
  #native;

  constructor(object) {
    this.#native = object;
  }

  static {
    const kinds = { timestamps: flag, body: text, json: flag };
    for (const [option, kind] of Object.entries(kinds)) {
      Object.defineProperty(this.prototype, option, {
        get() {
          return take(this.#native.logOptions())[option];
        },
        set(value) {
          const given = kind(value, `LogOptions.${names.members.LogOptions[option]}`);
          take(this.#native.setLogOptions({ ...take(this.#native.logOptions()), [option]: given }));
        },
        configurable: true,
        enumerable: true,
      });
    }
  }

  toJSON() {
    return take(this.#native.logOptions());
  }

  [inspect.custom](depth, options) {
    return `LogOptions ${inspect(this.toJSON(), options)}`;
  }
}
names.apply(LogOptions);

module.exports = { LogOptions };
