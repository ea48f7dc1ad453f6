"""An hour of everything that goes wrong; `python tests/soak/hour.py [SECONDS] [SEED]`.

Submitters hand over messages, the agent delivers them through connections that this program carries, and at random:
agent and submitters are killed, the agent is stopped, started and told to read its settings again, the disk is full for
a while, connections break, hang or are refused. At the end all is well again, and it is checked that every message
whose id was given back has arrived at each recipient, that copies are no more than the open sessions at each kill and
break, and that memory and descriptors of the agent kept within their bounds.

The spool is on a small file system of its own, where this user may mount one; else the disk is never full.
"""

import contextlib
import os
import random
import select
import signal
import socket
import sqlite3
import subprocess
import sys
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent.parent))

from agent.test_kill import RECIPIENTS
from harness.agent import Agent, Recorder, Submitter, until

SESSIONS = 32
#: Nothing more is submitted while so many messages wait: a machine that is busy with other work comes to an end too.
BEHIND = 5_000
#: More than the submitters can fill while a server hangs: it is this program that makes it full.
DISK = 512 << 20
#: What the agent may use at most, in KiB and in files: 64 MiB of messages, and what it is itself; two for each session.
MEMORY = 256 << 10
FILES = 2 * SESSIONS + 100


class Line:
    """Carries connections to a server, and breaks them, holds them up or refuses them."""

    def __init__(self, port: int) -> None:
        self.target = port
        self.listener = socket.create_server(("127.0.0.1", 0), backlog=256)
        self.port = self.listener.getsockname()[1]
        self.pairs: dict[socket.socket, socket.socket] = {}
        self.hangs = self.refuses = self.ends = False
        self.broken = 0
        self.lock = threading.Lock()
        self.thread = threading.Thread(target=self.carry, daemon=True)
        self.thread.start()

    def carry(self) -> None:
        while not self.ends:
            if self.hangs:
                time.sleep(0.05)
                continue
            with self.lock:
                sockets = [self.listener, *self.pairs]
            try:
                ready, _, _ = select.select(sockets, [], [], 0.05)
            except (OSError, ValueError):
                # One was closed by another thread meanwhile.
                continue
            for one in ready:
                if one is self.listener:
                    self.accept()
                else:
                    self.move(one)

    def accept(self) -> None:
        client, _ = self.listener.accept()
        if self.refuses:
            reset(client)
            return
        server = socket.create_connection(("127.0.0.1", self.target))
        with self.lock:
            self.pairs[client], self.pairs[server] = server, client

    def move(self, one: socket.socket) -> None:
        with self.lock:
            other = self.pairs.get(one)
        if other is None:
            return
        try:
            data = one.recv(1 << 16)
            if data:
                other.sendall(data)
                return
        except OSError:
            pass
        with self.lock:
            for end in (one, other):
                self.pairs.pop(end, None)
                end.close()

    def cut(self) -> int:
        """Resets all connections; how many there were."""
        with self.lock:
            pairs, self.pairs = self.pairs, {}
        for one in pairs:
            reset(one)
        return len(pairs) // 2

    def close(self) -> None:
        self.ends = True
        self.thread.join()
        self.cut()
        self.listener.close()


def reset(one: socket.socket) -> None:
    with contextlib.suppress(OSError):
        one.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
        one.close()


class Disk:
    """A small file system, and what fills it."""

    def __init__(self, path: Path) -> None:
        self.path = path
        path.mkdir(mode=0o700)
        done = subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={DISK},mode=0700", "tmpfs", path], check=False)
        self.is_own = done.returncode == 0
        if not self.is_own:
            print("this user may not mount, so the disk is never full")
        self.filler = path / "filler"

    def fill(self) -> None:
        # Without a buffer, whose rest would fail once more when the file is closed.
        with self.filler.open("wb", buffering=0) as file, contextlib.suppress(OSError):
            while True:
                file.write(bytes(1 << 16))

    def free(self) -> None:
        self.filler.unlink(missing_ok=True)

    def close(self) -> None:
        if self.is_own:
            subprocess.run(["umount", self.path], check=True)


class Soak:
    """The agent, those who submit, and all that happens to them."""

    def __init__(self, folder: Path, seed: int) -> None:
        self.chance = random.Random(seed)
        self.folder = folder
        # Logs, settings and ids are beside it, where there is room.
        self.spool = folder / "spool"
        self.disk = Disk(self.spool)
        self.recorders = [Recorder(folder, "near"), Recorder(folder, "far")]
        self.lines = [Line(recorder.port) for recorder in self.recorders]
        near, far = (line.port for line in self.lines)
        self.config = (
            f'sessions = {SESSIONS}\ntimeout = "5s"\n[retry]\nschedule = ["1s"]\n'
            "[smtp]\nlisten = []\n[http]\nlisten = []\n"
            f'[[route]]\ndomains = ["one.test", "two.test"]\nservers = ["127.0.0.1:{near}"]\n'
            f'[[route]]\ndomains = ["three.test"]\nservers = ["127.0.0.1:{far}"]\n'
        )
        self.count: Counter[str] = Counter()
        self.promised: dict[str, str] = {}
        self.submitters: list[Submitter] = []
        self.most = {"memory": 0, "files": 0}
        self.settled: list[tuple[int, int]] = []
        self.agent = self.start()

    def start(self) -> Agent:
        """An agent that runs; on a full disk it may take more than one."""
        while True:
            log = self.folder / "agent.log"
            before = len(log.read_text()) if log.exists() else 0
            agent = Agent(self.spool, config=self.config, wait=False)

            def is_ready(agent: Agent = agent, before: int = before) -> bool:
                return "is ready" in agent.log()[before:] or agent.process.poll() is not None

            until(is_ready, 60, "the agent neither starts nor ends")
            if agent.process.poll() is None:
                return agent
            assert agent.process.returncode == 75, f"it would not be started again: {agent.log()[-2000:]}"
            self.count["starts on a full disk"] += 1
            self.disk.free()

    def look(self) -> tuple[int, int]:
        """What the agent uses: KiB of memory, and files."""
        process = Path(f"/proc/{self.agent.process.pid}")
        try:
            status = (process / "status").read_text()
            files = len(os.listdir(process / "fd"))
        except OSError:
            return 0, 0
        memory = int(next((line.split()[1] for line in status.splitlines() if line.startswith("VmRSS")), "0"))
        self.most = {"memory": max(self.most["memory"], memory), "files": max(self.most["files"], files)}
        return memory, files

    def is_behind(self) -> bool:
        try:
            return self.agent.queued() > BEHIND
        except sqlite3.Error:
            # The disk is full, or the agent has just been killed.
            return True

    def submit(self) -> None:
        if len(self.submitters) < 3 and not self.is_behind():
            number = self.count["submitters"]
            count, octets = self.chance.choice([(400, 300), (400, 300), (100, 5_000), (3, 1_500_000)])
            group = self.chance.choice([1, 20, 100])
            self.submitters.append(
                Submitter(self.spool, count, *RECIPIENTS, tag=f"s{number}", octets=octets, group=group)
            )
            self.count["submitters"] += 1

    def reap(self) -> None:
        for one in [one for one in self.submitters if one.process.poll() is not None]:
            self.promised |= one.ids()
            self.submitters.remove(one)

    def kill_submitter(self) -> None:
        if self.submitters:
            self.chance.choice(self.submitters).kill()
            self.count["submitters killed"] += 1

    def kill_agent(self) -> None:
        self.agent.kill()
        self.count["agents killed"] += 1
        self.agent = self.start()

    def stop_agent(self) -> None:
        self.agent.process.terminate()
        assert self.agent.process.wait(30) == 0, self.agent.log()[-2000:]
        self.count["agents stopped"] += 1
        self.agent = self.start()

    def reload(self) -> None:
        self.agent.signal(signal.SIGHUP)
        self.count["reloads"] += 1

    def cut(self) -> None:
        self.count["connections broken"] += self.chance.choice(self.lines).cut()

    def hang(self) -> None:
        line = self.chance.choice(self.lines)
        line.hangs = True
        # Some longer than the agent waits.
        self.rest(self.chance.choice([1, 2, 8]))
        line.hangs = False
        self.count["hangs"] += 1

    def refuse(self) -> None:
        line = self.chance.choice(self.lines)
        line.refuses = True
        self.rest(2)
        line.refuses = False
        self.count["refusals"] += 1

    def fill(self) -> None:
        if self.disk.is_own:
            self.disk.fill()
            self.rest(self.chance.uniform(0.5, 3))
            if self.chance.random() < 0.5:
                self.kill_agent()
            self.disk.free()
            self.count["full disks"] += 1

    def rest(self, seconds: float) -> None:
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            self.look()
            self.reap()
            time.sleep(0.1)

    def settle(self) -> None:
        """Everything is delivered; what the agent then still uses is noted."""

        def have_ended() -> bool:
            self.reap()
            return not self.submitters

        until(have_ended, 300, "submitters do not end")
        until(self.agent.is_empty, 300, f"the spool is not empty: {self.agent.log()[-2000:]}")
        # Connections that nobody uses are closed after two seconds.
        time.sleep(4)
        self.settled.append(self.look())

    def run(self, seconds: float) -> None:
        events: list[tuple[Callable[[], None], int]] = [
            *((self.submit, 30), (self.kill_submitter, 6), (self.kill_agent, 6), (self.stop_agent, 2)),
            *((self.reload, 3), (self.cut, 6), (self.hang, 3), (self.refuse, 3), (self.fill, 3)),
        ]
        end = time.monotonic() + seconds
        settles = time.monotonic() + min(seconds / 4, 300)
        while time.monotonic() < end:
            self.submit()
            self.chance.choices([event for event, _ in events], [weight for _, weight in events])[0]()
            self.rest(self.chance.uniform(0.05, 1))
            if time.monotonic() > settles:
                self.settle()
                settles = time.monotonic() + min(seconds / 4, 300)
        self.settle()
        assert self.agent.stop() == 0

    def check(self) -> None:
        kept = [facts for recorder in self.recorders for facts in recorder.kept()]
        arrived = Counter((facts["message_id"], to.split("@")[1]) for facts in kept for to in facts["recipients"])
        domains = [recipient.split("@")[1] for recipient in RECIPIENTS]
        lost = [(name, domain) for name in self.promised for domain in domains if (name, domain) not in arrived]
        transactions = Counter((facts["message_id"], tuple(facts["recipients"])) for facts in kept)
        copies = sum(count - 1 for count in transactions.values())
        # A connection that hangs for longer than the agent waits may break after its message.
        allowed = SESSIONS * (self.count["agents killed"] + 2 * self.count["hangs"]) + self.count["connections broken"]
        print(
            f"{len(self.promised)} promised to {len(domains)} each, {len(lost)} lost, {len(kept)} transactions, "
            f"{copies} of them copies ({allowed} allowed)\n{dict(self.count)}\n"
            f"the agent: at most {self.most['memory']} KiB and {self.most['files']} files; "
            f"with nothing to do {self.settled}"
        )
        assert not lost, f"lost: {lost[:5]}, in {self.folder}"
        assert copies <= allowed
        ids = {(facts["message_id"], facts["id"]) for facts in kept}
        assert len(ids) == len({facts["message_id"] for facts in kept}), "a copy has another id"
        assert all(pair in ids for pair in self.promised.items()), "the id is not the one that was promised"
        assert self.most["memory"] <= MEMORY
        assert self.most["files"] <= FILES
        assert not list((self.spool / "badmail").iterdir())

    def close(self) -> None:
        for submitter in self.submitters:
            submitter.kill()
        if self.agent.process.poll() is None:
            self.agent.kill()
        for line in self.lines:
            line.close()
        for recorder in self.recorders:
            recorder.close()


def main() -> None:
    seconds = float(sys.argv[1]) if len(sys.argv) > 1 else 3_600
    seed = int(sys.argv[2]) if len(sys.argv) > 2 else int(time.time())
    folder = Path(tempfile.mkdtemp(prefix="freesmtp-soak-"))
    print(f"{seconds:.0f} seconds, seed {seed}, in {folder}", flush=True)
    soak = Soak(folder, seed)
    try:
        soak.run(seconds)
        soak.check()
    finally:
        soak.close()
        # What went wrong stays to be looked at, with its file system.
        if sys.exc_info()[0] is None:
            soak.disk.close()
    for path in sorted(folder.rglob("*"), reverse=True):
        path.rmdir() if path.is_dir() else path.unlink()
    folder.rmdir()


if __name__ == "__main__":
    main()
