"""The servers that everything is sent to, all on 127.0.0.1."""

import os
import shutil
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

#: Where Postfix puts it on Debian, when PATH does not have it.
SINK_PLACES = "/usr/sbin:/usr/lib/postfix/sbin"


def free_port() -> int:
    """A port that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@contextmanager
def _running(command: list[str], port: int) -> Iterator[int]:
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
    try:
        for _ in range(1000):
            if process.poll() is not None:
                assert process.stderr
                raise RuntimeError(f"{command[0]} ended at once: {process.stderr.read().strip()}")
            try:
                socket.create_connection(("127.0.0.1", port), timeout=1).close()
                break
            except OSError:
                time.sleep(0.01)
        else:
            raise RuntimeError(f"{command[0]} does not listen on port {port}")
        yield port
    finally:
        process.terminate()
        process.wait(timeout=10)
        if process.stderr:
            process.stderr.close()


@contextmanager
def sink() -> Iterator[int]:
    """Postfix's ``smtp-sink``, which takes every message and keeps none; it needs no running Postfix."""
    program = shutil.which("smtp-sink", path=f"{os.environ.get('PATH', '')}:{SINK_PLACES}")
    if not program:
        raise RuntimeError("smtp-sink is missing; it is part of the package postfix")
    port = free_port()
    # As root it insists on a user to become.
    user = ["-u", "nobody"] if os.geteuid() == 0 else []
    with _running([program, "-4", *user, "-m", "2000", f"127.0.0.1:{port}", "2000"], port) as at:
        yield at


@contextmanager
def chunking_sink(program: Path) -> Iterator[int]:
    """A sink of ours that offers CHUNKING, which ``smtp-sink`` does not."""
    port = free_port()
    with _running([str(program), str(port)], port) as at:
        yield at


@contextmanager
def delayed(program: Path, target: int, round_trip_ms: int) -> Iterator[int]:
    """A way to ``target`` with a round trip of this length."""
    port = free_port()
    with _running([str(program), str(port), str(target), str(round_trip_ms // 2)], port) as at:
        yield at
