// What we compose is what a parser that nobody here wrote reads: the same texts, names and bytes, over generated messages.
//
//   FREESMTP_SEED=7 FREESMTP_CASES=1000 node --test tests/node/mailparser.test.mjs
import assert from 'node:assert/strict';
import { createRequire } from 'node:module';
import test from 'node:test';
import { freesmtp } from './support.mjs';

const { simpleParser } = createRequire(new URL('../../node/package.json', import.meta.url))('mailparser');
const { EmailMessage } = freesmtp;
const SEED = Number(process.env.FREESMTP_SEED ?? 1);
const CASES = Number(process.env.FREESMTP_CASES ?? 300);

/** Numbers from 0 to 1 that a seed gives again (mulberry32). */
function numbers(seed) {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

/** Makes texts, names and bytes that are hard to carry. */
class Source {
  constructor(seed) {
    this.number = numbers(seed);
  }

  below(most) {
    return Math.floor(this.number() * most);
  }

  one(of) {
    return of[this.below(of.length)];
  }

  times(most, make) {
    return Array.from({ length: this.below(most + 1) }, () => make());
  }

  /** A character: of ASCII, of what encodings give a meaning to, of any plane. */
  character() {
    const code = this.one([
      () => 0x20 + this.below(0x5f),
      () => this.one([...'=?_."\\\'()<>@,;:[]%*&/-+~ ']).codePointAt(0),
      () => 0xa1 + this.below(0x500),
      () => 0x3041 + this.below(0x5000),
      () => 0x1f300 + this.below(0x300),
      () => 0xe000 + this.below(0x102000),
    ])();
    return String.fromCodePoint(code);
  }

  /** One line without space at its ends, which headers do not keep. */
  line(most) {
    return this.times(most, () => this.character()).join('').trim();
  }

  /** A line whose length is near a limit. */
  longLine() {
    const length = this.one([75, 76, 77, 78, 79, 997, 998, 999, 1500]) + this.below(3) - 1;
    const fill = this.one(['x', 'ab ', '=', 'ü', '語', '.', 'https://example.test/?a=']);
    return fill.repeat(length).slice(0, length);
  }

  body() {
    const lines = this.times(12, () => this.one([
      () => this.line(90),
      () => this.longLine(),
      () => '.'.repeat(this.below(4)),
      () => `.${this.line(20)}`,
      () => `${this.line(9)}${this.one(['\0', '\x01', '\x08', '\v', '\f', '\x1b[31m', '\x1f', '\x7f', '\x85', '\u2028', '\ufeff', '\uffff'])}${this.line(9)}`,
      () => this.one(['', ' ', '\t', 'From here', '>From there', '--', '-- ', '--=_', '=20', ' trailing ', '\ttab\t']),
    ])());
    return lines.map((line) => line + this.one(['\n', '\r\n', '\r', '\n\n'])).join('') + this.one(['', 'last']);
  }

  bytes() {
    const length = this.one([0, 1, 2, 3, 56, 57, 58, 75, 76, 77, 998, 5000]);
    const kind = this.below(4);
    return Buffer.from(Array.from({ length }, (_, at) =>
      [this.below(256), 0x20 + this.below(0x5f), this.one([13, 10, 46, 0, 65]), at % 256][kind]));
  }

  /** Invisible characters are refused in names of files: they can hide what a file is. */
  fileName() {
    return `${this.line(60).replaceAll(/[/\\\p{Cf}\p{Default_Ignorable_Code_Point}]/gu, '-')}${this.one(['.txt', '.bin', '', '.tar.gz', '.Ü'])}` || 'x';
  }
}

/** Line ends of any kind, as one. The last one is the transport's. */
const lines = (text) => text.replace(/\r\n?/g, '\n').replace(/\n+$/, '');

function generated(source) {
  const message = new EmailMessage();
  message.from = { email: 'sender@example.test', name: source.line(50) };
  for (const name of [source.line(40), ...source.times(3, () => source.line(80))]) {
    message.recipients.add(`to${message.recipients.count}@example.test`, name);
  }
  message.subject = source.line(150);
  const html = source.below(3) === 0;
  message.bodyParts.add(source.body(), 'plain', source.one(['auto', 'auto', 'quotedprintable', 'base64', 'none']));
  if (html) {
    message.bodyParts.add(`<p>${source.line(60).replaceAll('<', '')}</p>\n<p>${source.longLine()}</p>`, 'html');
  }
  const files = source.times(3, () => source.bytes());
  files.forEach((bytes) => message.attachments.add(bytes, source.fileName()));
  return { message, files };
}

test(`mailparser reads what we compose, seed ${SEED}`, async () => {
  for (let number = 0; number < CASES; number += 1) {
    const { message, files } = generated(new Source(SEED * 100_000 + number));
    const bytes = message.toBytes();
    const read = await simpleParser(bytes, { skipHtmlToText: true, skipTextToHtml: true, skipTextLinks: true, skipImageLinks: true });
    const where = `FREESMTP_SEED=${SEED}, message ${number}`;
    assert.equal(read.subject ?? '', message.subject, where);
    assert.equal(read.from.value[0].name, message.from.name, where);
    assert.deepEqual(read.to.value.map(({ address, name }) => [address, name]), message.recipients.map(({ email, name }) => [email, name]), where);
    assert.equal(lines(read.text ?? ''), lines(message.bodyParts[0].body), where);
    if (message.bodyParts.count > 1) {
      assert.equal(lines(read.html), lines(message.bodyParts[1].body), where);
    }
    assert.equal(read.attachments.length, message.attachments.count, where);
    for (const [index, { filename, content }] of read.attachments.entries()) {
      assert.equal(filename, message.attachments[index].displayName, where);
      assert.ok(content.equals(files[index]), where);
    }
    for (const line of bytes.toString('latin1').split('\r\n')) {
      assert.ok(line.length <= 998 && !/[\r\n\0\x80-\xff]/.test(line), where);
    }
  }
});
