// What is asked of the servers for a message and for each recipient.
'use strict';

const native = require('./native.cjs');
const names = require('./names.cjs');
const { take } = require('./error.cjs');
const { choice, date, flag, optional, text, whole, words } = require('./kinds.cjs');
const { VALUES } = require('./record.cjs');

/** What the native half can hold; what it means is judged by the core. */
const seconds = whole(2 ** 32 - 1);

const message = {
  returnContent: choice('ReturnContent'),
  envelopeId: optional(text),
  requireTls: flag,
  deliverBy: optional(seconds),
  deliverByMode: choice('DeliverByMode'),
  deliverByTrace: flag,
  holdFor: optional(seconds),
  holdUntil: optional(date),
  mtPriority: optional(whole(127, -128)),
  optionalExtensions: words,
};

/** What the spool is asked for a message. */
const spool = {
  notBefore: optional(date),
  expires: optional(date),
  spoolPriority: whole(127, -128),
  blast: optional(text),
  idempotencyKey: optional(text),
};
const spoolDefaults = () =>
  ({ notBefore: null, expires: null, spoolPriority: 0, blast: null, idempotencyKey: null });

const recipient = {
  notify: choice('Notify'),
  originalRecipient: optional(text),
  validSince: optional(date),
  validSinceAction: choice('ValidSinceAction'),
};

/** What they are before anything is set. */
const messageDefaults = () => {
  const { optionalExtensions, ...defaults } = take(native.deliveryDefaults());
  return { ...defaults, optionalExtensions: Object.freeze(optionalExtensions) };
};
const recipientDefaults = ({ notify, validSinceAction }) => ({
  notify,
  originalRecipient: null,
  validSince: null,
  validSinceAction,
});

/** Makes a property that is kept in milliseconds a `Date` for the program. */
function moment(Class, name) {
  Object.defineProperty(Class.prototype, name, {
    get() {
      const milliseconds = this[VALUES][name];
      return milliseconds === null ? null : new Date(milliseconds);
    },
    set(value) {
      this[VALUES][name] = optional(date)(value, names.members[Class.name][name]);
    },
    configurable: true,
    enumerable: true,
  });
}

/** Those of a message, as the native half reads them. */
function deliveryOf(values) {
  return Object.fromEntries(Object.keys(message).map((name) => [name, values[name]]));
}

/** What the spool is asked for, likewise. */
function spoolOf(values) {
  return Object.fromEntries(Object.keys(spool).map((name) => [name, values[name]]));
}

module.exports = { spool, spoolDefaults, spoolOf, deliveryOf, message, messageDefaults, moment, recipient, recipientDefaults };
