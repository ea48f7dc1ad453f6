// Sends one message, with the conversation in a log.
//
//   node send.mjs [SERVER] [TO] [FROM]
//
// SERVER is a host name, host:port or a URL such as smtps://user:password@mail.example.com
import { EmailMessage, SMTP } from 'freesmtp';

const [server = '127.0.0.1:2525', to = 'recipient@example.org', from = 'sender@example.com'] = process.argv.slice(2);

const smtp = new SMTP(server);
smtp.LogFile="c:\\smtp log.txt"

const message = new EmailMessage(to, from, 'Hello from Node', 'A first message.');

try {
  const report = await smtp.send(message);
  console.log(`taken by ${report.server}: ${report.replyCode} ${report.replyText}`);
} catch (error) {
  console.error(error.message); // what failed, why, and what to do
  process.exitCode = 1;
}
