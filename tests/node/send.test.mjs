// Sending: it does not block, it can be cancelled, and what arrives is what was meant.
import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import test from 'node:test';
import { setImmediate as turn } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { Worker } from 'node:worker_threads';
import { folder, freesmtp, mailServer, plainMessage, silent, smtpFor } from './support.mjs';

const { Cancelled, SMTP } = freesmtp;

test('a message arrives, over one connection, with its log', async (t) => {
  const server = await mailServer(t);
  const smtp = smtpFor(server);
  const log = join(folder(t), 'smtp log.txt');
  smtp.LogFile = log;
  const message = plainMessage();
  message.recipients.add('bcc@example.test', '', 'bcc');
  const report = await smtp.Send(message);
  assert.deepEqual(report.recipients.map(({ email, status }) => [email, status]),
    [['to@example.test', 'accepted'], ['bcc@example.test', 'accepted']]);
  assert.deepEqual([report.replyCode, report.replyText, report.tls], [250, '2.0.0 queued as 7', null]);
  await smtp.send(message);
  assert.equal(server.commands.filter((line) => line.startsWith('EHLO')).length, 1);
  assert.equal(server.messages.length, 2);
  assert.ok(!server.messages[0].includes('bcc@example.test'));
  assert.equal(smtp.connected, true);
  await smtp.disconnect();
  assert.equal(smtp.connected, false);
  assert.equal(server.commands.at(-1), 'QUIT');
  assert.match(readFileSync(log, 'utf8'), /^MAIL FROM:<from@example.test>$/m);
});

test('what is changed after the call does not reach the send', async (t) => {
  const server = await mailServer(t);
  const message = plainMessage();
  const sent = smtpFor(server).send(message);
  message.subject = 'changed';
  message.recipients.length = 0;
  await sent;
  assert.match(server.messages[0], /^Subject: Subject\r$/m);
});

test('connect, commands and reset', async (t) => {
  const server = await mailServer(t, { VRFY: '252 perhaps' });
  const smtp = smtpFor(server);
  await smtp.Connect();
  assert.deepEqual(await smtp.sendSMTPCommand('VRFY postmaster'),
    { code: 252, lines: ['perhaps'], text: 'perhaps', enhancedCode: null });
  await assert.rejects(smtp.SendSMTPCommand('VRFY a\r\nQUIT'), { kind: 'message' });
  smtp.defaultDomain = 'client.example.com';
  const done = smtp.reset();
  assert.deepEqual([smtp.smtpServers.count, smtp.defaultDomain, smtp.connected], [0, '', false]);
  await done;
  assert.equal(server.commands.at(-1), 'QUIT');
});

test('quickSend', async (t) => {
  const server = await mailServer(t);
  const to = 'to@example.test';
  await SMTP.QuickSend(`127.0.0.1:${server.port}`, to, 'from@example.test', 'Quick', '<p>hi</p>', 'html');
  assert.match(server.messages[0], /^Content-Type: text\/html/im);
  await assert.rejects(SMTP.quickSend('127.0.0.1', to, 'nobody', 'Quick', 'x'), { field: 'From.Email' });
});

test('twenty sends to a silent server leave the event loop and the files of Node free', async (t) => {
  const server = await silent(t);
  const smtp = smtpFor(server);
  const sends = Array.from({ length: 20 }, () => smtp.send(plainMessage()));
  // The server of this test runs on the same event loop: it hears of them all while none of them has ended,
  // and libuv's four threads still read files.
  await server.waiting(20);
  assert.match(await readFile(new URL(import.meta.url), 'utf8'), /twenty sends/);
  smtp.cancel();
  for (const outcome of await Promise.allSettled(sends)) {
    assert.equal(outcome.status, 'rejected');
    assert.ok(outcome.reason instanceof Cancelled, String(outcome.reason));
  }
});

test('an AbortSignal ends its send and no other', async (t) => {
  const server = await silent(t);
  const smtp = smtpFor(server);
  const controller = new AbortController();
  const other = smtp.send(plainMessage());
  const ended = smtp.send(plainMessage(), { signal: controller.signal });
  let settled = false;
  other.catch(() => {}).finally(() => { settled = true; });
  await server.waiting(2);
  const reason = new Error('enough');
  controller.abort(reason);
  await assert.rejects(ended, (error) => {
    assert.ok(error instanceof Cancelled);
    assert.deepEqual([error.code, error.cause], ['ECANCELED', reason]);
    return true;
  });
  assert.equal(settled, false);
  smtp.cancel();
  await assert.rejects(other, Cancelled);
});

test('a signal that was used already opens no connection', async (t) => {
  const server = await silent(t);
  await assert.rejects(smtpFor(server).send(plainMessage(), { signal: AbortSignal.abort() }),
    (error) => error instanceof Cancelled && error.cause.name === 'AbortError');
  assert.equal(server.sockets.size, 0);
});

test('worker threads load it, send with it, and may end in the midst of a send', async (t) => {
  const server = await mailServer(t);
  const idle = await silent(t);
  const code = `
    const { workerData, parentPort } = require('node:worker_threads');
    const { SMTP, EmailMessage } = require(workerData.path);
    const message = new EmailMessage('to@example.test', 'from@example.test', 'From a worker', 'x');
    new SMTP('127.0.0.1:' + workerData.port).send(message).then((report) => {
      new SMTP('127.0.0.1:' + workerData.idle).send(message).catch(() => {});
      parentPort.postMessage(report.replyCode);
    });`;
  const path = new URL('../../node/index.cjs', import.meta.url).pathname;
  assert.ok(existsSync(path));
  const workers = [1, 2].map(() =>
    new Worker(code, { eval: true, workerData: { path, port: server.port, idle: idle.port } }));
  const replies = await Promise.all(workers.map((worker) =>
    new Promise((resolve, reject) => worker.once('message', resolve).once('error', reject))));
  assert.deepEqual(replies, [250, 250]);
  await idle.waiting(2);
  await Promise.all(workers.map((worker) => worker.terminate()));
  idle.sockets.forEach((socket) => socket.destroy());
  // This thread's own copy is not harmed by their end.
  assert.equal((await smtpFor(server).send(plainMessage())).replyCode, 250);
});

test('objects may be let go of while a send runs', async (t) => {
  const server = await mailServer(t);
  async function* pieces() {
    for (let piece = 0; piece < 5; piece += 1) {
      await turn();
      globalThis.gc();
      yield Buffer.alloc(100_000, 'x');
    }
  }
  const begin = () => {
    const smtp = smtpFor(server);
    const message = plainMessage();
    message.attachments.add(pieces(), 'pieces.bin');
    return smtp.send(message);
  };
  const report = await begin();
  assert.equal(report.replyCode, 250);
  assert.equal(server.messages.length, 1);
});

test('what a listener throws is its own affair: the mail is sent', async (t) => {
  const server = await mailServer(t);
  const path = fileURLToPath(new URL('../../node/index.cjs', import.meta.url));
  const program = `
    const { SMTP, EmailMessage } = require(${JSON.stringify(path)});
    const thrown = new Set();
    process.on('uncaughtException', ({ message }) => thrown.add(message));
    const smtp = new SMTP('127.0.0.1:${server.port}');
    smtp.on('protocolLog', () => { throw new Error('mine'); });
    smtp.send(new EmailMessage('to@a.test', 'from@a.test', 's', 't')).then(({ replyCode }) => console.log(replyCode, ...thrown));`;
  const { stdout } = await promisify(execFile)(process.execPath, ['-e', program], { timeout: 60_000 });
  assert.equal(stdout, '250 mine\n');
});
