"""A driver that stays: it carries out one job after the other, so that starting it costs nothing."""

import os
import selectors
import subprocess
import tempfile
import time
from typing import IO

from .driver import Answer, ContractError, Job, command, read_answer


class RunningDriver:
    """One driver process, started with the first job; one that failed is replaced with the next."""

    def __init__(self, language: str) -> None:
        self.language = language
        self._process: subprocess.Popen[bytes] | None = None
        self._errors: IO[bytes] = tempfile.TemporaryFile()  # noqa: SIM115 -- it lives as long as the driver

    @property
    def pid(self) -> int:
        """The process that carries out the next job."""
        return self._started().pid

    def run(self, job: Job, timeout: float = 60) -> list[Answer]:
        """The answers of the driver to one job, their shape checked."""
        process = self._started()
        try:
            printed = self._exchange(process, f"{job.text()}job.end\n".encode(), time.monotonic() + timeout)
        except ContractError:
            self.close()
            raise
        return [read_answer(self.language, line) for line in printed]

    def close(self) -> None:
        """Ends the process."""
        if self._process is not None:
            self._process.kill()
            self._process.communicate()
            self._process = None

    def _started(self) -> "subprocess.Popen[bytes]":
        if self._process is None:
            self._errors.seek(0)
            self._errors.truncate()
            try:
                self._process = subprocess.Popen(
                    command(self.language),
                    stdin=subprocess.PIPE,
                    stdout=subprocess.PIPE,
                    stderr=self._errors,
                    bufsize=0,
                )
            except FileNotFoundError as error:
                raise ContractError(f"the driver for {self.language} is not built: {error.filename}") from error
            for stream in (self._process.stdin, self._process.stdout):
                assert stream is not None
                os.set_blocking(stream.fileno(), False)
        return self._process

    def _exchange(self, process: "subprocess.Popen[bytes]", job: bytes, deadline: float) -> list[bytes]:
        """Writes the job and reads up to the line of its end; both at once, for either side may have much to say."""
        assert process.stdin is not None
        assert process.stdout is not None
        unwritten, printed = memoryview(job), bytearray()
        with selectors.DefaultSelector() as selector:
            selector.register(process.stdout, selectors.EVENT_READ)
            selector.register(process.stdin, selectors.EVENT_WRITE)
            while True:
                ready = selector.select(deadline - time.monotonic())
                if not ready:
                    raise ContractError(f"{self.language}: no end in time; printed so far: {bytes(printed)!r}")
                for key, _ in ready:
                    if key.fileobj is process.stdout:
                        piece = os.read(key.fd, 1 << 16)
                        printed += piece
                        if not piece:
                            raise ContractError(f"{self.language}: exit status {process.wait()}\n{self._said()}")
                    else:
                        try:
                            unwritten = unwritten[os.write(key.fd, unwritten) :]
                        except BrokenPipeError:
                            unwritten = unwritten[:0]
                        if not unwritten:
                            selector.unregister(process.stdin)
                if _is_end(printed):
                    return bytes(printed).split(b"\n")[:-2]

    def _said(self) -> str:
        self._errors.seek(0)
        return self._errors.read().decode("utf-8", "backslashreplace")


def _is_end(printed: bytearray) -> bool:
    last = printed[printed.rfind(b"\n", 0, -1) + 1 :]
    return last.endswith(b"\n") and bytes(last).translate(None, b" \n") == b'{"end":true}'
