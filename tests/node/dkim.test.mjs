// DKIM signatures, verified here with Node's own cryptography.
import assert from 'node:assert/strict';
import { createHash, createPublicKey, verify } from 'node:crypto';
import test from 'node:test';
import { inspect } from 'node:util';
import { ED25519, ED25519_PUBLIC, freesmtp, mailServer, plainMessage, smtpFor } from './support.mjs';

const { DkimSigner, EmailMessage, MessageError } = freesmtp;
const PUBLIC = createPublicKey({ key: { kty: 'OKP', crv: 'Ed25519', x: ED25519_PUBLIC.replace('=', '').replaceAll('/', '_').replaceAll('+', '-') }, format: 'jwk' });

/** The form in which RFC 6376 section 3.4.2 signs a header. */
const relaxed = (field) => {
  const [, name, value] = /^([^:]*):([^]*)$/.exec(field);
  return `${name.trim().toLowerCase()}:${value.replace(/\r\n/g, '').replace(/[ \t]+/g, ' ').trim()}`;
};

/** Checks every Ed25519 signature of a message, relaxed in both; gives their tags. */
function verified(message) {
  const end = message.indexOf('\r\n\r\n');
  const fields = message.slice(0, end).split(/\r\n(?![ \t])/);
  const body = `${message.slice(end + 4).replace(/[ \t]+/g, ' ').replace(/ \r\n/g, '\r\n').replace(/(\r\n)+$/, '')}\r\n`;
  const signatures = fields.filter((field) => /^DKIM-Signature:/i.test(field));
  return signatures.map((field) => {
    const tags = Object.fromEntries(relaxed(field).slice('dkim-signature:'.length).split(';').filter((tag) => tag.trim())
      .map((tag) => tag.trim().split(/ ?= ?(.*)/)).map(([name, value]) => [name, value.replaceAll(' ', '')]));
    assert.equal(tags.bh, createHash('sha256').update(body).digest('base64'), 'the body');
    const left = fields.filter((other) => other !== field);
    const signed = tags.h.split(':').flatMap((name) => {
      const index = left.findLastIndex((other) => other.toLowerCase().startsWith(`${name.toLowerCase()}:`));
      return index < 0 ? [] : left.splice(index, 1);
    });
    const own = relaxed(field).replace(/([; ]b ?=)[^;]*/, '$1');
    const text = [...signed.map(relaxed), own].join('\r\n');
    const digest = createHash('sha256').update(text).digest();
    assert.ok(verify(null, digest, PUBLIC, Buffer.from(tags.b, 'base64')), `the signature of ${tags.s}`);
    return tags;
  });
}

test('signatures that others can verify arrive, the first one outermost', async (t) => {
  const server = await mailServer(t);
  const message = plainMessage();
  message.bodyParts[0].body = 'Two  spaces, \n\nand empty lines\n\n\n';
  const outer = message.dkim.add('example.test', 'first', ED25519);
  outer.identity = 'news@sub.example.test';
  outer.expiresAfter = 3600;
  message.DKIM.Add({ domain: 'sub.example.test', selector: 'second', key: ED25519 });
  await smtpFor(server).send(message);
  const [first, second] = verified(`${server.messages[0]}\r\n`);
  assert.deepEqual([first.d, first.s, first.i, first.a], ['example.test', 'first', 'news@sub.example.test', 'ed25519-sha256']);
  assert.equal(Number(first.x) - Number(first.t), 3600);
  assert.deepEqual([second.d, second.s], ['sub.example.test', 'second']);
  assert.ok(first.h.split(':').filter((name) => /^subject$/i.test(name)).length === 2, 'the subject is not over-signed');
});

test('a raw message is signed too', () => {
  const message = EmailMessage.raw(Buffer.from('From: a@b.test\r\nTo: c@d.test\r\nSubject: s\r\n\r\nText\r\n'));
  message.dkim.add(new DkimSigner('b.test', 's', ED25519));
  assert.equal(verified(message.toBytes().toString()).length, 1);
});

test('a signer keeps its settings and shows no key', () => {
  const signer = new DkimSigner({ Domain: 'B\u00fccher.test', selector: 's', Key: ED25519, headers: ['From', 'To'] });
  assert.deepEqual([signer.domain, signer.Selector, signer.Algorithm], ['xn--bcher-kva.test', 's', 'ed25519-sha256']);
  assert.deepEqual(signer.Headers, ['From', 'To']);
  assert.ok(signer.oversigned.includes('From'));
  signer.Oversigned = ['From'];
  signer.headerCanonicalization = 'simple';
  signer.BodyCanonicalization = freesmtp.Canonicalization.Simple;
  const message = plainMessage();
  message.dkim.add(signer);
  assert.match(message.toBytes().toString(), /c=simple\/simple/);
  for (const shown of [inspect(message, { depth: 9 }), JSON.stringify(message), inspect(signer, { showHidden: true, depth: 9 })]) {
    assert.ok(!shown.includes(ED25519.slice(0, 12)), shown);
  }
  message.reset();
  assert.equal(message.dkim.count, 0);
});

test('what is no signature is refused when it is set, or named when it is sent', () => {
  for (const [given, field] of [[['no domain', 's', ED25519], 'DKIM.Domain'], [['b.test', '', ED25519], 'DKIM.Selector'],
    [['b.test', 's', ED25519.slice(4)], 'DKIM.Key']]) {
    assert.throws(() => new DkimSigner(...given), (error) => error instanceof MessageError && error.field === field &&
      !error.message.includes(given[2]));
  }
  assert.throws(() => new DkimSigner('b.test', 's'), TypeError);
  assert.throws(() => new DkimSigner({ domain: 'b.test', selector: 's', key: ED25519, header: [] }), /no property 'header'/);
  const message = plainMessage();
  const signer = message.dkim.add('b.test', 's', ED25519);
  assert.throws(() => { signer.expiresAfter = -1; }, { field: 'DKIM.ExpiresAfter' });
  assert.throws(() => { signer.headers = 'From'; }, TypeError);
  signer.headers = ['Subject'];
  assert.throws(() => message.toBytes(), { field: 'DKIM[0].Headers' });
});
