// What the log shows, and who hears its lines.
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

/** The event of a line, under both names. */
const EVENTS = ['protocolLog', 'ProtocolLog'];

/** Lets the native half tell an emitter the lines as long as somebody listens. */
class Hearing {
  #native;
  #emitter;
  #isOn = false;

  constructor(object, emitter) {
    this.#native = object;
    // What the native half holds must not keep the emitter alive.
    this.#emitter = new WeakRef(emitter);
    emitter.on('newListener', (event) => this.#look(event, 1));
    emitter.on('removeListener', (event) => this.#look(event, 0));
  }

  /** Whether lines may be on their way. */
  get isOn() {
    return this.#isOn;
  }

  /** The native half has forgotten it. */
  reset() {
    this.#isOn = false;
    this.#look(EVENTS[0], 0);
  }

  #look(event, more) {
    if (!EVENTS.includes(event)) {
      return;
    }
    const emitter = this.#emitter.deref();
    const isWanted = more + EVENTS.reduce((count, name) => count + emitter.listenerCount(name), 0) > 0;
    if (isWanted === this.#isOn) {
      return;
    }
    this.#isOn = isWanted;
    take(this.#native.setProtocolLog(isWanted ? hearer(this.#emitter) : undefined));
  }
}

/** What the native half calls; in a scope of its own, where nothing else is kept alive. */
function hearer(emitter) {
  return ({ time, ...line }) => {
    for (const event of EVENTS) {
      emitter.deref()?.emit(event, { time: new Date(time), ...line });
    }
  };
}

module.exports = { Hearing, LogOptions };
