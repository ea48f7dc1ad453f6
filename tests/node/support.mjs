// Servers of the tests, on loopback and in this process.
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createRequire } from 'node:module';

export const freesmtp = createRequire(import.meta.url)('../../node/index.cjs');
const { EmailMessage, SMTP } = freesmtp;

/** Listens on a free port until the test ends; `connected` gets each socket. */
async function listen(test, connected) {
  const sockets = new Set();
  const server = createServer((socket) => {
    sockets.add(socket);
    socket.on('error', () => {}).on('close', () => sockets.delete(socket));
    connected(socket);
  }).listen(0, '127.0.0.1');
  test.after(() => {
    server.close();
    sockets.forEach((socket) => socket.destroy());
  });
  await once(server, 'listening');
  return { port: server.address().port, sockets };
}

/** A server that takes connections and never says a word. `waiting(n)` is fulfilled when n connections are open. */
export async function silent(test) {
  let watchers = [];
  const server = await listen(test, () => {
    watchers = watchers.filter(({ count, resolve }) => server.sockets.size < count || resolve());
  });
  server.waiting = (count) =>
    new Promise((resolve) => {
      if (server.sockets.size >= count) {
        resolve();
      } else {
        watchers.push({ count, resolve });
      }
    });
  return server;
}

/**
 * A server that takes every message and keeps it. `replies` replaces its answers: `{ 'RCPT': '550 no' }` answers to
 * every command that begins so, a function is called with the line.
 */
export async function mailServer(test, replies = {}) {
  const messages = [];
  const commands = [];
  const answers = { EHLO: '250 test', HELO: '250 test', MAIL: '250 ok', RCPT: '250 ok', RSET: '250 ok',
    NOOP: '250 ok', DATA: '354 go on', EOM: '250 2.0.0 queued as 7', QUIT: '221 bye', ...replies };
  const answer = (line) => {
    const found = answers[line.split(' ', 1)[0].toUpperCase()] ?? '500 unknown';
    return typeof found === 'function' ? found(line) : found;
  };
  const server = await listen(test, (socket) => {
    let input = '';
    let inData = false;
    // An empty answer is none: the server stays silent.
    const say = (text) => text === '' || socket.write(`${text}\r\n`);
    say('220 test ESMTP');
    socket.setEncoding('latin1').on('data', (piece) => {
      input += piece;
      for (;;) {
        const end = input.indexOf(inData ? '\r\n.\r\n' : '\r\n');
        if (end < 0) {
          return;
        }
        const text = input.slice(0, end);
        input = input.slice(end + (inData ? 5 : 2));
        if (inData) {
          messages.push(Buffer.from(text, 'latin1').toString());
          inData = false;
          say(answer('EOM'));
        } else {
          commands.push(text);
          const reply = answer(text);
          inData = reply.startsWith('354');
          say(reply);
        }
      }
    });
  });
  return { ...server, messages, commands };
}

/** An SMTP object for a server of this file. */
export function smtpFor({ port }) {
  const smtp = new SMTP();
  smtp.smtpServers.add('127.0.0.1', port);
  return smtp;
}

/** A server that takes one token, and keeps those that it was given. */
export async function tokenServer(t, taken) {
  const tokens = [];
  const server = await mailServer(t, {
    EHLO: '250-test\r\n250 AUTH XOAUTH2',
    AUTH: (line) => {
      const [, , response] = line.split(' ');
      const [, token] = /auth=Bearer ([^\x01]*)\x01/.exec(Buffer.from(response, 'base64').toString());
      tokens.push(token);
      return token === taken ? '235 2.7.0 welcome' : '535 5.7.8 bad token';
    },
  });
  return Object.assign(server, { tokens });
}

/** An SMTP object that logs in with that token, or function, to each of the servers. */
export function smtpWith(token, ...servers) {
  const smtp = new SMTP();
  for (const { port } of servers) {
    smtp.smtpServers.add({ name: '127.0.0.1', port, account: 'user', token, security: 'none', allowPlaintextAuth: true });
  }
  return smtp;
}

/** The private key of RFC 8463 appendix A.2, and its public one. */
export const ED25519 = 'nWGxne/9WmC6hEr0kuwsxERJxWl7MmkZcDusAxyuf2A=';
export const ED25519_PUBLIC = '11qYAYKxCrfVS/7TyWQHOg7hcvPapiMlrwIaaPcHURo=';

/** A message that any server takes. */
export function plainMessage(recipient = 'to@example.test') {
  return new EmailMessage(recipient, 'from@example.test', 'Subject', 'Text');
}

/** A folder that is removed after the test. */
export function folder(test) {
  const path = mkdtempSync(join(tmpdir(), 'freesmtp-node-'));
  test.after(() => rmSync(path, { recursive: true, force: true }));
  return path;
}
