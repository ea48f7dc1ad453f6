"""Processes that are forked off, and multiprocessing: each has its own connections, and errors travel between them."""

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from harness.dialogues import GREETING, QUIT, TRANSACTION
from harness.scripted import ScriptedServer

Serve = Callable[..., ScriptedServer]
pytestmark = pytest.mark.skipif(not hasattr(os, "fork"), reason="there is no fork")

PROGRAM = """
import os, sys
from freesmtp import SMTP, EmailMessage

smtp = SMTP("127.0.0.1:" + sys.argv[1])

def send(subject):
    smtp.send(EmailMessage("a@b.test", "c@d.test", subject, "t"))

def child(act):
    number = os.fork()
    if number == 0:
        act()
        os._exit(0)
    assert os.waitpid(number, 0)[1] == 0

def sends():
    assert not smtp.connected
    send("child")
    smtp.disconnect()

def ends():
    global smtp
    del smtp  # what this process did not open it does not end

send("parent 1")
child(sends)
child(ends)
child(lambda: smtp.disconnect())
assert smtp.connected
send("parent 2")
smtp.disconnect()
"""


def test_a_child_leaves_its_parent_s_connection_alone(serve: Serve) -> None:
    server = serve([*GREETING, *TRANSACTION, *TRANSACTION, *QUIT], [*GREETING, *TRANSACTION, *QUIT])
    command = [sys.executable, "-c", PROGRAM, str(server.port)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60)
    assert (done.returncode, done.stderr) == (0, "")
    server.finish()
    subjects = [[raw.count(b"parent"), raw.count(b"child")] for one in server.connections for raw in one.messages]
    assert subjects == [[1, 0], [1, 0], [0, 1]]


POOL = """
import multiprocessing, sys
from freesmtp import SMTP, EmailMessage, SMTPConnectionError

def send(port):
    with SMTP(f"127.0.0.1:{port}") as smtp:
        return smtp.send(EmailMessage("a@b.test", "c@d.test", "s", "t")).reply_text

if __name__ == "__main__":
    method, port, closed = sys.argv[1:]
    with SMTP(f"127.0.0.1:{port}") as smtp:
        smtp.send(EmailMessage("a@b.test", "c@d.test", "s", "t"))
        with multiprocessing.get_context(method).Pool(2) as pool:
            print(set(pool.map(send, [port] * 6)))
            try:
                pool.map(send, [closed])
            except SMTPConnectionError as error:
                print(error.diagnosis.cause)
        assert smtp.connected
        smtp.send(EmailMessage("a@b.test", "c@d.test", "s", "t"))
"""


@pytest.mark.parametrize("method", ["fork", "forkserver", "spawn"])
def test_multiprocessing(method: str, sink: int, closed_port: int, tmp_path: Path) -> None:
    program = tmp_path / "program.py"
    program.write_text(POOL)
    command = [sys.executable, str(program), method, str(sink), str(closed_port)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60)
    assert (done.stdout, done.stderr) == ("{'2.0.0 taken'}\nconnect-refused\n", "")


LOOP = """
import asyncio, os, sys
from freesmtp import SMTP, EmailMessage

async def send(count):
    async with SMTP("127.0.0.1:" + sys.argv[1]) as smtp:
        await asyncio.gather(*(smtp.send_async(EmailMessage("a@b.test", "c@d.test", "s", "t")) for _ in range(count)))

def sends():
    asyncio.run(send(5))
    with SMTP("127.0.0.1:" + sys.argv[1]) as smtp:
        smtp.send(EmailMessage("a@b.test", "c@d.test", "s", "t"))

async def fork_while_sending():
    # Threads wait for the server, idle ones for work, and others end, at the moment of each fork.
    sending = asyncio.create_task(send(20))
    for _ in range(10):
        await asyncio.sleep(0.002)
        number = os.fork()
        if number == 0:
            asyncio.events._set_running_loop(None)
            sends()
            os._exit(0)
        assert os.waitpid(number, 0)[1] == 0
    await sending

asyncio.run(fork_while_sending())
sends()
"""


def test_a_child_has_threads_of_its_own(sink: int) -> None:
    done = subprocess.run([sys.executable, "-c", LOOP, str(sink)], capture_output=True, text=True, timeout=120)
    assert (done.returncode, done.stderr) == (0, "")
