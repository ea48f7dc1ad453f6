// Properties keep what they are given; collections; what is not valid is refused when it is set.
import assert from 'node:assert/strict';
import { join } from 'node:path';
import test from 'node:test';
import { pathToFileURL } from 'node:url';
import { inspect } from 'node:util';
import { ED25519, folder, freesmtp, plainMessage } from './support.mjs';

const { EmailMessage, MessageError, SMTP, SMTPServer } = freesmtp;

/** Sets under one name, reads under both. */
function roundTrip(target, name, value, expected = value) {
  const original = name[0].toUpperCase() + name.slice(1);
  target[name] = value;
  assert.deepEqual(target[name], expected, name);
  if (original in target) {
    assert.deepEqual(target[original], expected, original);
    target[original] = value;
    assert.deepEqual(target[name], expected, `${original}, set`);
  }
}

test('SMTPServer', () => {
  const server = new SMTPServer();
  const values = { name: 'mail.example.com', port: 2525, timeout: 2.5, account: 'user', password: 'p', sasl: 'PLAIN',
    token: 'ya29.t', mailAuth: 'first@example.com', clientCertificate: '/client.pem', clientKey: '/client.key',
    localEndPoint: '127.0.0.1', tlsServerName: 'other.example.com', caFile: '/ca.pem', allowPlaintextAuth: true,
    lmtp: true, proxy: 'socks5://us%40er:p@[::1]:1080', clientCertificatePassword: 'p', caPem: '-----BEGIN',
    certificatePins: ['0'.repeat(64)], disabledExtensions: ['SIZE'], dangerAcceptInvalidCerts: true, dangerAcceptInvalidHostnames: true };
  for (const [name, value] of Object.entries(values)) {
    roundTrip(server, name, value);
  }
  roundTrip(server, 'security', 'REQUIRED', freesmtp.Security.Required);
  roundTrip(server, 'authMode', 'login', freesmtp.SMTPAuthMode.AuthLogin);
  roundTrip(server, 'minTlsVersion', 'TLSv1.1', '1.1');
  roundTrip(server, 'timeout', null);
  roundTrip(server, 'proxy', null);
  roundTrip(server, 'caPem', Buffer.from('-----BEGIN'), '-----BEGIN');
  roundTrip(server, 'certificatePins', [`sha256//${'A'.repeat(43)}=`], [`sha256/${'A'.repeat(43)}=`]);
  roundTrip(server, 'mailAuth', '');
  roundTrip(server, 'clientKey', pathToFileURL('/other.key'), '/other.key');
  roundTrip(server, 'token', () => 'ya29.t');
  roundTrip(server, 'token', '');
  server.SASL = '';
  assert.equal(server.sasl, '');
});

test('servers are made of positions, an object, a server or a URL', () => {
  const smtp = new SMTP('smtps://user:p%40ss@mail.example.com');
  assert.deepEqual([smtp.smtpServers[0].name, smtp.smtpServers[0].account, smtp.smtpServers[0].password],
    ['mail.example.com', 'user', 'p@ss']);
  assert.equal(smtp.smtpServers[0].security, freesmtp.Security.Implicit);
  const second = smtp.SMTPServers.Add('b', 25, 30, 1, 'account', 'password');
  assert.deepEqual([second.port, second.timeout, second.authMode, second.account], [25, 30, 1, 'account']);
  const third = smtp.smtpServers.add({ Name: 'c', security: 'none' });
  assert.deepEqual([third.name, third.security], ['c', 0]);
  assert.equal(smtp.smtpServers.add(third), third);
  assert.throws(() => smtp.smtpServers.add({ name: 'd', pasword: 'x' }), /no property 'pasword'/);
  assert.equal(smtp.smtpServers.count, 4);
  assert.throws(() => new SMTP('http://mail.example.com'), MessageError);
});

test('SMTP', (t) => {
  const smtp = new SMTP();
  const log = join(folder(t), 'smtp log.txt');
  roundTrip(smtp, 'logFile', log);
  roundTrip(smtp, 'logFile', pathToFileURL(log), log);
  roundTrip(smtp, 'logFile', '');
  roundTrip(smtp, 'defaultDomain', 'client.example.com');
  roundTrip(smtp, 'allOrNothing', true);
  roundTrip(smtp, 'maxConnections', 4);
  assert.throws(() => { smtp.maxConnections = 0; }, /MaxConnections/);
  roundTrip(smtp, 'maxMessagesPerConnection', 100);
  assert.equal(smtp.rateLimit, null);
  roundTrip(smtp, 'rateLimit', 0.5);
  assert.throws(() => { smtp.rateLimit = -1; }, /RateLimit/);
  roundTrip(smtp, 'rateLimit', null);
  assert.equal(smtp.defaultTimeout, null);
  roundTrip(smtp, 'defaultTimeout', 12.5);
  smtp.timeouts.Connect = 3;
  smtp.timeouts = { dataBlock: 4 };
  assert.deepEqual(smtp.timeouts.toJSON(),
    { connect: 3, greeting: 12.5, command: 12.5, dataBlock: 4, endOfData: 12.5, operation: null });
  roundTrip(smtp.timeouts, 'operation', 60);
  roundTrip(smtp, 'defaultTimeout', 5);
  assert.equal(smtp.timeouts.operation, 60);
  roundTrip(smtp.timeouts, 'operation', null);
  assert.equal(smtp.Version, freesmtp.version);
  assert.equal(smtp.Connected, false);
});

test('EmailMessage', () => {
  const message = new EmailMessage();
  for (const name of ['from', 'replyTo', 'sender']) {
    message[name].email = `${name}@example.test`;
    message[name].Name = 'Ä';
    assert.deepEqual(message[name].toJSON(), { email: `${name}@example.test`, name: 'Ä' });
  }
  message.From = 'other@example.test';
  assert.equal(message.from.email, 'other@example.test');
  const values = { returnPath: '', subject: 'Größe \u{1F600}', charsetEncoding: 'us-ascii',
    date: new Date(86_400_000), inReplyTo: ['<a@example.test>'], references: ['<r@example.test>', '<a@example.test>'],
    listUnsubscribe: ['https://example.test/u'], listUnsubscribeOneClick: true, envelopeId: 'QQ 1', requireTls: true,
    deliverBy: 120, deliverByTrace: true, holdFor: 4_294_967_295, holdUntil: new Date(1_800_000_000_000), mtPriority: -9,
    optionalExtensions: ['DELIVERBY'] };
  for (const [name, value] of Object.entries(values)) {
    roundTrip(message, name, value);
  }
  roundTrip(message, 'priority', 'high', freesmtp.Priority.High);
  message.MessageID = 'a@example.test';
  assert.equal(message.messageId, 'a@example.test');
  message.reset();
  assert.deepEqual(JSON.stringify(message), JSON.stringify(new EmailMessage()));
});

test('the names of enum values are those of the core', () => {
  const owners = { RecipientType: ['Recipient', 'type'], BodyPartFormat: ['BodyPart', 'format'],
    BodyPartEncoding: ['BodyPart', 'encoding'], Priority: ['EmailMessage', 'priority'],
    Notify: ['Recipient', 'notify'], ReturnContent: ['EmailMessage', 'returnContent'],
    Canonicalization: ['DkimSigner', 'bodyCanonicalization'], DeliverByMode: ['EmailMessage', 'deliverByMode'], ValidSinceAction: ['Recipient', 'validSinceAction'],
    AutoSubmitted: ['EmailMessage', 'autoSubmitted'], SMTPAuthMode: ['SMTPServer', 'authMode'], Security: ['SMTPServer', 'security'] };
  const made = (owner) => new freesmtp[owner](...(owner === 'DkimSigner' ? ['b.test', 's', ED25519] : []));
  for (const [name, [owner, property]] of Object.entries(owners)) {
    for (const [value, number] of Object.entries(freesmtp[name])) {
      const record = made(owner);
      record[property] = value.toLowerCase();
      assert.equal(record[property], number, `${name}.${value}`);
      record[property] = number;
      assert.equal(record[property], number);
    }
    assert.throws(() => { made(owner)[property] = 99; }, MessageError);
    assert.throws(() => { made(owner)[property] = 'no such'; }, MessageError);
  }
});

test('delivery options of a recipient', () => {
  const { Notify } = freesmtp;
  const recipient = plainMessage().recipients[0];
  assert.deepEqual([recipient.notify, recipient.originalRecipient, recipient.validSince], [0, null, null]);
  recipient.Notify = 'Delay, success';
  assert.equal(recipient.notify, Notify.Success | Notify.Delay);
  roundTrip(recipient, 'originalRecipient', 'x400;/S=x');
  roundTrip(recipient, 'validSince', new Date(-1000));
  assert.throws(() => { recipient.notify = 16; }, { name: 'MessageError', field: 'Notify' });
  assert.throws(() => { recipient.validSince = new Date(NaN); }, { field: 'ValidSince' });
  assert.throws(() => { recipient.validSince = 5; }, TypeError);
  const message = new EmailMessage();
  assert.deepEqual(message.optionalExtensions, ['DSN']);
  for (const [name, field, value] of [['deliverBy', 'DeliverBy', 1.5], ['holdFor', 'HoldFor', 2 ** 32],
    ['mtPriority', 'MtPriority', 128], ['envelopeId', 'EnvelopeID', '\ud800']]) {
    assert.throws(() => { message[name] = value; }, { name: 'MessageError', field }, name);
  }
  assert.throws(() => { message.optionalExtensions = 'DSN'; }, TypeError);
});

test('collections are arrays with the members of the original', () => {
  const { recipients } = plainMessage();
  const cc = recipients.Add('cc@example.test', 'Name', 'cc');
  recipients.add({ email: 'bcc@example.test', type: 2 });
  assert.deepEqual([recipients.Count, recipients.count, recipients.length], [3, 3, 3]);
  assert.equal(recipients[1], cc);
  assert.equal(recipients.at(-1), recipients.GetLastItem());
  assert.deepEqual([...recipients].map(({ email }) => email.split('@')[0]), ['to', 'cc', 'bcc']);
  assert.equal(recipients.map((item) => item).constructor, Array);
  assert.equal(recipients.remove(cc), cc);
  assert.equal(recipients.Remove(0).email, 'to@example.test');
  assert.throws(() => recipients.remove(7), RangeError);
  assert.throws(() => recipients.remove(cc), RangeError);
  assert.equal(new EmailMessage().recipients.getLastItem(), undefined);
});

test('an item that was pushed is sent like one that was added', () => {
  const message = plainMessage();
  message.recipients.push({ email: 'pushed@example.test' });
  assert.match(message.toBytes().toString(), /^To: to@example.test, *\r?\n? ?pushed@example.test/m);
  message.recipients.push(5);
  assert.throws(() => message.toBytes(), TypeError);
});

test('bytes are copied when they are attached', () => {
  const bytes = Buffer.from('before');
  const message = plainMessage();
  message.Attachments.Add(bytes, 'a.txt');
  message.embeddedObjects.add(new Uint8Array([1, 2, 3]), 'cid', 'b.png');
  bytes.write('after!');
  const text = message.toBytes().toString();
  assert.match(text, /YmVmb3Jl|before/);
  assert.match(text, /Content-ID: <cid>/i);
});

test('a wrong type is a TypeError, a wrong value a MessageError that names the field', () => {
  const server = new SMTPServer();
  const message = new EmailMessage();
  for (const set of [() => { server.name = 5; }, () => { server.port = '25'; }, () => { message.subject = null; },
    () => { message.date = 0; }, () => message.attachments.add(7), () => { server.disabledExtensions = 'SIZE'; },
    () => { server.token = 5; }, () => { new SMTP().allOrNothing = 1; }]) {
    assert.throws(set, { name: 'TypeError', code: 'ERR_INVALID_ARG_TYPE' });
  }
  const refused = { Port: () => { server.port = 70_000; }, Timeout: () => { server.timeout = -1; },
    Subject: () => { message.subject = 'half \ud83d'; }, Date: () => { message.date = new Date(NaN); },
    DefaultTimeout: () => { new SMTP().defaultTimeout = 0; },
    DefaultDomain: () => { new SMTP().defaultDomain = 'a b'; } };
  for (const [field, set] of Object.entries(refused)) {
    const named = (error) => error instanceof MessageError && error.field === field && error.diagnosis !== null;
    assert.throws(set, named, field);
  }
});

test('secrets are never shown', () => {
  const smtp = new SMTP();
  const server = smtp.smtpServers.add({ name: 'a', account: 'u', password: 'hunter22', token: 'xx-hunter22',
    proxy: 'http://u:hunter22@p', clientCertificatePassword: 'hunter22' });
  for (const shown of [inspect(server, { showHidden: true, depth: 9 }), inspect(smtp, { showHidden: true, depth: 9 }),
    JSON.stringify(smtp), JSON.stringify(server), String(server), inspect({ ...server })]) {
    assert.ok(!shown.includes('hunter22'), shown);
  }
  for (const name of ['password', 'token', 'proxy', 'clientCertificatePassword']) {
    assert.throws(() => { server[name] = ['hunter22']; }, (error) => !inspect(error).includes('hunter22'));
  }
});
