// What a property may hold. A wrong type is a TypeError, as everywhere in JavaScript; a value that no message or
// server can have is a MessageError that names the field. What a value means is judged by the core.
'use strict';

const { inspect } = require('node:util');
const { fileURLToPath } = require('node:url');
const native = require('./native.cjs');
const { take } = require('./error.cjs');

function wrongType(field, expected, value) {
  const error = new TypeError(`${field} must be ${expected}, not ${inspect(value, { depth: 0 })}`);
  error.code = 'ERR_INVALID_ARG_TYPE';
  return error;
}

function refuse(field, text) {
  return take(native.badInput(field, text));
}

function text(value, field) {
  if (typeof value !== 'string') {
    // Only the type is told: the value may be a password.
    throw wrongType(field, 'a string', typeof value);
  }
  if (!value.isWellFormed()) {
    refuse(field, 'holds half of a surrogate pair, which is no character');
  }
  return value;
}

function path(value, field) {
  return text(value instanceof URL ? fileURLToPath(value) : value, field);
}

function flag(value, field) {
  if (typeof value !== 'boolean') {
    throw wrongType(field, 'true or false', value);
  }
  return value;
}

function number(value, field) {
  if (typeof value !== 'number') {
    throw wrongType(field, 'a number', value);
  }
  return value;
}

/** A whole number from `least` to `most`. */
const whole = (most, least = 0) => (value, field) => {
  if (!Number.isInteger(number(value, field)) || value < least || value > most) {
    refuse(field, `${value} is not a whole number from ${least} to ${most}`);
  }
  return value;
};

function seconds(value, field) {
  if (!Number.isFinite(number(value, field)) || value < 0) {
    refuse(field, `${value} is not a number of seconds above zero`);
  }
  return value;
}

function words(value, field) {
  if (!Array.isArray(value)) {
    throw wrongType(field, 'an array of strings', value);
  }
  return Object.freeze(value.map((word) => text(word, field)));
}

function date(value, field) {
  if (!(value instanceof Date)) {
    throw wrongType(field, 'a Date', value);
  }
  if (Number.isNaN(value.getTime())) {
    refuse(field, 'is an invalid Date');
  }
  return value.getTime();
}

function bytes(value, field) {
  if (!(value instanceof Uint8Array)) {
    throw wrongType(field, 'a path, a file: URL, a Buffer or a Uint8Array', value);
  }
  return native.copyBytes(value);
}

/** A value of an enum, by number or name. */
const choice = (name) => (value, field) => {
  if (typeof value !== 'number' && typeof value !== 'string') {
    throw wrongType(field, 'a number or the name of a value', value);
  }
  return take(native.choose(name, field, value));
};

function tlsVersion(value, field) {
  return take(native.tlsVersion(text(value, field)));
}

function proxy(value, field) {
  return take(native.proxy(text(value, field)));
}

function pins(value, field) {
  return Object.freeze(take(native.certificatePins([...words(value, field)])));
}

/** The text of a PEM file; only its ASCII lines count. */
function pem(value, field) {
  if (value instanceof Uint8Array) {
    return Buffer.from(value).toString('latin1');
  }
  return text(value, field);
}

/** The same, or null for "not set". */
const optional = (kind) => (value, field) => (value === null || value === undefined ? null : kind(value, field));

module.exports = {
  bytes, choice, date, flag, number, optional, path, pem, pins, proxy, refuse, seconds, text, tlsVersion, whole, words,
  wrongType,
};
