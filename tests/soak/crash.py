"""A blast over three agents and three servers, which are killed meanwhile; `python tests/soak/crash.py [MESSAGES]`.

The test of the suite with 50,000 messages, or as many as it is told: the leader is killed, then an agent, then all
servers and agents at once. A message that is lost, more copies than sessions that were killed, or a counter that is not
right ends it with an error and leaves its folder.
"""

import shutil
import sys
import tempfile
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent.parent))

from cluster.agents import Agents
from cluster.test_crash import DELAY, SETTINGS, run
from harness.agent import Recorder
from harness.nats import Nats


def main() -> None:
    messages = int(sys.argv[1]) if len(sys.argv) > 1 else 50_000
    folder = Path(tempfile.mkdtemp(prefix="freesmtp-soak-"))
    print(f"{messages} messages, in {folder}", flush=True)
    began = time.monotonic()
    servers, recorder = Nats(3), Recorder(folder, delay=DELAY)
    agents = Agents(folder, servers, recorder, 3, more=SETTINGS)
    try:
        run(agents, servers, recorder, messages=messages)
    finally:
        agents.close()
        recorder.close()
        servers.close()
    print(f"in {time.monotonic() - began:.0f} s")
    shutil.rmtree(folder)


if __name__ == "__main__":
    main()
