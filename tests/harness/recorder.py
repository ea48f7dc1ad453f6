"""An SMTP server that notes each message before it answers for it: a program of its own, which outlives its clients.

`python -m harness.recorder PORT FILE [DELAY [SESSIONS [KEYWORD ...]]]`: each line of FILE is a JSON object with
`message_id`, `id` (that of the spool), `recipients`, `octets`, and `asked`: the lines of MAIL and RCPT. Connections
beyond SESSIONS are refused. The keywords are offered too. A recipient that begins with `later` is put off once for a
second, one that begins with `wait` once for no named time, one that begins with `grey` once for five minutes; one that
begins with `never` is refused, and one that begins with `evil` is always put off, in words that want to be more than
words. FILE.most has the most connections that were open at once.
"""

import asyncio
import json
import os
import sys
from collections.abc import Callable
from pathlib import Path

# Markup, the override that turns text around, a bell, and an escape sequence.
HOSTILE = "<img src=x onerror=alert(1)><script>alert(2)</script>\u202egnp.exe\x07\x1b[2J"
KEPT = b"250 2.0.0 kept\r\n"


class Session(asyncio.Protocol):
    """One connection; commands may come together (PIPELINING)."""

    def __init__(
        self, file: int, seen: set[str], delay: float, room: list[int], keywords: list[str], most: Callable[[int], None]
    ) -> None:
        self.file, self.seen, self.delay, self.room, self.keywords, self.most = file, seen, delay, room, keywords, most
        self.is_in = False
        self.buffer = b""
        self.recipients: list[str] = []
        self.asked: list[str] = []
        self.in_data = False
        self.waits = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self.transport = transport
        if self.room[0] <= 0:
            transport.write(b"421 4.7.0 too many connections\r\n")
            transport.close()
            return
        self.room[0] -= 1
        self.is_in = True
        self.most(self.room[0])
        transport.write(b"220 recorder.test ESMTP\r\n")

    def connection_lost(self, exc: Exception | None) -> None:
        self.room[0] += self.is_in

    def data_received(self, data: bytes) -> None:
        self.buffer += data
        self.go_on()

    def go_on(self) -> None:
        answers = []
        # What comes behind a message that is not answered yet waits: answers keep to the order.
        while not self.waits:
            if self.in_data:
                end = self.buffer.find(b"\r\n.\r\n")
                if end < 0:
                    break
                message, self.buffer = self.buffer[: end + 2], self.buffer[end + 5 :]
                self.in_data = False
                self.keep(message)
                if self.delay:
                    self.waits = True
                    asyncio.get_running_loop().call_later(self.delay, self.answer)
                else:
                    answers.append(KEPT)
                continue
            end = self.buffer.find(b"\r\n")
            if end < 0:
                break
            line, self.buffer = self.buffer[:end], self.buffer[end + 2 :]
            answers.append(self.command(line))
        if answers:
            self.transport.write(b"".join(answers))

    def answer(self) -> None:
        self.waits = False
        self.transport.write(KEPT)
        self.go_on()

    def command(self, line: bytes) -> bytes:
        verb = line[:4].upper()
        if verb == b"EHLO":
            offered = ["recorder.test", "PIPELINING", "8BITMIME", *self.keywords]
            return b"".join(b"250-%s\r\n" % word.encode() for word in offered) + b"250 ENHANCEDSTATUSCODES\r\n"
        if verb == b"MAIL":
            self.recipients, self.asked = [], [line.decode()]
            return b"250 2.1.0 ok\r\n"
        if verb == b"RCPT":
            self.asked.append(line.decode())
            return self.recipient(line[line.index(b"<") + 1 : line.index(b">")].decode())
        if verb == b"DATA":
            if not self.recipients:
                return b"554 5.5.1 no recipients\r\n"
            self.in_data = True
            return b"354 go on\r\n"
        if verb == b"QUIT":
            # It is over here, whenever the connection ends.
            self.room[0] += self.is_in
            self.is_in = False
            asyncio.get_running_loop().call_soon(self.transport.close)
            return b"221 2.0.0 bye\r\n"
        return b"250 2.0.0 ok\r\n"

    def recipient(self, address: str) -> bytes:
        if address.startswith("never"):
            return b"550 5.1.1 no such user\r\n"
        if address.startswith("wait") and address not in self.seen:
            self.seen.add(address)
            return b"451 4.3.0 not now\r\n"
        if address.startswith("later") and address not in self.seen:
            self.seen.add(address)
            return b"450 4.2.0 try again in 1 seconds\r\n"
        if address.startswith("grey") and address not in self.seen:
            self.seen.add(address)
            return b"451 4.7.1 Greylisted, please try again in 300 seconds\r\n"
        if address.startswith("evil"):
            return f"451 4.3.0 {HOSTILE}\r\n".encode()
        self.recipients.append(address)
        return b"250 2.1.5 ok\r\n"

    def keep(self, message: bytes) -> None:
        head = message.split(b"\r\n\r\n", 1)[0].split(b"\r\n")
        fields = {name.lower(): value.strip().decode() for name, _, value in (line.partition(b":") for line in head)}
        facts = {
            "message_id": fields.get(b"message-id", ""),
            "id": fields.get(b"x-freesmtp-id", ""),
            "recipients": self.recipients,
            "octets": len(message),
            "asked": self.asked,
        }
        # One write: after a kill of this program too a line is whole.
        os.write(self.file, json.dumps(facts).encode() + b"\n")


async def serve(port: int, path: Path, delay: float, sessions: int, keywords: list[str]) -> None:
    file = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    seen: set[str] = set()
    room = [sessions]
    loop = asyncio.get_running_loop()

    least = sessions

    def most(left: int) -> None:
        nonlocal least
        if left < least:
            least = left
            half = Path(f"{path}.half")
            half.write_text(str(sessions - least))
            half.rename(f"{path}.most")

    def session() -> Session:
        return Session(file, seen, delay, room, keywords, most)

    server = await loop.create_server(session, "127.0.0.1", port, backlog=1024)
    print(f"listening on {server.sockets[0].getsockname()[1]}", flush=True)
    await server.serve_forever()


if __name__ == "__main__":
    delay = float(sys.argv[3]) if len(sys.argv) > 3 else 0
    sessions = int(sys.argv[4]) if len(sys.argv) > 4 else 10_000
    asyncio.run(serve(int(sys.argv[1]), Path(sys.argv[2]), delay, sessions, sys.argv[5:]))
