// What a check is to look at.
'use strict';

const names = require('./names.cjs');
const { number, text, whole, words } = require('./kinds.cjs');
const { Record, define } = require('./record.cjs');

class CheckOptions extends Record {
  static positional = [];
  static defaults() {
    return {};
  }
}
define(CheckOptions, {
  from: text,
  to: words,
  dkimSelector: text,
  outgoingIp: text,
  dns: text,
  timeout: number,
  server: whole(0xffffffff),
});
names.apply(CheckOptions);

module.exports = { CheckOptions };
