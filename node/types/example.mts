// The types of the package, used as a program with `import` uses them. Compiled, never run.
import freesmtpAgain, { Cancelled, EmailMessage, SMTP, SMTPError, SMTPServer, Security, diagnose } from 'freesmtp';
import type { Report } from 'freesmtp';

const smtp = new SMTP('mail.example.com');
smtp.LogFile = 'c:\\smtp log.txt';
smtp.logFile = new URL('file:///tmp/log.txt');
smtp.smtpServers.add({ name: 'mail.example.com', port: 587, account: 'u', password: 'p', security: 'required' });
smtp.SMTPServers.Add('mail.example.com', 25, 30, 'login', 'account', 'password').Security = Security.Required;
smtp.smtpServers.add({ name: 'mail.example.com', account: 'u', token: async (refresh) => (refresh ? 'new' : 'kept') });
smtp.SMTPServers.GetLastItem()!.Token = 'ya29.token';
smtp.smtpServers[0]!.clientCertificate = new URL('file:///tmp/client.pem');
smtp.timeouts = { connect: 5 };
const name: string | undefined = smtp.smtpServers[0]?.name;

const message = new EmailMessage('to@example.org', 'from@example.com', 'Subject', 'Text', 'plain');
message.From.Email = 'from@example.com';
message.replyTo = { email: 'reply@example.com', name: 'Reply' };
message.recipients.add('cc@example.org', 'Name', 'cc').type = 2;
message.Attachments.Add(Buffer.from('x'), 'x.txt');
message.embeddedObjects.add('logo.png', 'logo');
message.date = new Date();

try {
  const report: Report = await smtp.send(message, { signal: AbortSignal.timeout(1000) });
  const expiry: Date | null | undefined = report.tls?.certificateNotAfter;
  console.log(name, expiry, report.recipients.filter((recipient) => recipient.status !== 'accepted'));
} catch (error) {
  if (error instanceof Cancelled || error instanceof SMTPError) {
    const text: string = error.diagnosis?.remedy ?? error.message;
    console.error(error.code, text);
  }
}
console.log(diagnose('550 5.7.1 no', 'RCPT', { offered: ['AUTH LOGIN'], authenticated: false, Tls: true }).cause);

// @ts-expect-error the reply comes first
diagnose({ offered: [] });
// @ts-expect-error a setting that does not exist
new SMTPServer({ nam: 'mail.example.com' });
// @ts-expect-error a token is a text
smtp.smtpServers[0]!.token = () => 5;
// @ts-expect-error a report can't be made
smtp.connected = true;
// @ts-expect-error the package has no such default
freesmtpAgain.nothing;
