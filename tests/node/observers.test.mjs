// The events of sending: how far a message and a bulk are, and which recipients do not get a message.
import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { setImmediate as turn } from 'node:timers/promises';
import test from 'node:test';
import { folder, freesmtp, mailServer, plainMessage, smtpFor } from './support.mjs';

const { EmailMessage, MessageError, SMTP } = freesmtp;

/** A message of several pieces. */
function large() {
  const message = plainMessage();
  message.attachments.add(Buffer.alloc(700_000), 'zeros.bin');
  return message;
}

test('status, under both names, as long as somebody listens', async (t) => {
  const smtp = smtpFor(await mailServer(t));
  const heard = [];
  const listener = (...told) => heard.push(told);
  smtp.on('smtpStatus', listener);
  const originals = [];
  smtp.on('SMTPStatus', (totalSent, totalSize) => originals.push([totalSent, totalSize]));
  const { size } = await smtp.send(large());
  assert.ok(heard.length > 3);
  assert.deepEqual(heard, originals);
  assert.deepEqual(heard.at(-1), [size, size]);
  assert.ok(heard.every(([sent, total], at) => total === size && sent >= (heard[at - 1]?.[0] ?? 0)));
  smtp.off('smtpStatus', listener);
  smtp.removeAllListeners('SMTPStatus');
  const before = heard.length;
  await smtp.send(large());
  await turn();
  assert.equal(heard.length, before);
});

test('recipients that fail', async (t) => {
  const refuse = (line) => (line.startsWith('RCPT TO:<none@') ? '550 5.1.1 no such user' : '250 ok');
  const smtp = smtpFor(await mailServer(t, { RCPT: refuse }));
  const heard = [];
  smtp.on('SMTPRecipientFailed', (emailAddress, response) => heard.push([emailAddress, response]));
  const message = plainMessage();
  message.recipients.add('none@example.test');
  await smtp.send(message);
  assert.deepEqual(heard, [['none@example.test', '550 5.1.1 no such user']]);
  await assert.rejects(smtp.send(new EmailMessage('none@example.test', 'from@example.test', 's', 't')), /no such user/);
  assert.equal(heard.length, 2);
});

test('a bulk', async (t) => {
  const smtp = smtpFor(await mailServer(t));
  const heard = [];
  smtp.on('smtpBulkStatus', (...told) => heard.push(told));
  const bad = new EmailMessage('to@example.test', 'from@example.test', 'a\nb', 't');
  let results = 0;
  for await (const { index } of smtp.sendBulk([plainMessage(), bad, plainMessage()])) {
    results += Number(index >= 0);
  }
  await turn();
  assert.equal(results, 3);
  assert.deepEqual(heard.map(([sent, failed]) => sent + failed), [1, 2, 3]);
  assert.deepEqual(heard.at(-1), [2, 1, 3]);
});

test('a listener may use the object, and reset keeps it', async (t) => {
  const server = await mailServer(t);
  const smtp = smtpFor(server);
  const heard = [];
  smtp.once('smtpStatus', () => heard.push(smtp.connected));
  smtp.on('smtpRecipientFailed', () => {});
  await smtp.reset();
  smtp.smtpServers.add('127.0.0.1', server.port);
  await smtp.send(plainMessage());
  assert.equal(heard.length, 1);
});

for (const event of ['smtpStatus', 'smtpRecipientFailed', 'smtpBulkStatus']) {
  test(`an object whose ${event} is listened to can be collected`, async () => {
    let done = false;
    const registry = new FinalizationRegistry(() => { done = true; });
    (() => {
      const smtp = new SMTP('127.0.0.1:1');
      smtp.on(event, () => smtp.cancel());
      registry.register(smtp, 'smtp');
    })();
    for (let tries = 0; tries < 200 && !done; tries += 1) {
      globalThis.gc();
      await turn();
    }
    assert.ok(done, 'the listener keeps the object');
  });
}

test('submitBulkMerge: all rows or none', async (t) => {
  const smtp = new SMTP();
  const spool = join(folder(t), 'spool');
  const message = new EmailMessage('{{ email }}', 'from@example.test', 'Hello {{ name }}', 'Hello');
  const rows = [{ email: 'a@b.test', name: 'Ann' }, { email: 'c@d.test', name: 'Zoë' }];
  await assert.rejects(smtp.submitBulkMerge(message, [...rows, { email: 'e@f.test' }], spool), MessageError);
  await assert.rejects(smtp.submitBulkMerge(message, 5, spool), TypeError);
  const ids = await smtp.SubmitBulkMerge(message, rows.values(), spool);
  assert.equal(new Set(ids).size, 2);
  const [segment, ...others] = readdirSync(join(spool, 'incoming'));
  assert.deepEqual(others, []);
  assert.match(readFileSync(join(spool, 'incoming', segment), 'latin1'), /Subject: Hello Ann/);
});
