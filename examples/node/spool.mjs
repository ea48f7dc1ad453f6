// Hands a blast of messages over to the agent through the spool, and returns at once.
//
//   node spool.mjs [MESSAGES] [BLAST] [SPOOL]
//
// `freesmtp agent` delivers them in the background; `freesmtp blast status BLAST --watch` shows how far it is. Without
// SPOOL it is `$FREESMTP_SPOOL`, or the usual folder.
import { EmailMessage, SMTP } from 'freesmtp';

const [wanted = '3', blast = 'newsletter', spool] = process.argv.slice(2);

function* newsletter() {
  for (let reader = 0; reader < Number(wanted); reader += 1) {
    const message = new EmailMessage(`reader${reader}@example.org`, 'news@example.com', 'News from Node', 'Nothing happened.\n');
    message.blast = blast;
    yield message;
  }
}

const smtp = new SMTP();
smtp.spoolPath = spool;
const begun = performance.now();
try {
  // One sync of the disk for all: each of them is durable, or there is an error and none of them is delivered.
  const ids = await smtp.submitBulk(newsletter());
  const seconds = ((performance.now() - begun) / 1000).toFixed(2);
  console.log(`${ids.length} messages are in the spool after ${seconds} s; the first is ${ids[0]}`);
} catch (error) {
  console.error(error.message); // what failed, why, and what to do
  process.exitCode = error.isTemporary ? 75 : 1;
}
