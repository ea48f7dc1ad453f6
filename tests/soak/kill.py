"""Kills agents and submitters for as long as it is told to; `python tests/soak/kill.py [ROUNDS] [SEED]`.

Each round is the test of the suite with another seed: 2,000 messages to three recipients, 20 kills. The first round
that loses a message, or has more copies than open sessions, ends it with an error and leaves its folder.
"""

import sys
import tempfile
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent.parent))

from agent.test_kill import run
from harness.agent import Agent, Recorder


def main() -> None:
    rounds = int(sys.argv[1]) if len(sys.argv) > 1 else 100
    seed = int(sys.argv[2]) if len(sys.argv) > 2 else 1
    for number in range(rounds):
        folder = Path(tempfile.mkdtemp(prefix="freesmtp-soak-"))
        near, far = Recorder(folder, "near"), Recorder(folder, "far")
        agents: list[Agent] = []

        def start(*, config: str, folder: Path = folder, agents: list[Agent] = agents) -> Agent:
            agents.append(Agent(folder / "spool", config=config))
            return agents[-1]

        print(f"round {number + 1} of {rounds}, seed {seed + number}, in {folder}: ", end="", flush=True)
        try:
            run(folder / "spool", near, far, start, messages=2_000, kills=20, seed=seed + number, patience=3_600)
        finally:
            near.close()
            far.close()
            for agent in agents:
                if agent.process.poll() is None:
                    agent.kill()
        for path in sorted(folder.rglob("*"), reverse=True):
            path.rmdir() if path.is_dir() else path.unlink()
        folder.rmdir()


if __name__ == "__main__":
    main()
