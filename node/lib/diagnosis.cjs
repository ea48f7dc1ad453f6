// Explains a reply.
'use strict';

const native = require('./native.cjs');
const names = require('./names.cjs');
const { take } = require('./error.cjs');
const { flag, text, whole, words } = require('./kinds.cjs');
const { Record, VALUES, define } = require('./record.cjs');

class DiagnosisContext extends Record {
  static positional = [];
  static defaults() {
    return {};
  }
}
define(DiagnosisContext, {
  host: text,
  port: whole(65535),
  greetingHost: text,
  offered: words,
  credentialsSet: flag,
  authenticated: flag,
  tls: flag,
  user: text,
  mechanism: text,
  localAddress: text,
  ehloName: text,
  sender: text,
  recipient: text,
  messageSize: whole(Number.MAX_SAFE_INTEGER),
  recipientCount: whole(0xffffffff),
  messageId: text,
});
names.apply(DiagnosisContext);

/** Why a server gave this reply at this stage, and what to do. */
function diagnose(reply, stage, context = {}) {
  const known = stage === undefined || stage === null ? undefined : text(stage, 'Stage');
  return take(native.diagnose(text(reply, 'Reply'), known, DiagnosisContext.from(context)[VALUES]));
}

/** Explains every failure in a transcript. */
function explain(transcript) {
  return take(native.explain(text(transcript, 'Transcript')));
}

module.exports = { DiagnosisContext, diagnose, explain };
