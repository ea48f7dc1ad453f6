// Merge: one message for each row, from a message whose texts have fields.
import assert from 'node:assert/strict';
import test from 'node:test';
import { freesmtp, mailServer, plainMessage, smtpFor } from './support.mjs';

const { EmailMessage, MergeTemplate, MessageError, merge } = freesmtp;

/** A message with fields wherever they may stand. */
function template() {
  const message = new EmailMessage('{{ email }}', 'news@example.test', 'For {{ name }}', '<p>{{ name }}</p>', 'html');
  message.recipients[0].name = '{{ name }}';
  message.from.name = 'News {{ n }}';
  message.replyTo = 'answer+{{ n }}@example.test';
  message.returnPath = 'bounce+{{ n }}@example.test';
  message.customHeaders.add('X-Row', "{{ row|default('none') }}");
  message.attachments.add(Buffer.from('x'), '{{ name }}.bin');
  message.embeddedObjects.add(Buffer.from('y'), 'logo', '{{ n }}.png');
  message.listUnsubscribe = ['https://example.test/{{ n }}', 'mailto:leave@example.test'];
  message.calendar = 'BEGIN:VCALENDAR\nMETHOD:REQUEST\nX-N:{{ n }}\nEND:VCALENDAR\n';
  return message;
}

test('every text is filled in, values in HTML are escaped, and the template stays as it is', () => {
  const message = template();
  const compiled = new MergeTemplate(message);
  message.subject = 'changed later';
  const one = compiled.Render({ name: 'Ann & Zo\u00eb', email: 'ann@example.test', n: 7 });
  assert.ok(one instanceof EmailMessage);
  assert.deepEqual([one.subject, one.bodyParts[0].body, one.bodyParts[0].format], ['For Ann & Zo\u00eb', '<p>Ann &amp; Zo\u00eb</p>', 1]);
  assert.deepEqual([one.recipients[0].email, one.recipients[0].name, one.from.name], ['ann@example.test', 'Ann & Zo\u00eb', 'News 7']);
  assert.deepEqual([one.replyTo.email, one.returnPath], ['answer+7@example.test', 'bounce+7@example.test']);
  assert.deepEqual([one.customHeaders[0].value, one.attachments[0].displayName, one.embeddedObjects[0].displayName],
    ['none', 'Ann & Zo\u00eb.bin', '7.png']);
  assert.deepEqual(one.listUnsubscribe, ['https://example.test/7', 'mailto:leave@example.test']);
  assert.match(one.calendar.text, /X-N:7/);
  assert.match(message.calendar.text, /X-N:\{\{ n \}\}/);
  one.recipients[0].email = 'other@example.test';
  one.recipients.add('more@example.test');
  const two = compiled.render({ name: 'Bob', email: 'bob@example.test', n: 8n, row: true });
  assert.deepEqual([two.subject, two.recipients.count, two.customHeaders[0].value], ['For Bob', 1, 'true']);
  assert.match(two.toBytes().toString(), /^To: Bob <bob@example.test>/m);
});

test('rows go through sendBulk, from an array or as they are read', async (t) => {
  const server = await mailServer(t);
  const smtp = smtpFor(server);
  const message = plainMessage('{{ email }}');
  message.bodyParts[0].body = 'Hello {{ name }}';
  const rows = ['Ann', 'Bob', 'Cleo'].map((name) => ({ name, email: `${name}@example.test` }));
  async function* read() {
    yield* rows;
  }
  for (const source of [rows, read()]) {
    let count = 0;
    for await (const { error } of smtp.sendBulk(merge(message, source))) {
      assert.equal(error, null);
      count += 1;
    }
    assert.equal(count, 3);
  }
  assert.deepEqual(server.messages.map((text) => /Hello (\w+)/.exec(text)[1]), ['Ann', 'Bob', 'Cleo', 'Ann', 'Bob', 'Cleo']);
});

test('sendBulkMerge: a row that lacks a field has its own result', async (t) => {
  const server = await mailServer(t);
  const smtp = smtpFor(server);
  const message = plainMessage('{{ email }}');
  const rows = [{ email: 'a@example.test' }, {}, null, { email: 'd@example.test' }];
  async function* read() {
    yield* rows;
  }
  for (const [source, given] of [[rows, message], [read(), new MergeTemplate(message)]]) {
    const results = [];
    for await (const result of smtp.SendBulkMerge(given, source)) {
      results[result.index] = result;
    }
    assert.deepEqual(results.map(({ report }) => report?.recipients[0].email),
      ['a@example.test', undefined, undefined, 'd@example.test']);
    assert.equal(results[1].error.field, 'Recipients[0].Email');
    assert.ok(results[2].error instanceof TypeError);
  }
  assert.equal(server.messages.length, 4);
  assert.throws(() => smtp.sendBulkMerge(message, 5), TypeError);
  assert.throws(() => smtp.sendBulkMerge(5, []), TypeError);
});

test('what a template or a row lacks is named', () => {
  const compiled = new MergeTemplate(template());
  assert.throws(() => compiled.render({ name: 'x' }), (error) => error instanceof MessageError && error.field === 'From.Name');
  for (const row of [5, null, 'text']) {
    assert.throws(() => compiled.render(row), TypeError);
  }
  assert.throws(() => compiled.render({ name: null }), { name: 'TypeError', message: /row\['name'\]/ });
  assert.throws(() => compiled.render({ name: '\ud800' }), MessageError);
  // A row can inject nothing.
  const injected = compiled.render({ name: 'x\r\nBcc: spy@example.test', email: 'a@b.test', n: 1 });
  assert.throws(() => injected.toBytes(), MessageError);
  const broken = plainMessage();
  broken.subject = '{{ name';
  assert.throws(() => new MergeTemplate(broken), { field: 'Subject' });
  assert.throws(() => merge(plainMessage(), 7), TypeError);
  assert.throws(() => merge(7, []), TypeError);
  assert.throws(() => new MergeTemplate(EmailMessage.raw(Buffer.from('From: a@b.test\r\n\r\n'))), { field: 'Raw' });
});
