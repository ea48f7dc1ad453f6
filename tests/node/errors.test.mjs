// Every error keeps its structure, thrown or rejected.
import assert from 'node:assert/strict';
import { readFileSync, readdirSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import test from 'node:test';
import { folder, freesmtp, mailServer, plainMessage, smtpFor } from './support.mjs';

const { EmailMessage, FileIOError, MessageError, SMTP, SMTPError, diagnose } = freesmtp;
const FIELDS = ['code', 'kind', 'number', 'stage', 'reason', 'field', 'replyCode', 'enhancedCode', 'replyText',
  'recipients', 'server', 'isTemporary', 'diagnosis', 'transcript', 'messageId', 'others'].sort();

test('a log in a missing folder throws when it is set', (t) => {
  const smtp = new SMTP();
  assert.throws(() => { smtp.LogFile = join(folder(t), 'none', 'log.txt'); },
    (error) => error instanceof FileIOError && error.code === 'EFILE' && error.field === 'LogFile');
  assert.equal(smtp.logFile, '');
});

test('a refusal has every field, rejected and thrown alike', async (t) => {
  const server = await mailServer(t, { RCPT: '550 5.1.1 no such user' });
  const message = plainMessage();
  message.messageId = 'id@example.test';
  const rejected = await smtpFor(server).send(message).then(() => assert.fail('was sent'), (error) => error);
  for (const Class of [freesmtp.SMTPRecipientsRefused, freesmtp.SMTPProtocolException, SMTPError, Error]) {
    assert.ok(rejected instanceof Class);
  }
  assert.deepEqual(Object.keys(rejected).sort(), FIELDS);
  const { code, kind, number, stage, replyCode, enhancedCode, replyText, isTemporary, name } = rejected;
  assert.deepEqual({ code, kind, number, stage, replyCode, enhancedCode, replyText, isTemporary, name }, {
    code: 'EENVELOPE', kind: 'recipients-refused', number: 401, stage: 'RCPT', replyCode: 550, enhancedCode: '5.1.1',
    replyText: '5.1.1 no such user', isTemporary: false, name: 'SMTPRecipientsRefused' });
  assert.equal(rejected.server, `127.0.0.1:${server.port}`);
  assert.equal(rejected.diagnosis.cause, 'recipient-unknown');
  assert.equal(rejected.recipients[0].status, 'refused');
  assert.ok(rejected.message.includes(rejected.reason) && rejected.message.includes(rejected.diagnosis.summary));
  assert.ok(rejected.transcript.includes('550 5.1.1 no such user'));
  assert.match(rejected.stack, /errors\.test\.mjs/);
  const json = JSON.parse(JSON.stringify(rejected));
  assert.deepEqual([json.name, json.message, json.replyCode], [rejected.name, rejected.message, 550]);
});

test('a failure of the system is the cause, and every server has its own error', async (t) => {
  const closed = await mailServer(t);
  const smtp = new SMTP();
  smtp.smtpServers.add('127.0.0.1', 1);
  smtp.smtpServers.add('no host');
  await assert.rejects(smtp.send(plainMessage()), { kind: 'message', field: 'SMTPServers[1].Name' });
  smtp.smtpServers[1].name = '127.0.0.1';
  smtp.smtpServers[1].port = 1;
  await assert.rejects(smtp.connect(), (error) => {
    assert.equal(error.code, 'ECONNECTION');
    assert.deepEqual([error.cause.code, error.cause.errno < 0], ['ECONNREFUSED', true]);
    assert.deepEqual(error.others.map((other) => [other.constructor.name, other.cause.code]),
      [['SMTPConnectionError', 'ECONNREFUSED']]);
    return true;
  });
  assert.equal(closed.commands.length, 0);
});

test('bad input names its field, and no server hears of it', async (t) => {
  const server = await mailServer(t);
  const smtp = smtpFor(server);
  const bad = {
    'From.Email': (message) => { message.from.email = 'a@example.test\r\nRCPT TO:<b@example.test>'; },
    'Recipients[0].Email': (message) => { message.recipients[0].email = 'no address'; },
    Subject: (message) => { message.subject = 'a\nBcc: b@example.test'; },
    'CustomHeaders[0].Name': (message) => message.customHeaders.add('X Y', '1'),
    ReturnPath: (message) => { message.returnPath = 'a\0@example.test'; },
  };
  for (const [field, spoil] of Object.entries(bad)) {
    const message = plainMessage();
    spoil(message);
    const named = (error) => error instanceof MessageError && error.field === field && error.code === 'EMESSAGE';
    await assert.rejects(smtp.send(message), named, field);
    assert.throws(() => smtp.sendSync(message), named, field);
    assert.throws(() => message.toBytes(), named, field);
  }
  await assert.rejects(smtp.send({}), TypeError);
  await assert.rejects(smtp.send(plainMessage(), { signal: 'x' }), TypeError);
  await assert.rejects(new SMTP().send(plainMessage()), { field: 'SMTPServers' });
  assert.equal(server.sockets.size, 0);
});

test('saving a bad message leaves the file alone', (t) => {
  const path = join(folder(t), 'message.eml');
  plainMessage().SaveMessage(path);
  const saved = readFileSync(path, 'utf8');
  assert.match(saved, /^Subject: Subject\r$/m);
  assert.throws(() => new EmailMessage('x', 'y').saveMessage(path), MessageError);
  assert.equal(readFileSync(path, 'utf8'), saved);
  assert.throws(() => plainMessage().saveMessage(join(path, 'x')), FileIOError);
});

test('diagnose explains a reply', () => {
  const context = { offered: ['AUTH LOGIN'], Authenticated: false, tls: true };
  const diagnosis = diagnose('550 5.7.1 Relaying denied', 'RCPT', context);
  assert.deepEqual([diagnosis.cause, typeof diagnosis.remedy], ['relay-denied', 'string']);
  assert.match(diagnosis.remedy, /AUTH LOGIN/);
  assert.throws(() => diagnose('no code'), { field: 'Reply' });
  assert.throws(() => diagnose('550 no', 'LUNCH'), { field: 'Stage' });
  assert.throws(() => diagnose('550 no', 'RCPT', { offred: [] }), TypeError);
  assert.throws(() => diagnose(550), TypeError);
});

test('every kind of the core has its class and code', () => {
  const { kinds } = createRequire(import.meta.url)('../../node/lib/error.cjs');
  const core = readFileSync(new URL('../../core/src/error.rs', import.meta.url), 'utf8');
  const named = [...core.matchAll(/Self::\w+ => "([a-z-]+)"/g)].map(([, name]) => name);
  assert.ok(named.length > 10);
  assert.deepEqual(Object.keys(kinds).sort(), named.sort());
});

test('every export of the native half runs inside the guard', () => {
  const folder = new URL('../../node/src/', import.meta.url);
  let exports = 0;
  for (const file of readdirSync(folder)) {
    const source = readFileSync(new URL(file, folder), 'utf8');
    for (const [whole, name, body] of source.matchAll(/#\[napi[^]*?pub fn (\w+)[^]*?\{\n([^]*?)\n {0,4}\}\n/g)) {
      if (!/^#\[napi(\(ts_return_type[^\n]*)?\)?\]|^#\[napi\(constructor\)\]/.test(whole)) {
        continue;
      }
      exports += 1;
      // Those that wait share one body, which is looked at below. Without the guard: what only makes a value, and cannot
      // fail.
      const plain = ['new', 'version', 'copy_bytes', 'bad_input', 'new_token_key', 'cancelled', 'new_stream'].includes(name);
      assert.ok(plain || /\b(guard|promise|self\.wait)\(/.test(body), `${file}: ${name}`);
    }
  }
  const agent = readFileSync(new URL('agent.rs', folder), 'utf8');
  assert.match(agent, /\n {4}fn wait<[^]*?\bpromise\([^]*?\n {4}\}\n/);
  assert.ok(exports > 20, `${exports} found`);
});
