// nodemailer's sendMail over our transport: its data, its results, its errors, and our diagnosis.
import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { createReadStream, readFileSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import test from 'node:test';
import { promisify } from 'node:util';
import { folder, freesmtp, mailServer, silent, tokenServer } from './support.mjs';

const node = createRequire(new URL('../../node/package.json', import.meta.url));
const nodemailer = node('nodemailer');
const { simpleParser } = node('mailparser');
const { FreeSmtpTransport } = node('./lib/nodemailer/transport.cjs');
const { SMTPError } = freesmtp;

const MAIL = { from: '"A Sender" <from@a.test>', to: ['Ö <to@a.test>', 'second@a.test'], subject: 'Überschrift', text: 'Grüße' };

/** A transporter of nodemailer's over ours; it is closed after the test. */
function transporterTo(t, { port }, options, defaults) {
  const transporter = nodemailer.createTransport(new FreeSmtpTransport({ host: '127.0.0.1', port, ...options }), defaults);
  t.after(() => transporter.close());
  return transporter;
}

test('everything of a message arrives, and the result says so', async (t) => {
  const server = await mailServer(t);
  const path = join(folder(t), 'on disk.bin');
  const octets = Buffer.from(Array.from({ length: 1000 }, (_, n) => n % 256));
  writeFileSync(path, octets);
  const info = await transporterTo(t, server).sendMail({
    ...MAIL,
    cc: 'cc@a.test',
    bcc: 'hidden@a.test',
    replyTo: 'reply@a.test',
    messageId: '<own@a.test>',
    headers: { 'X-Own': 'value' },
    list: { unsubscribe: 'https://a.test/u' },
    priority: 'high',
    html: '<img src="cid:logo"><p>Grüße</p>',
    icalEvent: { method: 'REQUEST', content: 'BEGIN:VCALENDAR\r\nEND:VCALENDAR' },
    attachments: [
      { filename: 'Übersicht.csv', content: 'a;b\r\n' },
      { path },
      { filename: 'stream.bin', content: createReadStream(path) },
      { filename: 'pieces.txt', content: Readable.from(['one ', 'two']) },
      { filename: 'logo.png', content: octets, cid: 'logo' },
      { raw: 'Content-Type: text/plain\r\nContent-Disposition: attachment; filename=raw.txt\r\n\r\nraw' },
    ],
  });
  assert.deepEqual(server.commands.filter((line) => /^(MAIL|RCPT)/.test(line)), [
    'MAIL FROM:<from@a.test>', ...['to', 'second', 'cc', 'hidden'].map((name) => `RCPT TO:<${name}@a.test>`),
  ]);
  assert.ok(!server.messages[0].includes('hidden'));
  const read = await simpleParser(server.messages[0]);
  assert.equal(read.subject, 'Überschrift');
  assert.equal(read.from.value[0].name, 'A Sender');
  assert.equal(read.text.trim(), 'Grüße');
  assert.equal(read.headers.get('x-own'), 'value');
  const named = Object.fromEntries(read.attachments.map(({ filename, content }) => [filename, content]));
  for (const name of ['on disk.bin', 'stream.bin', 'logo.png']) {
    assert.ok(named[name].equals(octets), name);
  }
  assert.equal(String(named['pieces.txt']), 'one two');
  assert.equal(String(named['raw.txt']), 'raw');
  assert.ok(named['Übersicht.csv']);

  const { report, messageTime, ...rest } = info;
  assert.deepEqual(rest, {
    envelope: { from: 'from@a.test', to: ['to@a.test', 'second@a.test', 'cc@a.test', 'hidden@a.test'] },
    messageId: '<own@a.test>',
    accepted: ['to@a.test', 'second@a.test', 'cc@a.test', 'hidden@a.test'],
    rejected: [],
    response: '250 2.0.0 queued as 7',
    messageSize: report.size,
  });
  assert.ok(Number.isInteger(messageTime));
  assert.equal(report.server, `127.0.0.1:${server.port}`);
});

test('the envelope is the one that was given, and a callback is called', async (t) => {
  const server = await mailServer(t);
  const transporter = transporterTo(t, server, {}, { from: 'default@a.test' });
  const envelope = { from: 'Bounces <bounces@a.test>', to: ['x@a.test', 'Y <y@a.test>'] };
  await new Promise((resolve, reject) => {
    transporter.sendMail({ ...MAIL, envelope }, (error, info) => (error ? reject(error) : resolve(info)));
  });
  await transporter.sendMail({ ...MAIL, from: undefined, envelope: { from: false, to: 'x@a.test' } });
  await transporter.sendMail({ to: 'x@a.test', text: '' });
  assert.deepEqual(server.commands.filter((line) => /^(MAIL|RCPT)/.test(line)), [
    'MAIL FROM:<bounces@a.test>', 'RCPT TO:<x@a.test>', 'RCPT TO:<y@a.test>', 'MAIL FROM:<>', 'RCPT TO:<x@a.test>',
    'MAIL FROM:<default@a.test>', 'RCPT TO:<x@a.test>',
  ]);
  assert.equal(server.commands.filter((line) => /^EHLO/.test(line)).length, 1, 'one connection for all');
});

test('a raw message is passed through', async (t) => {
  const server = await mailServer(t);
  const transporter = transporterTo(t, server);
  const raw = 'From: from@a.test\r\nTo: to@a.test\r\nSubject: raw\r\n\r\n.dot\r\nFrom here\r\n';
  const envelope = { from: 'from@a.test', to: ['to@a.test'] };
  await transporter.sendMail({ envelope, raw });
  await transporter.sendMail({ envelope, raw: Readable.from([Buffer.from(raw)]) });
  await transporter.sendMail({ envelope, raw: Buffer.from(raw.replaceAll('\r\n', '\n')) });
  for (const message of server.messages) {
    assert.equal(message, `${raw.replace('\r\n.dot', '\r\n..dot').trimEnd()}`);
  }
});

test('delivery reports are asked for', async (t) => {
  const server = await mailServer(t, { EHLO: '250-test\r\n250 DSN' });
  const transporter = transporterTo(t, server);
  const to = 'to@a.test';
  await transporter.sendMail({ ...MAIL, to, dsn: { id: 'order 1', return: 'headers', notify: ['failure', 'delay'], recipient: 'own@a.test' } });
  await transporter.sendMail({ ...MAIL, to, dsn: { ret: 'FULL', envid: 'x', notify: 'SUCCESS, FAILURE', orcpt: 'rfc822;own@a.test' } });
  await transporter.sendMail({ ...MAIL, to, dsn: { notify: 'never' } });
  await transporter.sendMail({ ...MAIL, to, freesmtp: { envelopeId: 'y' } });
  const said = server.commands.filter((line) => /^(MAIL|RCPT)/.test(line));
  assert.deepEqual(said, [
    'MAIL FROM:<from@a.test> RET=HDRS ENVID=order+201', 'RCPT TO:<to@a.test> NOTIFY=FAILURE,DELAY ORCPT=rfc822;own@a.test',
    'MAIL FROM:<from@a.test> RET=FULL ENVID=x', 'RCPT TO:<to@a.test> NOTIFY=SUCCESS,FAILURE ORCPT=rfc822;own@a.test',
    'MAIL FROM:<from@a.test>', 'RCPT TO:<to@a.test> NOTIFY=NEVER',
    'MAIL FROM:<from@a.test> ENVID=y', 'RCPT TO:<to@a.test>',
  ]);
  await assert.rejects(transporter.sendMail({ ...MAIL, requireTLSExtensionEnabled: true }), /REQUIRETLS/);
});

test('a refusal has the fields that programs with nodemailer read, and says why', async (t) => {
  const server = await mailServer(t, { RCPT: '550 5.1.1 no such user' });
  await assert.rejects(transporterTo(t, server).sendMail(MAIL), (error) => {
    assert.ok(error instanceof SMTPError);
    const { code, responseCode, response, command, permanent, rejected } = error;
    assert.deepEqual({ code, responseCode, response, command, permanent, rejected }, {
      code: 'EENVELOPE', responseCode: 550, response: '550 5.1.1 no such user', command: 'RCPT TO', permanent: true,
      rejected: ['to@a.test', 'second@a.test'],
    });
    assert.equal(error.rejectedErrors[1].recipient, 'second@a.test');
    assert.equal(error.diagnosis.cause, 'recipient-unknown');
    assert.match(error.message, /recipient-unknown: /);
    return true;
  });
});

test('who was refused beside others is in the result', async (t) => {
  const server = await mailServer(t, { RCPT: (line) => (line.includes('second') ? '450 4.2.1 later' : '250 ok') });
  const info = await transporterTo(t, server).sendMail(MAIL);
  assert.deepEqual([info.accepted, info.rejected], [['to@a.test'], ['second@a.test']]);
  const [{ code, responseCode, response, command, permanent }] = info.rejectedErrors;
  assert.deepEqual([code, responseCode, response, command, permanent], ['EENVELOPE', 450, '450 4.2.1 later', 'RCPT TO', false]);
});

test('each phase has its code and its command', async (t) => {
  const cases = [
    [{ MAIL: '550 5.7.1 no' }, 'EENVELOPE', 'MAIL FROM', 550],
    [{ DATA: '554 5.5.1 no' }, 'EMESSAGE', 'DATA', 554],
    [{ EOM: '552 5.3.4 too big' }, 'EMESSAGE', 'DATA', 552],
    [{ EHLO: '554 go away', HELO: '554 go away' }, 'EPROTOCOL', 'EHLO', 554],
    [{ EHLO: '250 AUTH PLAIN', AUTH: '535 5.7.8 bad' }, 'EAUTH', 'AUTH', 535],
  ];
  for (const [replies, code, command, responseCode] of cases) {
    const server = await mailServer(t, { ...replies, ...(replies.AUTH && { EHLO: '250-test\r\n250 AUTH PLAIN' }) });
    const login = replies.AUTH && { auth: { user: 'u', pass: 'p' }, ignoreTLS: true, allowPlaintextAuth: true };
    await assert.rejects(transporterTo(t, server, login).sendMail(MAIL), { code, command, responseCode });
  }
  const gone = await mailServer(t, { MAIL: () => '421 bye' });
  await assert.rejects(transporterTo(t, gone).sendMail(MAIL), { responseCode: 421 });
  const closed = { port: 1 };
  await assert.rejects(transporterTo(t, closed).sendMail(MAIL), { code: 'ESOCKET', command: 'CONN', originalCode: 'ECONNREFUSED' });
  await assert.rejects(transporterTo(t, closed, { host: 'nowhere.invalid' }).sendMail(MAIL), { code: 'EDNS', command: 'CONN' });
  const quiet = await silent(t);
  await assert.rejects(transporterTo(t, quiet, { greetingTimeout: 50 }).sendMail(MAIL), { code: 'ETIMEDOUT' });
  const server = await mailServer(t);
  await assert.rejects(transporterTo(t, server).sendMail({ ...MAIL, to: 'no address' }), { code: 'EENVELOPE' });
  await assert.rejects(transporterTo(t, server).sendMail({ ...MAIL, to: [] }), { code: 'EENVELOPE' });
  await assert.rejects(transporterTo(t, server, { requireTLS: true }).sendMail(MAIL), { code: 'ETLS' });
  const failing = Readable.from((async function* () { yield 'x'; throw new Error('broken source'); })());
  await assert.rejects(transporterTo(t, server).sendMail({ ...MAIL, attachments: [{ content: failing }] }), /broken source/);
  await assert.rejects(transporterTo(t, server).sendMail({ ...MAIL, attachments: [{ path: '/nowhere/at all' }] }), /ENOENT/);
  assert.deepEqual(server.messages, []);
});

test('verify connects and logs in', async (t) => {
  const server = await mailServer(t);
  const transporter = transporterTo(t, server);
  assert.equal(await transporter.verify(), true);
  assert.equal(await new Promise((resolve) => { transporter.verify((error, ok) => resolve(ok)); }), true);
  assert.deepEqual(server.messages, []);
  const bad = await mailServer(t, { EHLO: '250-test\r\n250 AUTH PLAIN', AUTH: '535 5.7.8 bad' });
  const login = { auth: { user: 'u', pass: 'p', method: 'PLAIN' }, ignoreTLS: true, allowPlaintextAuth: true };
  await assert.rejects(transporterTo(t, bad, login).verify(), { code: 'EAUTH', responseCode: 535 });
  const error = await new Promise((resolve) => { transporterTo(t, bad, login).verify((failed) => resolve(failed)); });
  assert.equal(error.diagnosis.cause, 'auth-failed');
});

test('a login of one message is its own', async (t) => {
  const server = await mailServer(t, { EHLO: '250-test\r\n250 AUTH PLAIN', AUTH: '235 ok' });
  const transporter = transporterTo(t, server, { ignoreTLS: true, allowPlaintextAuth: true });
  await transporter.sendMail(MAIL);
  await transporter.sendMail({ ...MAIL, auth: { user: 'one', pass: 'p' } });
  await transporter.sendMail(MAIL);
  const logins = server.commands.filter((line) => line.startsWith('AUTH'));
  assert.deepEqual(logins.map((line) => Buffer.from(line.split(' ')[2], 'base64').toString()), ['\0one\0p']);
});

test('tokens come from nodemailer', async (t) => {
  const server = await tokenServer(t, 'fresh');
  const options = { ignoreTLS: true, allowPlaintextAuth: true };
  const transporter = transporterTo(t, server, { ...options, auth: { type: 'OAuth2', user: 'user', accessToken: 'stale' } });
  transporter.set('oauth2_provision_cb', (user, renew, callback) => callback(null, renew ? 'fresh' : 'first'));
  await transporter.sendMail(MAIL);
  assert.deepEqual(server.tokens, ['stale', 'fresh']);
  const fixed = transporterTo(t, server, { ...options, auth: { type: 'OAuth2', user: 'user', accessToken: 'fresh' } });
  await fixed.sendMail(MAIL);
  assert.equal(server.messages.length, 2);
});

test('no more are sent at the same time than there are connections, and idle is told', async (t) => {
  let open = 0;
  let most = 0;
  const server = await mailServer(t, {
    MAIL: () => { open += 1; most = Math.max(most, open); return '250 ok'; },
    EOM: () => { open -= 1; return '250 ok'; },
  });
  const transporter = transporterTo(t, server, { pool: true, maxConnections: 2 });
  let idle = 0;
  transporter.on('idle', () => { idle += 1; });
  assert.ok(transporter.isIdle());
  const sent = Array.from({ length: 20 }, () => transporter.sendMail(MAIL));
  await new Promise(setImmediate);
  assert.ok(!transporter.isIdle());
  await Promise.all(sent);
  assert.ok(transporter.isIdle());
  assert.equal(idle, 2);
  assert.ok(most <= 2, `${most} at the same time`);
  assert.ok(server.commands.filter((line) => /^EHLO/.test(line)).length <= 2);
});

test('close sends what is under way, and nothing else', async (t) => {
  let release;
  const held = new Promise((resolve) => { release = resolve; });
  const server = await mailServer(t);
  const transporter = transporterTo(t, server, { maxConnections: 1 });
  const source = Readable.from((async function* () { await held; yield 'late'; })());
  const first = transporter.sendMail({ ...MAIL, attachments: [{ content: source }] });
  const second = transporter.sendMail(MAIL);
  const ended = new Promise((resolve) => { transporter.transporter.on('close', resolve); });
  const refused = assert.rejects(second, { code: 'ECONNECTION', message: /closed/ });
  await new Promise(setImmediate);
  transporter.close();
  await refused;
  release();
  await first;
  await ended;
  assert.equal(server.messages.length, 1);
  await assert.rejects(transporter.sendMail(MAIL), { code: 'ECONNECTION' });
  assert.ok(!transporter.isIdle());
});

test('a signal ends a send, and one that waits', async (t) => {
  const server = await silent(t);
  const transporter = transporterTo(t, server, { maxConnections: 1 });
  const controller = new AbortController();
  const { signal } = controller;
  const failures = [transporter.sendMail({ ...MAIL, signal }), transporter.sendMail({ ...MAIL, signal })]
    .map((sent) => assert.rejects(sent, { name: 'AbortError', code: 'EABORT' }));
  await server.waiting(1);
  controller.abort(new Error('enough'));
  await Promise.all(failures);
  assert.ok(transporter.isIdle());
  const never = new Readable({ read() {} });
  const other = new AbortController();
  const reading = assert.rejects(transporter.sendMail({ ...MAIL, signal: other.signal, attachments: [{ content: never }] }), { code: 'EABORT' });
  await new Promise(setImmediate);
  other.abort();
  await reading;
  assert.ok(never.destroyed);
});

test('options mean what nodemailer means by them', async (t) => {
  const server = await mailServer(t);
  const log = join(folder(t), 'smtp log.txt');
  const lines = [];
  const logger = Object.fromEntries(['trace', 'debug', 'info', 'warn', 'error', 'fatal'].map((level) =>
    [level, (entry, text, ...values) => lines.push({ ...entry, text: [text, ...values].join(' ') })]));
  const transporter = transporterTo(t, server, { name: 'own.test', logFile: log, maxMessages: 1, logger });
  await transporter.sendMail(MAIL);
  await transporter.sendMail(MAIL);
  assert.equal(server.commands.filter((line) => line === 'EHLO own.test').length, 2);
  assert.match(readFileSync(log, 'utf8'), /MAIL FROM:<from@a\.test>/);
  assert.ok(lines.some(({ tnx, text }) => tnx === 'client' && text.includes('RCPT TO')));

  const byUrl = nodemailer.createTransport(new FreeSmtpTransport(`smtp://127.0.0.1:${server.port}?ignoreTLS=true&name=url.test`));
  await byUrl.sendMail(MAIL);
  byUrl.close();
  assert.ok(server.commands.includes('EHLO url.test'));
  assert.equal(new FreeSmtpTransport({ service: 'Gmail' }).options.host, 'smtp.gmail.com');

  for (const [options, said] of [
    [{ hots: 'x' }, /hots is not known/], [{ disableFileAccess: true }, /createTransport\(transport/],
    [{ tls: { ciphers: 'SSLv3' } }, /tls\.ciphers/], [{ service: 'nobody' }, /names no service/],
    [{ auth: { type: 'custom' } }, /auth\.type/],
  ]) {
    assert.throws(() => new FreeSmtpTransport(options), { code: 'ECONFIG', message: said });
  }
});

test('a program that sent its mail ends', async (t) => {
  const server = await mailServer(t);
  const program = `
    import { createTransport } from 'nodemailer';
    import { FreeSmtpTransport } from 'freesmtp/nodemailer';
    const transporter = createTransport(new FreeSmtpTransport('smtp://127.0.0.1:${server.port}'));
    console.log((await transporter.sendMail({ from: 'from@a.test', to: 'to@a.test', text: 'x' })).response);`;
  const cwd = new URL('../../node/', import.meta.url);
  const { stdout } = await promisify(execFile)(process.execPath, ['--input-type=module', '-e', program], { cwd, timeout: 60_000 });
  assert.equal(stdout, '250 2.0.0 queued as 7\n');
});
