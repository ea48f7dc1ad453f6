"""An interpreter that goes down while mail is under way: the process ends in its own way, and is not aborted."""

import subprocess
import sys
from collections.abc import Callable

import pytest

from harness.dialogues import GREETING, TRANSACTION
from harness.scripted import Call, ScriptedServer, Silence

Serve = Callable[..., ScriptedServer]

# Whoever goes last lets others run meanwhile, as any finalizer that does I/O.
PROGRAM = """
import asyncio, atexit, os, sys, threading, time
from freesmtp import SMTP, EmailMessage

smtp = SMTP("127.0.0.1:" + sys.argv[1])
message = EmailMessage("a@b.test", "c@d.test", "s", "t")
reached = threading.Event()

def hear(event):
    if event.line.startswith("MAIL"):
        reached.set()

smtp.protocol_log = hear
smtp.smtp_status = lambda sent, size: None

class Last:
    def __del__(self, write=os.write, sleep=time.sleep):
        write(1, b"go on")   # to the server, by way of the test
        for _ in range(20):
            sleep(0.05)

sys.last = Last()   # let go of late
"""

WAYS = {
    "a task that nobody awaits": """
loop = asyncio.new_event_loop()
task = loop.create_task(smtp.send_async(message))
while not reached.is_set():
    loop.run_until_complete(asyncio.sleep(0.01))
""",
    "a daemon thread": """
threading.Thread(target=smtp.send, args=(message,), daemon=True).start()
reached.wait()
""",
    "a bulk that nobody takes results of": """
loop = asyncio.new_event_loop()
bulk = smtp.send_bulk_async([message])
task = loop.create_task(bulk.__anext__())
while not reached.is_set():
    loop.run_until_complete(asyncio.sleep(0.01))
""",
}


@pytest.mark.parametrize("way", WAYS)
def test_a_send_that_is_under_way(way: str, serve: Serve) -> None:
    """The server answers while the interpreter goes down; what it says has nobody left to hear it."""
    process: list[subprocess.Popen[bytes]] = []

    def until_it_goes_down() -> None:
        assert process[0].stdout is not None
        process[0].stdout.read(5)

    server = serve([*GREETING, TRANSACTION[0], Call(until_it_goes_down), *TRANSACTION[1:], Silence()])
    command = [sys.executable, "-c", PROGRAM + WAYS[way], str(server.port)]
    process.append(subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE))
    _, errors = process[0].communicate(timeout=60)
    assert process[0].returncode == 0, errors
    # What asyncio says of tasks that are lost is not ours.
    assert b"fatal" not in errors.lower(), errors


def test_what_is_done_at_exit_is_done_whole(sink: int) -> None:
    """A handler of `atexit` that was there before sends, and its functions are called."""
    program = """
import atexit, sys
told = []
@atexit.register
def report():
    from freesmtp import SMTP, EmailMessage
    with SMTP("127.0.0.1:" + sys.argv[1]) as smtp:
        smtp.protocol_log = lambda event: told.append(event.line)
        smtp.send(EmailMessage("a@b.test", "c@d.test", "s", "t"))
        results = list(smtp.send_bulk([EmailMessage("a@b.test", "c@d.test", "s", "t")] * 3))
    print(len(results), sum(line.startswith("MAIL") for line in told))
import freesmtp
"""
    command = [sys.executable, "-c", program, str(sink)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60)
    assert (done.returncode, done.stdout, done.stderr) == (0, "3 4\n", "")


SUBINTERPRETER = """
import freesmtp
try:
    import _xxsubinterpreters as interpreters
except ImportError:
    import _interpreters as interpreters
try:
    interpreters.run_string(interpreters.create(), "import freesmtp")
except Exception as error:
    print(error)
else:
    print("imported")
"""


def test_another_interpreter_of_the_process_is_refused_in_words() -> None:
    done = subprocess.run([sys.executable, "-c", SUBINTERPRETER], capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
    assert "freesmtp works in one interpreter of a process" in done.stdout
