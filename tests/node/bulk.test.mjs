// Sending in bulk: messages are fetched as they are needed, results come at once, and leaving the loop ends it.
import assert from 'node:assert/strict';
import { setImmediate as turn } from 'node:timers/promises';
import test from 'node:test';
import { freesmtp, mailServer, plainMessage, silent, smtpFor, tokenServer, smtpWith } from './support.mjs';

const { Cancelled, EmailMessage, MessageError, SMTPAuthenticationError } = freesmtp;

const make = (number) => plainMessage(`r${number}@example.test`);

function* made(count) {
  for (let number = 0; number < count; number += 1) {
    yield make(number);
  }
}

async function collect(bulk) {
  const results = [];
  for await (const result of bulk) {
    results.push(result);
  }
  return results;
}

/** What a loop over the results gave before it threw, and what it threw. */
async function broken(bulk) {
  const results = [];
  try {
    for await (const result of bulk) {
      results.push(result);
    }
  } catch (error) {
    return { results, error };
  }
  return assert.fail('the loop ended without an error');
}

test('a result for each, over several connections', async (t) => {
  const server = await mailServer(t);
  const smtp = smtpFor(server);
  smtp.maxConnections = 3;
  smtp.maxMessagesPerConnection = 7;
  const results = (await collect(smtp.SendBulk(made(50)))).sort((a, b) => a.index - b.index);
  assert.deepEqual(results.map(({ index }) => index), [...Array(50).keys()]);
  for (const { index, report, error } of results) {
    assert.equal(error, null);
    assert.equal(report.recipients[0].email, `r${index}@example.test`);
  }
  assert.equal(server.messages.length, 50);
  assert.ok(server.commands.filter((line) => line.startsWith('EHLO')).length >= 8);
  assert.deepEqual(await collect(smtp.sendBulk([])), []);
});

test('one failure never stops the others, and what is no message is told of', async (t) => {
  const server = await mailServer(t, { RCPT: (line) => (line.includes('r1@') ? '550 5.1.1 unknown' : '250 ok') });
  const bad = make(2);
  bad.subject = 'a\r\nb';
  const items = [make(0), make(1), bad, 'no message', null, Promise.resolve(make(5))];
  const results = (await collect(smtpFor(server).sendBulk(items))).sort((a, b) => a.index - b.index);
  assert.deepEqual(results.map(({ report }) => report?.replyCode), [250, undefined, undefined, undefined, undefined, 250]);
  assert.equal(results[1].error.diagnosis.cause, 'recipient-unknown');
  assert.ok(results[2].error instanceof MessageError);
  assert.equal(results[2].error.field, 'Subject');
  for (const index of [3, 4]) {
    const expected = await smtpFor(server).send(items[index]).then(() => assert.fail(), (error) => error);
    assert.ok(results[index].error instanceof TypeError);
    assert.equal(results[index].error.message, expected.message);
  }
});

test('what is no iterable, and what is no signal, throws at once', async (t) => {
  const smtp = smtpFor(await silent(t));
  for (const wrong of [7, 'text', undefined, null, make(0), {}]) {
    assert.throws(() => smtp.sendBulk(wrong), { name: 'TypeError', code: 'ERR_INVALID_ARG_TYPE' });
  }
  assert.throws(() => smtp.sendBulk([], { signal: 5 }), TypeError);
});

test('a slow source keeps no result back', { timeout: 60_000 }, async (t) => {
  const smtp = smtpFor(await mailServer(t));
  let answered;
  async function* questions() {
    for (let number = 0; number < 4; number += 1) {
      const answer = new Promise((resolve) => { answered = resolve; });
      yield make(number);
      await answer;
    }
  }
  const indices = [];
  for await (const { index } of smtp.sendBulk(questions())) {
    indices.push(index);
    answered();
  }
  assert.deepEqual(indices, [0, 1, 2, 3]);
});

test('messages are fetched as they are needed, and the event loop has its turns', async (t) => {
  for (const kind of ['iterable', 'async iterable']) {
    const smtp = smtpFor(await mailServer(t));
    let fetched = 0;
    let closed = false;
    function* endless() {
      try {
        for (;;) {
          fetched += 1;
          yield make(fetched);
        }
      } finally {
        closed = true;
      }
    }
    async function* patient() {
      yield* endless();
    }
    let turns = 0;
    const ticking = setInterval(() => { turns += 1; }, 1);
    let taken = 0;
    for await (const { error } of smtp.sendBulk(kind === 'iterable' ? endless() : patient())) {
      assert.equal(error, null);
      taken += 1;
      assert.ok(fetched < taken + 400, `${fetched} fetched when ${taken} were done`);
      if (taken === 600) {
        break;
      }
    }
    clearInterval(ticking);
    assert.ok(closed, 'the source was not told that nothing more is wanted');
    assert.ok(turns > 0);
  }
});

test('what the iterable throws is thrown after the results of those before', async (t) => {
  const server = await mailServer(t);
  const smtp = smtpFor(server);
  const thrown = new RangeError('the source broke');
  function* breaking() {
    yield* made(3);
    throw thrown;
  }
  async function* breakingLater() {
    yield* made(3);
    await turn();
    throw thrown;
  }
  function* rejected() {
    yield* made(3);
    yield Promise.reject(thrown);
  }
  for (const source of [breaking(), breakingLater(), rejected()]) {
    const { results, error } = await broken(smtp.sendBulk(source));
    assert.equal(error, thrown);
    assert.deepEqual(results.map(({ report }) => report.replyCode), [250, 250, 250]);
  }
  assert.equal((await smtp.send(make(4))).replyCode, 250);
});

test('leaving the loop cancels what is under way', { timeout: 60_000 }, async (t) => {
  let answers = 0;
  const server = await mailServer(t, { EOM: () => { answers += 1; return answers === 1 ? '250 ok' : ''; } });
  for await (const { index } of smtpFor(server).sendBulk(made(10))) {
    assert.equal(index, 0);
    break;
  }
  while (server.sockets.size > 0) {
    await turn();
  }
});

test('a signal ends it: results of what is under way, and then the error with its reason', { timeout: 60_000 }, async (t) => {
  const server = await silent(t);
  const smtp = smtpFor(server);
  smtp.maxConnections = 1;
  const controller = new AbortController();
  const reason = new Error('enough');
  const ended = broken(smtp.sendBulk(made(2), { signal: controller.signal }));
  await server.waiting(1);
  controller.abort(reason);
  const { results, error } = await ended;
  assert.ok(error instanceof Cancelled, String(error));
  assert.equal(error.cause, reason);
  assert.ok(results.every((result) => result.error instanceof Cancelled));
  assert.ok(results.length <= 2);
  // A source that never answers does not hold it up, and one that was never needed is not asked.
  async function* stuck() {
    await new Promise(() => {});
  }
  for (const source of [stuck(), made(1)]) {
    const { results: none, error: again } = await broken(smtp.sendBulk(source, { signal: AbortSignal.abort(reason) }));
    assert.deepEqual([none, again.cause], [[], reason]);
  }
  const late = new AbortController();
  const stuckEnd = broken(smtp.sendBulk(stuck(), { signal: late.signal }));
  await turn();
  late.abort(reason);
  assert.equal((await stuckEnd).error.cause, reason);
});

test('cancelling the object is an error of each that is under way', { timeout: 60_000 }, async (t) => {
  const server = await silent(t);
  const smtp = smtpFor(server);
  const ended = collect(smtp.sendBulk([make(0)]));
  await server.waiting(1);
  smtp.cancel();
  const [{ error }] = await ended;
  assert.ok(error instanceof Cancelled);
});

test('a bulk that nobody finishes keeps nothing alive', async (t) => {
  const server = await mailServer(t);
  const smtp = smtpFor(server);
  const bulk = smtp.sendBulk(made(1000));
  await bulk.next();
  const unread = smtp.sendBulk(made(3));
  assert.equal((await unread.return()).done, true);
  assert.equal((await bulk.return()).done, true);
  assert.ok(server.messages.length < 1000);
});

test('what is changed after a message was fetched does not reach the send', async (t) => {
  const server = await mailServer(t);
  const message = new EmailMessage('to@example.test', 'from@example.test', '0', 'Text');
  function* same() {
    for (let number = 0; number < 5; number += 1) {
      message.subject = String(number);
      yield message;
    }
  }
  await collect(smtpFor(server).sendBulk(same()));
  assert.deepEqual(server.messages.map((text) => /^Subject: (.)/m.exec(text)[1]), ['0', '1', '2', '3', '4']);
});

test('a token function is asked from every connection', { timeout: 60_000 }, async (t) => {
  const server = await tokenServer(t, 'ya29.good');
  const asked = [];
  const smtp = smtpWith(async (refresh) => {
    asked.push(refresh);
    await turn();
    return 'ya29.good';
  }, server);
  smtp.maxConnections = 4;
  const two = await Promise.all([collect(smtp.sendBulk(made(60))), collect(smtp.sendBulk(made(60)))]);
  assert.ok(two.flat().every(({ error }) => error === null));
  assert.equal(two.flat().length, 120);
  assert.equal(asked.length, server.tokens.length);
  // The connections that were kept serve a send, whose way to the function is another one.
  const before = asked.length;
  await smtp.send(make(0));
  assert.equal(asked.length, before);
});

test('what the token function throws is the cause of every error that came of it', { timeout: 60_000 }, async (t) => {
  const server = await tokenServer(t, 'ya29.good');
  const thrown = new Error('the refresh token is revoked');
  const results = await collect(smtpWith(() => { throw thrown; }, server).sendBulk(made(5)));
  assert.equal(results.length, 5);
  for (const { error } of results) {
    assert.ok(error instanceof SMTPAuthenticationError, String(error));
    assert.equal(error.cause, thrown);
  }
});

test('a bulk that waits for a token can be left and cancelled', { timeout: 60_000 }, async (t) => {
  const server = await tokenServer(t, 'ya29.good');
  const controller = new AbortController();
  const smtp = smtpWith(() => {
    controller.abort();
    return new Promise(() => {});
  }, server);
  const { error } = await broken(smtp.sendBulk(made(3), { signal: controller.signal }));
  assert.ok(error instanceof Cancelled);
  assert.deepEqual(server.tokens, []);
});
