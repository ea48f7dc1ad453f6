// Streams and messages as attachments: read as fast as the server takes them, once, and never in part.
import assert from 'node:assert/strict';
import { createReadStream, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { setImmediate as turn } from 'node:timers/promises';
import test from 'node:test';
import { ED25519, folder, freesmtp, mailServer, plainMessage, smtpFor } from './support.mjs';

const { Cancelled, EmailMessage, FileIOError, MessageError } = freesmtp;
const PIECE = Buffer.alloc(50_000, 'what is read is what arrives \n');

async function* pieces(count) {
  for (let piece = 0; piece < count; piece += 1) {
    await turn();
    yield PIECE;
  }
}

/** The bytes of the attachment that was sent under that name. */
function attached(message, name) {
  const part = message.split(/\r\n--[^\r\n]+/).find((text) => text.includes(`filename=${name}`) || text.includes(`filename="${name}"`));
  return Buffer.from(part.slice(part.indexOf('\r\n\r\n')), 'base64');
}

test('every kind of source arrives whole, of any length', async (t) => {
  const server = await mailServer(t);
  const path = join(folder(t), 'on disk.bin');
  writeFileSync(path, PIECE);
  function* plain() {
    yield PIECE.subarray(0, 1);
    yield new Uint8Array(0);
    yield PIECE.subarray(1);
  }
  const sources = {
    'generator.bin': plain(), 'async.bin': pieces(1), 'array.bin': [PIECE], 'readable.bin': Readable.from([PIECE]),
    'web.bin': new Blob([PIECE]).stream(), 'object.bin': { [Symbol.asyncIterator]: () => pieces(1) },
  };
  const message = plainMessage();
  for (const [name, source] of Object.entries(sources)) {
    message.attachments.add(source, name);
  }
  assert.equal(message.attachments.add(createReadStream(path)).displayName, 'on disk.bin');
  message.attachments.add([], 'empty.bin');
  assert.equal(message.attachments[0].fileName, null);
  await smtpFor(server).send(message);
  for (const name of [...Object.keys(sources), 'on disk.bin']) {
    assert.ok(attached(server.messages[0], name).equals(PIECE), name);
  }
  assert.equal(attached(server.messages[0], 'empty.bin').length, 0);
});

test('a source is asked for no more than the server takes', { timeout: 60_000 }, async (t) => {
  let given = 0;
  async function* endless() {
    for (;;) {
      given += 1;
      yield PIECE;
    }
  }
  const server = await mailServer(t, { DATA: () => { setImmediate(() => server.sockets.forEach((socket) => socket.pause())); return '354 go on'; } });
  const message = plainMessage();
  message.attachments.add(endless(), 'endless.bin');
  const controller = new AbortController();
  const sent = smtpFor(server).send(message, { signal: controller.signal });
  // It stands still: what was given fits into buffers.
  let before = -1;
  while (given === 0 || given !== before) {
    before = given;
    await new Promise((resolve) => { setTimeout(resolve, 300); });
  }
  assert.ok(given * PIECE.length < 64 * 1024 ** 2, `${given} pieces were asked for`);
  controller.abort();
  await assert.rejects(sent, Cancelled);
});

test('what the source throws ends the message, is the cause, and nothing is delivered', async (t) => {
  const server = await mailServer(t);
  const thrown = new Error('the disk is gone');
  async function* breaking() {
    yield* pieces(3);
    throw thrown;
  }
  const destroyed = () => new Readable({ read() { this.destroy(thrown); } });
  const missing = () => createReadStream(join(folder(t), 'missing.bin'));
  for (const [source, matches] of [[breaking, (cause) => cause === thrown], [destroyed, (cause) => cause === thrown],
    [missing, (cause) => cause.code === 'ENOENT'], [() => ['text'], (cause) => cause instanceof TypeError]]) {
    const message = plainMessage();
    message.attachments.add(source(), 'broken.bin');
    // It may fail before it is read.
    await turn();
    await assert.rejects(smtpFor(server).send(message), (error) => {
      assert.ok(error instanceof FileIOError, String(error));
      assert.ok(matches(error.cause), String(error.cause));
      assert.match(error.reason, /broken\.bin/);
      return true;
    });
  }
  assert.equal(server.messages.length, 0);
});

test('a stream is read once, and not before a recipient was accepted', async (t) => {
  const answers = ['550 no', '250 ok', '250 ok'];
  const server = await mailServer(t, { RCPT: () => answers.shift() });
  const message = plainMessage();
  message.attachments.add(pieces(1), 'once.bin');
  const smtp = smtpFor(server);
  await assert.rejects(smtp.send(message), { kind: 'recipients-refused' });
  await smtp.send(message);
  await assert.rejects(smtp.send(message), (error) => error instanceof MessageError && /once/.test(error.reason));
  assert.equal(server.messages.length, 1);
});

test('a send that waits for its source can be cancelled, and the source is let go of', { timeout: 60_000 }, async (t) => {
  const server = await mailServer(t);
  for (const how of ['signal', 'object']) {
    const controller = new AbortController();
    const smtp = smtpFor(server);
    const cancel = () => (how === 'signal' ? controller.abort() : smtp.cancel());
    let closed = false;
    const stuck = new Readable({
      read() { setImmediate(cancel); },
      destroy(error, callback) { closed = true; callback(error); },
    });
    const message = plainMessage();
    message.attachments.add(stuck, 'stuck.bin');
    await assert.rejects(smtp.send(message, { signal: controller.signal }), (error) => error instanceof Cancelled, how);
    while (!closed) {
      await turn();
    }
  }
  assert.equal(server.messages.length, 0);
});

test('calls that block the event loop refuse streams, and signatures cannot cover them', async (t) => {
  const message = plainMessage();
  message.embeddedObjects.add(pieces(1), 'logo', 'logo.png');
  message.bodyParts.add('<img src="cid:logo">', 'html');
  const smtp = smtpFor(await mailServer(t));
  for (const call of [() => message.toBytes(), () => message.saveMessage(join(folder(t), 'm.eml')), () => smtp.sendSync(message)]) {
    assert.throws(call, (error) => error instanceof MessageError && error.field === 'EmbeddedObjects[0].Source' && /use send/.test(error.reason));
  }
  message.dkim.add('example.test', 's', ED25519);
  await assert.rejects(smtp.send(message), MessageError);
  for (const wrong of [5, null, {}, () => {}]) {
    assert.throws(() => plainMessage().attachments.add({ source: wrong, displayName: 'x' }), TypeError);
  }
});

test('streams in bulk: each result has the failure of its own', async (t) => {
  const server = await mailServer(t);
  const smtp = smtpFor(server);
  smtp.maxConnections = 2;
  const failures = [null, new Error('the second'), null, new Error('the fourth')];
  function* messages() {
    for (const failure of failures) {
      const message = plainMessage();
      message.attachments.add((async function* () {
        yield* pieces(2);
        if (failure) {
          throw failure;
        }
      })(), 'piece.bin');
      yield message;
    }
  }
  const results = [];
  for await (const result of smtp.sendBulk(messages())) {
    results[result.index] = result;
  }
  assert.deepEqual(results.map(({ error }) => error?.cause ?? null), failures);
  assert.equal(server.messages.length, 2);
});

test('a message within a message, with its streams', async (t) => {
  const server = await mailServer(t);
  const inner = new EmailMessage('inner@example.test', 'from@example.test', 'Inner', 'What was said');
  const message = plainMessage();
  const attachment = message.attachments.add(inner, 'before.eml');
  assert.equal(attachment.contentType, 'message/rfc822');
  inner.subject = 'changed';
  message.attachments.add(message);
  await smtpFor(server).send(message);
  assert.match(server.messages[0], /Content-Type: message\/rfc822[^]*Subject: Inner\r\n[^]*What was said/);
  assert.equal(server.messages[0].match(/What was said/g).length, 2);
  const outer = plainMessage();
  const streaming = plainMessage();
  streaming.attachments.add(pieces(1), 'inner.bin');
  outer.attachments.add(streaming);
  assert.throws(() => outer.toBytes(), { field: 'Attachments[0].Source' });
  await smtpFor(server).send(outer);
  assert.ok(attached(server.messages[1], 'inner.bin').equals(PIECE));
});
