// A transport for nodemailer: its messages, our connections, our diagnosis.
'use strict';

const { EventEmitter } = require('node:events');
const native = require('../native.cjs');
const { aborted, toInfo, toNodemailer } = require('./errors.cjs');
const { messageOf } = require('./message.cjs');
const { smtpOf, whole } = require('./options.cjs');

/** As many connections as nodemailer's pool has. */
const CONNECTIONS = 5;

/** Calls back with what the promise gives; a callback that throws is not called again. */
function answer(promise, callback) {
  promise.then((value) => process.nextTick(callback, null, value), (error) => process.nextTick(callback, error));
}

/** Sends what nodemailer composes, over kept connections. */
class FreeSmtpTransport extends EventEmitter {
  name = 'freesmtp';
  version = native.version();
  /** A signal ends the send, too. */
  supportsAbortSignal = true;
  /** Set by nodemailer. */
  mailer;
  options;
  #context;
  #smtp;
  #most;
  #busy = 0;
  /** Those that wait for a connection. */
  #waiting = [];
  #isClosed = false;

  constructor(options = {}) {
    super();
    this.options = whole(options);
    const { logger, component = 'freesmtp', maxConnections = CONNECTIONS } = this.options;
    this.#most = Math.max(1, maxConnections);
    this.#context = { mailer: () => this.mailer, logger: require('nodemailer/lib/shared').getLogger({ logger }, { component }) };
    this.#smtp = this.#open(this.options);
  }

  /** For nodemailer; programs call `sendMail`. */
  send(mail, callback) {
    answer(this.#send(mail), callback);
  }

  /** Connects and logs in, and sends nothing. */
  verify(callback) {
    const verified = this.#smtp.connect().then(() => true, (error) => {
      throw toNodemailer(error);
    });
    return callback ? answer(verified, callback) : verified;
  }

  /** Whether a message would be sent at once. */
  isIdle() {
    return !this.#isClosed && this.#busy < this.#most;
  }

  /** Ends the connections; messages that are being sent are sent, those that wait are not. */
  close() {
    this.#isClosed = true;
    for (const { reject } of this.#waiting.splice(0)) {
      reject(closed());
    }
    if (this.#busy === 0) {
      this.#end();
    }
  }

  #open(options) {
    const smtp = smtpOf(options, this.#context);
    if (options.logger) {
      const { logger } = this.#context;
      smtp.on('protocolLog', ({ kind, connection, line }) => {
        logger.debug({ tnx: { sent: 'client', received: 'server', body: 'message' }[kind] ?? 'smtp', sid: connection }, '%s', line);
      });
    }
    return smtp;
  }

  async #send(mail) {
    const { signal, auth } = mail.data;
    await this.#turn(signal);
    let smtp = this.#smtp;
    try {
      const envelope = mail.message.getEnvelope();
      const message = await messageOf(mail, envelope, signal);
      if (auth) {
        // A login of this message alone has a connection of its own.
        smtp = this.#open({ ...this.options, auth: { ...this.options.auth, ...auth } });
      }
      return toInfo(await smtp.send(message, { signal }), envelope, mail.message.messageId());
    } catch (error) {
      throw signal?.aborted ? aborted(signal) : toNodemailer(error);
    } finally {
      if (smtp !== this.#smtp) {
        smtp.disconnect().catch(() => {});
      }
      this.#done();
    }
  }

  /** Waits for one of the connections. */
  async #turn(signal) {
    if (this.#isClosed) {
      throw closed();
    }
    if (this.#busy < this.#most) {
      this.#busy += 1;
      return;
    }
    let waiting;
    const leave = () => {
      this.#waiting.splice(this.#waiting.indexOf(waiting), 1);
      waiting.reject(aborted(signal));
    };
    try {
      await new Promise((resolve, reject) => {
        waiting = { resolve, reject };
        this.#waiting.push(waiting);
        signal?.addEventListener('abort', leave, { once: true });
      });
    } finally {
      signal?.removeEventListener('abort', leave);
    }
  }

  /** Hands the connection to the next. */
  #done() {
    const next = this.#waiting.shift();
    if (next) {
      next.resolve();
      return;
    }
    this.#busy -= 1;
    if (!this.#isClosed) {
      this.emit('idle');
    } else if (this.#busy === 0) {
      this.#end();
    }
  }

  #end() {
    this.#smtp.disconnect().catch(() => {}).finally(() => {
      this.emit('clear');
      this.emit('close');
    });
  }
}

function closed() {
  return Object.assign(new Error('the transport was closed; create another one'), { code: 'ECONNECTION' });
}

module.exports = { FreeSmtpTransport };
