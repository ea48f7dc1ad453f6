// A message of nodemailer's, composed by it, with its envelope.
'use strict';

const { classes: { EmailMessage } } = require('../message.cjs');

const mailboxOf = (address) => String(address?.address ?? (address || '')).trim();

/** Reads the composed message; when it fails, as nodemailer says it. */
async function bytesOf(mail, signal) {
  const stream = mail.message.createReadStream();
  const stop = () => stream.destroy(signal.reason);
  signal?.addEventListener('abort', stop, { once: true });
  try {
    const pieces = [];
    for await (const piece of stream) {
      pieces.push(Buffer.from(piece));
    }
    return Buffer.concat(pieces);
  } catch (error) {
    error.code ??= 'ESTREAM';
    throw error;
  } finally {
    signal?.removeEventListener('abort', stop);
  }
}

/** Delivery reports (RFC 3461), in nodemailer's words and in ours. */
function setDsn(message, dsn) {
  const content = String(dsn.ret || dsn.return || '').toLowerCase();
  const about = dsn.recipient || dsn.orcpt;
  if (content) {
    message.returnContent = { hdrs: 'headers', body: 'full' }[content] ?? content;
  }
  message.envelopeId = dsn.envid || dsn.id || null;
  for (const recipient of message.recipients) {
    if (dsn.notify) {
      recipient.notify = [].concat(dsn.notify).join(',').replaceAll(' ', '').toLowerCase();
    }
    if (about) {
      recipient.originalRecipient = String(about).replace(/^rfc822;/i, '');
    }
  }
}

/** Our message: nodemailer's bytes, and whom they are for. */
async function messageOf(mail, envelope, signal) {
  const message = EmailMessage.raw(await bytesOf(mail, signal));
  message.returnPath = mailboxOf(envelope.from);
  for (const recipient of [].concat(envelope.to ?? [])) {
    message.recipients.add(mailboxOf(recipient));
  }
  const { dsn, requireTLSExtensionEnabled, freesmtp } = mail.data;
  if (dsn ?? envelope.dsn) {
    setDsn(message, dsn ?? envelope.dsn);
  }
  message.requireTls = Boolean(requireTLSExtensionEnabled);
  return Object.assign(message, freesmtp);
}

module.exports = { messageOf };
