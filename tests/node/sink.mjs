// An SMTP server that takes every message and keeps none; prints its port, ends with its standard input.
import { createServer } from 'node:net';

const server = createServer((socket) => {
  let inData = false;
  let rest = '';
  socket.setNoDelay(true).setEncoding('latin1').write('220 sink\r\n');
  socket.on('error', () => {}).on('data', (piece) => {
    rest += piece;
    for (;;) {
      const mark = inData ? '\r\n.\r\n' : '\r\n';
      const end = rest.indexOf(mark);
      if (end < 0) {
        return;
      }
      const line = rest.slice(0, end);
      rest = rest.slice(end + mark.length);
      const toData = !inData && line === 'DATA';
      inData = toData;
      socket.write(toData ? '354 go on\r\n' : '250 ok\r\n');
    }
  });
}).listen(0, '127.0.0.1', () => console.log(server.address().port));
process.stdin.on('end', () => process.exit()).resume();
