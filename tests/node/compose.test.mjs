// The headers of answers and lists, invitations, and messages that are passed through.
import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import test from 'node:test';
import { pathToFileURL } from 'node:url';
import { inspect } from 'node:util';
import { folder, freesmtp, mailServer, plainMessage, smtpFor } from './support.mjs';

const { Calendar, EmailMessage, MessageError } = freesmtp;
const EVENT = 'BEGIN:VCALENDAR\nMETHOD:REQUEST\nEND:VCALENDAR\n';
const WHOLE = 'From: from@example.test\nTo: to@example.test\nBcc: hidden@example.test\nSubject: As it is\n\nText\n';

/** The head of the message, unfolded. */
const headOf = (message) => message.toBytes().toString().split('\r\n\r\n', 1)[0].replace(/\r\n(?=[ \t])/g, '');

test('answers and lists', () => {
  const message = plainMessage();
  message.inReplyTo = ['a@example.test'];
  message.References = ['r@example.test', 'a@example.test'];
  message.autoSubmitted = 'autoreplied';
  message.ListUnsubscribe = ['https://example.test/u', 'mailto:leave@example.test'];
  message.listUnsubscribeOneClick = true;
  const head = headOf(message);
  assert.match(head, /^In-Reply-To: <a@example.test>$/m);
  assert.match(head, /^References: <r@example.test> <a@example.test>$/m);
  assert.match(head, /^Auto-Submitted: auto-replied$/m);
  assert.match(head, /^List-Unsubscribe: <https:\/\/example.test\/u>, ?<mailto:leave@example.test>$/m);
  assert.match(head, /^List-Unsubscribe-Post: List-Unsubscribe=One-Click$/m);
  message.listUnsubscribe = ['javascript:x'];
  assert.throws(() => message.toBytes(), { field: 'ListUnsubscribe[0]' });
  assert.throws(() => { message.references = 'a@example.test'; }, TypeError);
});

test('an invitation, from a text, an object or a Calendar', () => {
  for (const given of [EVENT, { text: EVENT }, new Calendar(EVENT)]) {
    const message = plainMessage();
    message.calendar = given;
    assert.equal(message.Calendar.FileName, 'invite.ics');
    const text = message.toBytes().toString();
    assert.match(text, /text\/calendar;[^]*?method="?REQUEST/i);
    assert.match(text, /invite\.ics/);
    message.calendar.fileName = null;
    assert.doesNotMatch(message.toBytes().toString(), /invite\.ics/);
    message.calendar.method = 'CANCEL';
    assert.throws(() => message.toBytes(), (error) => error instanceof MessageError && error.field === 'Calendar.Method');
    message.calendar = null;
    assert.doesNotMatch(message.toBytes().toString(), /calendar/i);
  }
});

test('a whole message is passed through, from bytes, a path or a URL', async (t) => {
  const server = await mailServer(t);
  const path = join(folder(t), 'message.eml');
  writeFileSync(path, WHOLE);
  for (const source of [Buffer.from(WHOLE), path, pathToFileURL(path)]) {
    await smtpFor(server).send(EmailMessage.Raw(source));
    assert.equal(server.messages.at(-1), 'From: from@example.test\r\nTo: to@example.test\r\nSubject: As it is\r\n\r\nText');
  }
  assert.deepEqual(server.commands.filter((line) => line.startsWith('RCPT')).slice(0, 2).map((line) => line.slice(8)),
    ['<to@example.test>', '<hidden@example.test>']);
  const message = EmailMessage.raw(Buffer.from(WHOLE));
  message.subject = 'Another';
  assert.throws(() => message.toBytes(), { field: 'Raw' });
  assert.ok(!inspect(message, { depth: 9 }).includes('rawBytes'));
  assert.throws(() => EmailMessage.raw(5), TypeError);
});

test('explain finds the failures of a transcript', () => {
  const log = 'C: EHLO me\nS: 250-mx\nS: 250 AUTH LOGIN\nC: MAIL FROM:<a@x.test>\nS: 530 5.7.0 Authenticate first\n';
  const [found, ...others] = freesmtp.Explain(log);
  assert.deepEqual([found.line, found.stage, found.reply.code, found.diagnosis.cause, others],
    [5, 'MAIL', 530, 'auth-required', []]);
  assert.deepEqual(freesmtp.explain('nothing'), []);
  assert.throws(() => freesmtp.explain(7), TypeError);
});
