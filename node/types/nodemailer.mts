// The transport for nodemailer, as a program with nodemailer's own types uses it. Compiled, never run.
import { createTransport } from 'nodemailer';
import { FreeSmtpTransport } from 'freesmtp/nodemailer';
import type { FreeSmtpSentMessageInfo } from 'freesmtp/nodemailer';

const transporter = createTransport(
  new FreeSmtpTransport({
    host: 'mail.example.com', secure: true, auth: { user: 'user', pass: 'secret' }, logFile: 'smtp log.txt',
    security: 'required', certificatePins: ['sha256/x'], tls: { rejectUnauthorized: false }, timeouts: { connect: 3 },
  }),
  { from: 'me@example.com' },
);
const info: FreeSmtpSentMessageInfo = await transporter.sendMail({ to: 'you@example.org', text: 'Hello', signal: AbortSignal.timeout(1000) });
const refused: string[] = info.rejected;
console.log(refused, info.report.recipients[0]?.diagnosis?.cause);
transporter.on('idle', () => transporter.close());
const isIdle: boolean = transporter.isIdle() as boolean;
console.log(isIdle, await new FreeSmtpTransport('smtps://user:pass@mail.example.com').verify());
// @ts-expect-error an option that there is not
new FreeSmtpTransport({ hots: 'mail.example.com' });
