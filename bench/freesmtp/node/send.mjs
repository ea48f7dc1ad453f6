// freesmtp from Node, as many sends at a time as there are connections.
import { inTurns, meter, work } from "./meter.mjs";

const { SMTP, EmailMessage } = await import(process.env.FREESMTP_BENCH_PACKAGE ?? "../../../node/index.mjs");

const report = meter();
const smtp = new SMTP(`127.0.0.1:${work.port}`);
await inTurns(async (i) => {
  const message = new EmailMessage(`r${i}@example.test`, "sender@example.test", `Message ${i}`, work.text);
  if (work.attachment) message.attachments.add(work.attachment);
  await smtp.send(message);
});
await smtp.disconnect();
report();
