// Plain data with checked properties: servers, messages and their parts.
'use strict';

const { inspect } = require('node:util');
const names = require('./names.cjs');
const { wrongType } = require('./kinds.cjs');

/** Where a record keeps its values, under the names that the native half reads. */
const VALUES = Symbol('values');

/** What is never shown by `inspect` or JSON. */
const hidden = new Set(['password', 'clientCertificatePassword', 'proxy', 'bytes']);

class Record {
  constructor(...given) {
    Object.defineProperty(this, VALUES, { value: this.constructor.defaults() });
    const [only] = given;
    if (given.length === 1 && isPlain(only)) {
      assign(this, only);
      return;
    }
    const { positional } = this.constructor;
    if (given.length > positional.length) {
      throw new TypeError(`${this.constructor.name} takes at most ${positional.length} arguments`);
    }
    given.forEach((value, index) => {
      if (value !== undefined) {
        this[positional[index]] = value;
      }
    });
  }

  /** The record itself, or a new one of the arguments that its constructor takes. */
  static from(...given) {
    return given.length === 1 && given[0] instanceof this ? given[0] : new this(...given);
  }

  toJSON() {
    const shown = Object.keys(this.constructor.fields).filter((name) => !hidden.has(name));
    return Object.fromEntries(shown.map((name) => [name, this[name]]));
  }

  [inspect.custom](depth, options) {
    return `${this.constructor.name} ${inspect(this.toJSON(), options)}`;
  }
}

/** Defines the properties of a record: `fields` gives the kind of each. */
function define(Class, fields) {
  const originals = names.members[Class.name];
  Object.defineProperty(Class, 'fields', { value: fields });
  for (const [name, kind] of Object.entries(fields)) {
    Object.defineProperty(Class.prototype, name, {
      get() {
        return this[VALUES][name];
      },
      set(value) {
        this[VALUES][name] = kind(value, originals?.[name] ?? name);
      },
      configurable: true,
      enumerable: true,
    });
  }
}

/** Sets several properties; one that does not exist is a slip that must not pass in silence. */
function assign(record, given) {
  for (const [name, value] of Object.entries(given)) {
    if (!(name in record)) {
      throw new TypeError(`${record.constructor.name} has no property ${inspect(name)}`);
    }
    if (value !== undefined) {
      record[name] = value;
    }
  }
}

function isPlain(value) {
  if (typeof value !== 'object' || value === null) {
    return false;
  }
  if (Symbol.iterator in value || Symbol.asyncIterator in value) {
    return false;
  }
  const prototype = Object.getPrototypeOf(value);
  return prototype === null || Object.getPrototypeOf(prototype) === null;
}

/** A kind that holds a record of `Class`; plain objects and the constructor's first argument are taken too. */
const record = (Class) => (value, field) => {
  if (!(value instanceof Class) && !isPlain(value) && typeof value !== 'string') {
    throw wrongType(field, `an ${Class.name}, an object or a string`, value);
  }
  return Class.from(value);
};

module.exports = { Record, VALUES, assign, define, isPlain, record };
