// The answers of tests/drivers/README.md.
import { writeSync } from 'node:fs';
import { SMTPError } from '../../../node/index.mjs';

/** Prints what came of each message, in the order of the messages. */
export async function tellSent(sent) {
  const results = [];
  for await (const result of sent) {
    results.push(result);
  }
  for (const { index, report, error } of results.sort((a, b) => a.index - b.index)) {
    print({ index, ...(error ? failure('sendbulk', 0, error) : { ok: true, at: 'sendbulk', sends: 1, report: reportOf(report) }) });
  }
}

export function submitted(at, ids) {
  print({ ok: true, at, sends: 0, ids });
}

export function tellMessage(at, { id, state, isDone, recipientsTotal, recipientsOpen, recipients }) {
  const each = recipients.map((one) => `${one.email} ${one.state} ${one.replyCode}`);
  tell(at, [id, state, isDone, recipientsTotal, recipientsOpen, ...each]);
}

export function tellBlast(at, { name, state, isDone, messages, recipients, open, delivered, failed, cancelled }) {
  tell(at, [name, state, isDone, messages, recipients, open, delivered, failed, cancelled]);
}

/** What a diagnosis says. */
export function toldOf({ cause, who, summary, remedy, evidence }) {
  return [cause, who, summary, remedy, evidence];
}

/** Prints what a call gave as texts. */
export function tell(at, told) {
  print({ ok: true, at, sends: 0, told: told.map(String) });
}

export function checkOf(report) {
  return {
    server: report.server,
    status: report.status,
    summary: report.summary,
    is_temporary: report.isTemporary,
    steps: report.steps.map((step) => ({
      name: step.name,
      status: step.status,
      summary: step.summary,
      is_temporary: step.isTemporary,
      facts: step.facts.map(({ name, value }) => ({ name, value })),
      diagnosis: diagnosisOf(step.diagnosis),
    })),
    warnings: report.warnings,
    transcript: report.transcript,
    text: report.text,
  };
}

export function failure(at, sends, error) {
  if (!(error instanceof SMTPError)) {
    throw error;
  }
  return {
    ok: false,
    at,
    sends,
    error: {
      kind: error.kind,
      number: error.number,
      stage: error.stage,
      field: error.field,
      message: error.reason,
      reply_code: error.replyCode,
      enhanced_code: error.enhancedCode,
      reply_text: error.replyText,
      server: error.server,
      is_temporary: error.isTemporary,
      message_id: error.messageId,
      recipients: error.recipients.map(recipientOf),
      diagnosis: diagnosisOf(error.diagnosis),
      transcript: error.transcript,
    },
  };
}

export function reportOf(report) {
  const { tls } = report;
  return {
    recipients: report.recipients.map(recipientOf),
    reply_code: report.replyCode,
    reply_text: report.replyText,
    message_id: report.messageId,
    size: report.size,
    server: report.server,
    tls: tls && {
      version: tls.version,
      cipher: tls.cipher,
      certificate_subject: tls.certificateSubject,
      certificate_not_after: tls.certificateNotAfter && tls.certificateNotAfter.getTime() / 1000,
    },
    auth_mechanism: report.authMechanism,
    warnings: report.warnings,
  };
}

function recipientOf(recipient) {
  return {
    email: recipient.email,
    status: recipient.status,
    stage: recipient.stage,
    reply_code: recipient.replyCode,
    enhanced_code: recipient.enhancedCode,
    reply_text: recipient.replyText,
    diagnosis: diagnosisOf(recipient.diagnosis),
  };
}

function diagnosisOf(diagnosis) {
  return (
    diagnosis && {
      cause: diagnosis.cause,
      who: diagnosis.who,
      summary: diagnosis.summary,
      remedy: diagnosis.remedy,
      evidence: diagnosis.evidence,
      retry_after: diagnosis.retryAfter,
      reference: diagnosis.reference,
    }
  );
}

export function print(answer) {
  writeSync(1, `${JSON.stringify(answer)}\n`);
}
