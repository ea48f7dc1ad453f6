// A hundred thousand sends over one connection need no more memory than twenty thousand.
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import test from 'node:test';
import { fileURLToPath } from 'node:url';
import { plainMessage, smtpFor } from './support.mjs';

/** A process that keeps nothing, so that this one's memory holds the client alone. */
async function sink(t) {
  const path = fileURLToPath(new URL('sink.mjs', import.meta.url));
  const child = spawn(process.execPath, [path], { stdio: ['pipe', 'pipe', 'inherit'] });
  t.after(() => child.kill());
  const [port] = await once(child.stdout, 'data');
  return { port: Number(port) };
}

function resident() {
  globalThis.gc();
  return process.memoryUsage.rss() / 1024 ** 2;
}

test('growth', { timeout: 300_000 }, async (t) => {
  assert.ok(globalThis.gc, 'run with --expose-gc');
  const smtp = smtpFor(await sink(t));
  const message = plainMessage();
  message.attachments.add(Buffer.from('a few bytes'), 'a.txt');
  let first;
  for (let sends = 1; sends <= 100_000; sends += 1) {
    await smtp.send(message);
    if (sends === 20_000) {
      first = resident();
    }
  }
  const last = resident();
  await smtp.disconnect();
  assert.ok(last - first < 8, `${first.toFixed(1)} MB after 20,000 sends, ${last.toFixed(1)} MB after 100,000`);
});
