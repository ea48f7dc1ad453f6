// The servers of an SMTP object.
'use strict';

const native = require('./native.cjs');
const names = require('./names.cjs');
const { Collection } = require('./collection.cjs');
const { take } = require('./error.cjs');
const { choice, flag, optional, path, seconds, text, tlsVersion, whole, words } = require('./kinds.cjs');
const { Record, VALUES, define } = require('./record.cjs');

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
}
define(SMTPServer, {
  name: text,
  port: whole(65535),
  timeout: optional(seconds),
  authMode: choice('AuthMode'),
  account: text,
  password: text,
  sasl: text,
  localEndPoint: optional(text),
  security: choice('Security'),
  caFile: optional(path),
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
