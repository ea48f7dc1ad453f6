// A cancel in each phase of a send, objects that are let go of while they send, and threads that end.
import assert from 'node:assert/strict';
import { once } from 'node:events';
import test from 'node:test';
import { Worker } from 'node:worker_threads';
import { fileURLToPath } from 'node:url';
import { freesmtp, mailServer, plainMessage, smtpFor } from './support.mjs';

const { Cancelled, SMTP, SMTPOutcomeUnknown } = freesmtp;
const PATH = fileURLToPath(new URL('../../node/index.cjs', import.meta.url));

// The command that gets no answer, and the line that is seen then.
const PHASES = [['EHLO', 'EHLO'], ['STARTTLS', 'STARTTLS'], ['AUTH', 'AUTH'], ['MAIL', 'MAIL'], ['RCPT', 'RCPT'], ['DATA', 'DATA'],
  ['EOM', 'Message sent.']];

for (const [silent, seen] of PHASES) {
  for (const how of ['object', 'signal']) {
    test(`cancelled by its ${how} at ${silent}`, { timeout: 60_000 }, async (t) => {
      const server = await mailServer(t, { EHLO: '250-test\r\n250-STARTTLS\r\n250 AUTH PLAIN', [silent]: '' });
      const smtp = new SMTP();
      const login = { account: 'u', password: 'p', allowPlaintextAuth: true, security: 'none' };
      smtp.smtpServers.add({ name: '127.0.0.1', port: server.port, security: silent === 'STARTTLS' ? 'required' : 'none',
        ...(silent === 'AUTH' && login) });
      const controller = new AbortController();
      smtp.on('protocolLog', ({ line }) => {
        if (line.startsWith(seen)) {
          how === 'object' ? smtp.cancel() : controller.abort();
        }
      });
      const error = await smtp.send(plainMessage(), { signal: controller.signal }).then(() => null, (reason) => reason);
      assert.ok(error instanceof (silent === 'EOM' ? SMTPOutcomeUnknown : Cancelled), String(error));
      assert.equal(smtp.connected, false);
      const other = await mailServer(t);
      smtp.removeAllListeners('protocolLog');
      smtp.smtpServers.remove(0);
      smtp.smtpServers.add('127.0.0.1', other.port);
      assert.equal((await smtp.send(plainMessage())).replyCode, 250);
    });
  }
}

test('what is let go of while it is sent arrives all the same', async (t) => {
  let reached;
  const asked = new Promise((resolve) => {
    reached = resolve;
  });
  let answer = '';
  const server = await mailServer(t, { DATA: () => {
    reached();
    return answer;
  } });
  // The server answers DATA on the second connection only; the first is lost with its object.
  const sending = (() => {
    const smtp = smtpFor(server);
    smtp.on('smtpStatus', () => smtp.connected);
    const message = plainMessage();
    message.attachments.add(Buffer.alloc(300_000), 'zeros.bin');
    const controller = new AbortController();
    return { sent: smtp.send(message, { signal: controller.signal }).then((report) => report, (error) => error), controller };
  })();
  await asked;
  for (let turns = 0; turns < 20; turns += 1) {
    globalThis.gc();
    await new Promise(setImmediate);
  }
  sending.controller.abort();
  assert.ok((await sending.sent) instanceof Cancelled);

  answer = '354 go on';
  const sent = (() => {
    const message = plainMessage();
    message.attachments.add(Buffer.alloc(300_000), 'zeros.bin');
    return smtpFor(server).send(message);
  })();
  globalThis.gc();
  assert.equal((await sent).replyCode, 250);
  assert.ok(server.messages[0].length > 400_000);
});

/** A worker that has a message under way, listens to its events, and says so. */
function worker(port, ending) {
  const code = `
    const { workerData: { path, port, ending }, parentPort } = require('node:worker_threads');
    const { SMTP, EmailMessage } = require(path);
    const smtp = new SMTP('127.0.0.1:' + port);
    const message = new EmailMessage('to@example.test', 'from@example.test', 'Subject', 'x');
    message.attachments.add(Buffer.alloc(300_000), 'zeros.bin');
    let heard = 0;
    for (const event of ['protocolLog', 'smtpStatus', 'smtpRecipientFailed', 'smtpBulkStatus']) {
      smtp.on(event, () => { heard += 1; });
    }
    smtp.on('protocolLog', ({ line }) => {
      if (line === 'DATA') {
        parentPort.postMessage('under way');
      }
    });
    (async () => {
      for (;;) {
        await smtp.send(message);
        for await (const { error } of smtp.sendBulk([message, message])) {
          if (error) throw error;
        }
        if (ending !== 'terminate') {
          break;
        }
      }
      parentPort.postMessage(heard > 20);
      await smtp.disconnect();
    })();`;
  return new Worker(code, { eval: true, workerData: { path: PATH, port, ending } });
}

test('worker threads send at the same time, and may be ended while they do', { timeout: 120_000 }, async (t) => {
  const server = await mailServer(t);
  const done = Array.from({ length: 4 }, async () => {
    const thread = worker(server.port, 'return');
    const told = [];
    thread.on('message', (what) => told.push(what));
    const [code] = await once(thread, 'exit');
    assert.deepEqual([code, told.at(-1)], [0, true]);
  });
  const ended = Array.from({ length: 6 }, async () => {
    const thread = worker(server.port, 'terminate');
    await once(thread, 'message');
    await thread.terminate();
  });
  await Promise.all([...done, ...ended]);
  assert.equal((await smtpFor(server).send(plainMessage())).replyCode, 250);
});
