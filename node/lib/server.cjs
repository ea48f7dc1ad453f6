// The servers of an SMTP object.
'use strict';

const native = require('./native.cjs');
const names = require('./names.cjs');
const { Collection } = require('./collection.cjs');
const { take } = require('./error.cjs');
const {
  choice, flag, optional, path, pem, pins, proxy, seconds, text, tlsVersion, whole, words, wrongType,
} = require('./kinds.cjs');
const { Record, VALUES, define } = require('./record.cjs');
const { keyOf } = require('./token.cjs');

class SMTPServer extends Record {
  static positional = ['name', 'port', 'timeout', 'authMode', 'account', 'password'];

  static defaults() {
    return take(native.serverDefaults());
  }

  /** Reads a host name, `host:port` or a URL. */
  static parse(address) {
    const server = new SMTPServer();
    Object.assign(server[VALUES], take(native.parseServer(text(address, 'Name'))));
    return server;
  }

  get token() {
    return this[VALUES].giveToken ?? this[VALUES].token;
  }

  /** A string, or a function that gives one, or the promise of one. */
  set token(value) {
    if (typeof value !== 'string' && typeof value !== 'function') {
      throw wrongType(names.members.SMTPServer.token, 'a string or a function', typeof value);
    }
    const giveToken = typeof value === 'function' ? value : null;
    Object.assign(this[VALUES], {
      token: giveToken ? '' : text(value, names.members.SMTPServer.token),
      tokenKey: giveToken && keyOf(giveToken),
      giveToken,
    });
  }
}
define(SMTPServer, {
  name: text,
  port: whole(65535),
  timeout: optional(seconds),
  authMode: choice('AuthMode'),
  account: text,
  password: text,
  sasl: text,
  mailAuth: optional(text),
  lmtp: flag,
  proxy: optional(proxy),
  localEndPoint: optional(text),
  security: choice('Security'),
  caFile: optional(path),
  caPem: optional(pem),
  clientCertificate: optional(path),
  clientKey: optional(path),
  clientCertificatePassword: text,
  certificatePins: pins,
  tlsServerName: text,
  minTlsVersion: tlsVersion,
  allowPlaintextAuth: flag,
  disabledExtensions: words,
  dangerAcceptInvalidCerts: flag,
  dangerAcceptInvalidHostnames: flag,
});
names.apply(SMTPServer);

class SMTPServers extends Collection {
  static Item = SMTPServer;
}

module.exports = { SMTPServer, SMTPServers };
