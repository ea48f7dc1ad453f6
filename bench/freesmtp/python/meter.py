"""What the Python senders share: the command line, the text, and the report of what it cost."""

import re
import sys
import time
from pathlib import Path


class Work:
    """``PORT N SIZE CONNECTIONS [ATTACHMENT]``"""

    def __init__(self) -> None:
        self.port, self.count, size, self.connections = map(int, sys.argv[1:5])
        self.attachment = sys.argv[5] if len(sys.argv) > 5 else None
        self.text = ("x" * 70 + "\r\n") * max(1, size // 72)

    def share(self, connection: int) -> range:
        """The numbers of the messages that this connection sends."""
        return range(connection, self.count, self.connections)


class Meter:
    """Measures from its making until ``report``."""

    def __init__(self) -> None:
        self.wall, self.cpu = time.perf_counter(), time.process_time()

    def report(self, sent: int) -> None:
        wall, cpu = time.perf_counter() - self.wall, time.process_time() - self.cpu
        # getrusage's peak would count what the parent had before exec.
        peak = re.search(r"VmHWM:\s+(\d+) kB", Path("/proc/self/status").read_text())
        assert peak
        print(f"sent={sent} wall={wall:.6f} cpu={cpu:.6f} peak_kb={peak[1]}")
