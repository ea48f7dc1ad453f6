// What a program can do with a failure.
//
//   node errors.mjs [SERVER] [RECIPIENT]...
import { EmailMessage, MessageError, SMTP, SMTPConnectionError, SMTPError, SMTPRecipientsRefused } from 'freesmtp';

const [server = '127.0.0.1:2525', ...recipients] = process.argv.slice(2);

const smtp = new SMTP(server);
const message = new EmailMessage();
message.from = 'sender@example.com';
message.subject = 'Is it taken?';
message.bodyParts.add('Perhaps.');
for (const recipient of recipients.length > 0 ? recipients : ['recipient@example.org']) {
  message.recipients.add(recipient);
}

try {
  const report = await smtp.send(message, { signal: AbortSignal.timeout(30_000) });
  for (const recipient of report.recipients) {
    console.log(`${recipient.email}: ${recipient.status}`);
  }
} catch (error) {
  if (error instanceof MessageError) {
    console.error(`${error.field} is not valid: ${error.reason}`);
  } else if (error instanceof SMTPRecipientsRefused) {
    for (const { email, status, replyCode, replyText } of error.recipients) {
      console.error(`${email}: ${status}, ${replyCode} ${replyText}`);
    }
  } else if (error instanceof SMTPConnectionError) {
    console.error(`${error.server ?? server}: ${error.cause?.code ?? error.code} while ${error.stage}`);
  } else if (!(error instanceof SMTPError)) {
    throw error;
  }
  const { diagnosis } = error;
  if (diagnosis) {
    console.error(`Cause: ${diagnosis.cause}. ${diagnosis.summary}`);
    for (const remedy of diagnosis.remedy.split('\n')) {
      console.error(`  - ${remedy}`);
    }
  }
  // 75 tells whoever called to try again later (sysexits).
  process.exitCode = error.isTemporary ? 75 : 1;
}
