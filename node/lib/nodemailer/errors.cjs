// Errors and results in the form that programs with nodemailer read.
'use strict';

/** The command that was answered, by the phase of the session. */
const COMMANDS = {
  COMPOSE: 'API', RESOLVE: 'CONN', CONNECT: 'CONN', EHLO: 'EHLO', STARTTLS: 'STARTTLS', AUTH: 'AUTH', MAIL: 'MAIL FROM',
  RCPT: 'RCPT TO', DATA: 'DATA', EOM: 'DATA', QUIT: 'QUIT',
};

/** nodemailer's code where it differs from ours: it goes by the phase, too. */
function codeOf({ kind, stage, field, code }) {
  switch (kind) {
    case 'message':
      return /^(Recipients|ReturnPath|From|EnvelopeID)\b/.test(field ?? '') ? 'EENVELOPE' : 'EMESSAGE';
    case 'connect':
      return stage === 'CONNECT' ? 'ESOCKET' : 'ECONNECTION';
    case 'protocol':
      return { MAIL: 'EENVELOPE', RCPT: 'EENVELOPE', DATA: 'EMESSAGE', EOM: 'EMESSAGE' }[stage] ?? 'EPROTOCOL';
    case 'file-io':
      return 'ESTREAM';
    default:
      return code;
  }
}

/** The reply as the server gave it. */
function responseOf({ replyCode, replyText }) {
  return [replyCode, replyText].filter(Boolean).join(' ');
}

/** 503 says that the session was in the wrong state, not that the message was refused. */
const isPermanent = (code) => code >= 500 && code < 600 && code !== 503;

function withReply(error, { replyCode, ...reply }, stage) {
  const command = COMMANDS[stage];
  return Object.assign(error, command && { command }, replyCode > 0 && {
    response: responseOf({ replyCode, ...reply }),
    responseCode: replyCode,
    permanent: isPermanent(replyCode),
  });
}

const isRejected = ({ status }) => status === 'refused' || status === 'deferred';

/** An error for each recipient that was refused. */
function rejectedErrors(recipients) {
  return recipients.filter(isRejected).map((result) => {
    const { email, diagnosis, stage } = result;
    const error = new Error(`Recipient command failed: ${responseOf(result)}`);
    return withReply(Object.assign(error, { code: 'EENVELOPE', recipient: email, diagnosis }), result, stage);
  });
}

/** Our error, with nodemailer's fields beside its own. */
function toNodemailer(error) {
  if (error?.kind === undefined) {
    return error;
  }
  withReply(error, error, error.stage);
  const rejected = rejectedErrors(error.recipients);
  return Object.assign(error, { code: codeOf(error) }, error.cause?.code && { originalCode: error.cause.code },
    rejected.length > 0 && { rejected: rejected.map(({ recipient }) => recipient), rejectedErrors: rejected });
}

/** As nodemailer's own transports give it. */
function aborted(signal) {
  const error = new Error('Message sending aborted', { cause: signal.reason });
  return Object.assign(error, { name: 'AbortError', code: 'EABORT' });
}

/** What `sendMail` answers. */
function toInfo(report, envelope, messageId) {
  const errors = rejectedErrors(report.recipients);
  return {
    envelope: { from: envelope.from, to: envelope.to },
    messageId,
    accepted: report.recipients.filter(({ status }) => status === 'accepted').map(({ email }) => email),
    rejected: errors.map(({ recipient }) => recipient),
    ...(errors.length > 0 && { rejectedErrors: errors }),
    response: responseOf(report),
    messageTime: Math.round(report.elapsed * 1000),
    messageSize: report.size,
    report,
  };
}

module.exports = { aborted, toInfo, toNodemailer };
