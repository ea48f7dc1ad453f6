// The events of the SMTP object.
'use strict';

const { take } = require('./error.cjs');

/** Each event: its names, who of the native half tells it, and what listeners get of what is told. */
const EVENTS = [
  {
    names: ['protocolLog', 'ProtocolLog'],
    set: 'setProtocolLog',
    given: ({ time, ...line }) => [{ time: new Date(time), ...line }],
  },
  {
    names: ['smtpStatus', 'SMTPStatus'],
    set: 'onStatus',
    given: ({ totalSent, totalSize }) => [totalSent, totalSize],
  },
  {
    names: ['smtpRecipientFailed', 'SMTPRecipientFailed'],
    set: 'onRecipientFailed',
    given: ({ emailAddress, response }) => [emailAddress, response],
  },
  {
    names: ['smtpBulkStatus', 'SMTPBulkStatus'],
    set: 'onBulkStatus',
    given: ({ totalSent, totalFailed, totalMessages }) => [totalSent, totalFailed, totalMessages],
  },
];

/** Lets the native half tell an emitter its events as long as somebody listens. */
class Hearing {
  #native;
  #emitter;
  /** The events that are told. */
  #told = new Set();

  constructor(object, emitter) {
    this.#native = object;
    // What the native half holds must not keep the emitter alive.
    this.#emitter = new WeakRef(emitter);
    emitter.on('newListener', (name) => this.#look(name, 1));
    emitter.on('removeListener', (name) => this.#look(name, 0));
  }

  /** Whether events may be on their way. */
  get isOn() {
    return this.#told.size > 0;
  }

  /** The native half has forgotten it. */
  reset() {
    this.#told.clear();
    EVENTS.forEach(({ names }) => this.#look(names[0], 0));
  }

  #look(name, more) {
    const event = EVENTS.find(({ names }) => names.includes(name));
    if (!event) {
      return;
    }
    const emitter = this.#emitter.deref();
    const isWanted = more + event.names.reduce((count, each) => count + emitter.listenerCount(each), 0) > 0;
    if (isWanted === this.#told.has(event)) {
      return;
    }
    this.#told[isWanted ? 'add' : 'delete'](event);
    take(this.#native[event.set](isWanted ? hearer(event, this.#emitter) : undefined));
  }
}

/** What the native half calls; in a scope of its own, where nothing else is kept alive. */
function hearer({ names, given }, emitter) {
  return (told) => {
    const values = given(told);
    for (const name of names) {
      try {
        emitter.deref()?.emit(name, ...values);
      } catch (error) {
        // As from any callback of the event loop: it is nobody's to catch, and those of the other name hear the event too.
        process.nextTick(() => {
          throw error;
        });
      }
    }
  };
}

module.exports = { Hearing };
