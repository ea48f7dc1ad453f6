// Asking the agent from Node: loops, and signals that end what waits; with an agent that is a few lines.
import assert from 'node:assert/strict';
import { mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { test } from 'node:test';
import { Cancelled, EmailMessage, MessageError, SMTP, SpoolError } from '../../node/index.mjs';

const ID = '01ARZ3NDEKTSV4RRFFQ69G5FAV';

/** An object with a spool, whose agent answers each request with these. */
async function withAgent(context, answers, more = false) {
  const folder = mkdtempSync(join(tmpdir(), 'freesmtp-'));
  const sockets = [];
  const server = createServer((socket) => {
    sockets.push(socket);
    socket.on('error', () => {});
    socket.once('data', () => {
      answers.forEach((answer) => socket.write(`${JSON.stringify({ v: 1, ok: true, more, answer })}\n`));
    });
  });
  await new Promise((resolve) => server.listen(join(folder, 'agent.sock'), resolve));
  context.after(() => {
    sockets.forEach((socket) => socket.destroy());
    server.close();
    rmSync(folder, { recursive: true, force: true });
  });
  const smtp = new SMTP();
  smtp.spoolPath = folder;
  return { smtp, folder };
}

test('a status has moments', async (context) => {
  const { smtp } = await withAgent(context, [{
    id: ID, state: 'later', submitted: '2026-01-02T03:04:05.000Z', recipients_total: 1, recipients_open: 1,
    recipients: [{ email: 'a@x.test', state: 'later', next_attempt: '2026-01-02T04:00:00.000Z' }],
  }]);
  const status = await smtp.spoolStatus(ID);
  assert.deepEqual(status.submitted, new Date('2026-01-02T03:04:05Z'));
  assert.equal(status.isDone, false);
  assert.deepEqual(status.recipients[0].nextAttempt, new Date('2026-01-02T04:00:00Z'));
  assert.equal(status.expires, null);
});

test('a message is waited for', async (context) => {
  const { smtp } = await withAgent(context, [{ done: true, status: { id: ID, state: 'done', submitted: '2026-01-02T03:04:05.000Z', recipients_total: 1, recipients_open: 0 } }]);
  const status = await smtp.WaitForMessage(ID, 5);
  assert.equal(status.isDone, true);
  assert.deepEqual(status.submitted, new Date('2026-01-02T03:04:05Z'));
});

test('a signal ends a wait', async (context) => {
  const { smtp } = await withAgent(context, []);
  for (const wait of [(options) => smtp.waitForBlast('news', null, options), (options) => smtp.waitForMessage(ID, null, options)]) {
    await assert.rejects(wait({ signal: AbortSignal.timeout(50) }), (error) => {
      assert.ok(error instanceof Cancelled);
      assert.equal(error.cause.name, 'TimeoutError');
      return true;
    });
  }
});

test('events end with the loop, and with a signal', async (context) => {
  const events = [{ event: 'listening' }, ...[1, 2].map((n) => ({ event: 'delivered', id: ID, recipient: `${n}@x.test` }))];
  const { smtp } = await withAgent(context, events, true);
  const seen = [];
  for await (const { recipient } of smtp.spoolEvents({ blast: 'news' })) {
    seen.push(recipient);
    if (seen.length === 2) {
      break;
    }
  }
  assert.deepEqual(seen, ['1@x.test', '2@x.test']);
  const found = [];
  await assert.rejects(async () => {
    for await (const { recipient } of smtp.spoolEvents({ signal: AbortSignal.timeout(100) })) {
      found.push(recipient);
    }
  }, Cancelled);
  assert.deepEqual(found, seen);
});

test('without an agent it is said how to start one', async () => {
  const smtp = new SMTP();
  smtp.spoolPath = join(tmpdir(), 'freesmtp-nowhere');
  for (const asking of [smtp.blastStatus('news'), smtp.CancelBlast('news'), smtp.spoolEvents().next()]) {
    await assert.rejects(asking, (error) => {
      assert.ok(error instanceof SpoolError);
      assert.equal(error.isTemporary, true);
      assert.match(error.message, /freesmtp agent --spool/);
      return true;
    });
  }
});

test('messages are submitted, streams are not', async (context) => {
  const { smtp, folder } = await withAgent(context, []);
  const message = () => new EmailMessage('to@x.test', 'from@x.test', 'Subject', 'Text');
  const one = await smtp.submitToSpool(message());
  const old = await smtp.SubmitToExpress(message(), join(folder, 'other'));
  const ids = await smtp.submitBulk([message(), message()]);
  assert.equal(new Set([one, old, ...ids]).size, 4);
  assert.ok([one, old, ...ids].every((id) => /^[0-9A-Z]{26}$/.test(id)));
  assert.equal(readdirSync(join(folder, 'incoming')).length, 1);
  const streaming = message();
  streaming.attachments.add(Readable.from(['bytes']), 'file.bin');
  await assert.rejects(smtp.submitToSpool(streaming), MessageError);
  const wrong = message();
  wrong.spoolPriority = 10;
  await assert.rejects(smtp.submitBulk([message(), wrong]), (error) => error.field === 'SpoolPriority');
});
