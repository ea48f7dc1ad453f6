// The examples, run as a person runs them.
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import test from 'node:test';
import { fileURLToPath } from 'node:url';
import { folder, mailServer } from './support.mjs';

const path = (name) => fileURLToPath(new URL(`../../examples/node/${name}`, import.meta.url));

async function run(name, cwd, ...given) {
  const child = spawn(process.execPath, [path(name), ...given], { cwd, stdio: ['ignore', 'pipe', 'pipe'] });
  const [out, errors, [status]] = await Promise.all([text(child.stdout), text(child.stderr), once(child, 'close')]);
  return { out, errors, status };
}

test('send.mjs holds the line of the original documentation, and writes that log', async (t) => {
  const server = await mailServer(t);
  const place = folder(t);
  const { out, status } = await run('send.mjs', place, `127.0.0.1:${server.port}`, 'to@example.test');
  assert.equal(status, 0);
  assert.match(out, /250 2\.0\.0 queued as 7/);
  assert.match(readFileSync(path('send.mjs'), 'utf8'), /^smtp\.LogFile="c:\\\\smtp log\.txt"$/m);
  assert.match(readFileSync(join(place, 'c:\\smtp log.txt'), 'utf8'), /^RCPT TO:<to@example\.test>$/m);
  assert.equal(server.messages.length, 1);
});

test('attachments.mjs', async (t) => {
  const server = await mailServer(t);
  const { out, errors, status } = await run('attachments.mjs', folder(t), `127.0.0.1:${server.port}`);
  assert.equal(status, 0, errors);
  assert.match(out, /for 2 recipients/);
  const [message] = server.messages;
  for (const part of [/multipart\/mixed/, /multipart\/alternative/, /multipart\/related/, /Content-ID: <logo>/i,
    /filename="?attachments\.mjs/, /filename\*/]) {
    assert.match(message, part);
  }
});

test('bulk.mjs', async (t) => {
  const server = await mailServer(t, { RCPT: (line) => (line.includes('reader2@') ? '550 5.1.1 unknown' : '250 ok') });
  const { out, errors, status } = await run('bulk.mjs', folder(t), `127.0.0.1:${server.port}`, '5');
  assert.equal(status, 1, errors);
  const lines = out.trimEnd().split('\n');
  assert.equal(lines.pop(), '1 of 5 failed');
  assert.deepEqual(lines.map((line) => line[0]).sort(), ['0', '1', '2', '3', '4']);
  assert.match(lines.find((line) => line.startsWith('2')), /5\.1\.1 unknown/);
  assert.equal(server.messages.length, 4);
});

test('errors.mjs explains a refusal, and tells temporary from permanent', async (t) => {
  const server = await mailServer(t, {
    RCPT: (line) => (line.includes('later@') ? '451 4.7.1 later' : '554 5.7.1 Relay access denied'),
  });
  const refused = await run('errors.mjs', folder(t), `127.0.0.1:${server.port}`);
  assert.equal(refused.status, 1);
  assert.match(refused.errors, /refused, 554 5\.7\.1 Relay access denied/);
  assert.match(refused.errors, /Cause: relay-denied\./);
  const later = await run('errors.mjs', folder(t), `127.0.0.1:${server.port}`, 'later@example.test');
  assert.equal(later.status, 75);
  const bad = await run('errors.mjs', folder(t), `127.0.0.1:${server.port}`, 'no address');
  assert.match(bad.errors, /Recipients\[0\]\.Email is not valid/);
});
