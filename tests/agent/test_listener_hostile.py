"""The SMTP listener against clients that mean harm: ends of messages that only some servers see.

As strict as Postfix with `smtpd_forbid_bare_newline = reject`: a message with a bare CR or LF is refused whole.
"""

import contextlib
import itertools
import re
import socket
from collections.abc import Callable

import pytest

from harness.agent import Agent, until
from harness.sink import Sink, read

Start = Callable[..., Agent]
HIDDEN = b"MAIL FROM:<evil@x.test>\r\nRCPT TO:<b@y.test>\r\nDATA\r\nSubject: forged\r\n\r\nforged\r\n.\r\n"
BEFORE = {"crlf": b"\r\n", "lf": b"\n", "cr": b"\r", "lfcr": b"\n\r", "nul": b"\r\n\0", "crcrlf": b"\r\r\n"}
AFTER = {"crlf": b"\r\n", "lf": b"\n", "cr": b"\r", "nul": b"\0\r\n", "blank": b" \r\n", "crcrlf": b"\r\r\n"}
#: What is a line end and no CRLF, and what cuts a message in some servers.
BARE = re.compile(rb"\r(?!\n)|(?<!\r)\n|\0")


def listening(start: Start, sink: Sink, settings: str = "") -> int:
    """The port of an agent that listens."""
    route = f'[[route]]\nservers = ["127.0.0.1:{sink.port}"]\n'
    agent = start(config=f'[smtp]\nlisten = ["127.0.0.1:0"]\n{settings}\n{route}')
    return int(re.findall(r"SMTP on \S+:(\d+)", agent.log())[-1])


def talk(port: int, *pieces: bytes) -> list[bytes]:
    """The replies to everything, the greeting left out; then the client hears no more."""
    replies: list[bytes] = []
    with socket.create_connection(("127.0.0.1", port), timeout=60) as client, client.makefile("rb") as lines:
        # The agent may hang up before all is said.
        with contextlib.suppress(OSError):
            for piece in pieces:
                client.sendall(piece)
            client.shutdown(socket.SHUT_WR)
        with contextlib.suppress(ConnectionError):
            replies.extend(line for line in lines if line[3:4] == b" ")
    return replies[1:]


def good(port: int, sink: Sink) -> None:
    """A message that is right goes through, and is the only one."""
    message = b"MAIL FROM:<a@x.test>\r\nRCPT TO:<b@y.test>\r\nDATA\r\nSubject: good\r\n\r\n.\r\nQUIT\r\n"
    assert talk(port, b"EHLO c\r\n" + message)[-1][:3] == b"221"
    until(lambda: any(read(path)["Subject"] == "good" for path in sink.kept()), 30, "the good one did not arrive")


@pytest.mark.parametrize("how", ["pipelined", "bytes", "chunk"])
def test_no_other_end_ends_a_message(how: str, start: Start, sink: Sink) -> None:
    """Over all that is told at once and octet by octet, and in a chunk, where no end counts but its length."""
    port = listening(start, sink)
    whole = 0
    for before, after in itertools.product(BEFORE, AFTER):
        end = BEFORE[before] + b"." + AFTER[after]
        if b"\r\n.\r\n" in end and how != "chunk":
            continue
        text = b"Subject: whole\r\n\r\nx" + end + HIDDEN[:-3]
        envelope = b"EHLO c\r\nMAIL FROM:<a@x.test>\r\nRCPT TO:<b@y.test>\r\n"
        if how == "chunk":
            stream = envelope + b"BDAT %d LAST\r\n" % len(text) + text + b"NOOP\r\n"
        else:
            stream = envelope + b"DATA\r\n" + text + b".\r\nNOOP\r\n"
        pieces = [bytes([octet]) for octet in stream] if how == "bytes" else [stream]
        replies = talk(port, *pieces)
        refused = BARE.search(text) is not None
        expected = [b"250"] * 3 + ([] if how == "chunk" else [b"354"]) + [b"554" if refused else b"250", b"250"]
        assert [reply[:3] for reply in replies] == expected, (before, after, replies)
        whole += not refused
    good(port, sink)
    until(lambda: len(sink.kept()) == whole + 1, 30, "what was taken did not arrive")
    assert {read(path)["Subject"] for path in sink.kept()} <= {"whole", "good"}


def test_a_command_ends_with_crlf(start: Start, sink: Sink) -> None:
    port = listening(start, sink)
    for line in (b"NOOP\n", b"NOOP\r", b"NOOP\0", b"NOOP \n\r", b"\n"):
        replies = talk(port, b"EHLO c\r\nMAIL FROM:<a@x.test>\r\n" + line + b"RCPT TO:<b@y.test>\r\nDATA\r\n")
        codes = [reply[:3] for reply in replies]
        # The line is refused with what hides behind it; or it is refused alone, and the next one is a command.
        assert b"500" in codes, (line, replies)
        assert codes.count(b"354") == (codes.count(b"250") == 3), (line, replies)
    good(port, sink)
    assert len(sink.kept()) == 1


@pytest.mark.parametrize(
    "size", [b"+5", b"-5", b"0x5", b"5 LAST x", b"5,", b"5 FIRST", b"", b"9" * 19, b"\xd9\xa5", b"5\0"]
)
def test_a_chunk_whose_length_is_in_doubt_ends_the_session(size: bytes, start: Start, sink: Sink) -> None:
    port = listening(start, sink)
    envelope = b"EHLO c\r\nMAIL FROM:<a@x.test>\r\nRCPT TO:<b@y.test>\r\n"
    replies = talk(port, envelope + b"BDAT " + size + b"\r\n" + HIDDEN)
    codes = [reply[:3] for reply in replies]
    assert codes[:3] == [b"250"] * 3
    assert codes[3] in (b"421", b"500"), replies
    good(port, sink)
    assert [read(path)["Subject"] for path in sink.kept()] == ["good"]
