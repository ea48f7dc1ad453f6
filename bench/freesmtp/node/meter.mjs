// What the Node senders share: the command line, the text, and the report of what it cost.
import { readFileSync } from "node:fs";

const [port, count, size, connections] = process.argv.slice(2, 6).map(Number);

/** `PORT N SIZE CONNECTIONS [ATTACHMENT]` */
export const work = {
  port,
  count,
  connections,
  attachment: process.argv[6],
  text: ("x".repeat(70) + "\r\n").repeat(Math.max(1, Math.floor(size / 72))),
};

/** Sends all messages, as many at a time as there are connections. */
export async function inTurns(send) {
  let next = 0;
  const sender = async () => {
    while (next < count) await send(next++);
  };
  await Promise.all(Array.from({ length: connections }, sender));
}

/** Measures from here until the function that it gives is called. */
export function meter() {
  const started = performance.now();
  const before = process.cpuUsage();
  return () => {
    const wall = (performance.now() - started) / 1e3;
    const { user, system } = process.cpuUsage(before);
    // getrusage's peak would count what the parent had before exec.
    const [, peak] = /VmHWM:\s+(\d+) kB/.exec(readFileSync("/proc/self/status", "utf8"));
    console.log(`sent=${count} wall=${wall.toFixed(6)} cpu=${((user + system) / 1e6).toFixed(6)} peak_kb=${peak}`);
  };
}
