// nodemailer with freesmtp's transport, as many sends at a time as there are connections.
import { createRequire } from "node:module";
import { inTurns, meter, work } from "./meter.mjs";

const nodemailer = createRequire(new URL("../../peers/node/", import.meta.url))("nodemailer");
const { FreeSmtpTransport } = await import(process.env.FREESMTP_BENCH_TRANSPORT ?? "../../../node/nodemailer.mjs");

const report = meter();
const transport = nodemailer.createTransport(
  new FreeSmtpTransport({ host: "127.0.0.1", port: work.port, maxConnections: work.connections }),
);
await inTurns((i) =>
  transport.sendMail({ from: "sender@example.test", to: `r${i}@example.test`, subject: `Message ${i}`, text: work.text }),
);
transport.close();
report();
