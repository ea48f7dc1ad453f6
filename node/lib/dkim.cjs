// DKIM signatures (RFC 6376).
'use strict';

const native = require('./native.cjs');
const names = require('./names.cjs');
const { Collection } = require('./collection.cjs');
const { take } = require('./error.cjs');
const { choice, optional, text, whole, words } = require('./kinds.cjs');
const { Record, VALUES, assign, define, isPlain } = require('./record.cjs');

/** Errors name the property as those of a whole message do. */
const of = (kind) => (value, field) => kind(value, `DKIM.${field}`);

/** What the key belongs to cannot be set later. */
const FIXED = ['domain', 'selector', 'key'];

/** Whose signature it is, the key, and what it covers. The key is not kept here. */
class DkimSigner extends Record {
  static positional = FIXED;
  static defaults() {
    return {};
  }

  constructor(...given) {
    super();
    const positional = Object.fromEntries(FIXED.map((name, index) => [name, given[index]]));
    const settings = { ...(given.length === 1 && isPlain(given[0]) ? given[0] : positional) };
    const fixed = FIXED.map((name) => {
      const original = ORIGINALS[name];
      const value = text(settings[name] ?? settings[original], `DKIM.${original}`);
      delete settings[name];
      delete settings[original];
      return value;
    });
    const { headers, oversigned, ...rest } = take(native.newSigner(...fixed));
    Object.assign(this[VALUES], { headers: Object.freeze(headers), oversigned: Object.freeze(oversigned), ...rest });
    assign(this, settings);
  }

  get domain() {
    return this[VALUES].domain;
  }

  get selector() {
    return this[VALUES].selector;
  }

  get algorithm() {
    return this[VALUES].algorithm;
  }

  toJSON() {
    const { domain, selector, algorithm } = this;
    return { domain, selector, algorithm, ...super.toJSON() };
  }
}
const ORIGINALS = { ...names.members.DkimSigner, key: 'Key' };
define(DkimSigner, {
  identity: of(optional(text)),
  headers: of(words),
  oversigned: of(words),
  headerCanonicalization: of(choice('Canonicalization')),
  bodyCanonicalization: of(choice('Canonicalization')),
  expiresAfter: of(optional(whole(2 ** 32 - 1))),
});
names.apply(DkimSigner);

/** The signatures to add, the first one outermost. */
class DkimSigners extends Collection {
  static Item = DkimSigner;
}

module.exports = { DkimSigner, DkimSigners };
