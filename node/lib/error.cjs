// The errors: one class for each kind, under one base.
'use strict';

const { getSystemErrorName } = require('node:util');

/** The errors of servers that were given no token by the program's function. */
const withoutToken = new WeakSet();

/** Base of every error of this package; see index.d.ts for the fields. */
class SMTPError extends Error {
  constructor(fields) {
    const { message, osError, noToken, others, ...rest } = fields;
    const cause = systemError(osError);
    super(message, cause && { cause });
    Object.assign(this, { code: kinds[fields.kind].code, ...rest, others: others.map(toError) });
    if (noToken) {
      withoutToken.add(this);
    }
  }

  toJSON() {
    return { name: this.name, message: this.message, ...this };
  }
}

class SMTPConnectionError extends SMTPError {}
class SMTPAuthenticationError extends SMTPError {}
class SMTPProtocolError extends SMTPError {}
class SMTPRecipientsRefused extends SMTPProtocolError {}
class SMTPOutcomeUnknown extends SMTPError {}
class MessageError extends SMTPError {}
class FileIOError extends SMTPError {}
class SpoolError extends SMTPError {}
class Cancelled extends SMTPError {}

const classes = {
  SMTPError,
  SMTPConnectionError,
  SMTPAuthenticationError,
  SMTPProtocolError,
  SMTPRecipientsRefused,
  SMTPOutcomeUnknown,
  MessageError,
  FileIOError,
  SpoolError,
  Cancelled,
};
for (const Class of Object.values(classes)) {
  Object.defineProperty(Class.prototype, 'name', { value: Class.name, configurable: true, writable: true });
}

// The codes are those that Node programs know from nodemailer, where one fits.
const kinds = {
  message: { Class: MessageError, code: 'EMESSAGE' },
  dns: { Class: SMTPConnectionError, code: 'EDNS' },
  connect: { Class: SMTPConnectionError, code: 'ECONNECTION' },
  tls: { Class: SMTPConnectionError, code: 'ETLS' },
  proxy: { Class: SMTPConnectionError, code: 'EPROXY' },
  timeout: { Class: SMTPConnectionError, code: 'ETIMEDOUT' },
  authentication: { Class: SMTPAuthenticationError, code: 'EAUTH' },
  protocol: { Class: SMTPProtocolError, code: 'EPROTOCOL' },
  'recipients-refused': { Class: SMTPRecipientsRefused, code: 'EENVELOPE' },
  'outcome-unknown': { Class: SMTPOutcomeUnknown, code: 'EOUTCOMEUNKNOWN' },
  'file-io': { Class: FileIOError, code: 'EFILE' },
  spool: { Class: SpoolError, code: 'ESPOOL' },
  cancelled: { Class: Cancelled, code: 'ECANCELED' },
  internal: { Class: SMTPError, code: 'EINTERNAL' },
};

/** The error that the native half described. */
function toError(fields) {
  return new kinds[fields.kind].Class(fields);
}

/** The operating system's error as Node itself would give it; Windows numbers its errors otherwise than Node. */
function systemError(number) {
  if (!number || process.platform === 'win32') {
    return undefined;
  }
  const code = getSystemErrorName(-number);
  const error = Object.assign(new Error(code), { code, errno: -number });
  // It did not happen in JavaScript: a trace would lead nowhere.
  error.stack = String(error);
  return error;
}

/** The answer of a native call: its value, or the error thrown. */
function take(answer) {
  if (answer?.error) {
    const error = toError(answer.error);
    // The trace begins where the program called.
    Error.captureStackTrace(error, take);
    throw error;
  }
  return answer;
}

/** Whether it is the program's function for `Token` that failed. */
function lacksToken(error) {
  return withoutToken.has(error);
}

/** The error with its cause, which is shown no more than that of any other error. */
function because(error, cause) {
  return Object.defineProperty(error, 'cause', { value: cause, configurable: true, enumerable: false, writable: true });
}

module.exports = { because, classes, kinds, lacksToken, take, toError };
