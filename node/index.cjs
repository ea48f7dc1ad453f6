// The package: what lib/ makes, under its own and its original names.
'use strict';

const native = require('./lib/native.cjs');
const { classes: errors } = require('./lib/error.cjs');
const { classes: message } = require('./lib/message.cjs');
const { diagnose, explain } = require('./lib/diagnosis.cjs');
const { MergeTemplate, merge } = require('./lib/merge.cjs');
const { exported } = require('./lib/names.cjs');

const own = {
  ...require('./lib/smtp.cjs'),
  ...require('./lib/server.cjs'),
  ...message,
  MergeTemplate,
  merge,
  ...require('./lib/enums.cjs'),
  ...errors,
  diagnose,
  explain,
  version: native.version(),
};
const originals = Object.entries(exported).map(([name, original]) => [original, own[name]]);

module.exports = { ...own, ...Object.fromEntries(originals) };
