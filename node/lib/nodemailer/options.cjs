// The options of nodemailer's SMTP transports, as settings of a server and of an SMTP object.
'use strict';

const { SMTP } = require('../smtp.cjs');
const { SMTPServer } = require('../server.cjs');

/** What has no name of nodemailer's is given under ours. */
const OWN_SERVER = Object.keys(SMTPServer.fields).filter((name) => !['name', 'port', 'timeout', 'account', 'password', 'proxy', 'lmtp'].includes(name));
OWN_SERVER.push('token');
const OWN_SMTP = ['logFile', 'logOptions', 'defaultDomain', 'timeouts', 'allOrNothing'];

const NODEMAILER = [
  'host', 'port', 'secure', 'ignoreTLS', 'requireTLS', 'opportunisticTLS', 'tls', 'auth', 'authMethod', 'name', 'localAddress',
  'connectionTimeout', 'greetingTimeout', 'socketTimeout', 'lmtp', 'proxy', 'pool', 'maxConnections', 'maxMessages', 'rateLimit',
  'rateDelta', 'url', 'service', 'logger', 'component',
];
const KNOWN = new Set([...NODEMAILER, ...OWN_SERVER, ...OWN_SMTP]);
const OF_MESSAGES = new Set(['disableFileAccess', 'disableUrlAccess', 'attachDataUrls', 'dkim', 'from', 'headers', 'maxRecipients']);

/** A fault of the configuration, as nodemailer marks one. */
function refuse(option, problem) {
  throw Object.assign(new TypeError(`the option ${option} ${problem}`), { code: 'ECONFIG' });
}

/** Refuses what would otherwise be passed over in silence. */
function requireKnown(options) {
  for (const name of Object.keys(options)) {
    if (OF_MESSAGES.has(name)) {
      refuse(name, 'belongs to messages: give it as a default, createTransport(transport, { … })');
    }
    if (!KNOWN.has(name)) {
      refuse(name, 'is not known; the options are those of nodemailer, and properties of SMTPServer and SMTP');
    }
  }
}

/** The options with those of the URL and of the well-known service. */
function whole(given) {
  const options = typeof given === 'string' ? { url: given } : { ...given };
  if (options.url) {
    // What nodemailer reads from a URL, so that its queries mean the same.
    Object.assign(options, require('nodemailer/lib/shared').parseConnectionUrl(options.url));
  }
  if (options.service) {
    const found = require('nodemailer/lib/well-known')(options.service);
    if (!found) {
      refuse('service', `names no service that nodemailer knows: ${options.service}; give host and port`);
    }
    const { host, port, secure, authMethod } = found;
    Object.assign(options, { host, port, secure }, authMethod && { authMethod });
  }
  requireKnown(options);
  return options;
}

/** `[from, to, value]` of each option that is given and only has another name. */
function renamed(options, target, names) {
  for (const [from, to, change = (value) => value] of names) {
    if (options[from] !== undefined && options[from] !== null) {
      target[to] = change(options[from]);
    }
  }
}

const toSeconds = (milliseconds) => milliseconds / 1000;

function securityOf({ secure, port, ignoreTLS, requireTLS, opportunisticTLS }) {
  if (secure ?? port === 465) {
    return 'implicit';
  }
  return (requireTLS && 'required') || (ignoreTLS && 'none') || (opportunisticTLS && 'opportunistic') || 'auto';
}

const TLS = {
  rejectUnauthorized(value, server) {
    server.dangerAcceptInvalidCerts = value === false;
    server.dangerAcceptInvalidHostnames = value === false;
  },
  ca(value, server) {
    server.caPem = [].concat(value).map(String).join('\n');
  },
  servername(value, server) {
    server.tlsServerName = value;
  },
  minVersion(value, server) {
    server.minTlsVersion = String(value).replace(/^TLSv/, '');
  },
};

function setTls(server, tls) {
  for (const [name, value] of Object.entries(tls)) {
    if (!Object.hasOwn(TLS, name)) {
      refuse(`tls.${name}`, `is not known here (${Object.keys(TLS).join(', ')} are); a certificate of the client is in the files clientCertificate and clientKey`);
    }
    TLS[name](value, server);
  }
}

/** A function that gives tokens as nodemailer's XOAuth2 does: provided, refreshed, or for a service account. */
function tokenOf(auth, { mailer, logger }) {
  const provision = () => mailer()?.get('oauth2_provision_cb') ?? auth.provisionCallback;
  const XOAuth2 = require('nodemailer/lib/xoauth2');
  const oauth2 = new (XOAuth2.default ?? XOAuth2)(auth, logger);
  oauth2.on?.('token', (token) => mailer()?.emit('token', token));
  return (renew) => new Promise((resolve, reject) => {
    oauth2.provisionCallback = provision();
    oauth2.getToken(renew, (error, token) => (error ? reject(error) : resolve(token)));
  });
}

function setLogin(server, auth, options, context) {
  const method = auth.method ?? options.authMethod;
  switch (String(auth.type ?? 'login').toLowerCase()) {
    case 'oauth2':
      server.account = auth.user ?? '';
      server.token = tokenOf(auth, context);
      break;
    case 'login':
      renamed(auth, server, [['user', 'account'], ['pass', 'password']]);
      if (method) {
        Object.assign(server, { authMode: 'sasl', sasl: String(method).trim().toUpperCase() });
      }
      break;
    default:
      refuse('auth.type', `is ${auth.type}; "login" and "OAuth2" are known`);
  }
}

function serverOf(options, context) {
  const server = new SMTPServer();
  const security = securityOf(options);
  server.name = options.host ?? 'localhost';
  server.port = Number(options.port ?? (security === 'implicit' ? 465 : 587));
  server.security = security;
  renamed(options, server, [['localAddress', 'localEndPoint'], ['proxy', 'proxy'], ['lmtp', 'lmtp', Boolean]]);
  setTls(server, options.tls ?? {});
  if (options.auth) {
    setLogin(server, options.auth, options, context);
  }
  renamed(options, server, OWN_SERVER.map((name) => [name, name]));
  return server;
}

/** The SMTP object for these options. `context`: `mailer()` of nodemailer, and its `logger`. */
function smtpOf(options, context) {
  const smtp = new SMTP(serverOf(options, context));
  renamed(options, smtp, [
    ['name', 'defaultDomain'],
    ['maxMessages', 'maxMessagesPerConnection', (most) => (Number.isFinite(most) ? most : 0)],
    ['rateLimit', 'rateLimit', (most) => most / toSeconds(options.rateDelta ?? 1000)],
  ]);
  const idle = ['command', 'dataBlock', 'endOfData'].map((name) => ['socketTimeout', name, toSeconds]);
  renamed(options, smtp.timeouts, [['connectionTimeout', 'connect', toSeconds], ['greetingTimeout', 'greeting', toSeconds], ...idle]);
  renamed(options, smtp, OWN_SMTP.map((name) => [name, name]));
  return smtp;
}

module.exports = { smtpOf, whole };
