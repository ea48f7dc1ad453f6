// What the log shows, and who hears its lines.
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { setImmediate as turn } from 'node:timers/promises';
import test from 'node:test';
import { folder, freesmtp, mailServer, plainMessage, smtpFor } from './support.mjs';

const { MessageError, SMTP } = freesmtp;

test('options of the log', async (t) => {
  const smtp = smtpFor(await mailServer(t));
  smtp.logFile = join(folder(t), 'log.txt');
  assert.deepEqual(smtp.logOptions.toJSON(), { timestamps: false, body: 'size', json: false });
  smtp.logOptions = { timestamps: true, body: 'FULL' };
  assert.deepEqual(smtp.LogOptions.toJSON(), { timestamps: true, body: 'full', json: false });
  await smtp.send(plainMessage());
  const log = readFileSync(smtp.logFile, 'utf8').trimEnd().split('\n');
  assert.ok(log.every((line) => /^\d{4}-\d\d-\d\dT[\d:.]{12}Z /.test(line)), log[0]);
  assert.ok(log.some((line) => line.includes('| Subject: Subject')));
  smtp.logOptions.Json = true;
  await smtp.send(plainMessage());
  const added = readFileSync(smtp.logFile, 'utf8').trimEnd().split('\n').slice(log.length).map((line) => JSON.parse(line));
  assert.deepEqual(Object.keys(added[0]), ['time', 'connection', 'kind', 'line']);
  assert.throws(() => { smtp.logOptions.body = 'half'; }, (error) => error instanceof MessageError && error.field === 'LogOptions');
  assert.throws(() => { smtp.logOptions = { json: 1 }; }, TypeError);
  assert.throws(() => { smtp.logOptions = { jason: true }; }, /no property 'jason'/);
});

test('every line is heard under both names, as long as somebody listens', async (t) => {
  const smtp = smtpFor(await mailServer(t));
  const heard = [];
  const listener = (event) => heard.push(event);
  smtp.on('protocolLog', listener);
  const originals = [];
  smtp.once('ProtocolLog', (event) => originals.push(event));
  await smtp.send(plainMessage());
  assert.equal(originals.length, 1);
  assert.ok(heard.length > 8);
  const [{ time, connection }] = heard;
  assert.ok(time instanceof Date && Math.abs(Date.now() - time) < 3_600_000);
  assert.equal(connection, 1);
  assert.ok(heard.some(({ kind, line }) => kind === 'sent' && line === 'MAIL FROM:<from@example.test>'));
  assert.deepEqual(heard.filter(({ kind }) => kind === 'received').at(-1).line, '250 2.0.0 queued as 7');
  for await (const { error } of smtp.sendBulk([plainMessage(), plainMessage()])) {
    assert.equal(error, null);
  }
  await turn();
  assert.equal(heard.filter(({ line }) => line.startsWith('MAIL')).length, 3);
  smtp.off('protocolLog', listener);
  const before = heard.length;
  await smtp.send(plainMessage());
  await turn();
  assert.equal(heard.length, before);
});

test('reset keeps the listeners of the object', async (t) => {
  const server = await mailServer(t);
  const smtp = smtpFor(server);
  const heard = [];
  smtp.on('protocolLog', ({ line }) => heard.push(line));
  smtp.logOptions.json = true;
  await smtp.reset();
  assert.equal(smtp.logOptions.json, false);
  smtp.smtpServers.add('127.0.0.1', server.port);
  await smtp.send(plainMessage());
  assert.ok(heard.includes('DATA'));
});

test('an object that is listened to can be collected', async () => {
  const collected = new Promise((resolve) => {
    const registry = new FinalizationRegistry(resolve);
    const held = { registry };
    (() => {
      const smtp = new SMTP('127.0.0.1:1');
      smtp.on('protocolLog', () => smtp.cancel());
      held.registry.register(smtp, 'smtp');
    })();
    globalThis.held = held;
  });
  let done = false;
  collected.then(() => { done = true; });
  for (let tries = 0; tries < 200 && !done; tries += 1) {
    globalThis.gc();
    await turn();
  }
  delete globalThis.held;
  assert.ok(done, 'the listener keeps the object');
});
