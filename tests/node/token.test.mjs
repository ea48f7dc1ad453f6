// Access tokens: a string, or a function of the program that is asked when a session logs in.
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import test from 'node:test';
import { inspect } from 'node:util';
import { Worker } from 'node:worker_threads';
import { folder, freesmtp, plainMessage, smtpWith, tokenServer } from './support.mjs';

const { Cancelled, SMTPAuthenticationError } = freesmtp;

/** A promise, and a function that fulfils it. */
function gate() {
  let open;
  const promise = new Promise((resolve) => { open = resolve; });
  return { promise, open };
}

test('a string logs in', async (t) => {
  const server = await tokenServer(t, 'ya29.good');
  const report = await smtpWith('ya29.good', server).send(plainMessage());
  assert.deepEqual([report.authMechanism, server.tokens], ['XOAUTH2', ['ya29.good']]);
});

test('a function, async or not, is asked once for each session, which is kept', async (t) => {
  for (const give of [(value) => value, async (value) => value]) {
    const server = await tokenServer(t, 'ya29.good');
    const asked = [];
    const smtp = smtpWith((refresh) => {
      asked.push(refresh);
      return give('ya29.good');
    }, server);
    await smtp.send(plainMessage());
    await smtp.send(plainMessage());
    assert.deepEqual([asked, server.tokens], [[false], ['ya29.good']]);
    await smtp.disconnect();
    await smtp.connect();
    await smtp.sendSMTPCommand('NOOP');
    assert.deepEqual(asked, [false, false]);
  }
});

test('a refused token is asked for anew', async (t) => {
  const server = await tokenServer(t, 'ya29.new');
  const smtp = smtpWith(async (refresh) => (refresh ? 'ya29.new' : 'ya29.old'), server);
  await smtp.send(plainMessage());
  assert.deepEqual(server.tokens, ['ya29.old', 'ya29.new']);
});

test('what the function throws is the cause', async (t) => {
  const server = await tokenServer(t, 'ya29.good');
  const thrown = new Error('the refresh token is revoked');
  for (const token of [() => { throw thrown; }, async () => { throw thrown; }]) {
    for (const call of [(smtp) => smtp.send(plainMessage()), (smtp) => smtp.connect(), (smtp) => smtp.sendSMTPCommand('NOOP')]) {
      await assert.rejects(call(smtpWith(token, server)), (error) => {
        assert.ok(error instanceof SMTPAuthenticationError, String(error));
        assert.deepEqual([error.code, error.cause], ['EAUTH', thrown]);
        assert.match(error.reason, /the refresh token is revoked/);
        return true;
      });
    }
  }
  await assert.rejects(smtpWith(async () => 5, server).send(plainMessage()), (error) =>
    error instanceof SMTPAuthenticationError && error.cause instanceof TypeError && /Token/.test(error.reason));
  await assert.rejects(smtpWith(() => Promise.reject('gone'), server).send(plainMessage()), { cause: 'gone' });
  assert.deepEqual(server.tokens, []);
});

test('a refused login has no cause, though the function failed before', async (t) => {
  const server = await tokenServer(t, 'ya29.good');
  const tokens = ['ya29.bad', 'ya29.worse'];
  await assert.rejects(smtpWith(() => tokens.shift(), server).send(plainMessage()), (error) =>
    error instanceof SMTPAuthenticationError && error.replyCode === 535 && error.cause === undefined);
});

test('sendSync calls the function in its own thread, and cannot wait for a promise', async (t) => {
  // A server in this process could not answer while this thread is blocked.
  const path = new URL('../../node/index.cjs', import.meta.url).pathname;
  const code = `
    const { workerData, parentPort } = require('node:worker_threads');
    const { SMTP, EmailMessage } = require(workerData.path);
    const message = new EmailMessage('to@example.test', 'from@example.test', 'Subject', 'x');
    const smtp = (token) => {
      const smtp = new SMTP();
      smtp.smtpServers.add({ name: '127.0.0.1', port: workerData.port, account: 'u', token, security: 'none',
        allowPlaintextAuth: true });
      return smtp;
    };
    const tell = (call) => {
      try {
        return call();
      } catch (error) {
        return { name: error.name, reason: error.reason, cause: error.cause?.message };
      }
    };
    const own = smtp(() => {
      own.defaultDomain = 'client.example.com';
      return 'ya29.good';
    });
    parentPort.postMessage([
      tell(() => [own.sendSync(message).replyCode, own.defaultDomain]),
      tell(() => smtp(async () => 'ya29.good').sendSync(message)),
      tell(() => smtp(() => { throw new Error('no'); }).sendSync(message)),
    ]);`;
  const server = await tokenServer(t, 'ya29.good');
  const worker = new Worker(code, { eval: true, workerData: { path, port: server.port } });
  const [sent, promised, thrown] = await new Promise((resolve, reject) =>
    worker.once('message', resolve).once('error', reject));
  assert.deepEqual(sent, [250, 'client.example.com']);
  assert.equal(promised.name, 'SMTPAuthenticationError');
  assert.match(promised.reason, /Token.*promise.*sendSync.*use send/);
  assert.deepEqual([thrown.name, thrown.cause], ['SMTPAuthenticationError', 'no']);
  await worker.terminate();
});

test('a send that waits for a token can be cancelled, by its signal and by its object', async (t) => {
  const server = await tokenServer(t, 'ya29.good');
  for (const cancel of ['signal', 'object']) {
    const asked = gate();
    const smtp = smtpWith(() => {
      asked.open();
      return new Promise(() => {});
    }, server);
    const controller = new AbortController();
    const sent = smtp.send(plainMessage(), { signal: controller.signal });
    await asked.promise;
    if (cancel === 'signal') {
      controller.abort();
    } else {
      smtp.cancel();
    }
    await assert.rejects(sent, Cancelled, cancel);
  }
  assert.deepEqual(server.tokens, []);
});

test('a worker thread may end while a send waits for its token', async (t) => {
  const server = await tokenServer(t, 'ya29.good');
  const path = new URL('../../node/index.cjs', import.meta.url).pathname;
  const code = `
    const { workerData, parentPort } = require('node:worker_threads');
    const { SMTP, EmailMessage } = require(workerData.path);
    const smtp = new SMTP();
    const token = () => {
      parentPort.postMessage('asked');
      return new Promise(() => {});
    };
    smtp.smtpServers.add({ name: '127.0.0.1', port: workerData.port, account: 'u', token, security: 'none',
      allowPlaintextAuth: true });
    smtp.send(new EmailMessage('to@example.test', 'from@example.test', 'Subject', 'x'));`;
  const worker = new Worker(code, { eval: true, workerData: { path, port: server.port } });
  await new Promise((resolve, reject) => worker.once('message', resolve).once('error', reject));
  await worker.terminate();
  assert.equal((await smtpWith('ya29.good', server).send(plainMessage())).replyCode, 250);
});

test('tokens are in no log, error or view', async (t) => {
  const server = await tokenServer(t, 'ya29.good');
  const smtp = smtpWith(async () => 'ya29.secret', server);
  smtp.logFile = join(folder(t), 'log.txt');
  const error = await smtp.send(plainMessage()).then(() => assert.fail('was sent'), (reason) => reason);
  const base64 = Buffer.from('user=user\x01auth=Bearer ya29.secret\x01\x01').toString('base64');
  for (const shown of [inspect(error, { showHidden: true, depth: 9 }), JSON.stringify(error), inspect(smtp, { depth: 9 }),
    readFileSync(smtp.logFile, 'utf8')]) {
    assert.ok(!shown.includes('ya29.secret') && !shown.includes(base64), shown);
  }
  assert.match(readFileSync(smtp.logFile, 'utf8'), /^AUTH XOAUTH2/m);
});
