"""The servers of a shared queue are down for an hour; `python tests/soak/outage.py [SECONDS] [SEED]`.

Three agents share a queue that three servers keep (`sync_interval: always`). Programs submit to the spools of all
three, some messages a second: before, all the time that the servers are down, and after. Some messages are of a blast,
some are put off by their server once. In the middle one agent is stopped and started again, and for a while something
accepts connections on the port of a server and closes them, which is how often agents come by. When the servers are
back, all that was promised must arrive, once but for what sessions had in hand when the servers went; the counters of
the blast must be right, and the agents must not have grown, or been busy meanwhile.
"""

import json
import random
import shutil
import socket
import sys
import tempfile
import threading
import time
from collections import Counter
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent.parent))

from cluster.agents import Agents
from harness.agent import Recorder, Submitter, until
from harness.nats import Nats
from harness.process import LOOPBACK

AGENTS = 3
SESSIONS = 16
#: Seconds of mail before the servers go, and after they are back.
CALM = 15
#: What an agent may grow while the servers are down, in KiB.
GROWTH = 8 << 10
#: The same in files that are open.
FILES = 100
#: What part of a processor it may use meanwhile.
BUSY = 0.05
#: Connections to one of three servers that one agent may try in a second: it waits two seconds between two servers.
TRIES = 0.5


class Programs:
    """Programs that submit a few messages each to the spools of all agents, until they are told to end."""

    def __init__(self, agents: Agents, seed: int) -> None:
        self.agents, self.seed = agents, seed
        self.promised: set[str] = set()
        self.blast = 0
        self.lock = threading.Lock()
        self.ends = threading.Event()
        self.failed: list[str] = []
        self.threads = [threading.Thread(target=self.submit, args=[index]) for index in range(AGENTS)]
        for thread in self.threads:
            thread.start()

    def submit(self, index: int) -> None:
        dice = random.Random(self.seed * AGENTS + index)
        number = 0
        while not self.ends.wait(dice.uniform(0.5, 1.5)):
            number += 1
            tag, count = f"{index}.{number}", dice.randint(1, 3)
            kind = dice.choice(("single", "single", "blast", "later"))
            to = f"{'later' if kind == 'later' else 'a'}-{tag}-{{n}}@{dice.choice(('one', 'two', 'three'))}.test"
            blast = "news" if kind == "blast" else ""
            submitter = Submitter(self.agents.spool(index), count, to, tag=tag, octets=2_000, blast=blast)
            if submitter.process.wait() != 0:
                self.failed.append(tag)
            ids = submitter.ids()
            submitter.out.unlink()
            with self.lock:
                self.promised |= set(ids)
                self.blast += len(ids) if blast else 0

    def end(self) -> None:
        self.ends.set()
        for thread in self.threads:
            thread.join()


class Look:
    """What an agent uses, as the kernel tells."""

    def __init__(self, pid: int) -> None:
        status = Path(f"/proc/{pid}/status").read_text()
        self.memory = next(int(line.split()[1]) for line in status.splitlines() if line.startswith("VmRSS"))
        ticks = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
        self.busy = (int(ticks[11]) + int(ticks[12])) / 100
        self.files = len(list(Path(f"/proc/{pid}/fd").iterdir()))
        self.at = time.monotonic()


def knocks(port: int, seconds: float) -> int:
    """How many come to a port that closes each connection at once."""
    end = time.monotonic() + seconds
    count = 0
    with socket.create_server((LOOPBACK, port)) as listener:
        while (left := end - time.monotonic()) > 0:
            listener.settimeout(left)
            try:
                listener.accept()[0].close()
                count += 1
            except TimeoutError:
                break
    return count


def run(folder: Path, seconds: float, seed: int) -> None:
    """The whole of it."""
    servers, recorder = Nats(AGENTS), Recorder(folder, delay=0.005)
    agents = Agents(folder, servers, recorder, AGENTS, more=f'sessions = {SESSIONS}\n[retry]\nschedule = ["2s"]')
    programs = Programs(agents, seed)
    try:
        time.sleep(CALM)
        servers.kill_all()
        gone = time.monotonic()
        print(f"the servers are gone; {len(recorder.kept())} transactions before", flush=True)
        taken, wrong = through(agents, programs, servers.nodes[0].port, gone, seconds)
        assert len(recorder.kept()) <= taken + AGENTS * SESSIONS, "what was taken in goes on without servers"
        back = time.monotonic()
        waiting = len(programs.promised) - len({facts["message_id"] for facts in recorder.kept()})
        servers.start()
        print(f"the servers are back after {back - gone:.0f} s; {waiting} messages wait in the spools", flush=True)
        time.sleep(CALM)
        programs.end()
        until(lambda: {facts["message_id"] for facts in recorder.kept()} >= programs.promised, 900, agents.logs())
        until(lambda: agents.in_stream() == 0, 120, f"{agents.in_stream()} in the stream\n{agents.logs()}")
        print(f"all of {len(programs.promised)} have arrived {time.monotonic() - back:.0f} s after that", flush=True)
        check(agents, programs, recorder)
        assert not wrong, wrong
    finally:
        programs.end()
        agents.close()
        recorder.close()
        servers.close()


def wait(agents: Agents, programs: Programs, gone: float, until: float) -> None:
    """Waits until the servers have been gone for so long; tells each minute how it goes."""
    said = time.monotonic()
    while (passed := time.monotonic() - gone) < until:
        time.sleep(min(1, until - passed))
        if time.monotonic() - said > 60:
            said = time.monotonic()
            looks = [Look(agent.process.pid) for agent in agents.all.values()]
            memory = ", ".join(f"{look.memory / 1024:.1f} MB, {look.files} files" for look in looks)
            print(f"{passed:.0f} s: {len(programs.promised)} promised; {memory}", flush=True)


def through(agents: Agents, programs: Programs, port: int, gone: float, seconds: float) -> tuple[int, list[str]]:
    """The time without servers; how many messages had been taken when it began, and what was not as it should be."""
    time.sleep(min(10, seconds / 10))
    taken = len(programs.promised)
    first = [Look(agent.process.pid) for agent in agents.all.values()]
    began = [agent.log_path.stat().st_size for agent in agents.all.values()]
    wait(agents, programs, gone, 0.3 * seconds)
    span = min(60, seconds / 10)
    knocked = knocks(port, span) / span / AGENTS
    wait(agents, programs, gone, 0.5 * seconds)
    agents.all[AGENTS - 1].stop()
    agents.start(AGENTS - 1, wait=False)
    wait(agents, programs, gone, seconds)
    print(f"{knocked:.2f} connections a second to one server by each agent", flush=True)
    wrong = [f"submissions failed: {programs.failed}"] if programs.failed else []
    wrong += [] if 0 < knocked <= TRIES else [f"{knocked} connections a second"]
    # The last one began anew in between.
    for index in range(AGENTS - 1):
        agent, before = agents.all[index], first[index]
        assert agent.process.poll() is None, agent.log()[-2000:]
        now = Look(agent.process.pid)
        busy = (now.busy - before.busy) / (now.at - before.at)
        lines = agent.log()[began[index] :].count("\n")
        print(
            f"agent {index}: {before.memory / 1024:.1f} MB and {before.files} files at first, "
            f"{now.memory / 1024:.1f} MB and {now.files} files at last; {busy:.2%} of a processor; {lines} lines",
            flush=True,
        )
        if now.memory - before.memory > GROWTH or now.files - before.files > FILES or busy > BUSY:
            wrong.append(f"agent {index} has grown, or was busy")
    return taken, wrong


def check(agents: Agents, programs: Programs, recorder: Recorder) -> None:
    """All arrived, as often as it may; the counters are right; nothing is left in the spools."""
    copies = Counter(facts["message_id"] for facts in recorder.kept())
    assert set(copies) == programs.promised
    twice = sum(count - 1 for count in copies.values())
    status = agents.run(0, "blast", "status", "news")
    counted = {what: status[what] for what in ("messages", "recipients", "delivered", "deferred", "failed")}
    print(f"{twice} copies; the blast of {programs.blast}: {json.dumps(counted)}", flush=True)
    assert twice <= AGENTS * SESSIONS, [name for name, count in copies.items() if count > 1]
    expected = dict.fromkeys(("messages", "recipients", "delivered"), programs.blast) | {"deferred": 0, "failed": 0}
    assert counted == expected
    for agent in agents.all.values():
        assert agent.stop() == 0
        left = agent.ask("SELECT COUNT(*) FROM segments WHERE live > 0")
        assert left == [(0,)], left


def main() -> None:
    seconds = float(sys.argv[1]) if len(sys.argv) > 1 else 3600
    seed = int(sys.argv[2]) if len(sys.argv) > 2 else 1
    folder = Path(tempfile.mkdtemp(prefix="freesmtp-soak-"))
    print(f"{seconds:g} s without servers, seed {seed}, in {folder}", flush=True)
    run(folder, seconds, seed)
    shutil.rmtree(folder)


if __name__ == "__main__":
    main()
