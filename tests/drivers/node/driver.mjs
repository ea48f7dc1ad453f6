// The driver of tests/drivers/README.md: carries out a job with the public API of the Node package only.
import { open } from 'node:fs/promises';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { Calendar, DkimSigner, EmailMessage, SMTP, SMTPServer, diagnose, explain } from '../../../node/index.mjs';
import { checkOf, failure, print, reportOf, submitted, tell, tellBlast, tellMessage, tellSent, toldOf } from './answers.mjs';

setFlagsFromString('--expose-gc');
const collectGarbage = runInNewContext('gc');

/** A fault of the job, not of the library. */
class BadJob extends Error {}

let smtp;
let message;
let server;
let repeat;
/** The messages of the next bulk. */
let bulk;
/** The options of the next check. */
let checking;
/** Optional second parts, used by the line that adds and forgotten then. */
let parts;
/** The row of the next merge. */
let row;
/** The FIFOs that tell when the next call is cancelled: by a signal of its own, by the object. */
let ending;
/** The job ended with an error of a line that sets or adds. */
let failed;

function begin() {
  smtp = new SMTP();
  message = new EmailMessage();
  server = undefined;
  repeat = 1;
  bulk = [];
  checking = {};
  parts = {};
  row = {};
  ending = {};
  failed = false;
}

const text = (value) => value;
const number = (value) => {
  if (!/^-?\d+$/.test(value)) {
    throw new BadJob(`not a number: ${value}`);
  }
  return Number(value);
};
const moment = (value) => new Date(number(value) * 1000);
const truth = (value) => {
  if (value !== 'true' && value !== 'false') {
    throw new BadJob(`not a truth value: ${value}`);
  }
  return value === 'true';
};
/** A function for `token` that gives one token after the other. */
const callback = (value) => {
  const tokens = value.split(',');
  return async () => {
    if (tokens.length === 0) {
      throw new Error('no more tokens');
    }
    return tokens.shift();
  };
};
const sets = (target, name, read = text) => (value) => {
  target()[name] = read(value);
};
const adds = (name) => (value) => {
  message[name] = [...message[name], value];
};
const words = (value) => (value === '' ? [] : value.split(','));
const keeps = (name) => (value) => {
  parts[name] = value;
};
const takes = (add) => (value) => {
  const used = parts;
  parts = {};
  add(value, used);
};
/** A file piece by piece, all in one Buffer: what a Readable leaves to the garbage collector is not measured here. */
async function* pieces(path) {
  const file = await open(path);
  try {
    const buffer = Buffer.alloc(64 * 1024);
    for (;;) {
      const { bytesRead } = await file.read(buffer);
      if (bytesRead === 0) {
        return;
      }
      yield buffer.subarray(0, bytesRead);
    }
  } finally {
    await file.close();
  }
}

const needed = (used, name) => {
  if (used[name] === undefined) {
    throw new BadJob(`${name} has to come before`);
  }
  return used[name];
};

const KEYS = {
  'server.host': (value) => {
    server = new SMTPServer();
    server.name = value;
  },
  'server.port': sets(() => server, 'port', number),
  'server.security': sets(() => server, 'security'),
  'server.timeout': sets(() => server, 'timeout', number),
  'server.account': sets(() => server, 'account'),
  'server.password': sets(() => server, 'password'),
  'server.sasl': sets(() => server, 'sasl'),
  'server.token': sets(() => server, 'token'),
  'server.tokens': sets(() => server, 'token', callback),
  'server.disabledextensions': sets(() => server, 'disabledExtensions', (value) => value.split(',')),
  'server.lmtp': sets(() => server, 'lmtp', truth),
  'server.proxy': sets(() => server, 'proxy'),
  'server.localendpoint': sets(() => server, 'localEndPoint'),
  'server.capem': sets(() => server, 'caPem'),
  'server.clientcertificatepassword': sets(() => server, 'clientCertificatePassword'),
  'server.certificatepins': sets(() => server, 'certificatePins', (value) => value.split(',')),
  'server.mintlsversion': sets(() => server, 'minTlsVersion'),
  'server.mailauth': sets(() => server, 'mailAuth'),
  'server.clientcertificate': sets(() => server, 'clientCertificate'),
  'server.clientkey': sets(() => server, 'clientKey'),
  'server.authmode': sets(() => server, 'authMode'),
  'server.cafile': sets(() => server, 'caFile'),
  'server.tlsservername': sets(() => server, 'tlsServerName'),
  'server.allowplaintextauth': sets(() => server, 'allowPlaintextAuth', truth),
  'server.dangeracceptinvalidcerts': sets(() => server, 'dangerAcceptInvalidCerts', truth),
  'server.dangeracceptinvalidhostnames': sets(() => server, 'dangerAcceptInvalidHostnames', truth),
  'server.add': () => smtp.smtpServers.add(server),
  'smtp.defaultdomain': sets(() => smtp, 'defaultDomain'),
  'smtp.logfile': sets(() => smtp, 'logFile'),
  'smtp.allornothing': sets(() => smtp, 'allOrNothing', truth),
  'smtp.maxconnections': sets(() => smtp, 'maxConnections', Number),
  'smtp.maxmessagesperconnection': sets(() => smtp, 'maxMessagesPerConnection', Number),
  'smtp.spoolpath': sets(() => smtp, 'spoolPath'),
  'smtp.spooldurability': sets(() => smtp, 'spoolDurability', number),
  notbefore: sets(() => message, 'notBefore', moment),
  expires: sets(() => message, 'expires', moment),
  spoolpriority: sets(() => message, 'spoolPriority', number),
  blast: sets(() => message, 'blast'),
  idempotencykey: sets(() => message, 'idempotencyKey'),
  'smtp.ratelimit': sets(() => smtp, 'rateLimit', Number),
  'smtp.connect': () => cancelled(calls('smtp.connect', (options) => smtp.connect(options).then(() => []))),
  'smtp.command': (line) =>
    cancelled(
      calls('smtp.command', async (options) => {
        const { code, text } = await smtp.sendSMTPCommand(line, options);
        return [code, text];
      }),
    ),
  'smtp.disconnect': () => cancelled((options) => smtp.disconnect(options)),
  'cancel.own': sets(() => ending, 'own'),
  'cancel.object': sets(() => ending, 'object'),
  wait: hears,
  'message.new': () => {
    message = new EmailMessage();
  },
  raw: (value) => {
    message = EmailMessage.raw(Buffer.from(value));
  },
  'raw.file': (path) => {
    message = EmailMessage.raw(path);
  },
  'from.email': sets(() => message.from, 'email'),
  'from.name': sets(() => message.from, 'name'),
  'sender.email': sets(() => message.sender, 'email'),
  'sender.name': sets(() => message.sender, 'name'),
  'replyto.email': sets(() => message.replyTo, 'email'),
  'replyto.name': sets(() => message.replyTo, 'name'),
  returnpath: sets(() => message, 'returnPath'),
  subject: sets(() => message, 'subject'),
  messageid: sets(() => message, 'messageId'),
  charset: sets(() => message, 'charsetEncoding'),
  inreplyto: adds('inReplyTo'),
  reference: adds('references'),
  autosubmitted: sets(() => message, 'autoSubmitted', number),
  listunsubscribe: adds('listUnsubscribe'),
  'listunsubscribe.oneclick': sets(() => message, 'listUnsubscribeOneClick', truth),
  'dkim.domain': keeps('dkim.domain'),
  'dkim.selector': keeps('dkim.selector'),
  'dkim.identity': keeps('dkim.identity'),
  'dkim.headers': keeps('dkim.headers'),
  'dkim.oversigned': keeps('dkim.oversigned'),
  'dkim.key': takes((key, used) => {
    const signer = new DkimSigner(needed(used, 'dkim.domain'), needed(used, 'dkim.selector'), key);
    signer.identity = used['dkim.identity'];
    if (used['dkim.headers'] !== undefined) {
      signer.headers = words(used['dkim.headers']);
    }
    if (used['dkim.oversigned'] !== undefined) {
      signer.oversigned = words(used['dkim.oversigned']);
    }
    message.dkim.add(signer);
  }),
  'calendar.method': keeps('calendar.method'),
  'calendar.filename': keeps('calendar.filename'),
  'calendar.text': takes((text, used) => {
    message.calendar = new Calendar(text, used['calendar.method'], used['calendar.filename']);
  }),
  priority: sets(() => message, 'priority', number),
  returncontent: sets(() => message, 'returnContent', number),
  envelopeid: sets(() => message, 'envelopeId'),
  requiretls: sets(() => message, 'requireTls', truth),
  deliverby: sets(() => message, 'deliverBy', number),
  deliverbymode: sets(() => message, 'deliverByMode', number),
  deliverbytrace: sets(() => message, 'deliverByTrace', truth),
  holdfor: sets(() => message, 'holdFor', number),
  holduntil: sets(() => message, 'holdUntil', moment),
  mtpriority: sets(() => message, 'mtPriority', number),
  optionalextensions: sets(() => message, 'optionalExtensions', words),
  'recipient.notify': sets(() => message.recipients.getLastItem(), 'notify', number),
  'recipient.originalrecipient': sets(() => message.recipients.getLastItem(), 'originalRecipient'),
  'recipient.validsince': sets(() => message.recipients.getLastItem(), 'validSince', moment),
  'recipient.validsinceaction': sets(() => message.recipients.getLastItem(), 'validSinceAction', number),
  'recipient.name': keeps('recipient.name'),
  'recipient.to': takes((email, used) => addRecipient(email, used, 'to')),
  'recipient.cc': takes((email, used) => addRecipient(email, used, 'cc')),
  'recipient.bcc': takes((email, used) => addRecipient(email, used, 'bcc')),
  text: (value) => message.bodyParts.add(value, 'plain'),
  html: (value) => message.bodyParts.add(value, 'html'),
  'attachment.name': keeps('attachment.name'),
  'attachment.file': takes((path, used) => message.attachments.add(path, used['attachment.name'])),
  'attachment.stream': takes((path, used) =>
    message.attachments.add(pieces(path), needed(used, 'attachment.name')),
  ),
  'attachment.bytes': takes((base64, used) =>
    message.attachments.add(Buffer.from(base64, 'base64'), needed(used, 'attachment.name')),
  ),
  'attachment.contenttype': sets(() => message.attachments.getLastItem(), 'contentType'),
  'embedded.contenttype': sets(() => message.embeddedObjects.getLastItem(), 'contentType'),
  'embedded.cid': keeps('embedded.cid'),
  'embedded.file': takes((path, used) => message.embeddedObjects.add(path, needed(used, 'embedded.cid'))),
  'header.name': keeps('header.name'),
  'header.value': takes((value, used) => message.customHeaders.add(needed(used, 'header.name'), value)),
  repeat: (value) => {
    repeat = number(value);
  },
  'check.from': sets(() => checking, 'from'),
  'check.to': (value) => {
    checking.to = [...(checking.to ?? []), value];
  },
  'check.dkimselector': sets(() => checking, 'dkimSelector'),
  'check.outgoingip': sets(() => checking, 'outgoingIp'),
  'check.dns': sets(() => checking, 'dns'),
  'check.timeout': sets(() => checking, 'timeout', number),
  'check.server': sets(() => checking, 'server', number),
  'bulk.add': () => bulk.push(message),
  'bulk.repeat': (value) => bulk.push(...Array(number(value)).fill(message)),
  sendbulk: sendBulk,
  submittospool: async () => submitted('submittospool', [await smtp.submitToSpool(message)]),
  submitbulk: async () => {
    const messages = bulk;
    bulk = [];
    submitted('submitbulk', await smtp.submitBulk(messages));
  },
  spoolstatus: async (value) => tellMessage('spoolstatus', await smtp.spoolStatus(value)),
  waitformessage: async (value) => tellMessage('waitformessage', await smtp.waitForMessage(value, 20)),
  blaststatus: async (value) => tellBlast('blaststatus', await smtp.blastStatus(value)),
  pauseblast: async (value) => tellBlast('pauseblast', await smtp.pauseBlast(value)),
  resumeblast: async (value) => tellBlast('resumeblast', await smtp.resumeBlast(value)),
  cancelblast: async (value) => tellBlast('cancelblast', await smtp.cancelBlast(value)),
  waitforblast: async (value) => tellBlast('waitforblast', await smtp.waitForBlast(value, 20)),
  spoolevents: (value) =>
    cancelled(async (options) => {
      const told = [];
      for await (const { event, recipient, blast, replyCode } of smtp.spoolEvents({ blast: 'news', ...options })) {
        told.push(`${event} ${recipient} ${blast} ${replyCode}`);
        if (told.length === number(value)) {
          break;
        }
      }
      tell('spoolevents', told);
    }),
  check,
  'quick.server': keeps('server'),
  'quick.from': keeps('from'),
  'quick.subject': keeps('subject'),
  'quick.body': keeps('body'),
  quicksend: async (recipient) => {
    const { server = '', from = '', subject = '', body = '' } = parts;
    parts = {};
    print({ ok: true, at: 'send', sends: 1, report: reportOf(await SMTP.quickSend(server, recipient, from, subject, body)) });
  },
  'row.name': keeps('row.name'),
  'row.value': takes((value, used) => {
    row[needed(used, 'row.name')] = value;
  }),
  sendmerge: () => tellSent(smtp.sendBulkMerge(message, [takeRow()])),
  submitmerge: async () => submitted('submitmerge', await smtp.submitBulkMerge(message, [takeRow()])),
  'diagnose.stage': keeps('stage'),
  'diagnose.host': keeps('host'),
  'diagnose.offered': keeps('offered'),
  'diagnose.account': keeps('user'),
  'diagnose.sender': keeps('sender'),
  'diagnose.recipient': keeps('recipient'),
  diagnose: takes((reply, { stage, offered, ...known }) =>
    tell('diagnose', toldOf(diagnose(reply, stage, offered === undefined ? known : { ...known, offered: [offered] }))),
  ),
  explain: (transcript) => tell('explain', explain(transcript).flatMap(({ diagnosis }) => toldOf(diagnosis))),
  send: () => cancelled(send),
};

/** Waits until somebody says something in that FIFO. */
async function hears(path) {
  const fifo = await open(path);
  try {
    await fifo.read(Buffer.alloc(1), 0, 1);
  } finally {
    await fifo.close();
  }
}

/** Makes a call that may be cancelled. */
async function cancelled(call) {
  const { own, object } = ending;
  ending = {};
  if (!own && !object) {
    return call();
  }
  const controller = new AbortController();
  const act = hears(own ?? object).then(() => (own ? controller.abort() : smtp.cancel()));
  try {
    return await call(own ? { signal: controller.signal } : {});
  } finally {
    await act;
  }
}

/** A call that tells texts, or its error. */
const calls = (at, call) => async (options) => {
  try {
    tell(at, await call(options));
  } catch (error) {
    print(failure(at, 0, error));
  }
};

function addRecipient(email, used, type) {
  message.recipients.add(email, used['recipient.name'], type);
}

async function send(options) {
  const times = repeat;
  repeat = 1;
  let sends = 0;
  let report;
  try {
    while (sends < times) {
      report = await smtp.send(message, options);
      sends += 1;
    }
  } catch (error) {
    print(failure('send', sends, error));
    return;
  }
  print({ ok: true, at: 'send', sends, report: reportOf(report) });
}

async function sendBulk() {
  const messages = bulk;
  bulk = [];
  await tellSent(smtp.sendBulk(messages));
}

function takeRow() {
  const taken = row;
  row = {};
  return taken;
}

async function check() {
  const options = checking;
  checking = {};
  const report = await smtp.check(options);
  print({ ok: true, at: 'check', sends: 0, check: checkOf(report) });
}

const ESCAPES = { n: '\n', r: '\r', t: '\t', 0: '\0', '\\': '\\' };
function unescape(value) {
  return value.replace(/\\(.?)/gs, (whole, letter) => {
    if (!(letter in ESCAPES)) {
      throw new BadJob(`no such escape: ${whole}`);
    }
    return ESCAPES[letter];
  });
}

/** Lets go of what nothing refers to any more, and waits until it is gone. */
async function collect() {
  collectGarbage();
  await new Promise((resolve) => {
    setImmediate(resolve);
  });
}

/** Carries out one line. */
async function carryOut(line) {
  if (line === 'job.end') {
    begin();
    await collect();
    print({ end: true });
    return;
  }
  if (failed || line === '' || line.startsWith('#')) {
    return;
  }
  const space = line.indexOf(' ');
  const key = space < 0 ? line : line.slice(0, space);
  const step = Object.hasOwn(KEYS, key) ? KEYS[key] : undefined;
  if (!step) {
    throw new BadJob(`no such key: ${key}`);
  }
  const value = space < 0 ? '' : unescape(line.slice(space + 1));
  try {
    await step(value);
  } catch (error) {
    if (error instanceof BadJob) {
      throw error;
    }
    print(failure(key, 0, error));
    failed = true;
  }
}

/** The lines of standard input, as they come. */
async function* lines() {
  const parts = [];
  for await (const chunk of process.stdin.setEncoding('utf8')) {
    const [first, ...rest] = chunk.split('\n');
    parts.push(first);
    for (const next of rest) {
      yield parts.splice(0).join('');
      parts.push(next);
    }
  }
  yield parts.join('');
}

begin();
try {
  for await (const line of lines()) {
    await carryOut(line);
  }
} catch (error) {
  console.error(error);
  process.exitCode = 2;
}
