// Both names of every member, made from one table.
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import test from 'node:test';
import * as esm from '../../node/index.mjs';
import { freesmtp } from './support.mjs';

const require = createRequire(import.meta.url);
const { members, statics, exported } = require('../../node/lib/names.cjs');
const { Collection } = require('../../node/lib/collection.cjs');
const { Timeouts } = require('../../node/lib/timeouts.cjs');
const { LogOptions } = require('../../node/lib/log.cjs');
const { CheckOptions } = require('../../node/lib/check.cjs');
const { DiagnosisContext } = require('../../node/lib/diagnosis.cjs');

const classes = { ...freesmtp, Collection, LogOptions, Timeouts, CheckOptions, DiagnosisContext };

// The members of the original that exist so far, written down apart from the table.
const ORIGINALS = {
  SMTP: `SMTPServers LogFile DefaultDomain DefaultTimeout Connected Version AllOrNothing Timeouts Send SendBulk SendBulkMerge SubmitBulkMerge Connect
    Disconnect Cancel SendSMTPCommand Reset MaxConnections MaxMessagesPerConnection RateLimit LogOptions`,
  SMTPServer: `Name Port Timeout AuthMode Account Password SASL Token MailAuth LocalEndPoint Security CaFile
    ClientCertificate ClientKey MinTlsVersion
    TlsServerName Lmtp AllowPlaintextAuth DisabledExtensions DangerAcceptInvalidCerts DangerAcceptInvalidHostnames`,
  EmailMessage: `From ReplyTo ReturnPath Sender Subject Priority MessageID Date CharsetEncoding Recipients BodyParts
    Attachments EmbeddedObjects CustomHeaders InReplyTo References AutoSubmitted ListUnsubscribe
    ListUnsubscribeOneClick Calendar DKIM ReturnContent EnvelopeID RequireTls DeliverBy DeliverByMode DeliverByTrace HoldFor
    HoldUntil MtPriority OptionalExtensions Reset SaveMessage ToBytes`,
  Address: 'Email Name',
  Recipient: 'Email Name Type Notify OriginalRecipient ValidSince ValidSinceAction',
  CustomHeader: 'Name Value',
  DkimSigner: `Domain Selector Algorithm Identity Headers Oversigned HeaderCanonicalization BodyCanonicalization
    ExpiresAfter`,
  MergeTemplate: 'Render',
  DkimSigners: 'Add Count Remove GetLastItem',
  SMTPServers: 'Add Count Remove GetLastItem',
  Recipients: 'Add Count Remove GetLastItem',
  BodyParts: 'Add Count Remove GetLastItem',
  Attachments: 'Add Count Remove GetLastItem',
  EmbeddedObjects: 'Add Count Remove GetLastItem',
  CustomHeaders: 'Add Count Remove GetLastItem',
};

test('every original member answers', () => {
  for (const [name, originals] of Object.entries(ORIGINALS)) {
    for (const original of originals.split(/\s+/)) {
      assert.ok(original in classes[name].prototype, `${name}.${original}`);
    }
  }
  assert.equal(typeof freesmtp.SMTP.QuickSend, 'function');
  for (const alias of ['Connection', 'Authentication', 'Protocol']) {
    assert.equal(freesmtp[`SMTP${alias}Exception`], freesmtp[`SMTP${alias}Error`]);
  }
  assert.equal(freesmtp.FileIOException, freesmtp.FileIOError);
  assert.equal(freesmtp.Diagnose, freesmtp.diagnose);
});

test('every public member has its line in the table, and every line its member', () => {
  // `SubmitToExpress` is a second original name of one member.
  const own = new Set(['constructor', 'toJSON', 'source', 'SubmitToExpress']);
  for (const [name, table] of Object.entries(members)) {
    const { prototype } = classes[name];
    const found = Object.getOwnPropertyNames(prototype).filter((member) => !own.has(member)).sort();
    assert.deepEqual(found, [...Object.keys(table), ...Object.values(table)].sort(), name);
  }
  for (const [name, table] of Object.entries(statics)) {
    for (const member of Object.entries(table).flat()) {
      assert.equal(typeof classes[name][member], 'function', member);
    }
  }
  for (const member of Object.entries(exported).flat()) {
    assert.ok(freesmtp[member], member);
  }
});

test('every name is typed', () => {
  const types = readFileSync(new URL('../../node/index.d.ts', import.meta.url), 'utf8');
  const declared = (text, name) => new RegExp(`^ {2}(static |get |set )?${name}[(?:]`, 'm').test(text);
  for (const [name, table] of [...Object.entries(members), ...Object.entries(statics)]) {
    const [body] = new RegExp(`^export (declare class|interface) ${name}\\b[^]*?^}`, 'm').exec(types);
    for (const member of Object.entries(table).flat()) {
      assert.ok(declared(body, member), `${name}.${member}`);
    }
  }
  const top = new Set([...types.matchAll(/^export declare (?:class|const|function) (\w+)/gm)].map(([, name]) => name));
  assert.deepEqual([...top].filter((name) => !['Collection', 'LogOptions', 'Timeouts'].includes(name)).sort(),
    Object.keys(freesmtp).sort());
});

test('import gives what require gives', () => {
  assert.equal(esm.default, freesmtp);
  const { default: _, ...named } = esm;
  assert.deepEqual(Object.keys(named).sort(), Object.keys(freesmtp).sort());
  for (const [name, value] of Object.entries(named)) {
    assert.equal(value, freesmtp[name]);
  }
});

test('a subclass that overrides one name has overridden both', () => {
  class Quiet extends freesmtp.SMTP {
    async send() {
      return 'not sent';
    }
  }
  return assert.doesNotReject(async () => assert.equal(await new Quiet().Send(), 'not sent'));
});
