"""Signals while the main thread sends: handlers run while the server says nothing, and one that raises ends the call.

Each program here runs on its own, as signals are the process's. It sends to a server that never answers, or to one that
takes everything, and prints what came of it. Timers begin inside of its `try`: they may run out before the send begins.
"""

import os
import socket
import subprocess
import sys
from collections.abc import Iterator

import pytest

pytestmark = pytest.mark.skipif(os.name == "nt", reason="Windows has no signals to send to a process")

PROLOGUE = """
import signal, sys, threading
from freesmtp import SMTP, EmailMessage, SMTPError
signal.signal(signal.SIGINT, signal.default_int_handler)  # a shell may have it ignored in the background
silent, sink = sys.argv[1:]
smtp = SMTP("127.0.0.1:" + silent)
message = EmailMessage("a@b.test", "c@d.test", "s", "t")

def on_alarm(handler):
    signal.signal(signal.SIGALRM, handler)
    signal.setitimer(signal.ITIMER_REAL, 0.1)

class Interrupting:
    def read(self, size):
        if size:
            signal.raise_signal(signal.SIGINT)
        return b""
"""


@pytest.fixture
def silent() -> Iterator[int]:
    """The port of a server that says nothing; who connects waits for its greeting."""
    with socket.create_server(("127.0.0.1", 0), backlog=16) as listener:
        yield int(listener.getsockname()[1])


def printed(program: str, silent: int, sink: int) -> str:
    done = subprocess.run(
        [sys.executable, "-c", PROLOGUE + program, str(silent), str(sink)],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, ""), done.stderr
    return done.stdout


ENDED = """
def late(number, frame):
    raise TimeoutError("that took too long")
try:
    on_alarm(late)
    smtp.send(message)
except TimeoutError as error:
    print(error, smtp.connected)
"""


def test_what_a_handler_raises_ends_the_call(silent: int, sink: int) -> None:
    """Also what is an ordinary exception: it is the handler's, and none of a function that sending called."""
    assert printed(ENDED, silent, sink) == "that took too long False\n"


SEVERAL = """
times = []
def tick(number, frame):
    if len(times) == 3:
        return
    times.append(number)
    if len(times) == 3:
        signal.setitimer(signal.ITIMER_REAL, 0)
        raise KeyboardInterrupt
signal.signal(signal.SIGALRM, tick)
try:
    signal.setitimer(signal.ITIMER_REAL, 0.05, 0.05)
    smtp.send(message)
except KeyboardInterrupt:
    print(len(times))
"""


def test_a_handler_that_raises_nothing_ends_nothing(silent: int, sink: int) -> None:
    assert printed(SEVERAL, silent, sink) == "3\n"


SENDING = """
other = SMTP("127.0.0.1:" + sink)
def send(number, frame):
    print(other.send(message).reply_code)
    on_alarm(stop)
def stop(number, frame):
    raise KeyboardInterrupt
try:
    on_alarm(send)
    smtp.send(message)
except KeyboardInterrupt:
    print("ended")
print(other.send(message).reply_code)
"""


def test_a_handler_may_send(silent: int, sink: int) -> None:
    """And the call that it interrupted still hears of signals."""
    assert printed(SENDING, silent, sink) == "250\nended\n250\n"


ELSEWHERE = """
# Who is told of the signal is another thread, as the main one has it blocked.
signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGUSR1])
def stop(number, frame):
    raise KeyboardInterrupt(threading.current_thread() is threading.main_thread())
signal.signal(signal.SIGUSR1, stop)
def other():
    signal.pthread_sigmask(signal.SIG_UNBLOCK, [signal.SIGUSR1])
    signal.pthread_kill(threading.get_ident(), signal.SIGUSR1)
try:
    threading.Timer(0.1, other).start()
    smtp.send(message)
except KeyboardInterrupt as ended:
    print(ended)
"""


def test_a_signal_that_another_thread_got_is_handled_too(silent: int, sink: int) -> None:
    assert printed(ELSEWHERE, silent, sink) == "True\n"


CALLED_BACK = """
smtp = SMTP("127.0.0.1:" + sink)
if {listens}:
    smtp.smtp_status = lambda sent, size: signal.raise_signal(signal.SIGINT)
else:
    message.attachments.add(Interrupting(), "x.bin")
try:
    smtp.send(message)
except KeyboardInterrupt as interrupted:
    print(interrupted.__class__.__name__)
smtp.smtp_status = None
print(smtp.send(EmailMessage("a@b.test", "c@d.test", "s", "t")).reply_code)
"""


@pytest.mark.parametrize("listens", [True, False])
def test_ctrl_c_in_a_function_that_is_called_back_ends_the_call(listens: bool, silent: int, sink: int) -> None:
    program = CALLED_BACK.format(listens=listens)
    assert printed(program, silent, sink) == "KeyboardInterrupt\n250\n"


RAISING = """
smtp = SMTP("127.0.0.1:" + sink)
unraisable = []
sys.unraisablehook = lambda told: unraisable.append(told.exc_value)
def listen(sent, size):
    raise ValueError("mine")
smtp.smtp_status = listen
print(smtp.send(message).reply_code, {*map(repr, unraisable)})
"""


def test_other_exceptions_of_a_listener_end_nothing(silent: int, sink: int) -> None:
    assert printed(RAISING, silent, sink) == "250 {\"ValueError('mine')\"}\n"


THREADS = """
def send():
    try:
        smtp.send(message)
    except SMTPError as error:
        print(type(error).__name__)
thread = threading.Thread(target=send)
thread.start()
threads = []
def cancel(number, frame):
    threads.append(threading.current_thread() is threading.main_thread())
    smtp.cancel()
signal.signal(signal.SIGALRM, cancel)
# Again and again: the first may come before the send has begun.
signal.setitimer(signal.ITIMER_REAL, 0.1, 0.1)
thread.join()
signal.setitimer(signal.ITIMER_REAL, 0)
print({*threads})
"""


def test_a_send_of_another_thread_leaves_signals_to_the_main_one(silent: int, sink: int) -> None:
    assert printed(THREADS, silent, sink) == "Cancelled\n{True}\n"
