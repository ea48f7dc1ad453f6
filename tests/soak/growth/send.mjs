// Sends as many messages as it is told, one after the other, and prints what is resident after a tenth and at the end.
import { EmailMessage, MessageError, SMTP } from '../../../node/index.mjs';

function resident() {
  globalThis.gc();
  return process.memoryUsage.rss();
}

const [server, count] = process.argv.slice(2);
const sends = Number(count);
const smtp = new SMTP(server);
let whole = 0;
smtp.on('smtpStatus', (sent, size) => {
  whole += Number(sent === size);
});
smtp.on('smtpRecipientFailed', console.error);
for (let number = 1; number <= sends; number += 1) {
  const message = new EmailMessage('c@d.test', 'a@b.test', `Number ${number}`, 'text');
  await smtp.send(message);
  if (number % 100 === 0) {
    message.subject = 'a\nb';
    await smtp.send(message).then(() => process.exit(3), (error) => {
      if (!(error instanceof MessageError)) {
        process.exit(4);
      }
    });
  }
  if (number === Math.floor(sends / 10)) {
    console.log(resident());
  }
}
console.log(resident());
await smtp.disconnect();
process.exitCode = whole === sends ? 0 : 5;
