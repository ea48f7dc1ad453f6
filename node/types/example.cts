// The types of the package, used as a program with `require` uses them. Compiled, never run.
import freesmtp = require('freesmtp');

const smtp = new freesmtp.SMTP();
smtp.smtpServers.add(new freesmtp.SMTPServer('mail.example.com', 465));
const message = new freesmtp.EmailMessage();
message.Subject = 'Subject';
void smtp.Send(message).catch((error: unknown) => {
  if (error instanceof freesmtp.SMTPProtocolException) {
    const code: number = error.replyCode;
    console.error(code);
  }
});
