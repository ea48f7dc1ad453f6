// `check`: what is Node's own about it; what it says of servers is tested with the other languages.
import assert from 'node:assert/strict';
import test from 'node:test';
import { freesmtp, mailServer, silent, smtpFor } from './support.mjs';

const { Cancelled, MessageError } = freesmtp;

test('a report is plain data, by either name', async (t) => {
  const smtp = smtpFor(await mailServer(t));
  const report = await smtp.Check({ timeout: 30 });
  assert.equal(report.status, 'ok');
  assert.ok(report.text.startsWith(`Check of ${report.server}\n`));
  const { elapsed, transcript, ...rest } = JSON.parse(JSON.stringify(report));
  assert.equal(rest.steps.length, 12);
  assert.deepEqual(rest.steps.find(({ name }) => name === 'greeting').facts[0], { name: 'host', value: 'test' });
  assert.equal(smtp.connected, false);
});

test('a signal ends a check', async (t) => {
  const server = await silent(t);
  const controller = new AbortController();
  const reason = new Error('enough');
  const checking = smtpFor(server).check({}, { signal: controller.signal });
  await server.waiting(1);
  controller.abort(reason);
  await assert.rejects(checking, (error) => error instanceof Cancelled && error.cause === reason);
});

test('what is not right is named', async (t) => {
  const smtp = smtpFor(await mailServer(t));
  await assert.rejects(smtp.check({ From: 'nonsense' }), (error) => error instanceof MessageError && error.field === 'From');
  await assert.rejects(smtp.check({ timeout: 0 }), { field: 'Timeout' });
  await assert.rejects(smtp.check({ to: 'a@b.test' }), TypeError);
  await assert.rejects(smtp.check({ recipient: 'a@b.test' }), TypeError);
  await assert.rejects(smtp.check({}, { signal: 1 }), TypeError);
});
