// Listeners that throw: it stops no mail and no other listener, and Node reports it as it does for any emitter.
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import test from 'node:test';
import { fileURLToPath } from 'node:url';
import { mailServer } from './support.mjs';

const PATH = fileURLToPath(new URL('../../node/index.cjs', import.meta.url));

/** What brings about all four events: a message of several pieces, one recipient refused, and a bulk of a template's rows. */
const PROGRAM = `
  const { SMTP, EmailMessage } = require(process.env.FREESMTP_PATH);
  const smtp = new SMTP('127.0.0.1:' + process.env.FREESMTP_PORT);
  const message = new EmailMessage('to@example.test', 'from@example.test', 'Hello {{ name }}', 'x');
  message.recipients.add('none@example.test');
  message.attachments.add(Buffer.alloc(300_000), 'zeros.bin');
  async function sendAll() {
    const { replyCode } = await smtp.send(message);
    const results = [replyCode];
    for await (const { error } of smtp.sendBulkMerge(message, [{ name: 'Ann' }, { nome: 'Zoë' }, { name: 'Joe' }])) {
      results.push(error ? error.kind : 'sent');
    }
    return results.sort();
  }`;

const SENT = [250, 'message', 'sent', 'sent'];

async function run(port, program) {
  const child = spawn(process.execPath, ['-e', `${PROGRAM}\n${program}`], {
    env: { ...process.env, FREESMTP_PATH: PATH, FREESMTP_PORT: String(port) },
  });
  const said = { stdout: '', stderr: '' };
  for (const stream of ['stdout', 'stderr']) {
    child[stream].setEncoding('utf8').on('data', (piece) => { said[stream] += piece; });
  }
  const [code] = await once(child, 'close');
  return { code, ...said };
}

const refuse = (line) => (line.startsWith('RCPT TO:<none@') ? '550 5.1.1 no such user' : '250 ok');

for (const [name, original] of [
  ['protocolLog', 'ProtocolLog'],
  ['smtpStatus', 'SMTPStatus'],
  ['smtpRecipientFailed', 'SMTPRecipientFailed'],
  ['smtpBulkStatus', 'SMTPBulkStatus'],
]) {
  test(`what listeners of ${name} throw is uncaught, each time, and nothing else`, async (t) => {
    const server = await mailServer(t, { RCPT: refuse });
    const { code, stdout, stderr } = await run(server.port, `
      let heard = 0;
      const caught = [];
      process.on('uncaughtException', (error, origin) => caught.push(error.message + ' ' + origin));
      smtp.on('${name}', () => { throw new Error('${name}'); });
      smtp.on('${name}', () => { heard = NaN; }); // an emitter goes no further than what throws
      smtp.on('${original}', () => { heard += 1; throw new Error('${original}'); });
      sendAll().then((results) => setImmediate(() => console.log(JSON.stringify({ results, heard, caught }))));`);
    assert.deepEqual({ code, stderr }, { code: 0, stderr: '' });
    const { results, heard, caught } = JSON.parse(stdout);
    assert.deepEqual(results, SENT);
    assert.ok(heard > 1, String(heard));
    const expected = [`${name} uncaughtException`, `${original} uncaughtException`];
    assert.deepEqual(caught, Array.from({ length: heard }, () => expected).flat());
  });

  test(`a promise that a listener of ${name} gives and that rejects is unhandled`, async (t) => {
    const server = await mailServer(t, { RCPT: refuse });
    const { code, stdout } = await run(server.port, `
      const caught = new Set();
      process.on('unhandledRejection', (error) => caught.add(error.message));
      smtp.on('${name}', async () => { throw new Error('${name}'); });
      sendAll().then((results) => setImmediate(() => console.log(JSON.stringify({ results, caught: [...caught] }))));`);
    assert.equal(code, 0);
    assert.deepEqual(JSON.parse(stdout), { results: SENT, caught: [name] });
  });

  test(`without a handler what a listener of ${name} throws ends the process, and names it`, async (t) => {
    const server = await mailServer(t, { RCPT: refuse });
    const { code, stderr } = await run(server.port, `
      smtp.on('${name}', () => { throw new RangeError('broken listener'); });
      sendAll();`);
    assert.equal(code, 1);
    assert.match(stderr, /RangeError: broken listener/);
  });
}
