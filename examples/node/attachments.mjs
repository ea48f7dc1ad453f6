// Sends a text and an HTML version with an image inside, a file, and bytes that the program made.
//
//   node attachments.mjs [SERVER] [FILE] [IMAGE] [LOG]
import { fileURLToPath } from 'node:url';
import { EmailMessage, SMTP } from 'freesmtp';

const own = fileURLToPath(import.meta.url);
const [server = '127.0.0.1:2525', file = own, image, log] = process.argv.slice(2);
// One pixel, for a program that was given no image.
const PIXEL = 'R0lGODlhAQABAIAAAP8AAAAAACH5BAAAAAAALAAAAAABAAEAAAICRAEAOw==';

const message = new EmailMessage();
message.from = { email: 'sender@example.com', name: 'Sénder' };
message.recipients.add('recipient@example.org', 'Recipient');
message.recipients.add('copy@example.org', 'Copy', 'cc');
message.subject = 'Report — März';
message.bodyParts.add('The report is attached.', 'plain');
message.bodyParts.add('<p>The report is attached.</p><img src="cid:logo" alt="">', 'html');
if (image) {
  message.embeddedObjects.add(image, 'logo');
} else {
  message.embeddedObjects.add(Buffer.from(PIXEL, 'base64'), 'logo', 'logo.gif');
}
message.attachments.add(file);
message.attachments.add(Buffer.from('month;sum\nMarch;42\n'), 'sums for März.csv');

const smtp = new SMTP(server);
if (log) smtp.logFile = log;
const report = await smtp.send(message);
console.log(`taken by ${report.server}: ${report.size} bytes for ${report.recipients.length} recipients`);
