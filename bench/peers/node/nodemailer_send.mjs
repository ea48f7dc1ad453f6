// nodemailer with its pool, as many sends at a time as there are connections.
import nodemailer from "nodemailer";
import { inTurns, meter, work } from "../../freesmtp/node/meter.mjs";

const report = meter();
const transport = nodemailer.createTransport({
  host: "127.0.0.1",
  port: work.port,
  ignoreTLS: true,
  pool: true,
  maxConnections: work.connections,
  maxMessages: Infinity,
});
await inTurns((i) =>
  transport.sendMail({
    from: "sender@example.test",
    to: `r${i}@example.test`,
    subject: `Message ${i}`,
    text: work.text,
    attachments: work.attachment ? [{ path: work.attachment }] : [],
  }),
);
transport.close();
report();
