// Sends many messages, each made when it is wanted, and says what came of each.
//
//   node bulk.mjs [SERVER] [MESSAGES]
import { EmailMessage, SMTP } from 'freesmtp';

const [server = '127.0.0.1:2525', wanted = '3'] = process.argv.slice(2);

const smtp = new SMTP(server);
smtp.maxConnections = 2;

// A cursor of a database would do as well: the next row is read when there is room for its message.
async function* newsletter() {
  for (let reader = 0; reader < Number(wanted); reader += 1) {
    yield new EmailMessage(`reader${reader}@example.org`, 'news@example.com', 'News from Node', 'Nothing happened.\n');
  }
}

let failed = 0;
for await (const { index, report, error } of smtp.sendBulk(newsletter())) {
  if (error) {
    failed += 1;
    console.log(`${index}: ${error.reason}`);
  } else {
    console.log(`${index}: ${report.replyText}`);
  }
}
console.log(`${failed} of ${wanted} failed`);
await smtp.disconnect();
process.exitCode = failed > 0 ? 1 : 0;
