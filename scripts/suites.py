#!/usr/bin/env python3
"""Runs the suites of tests/, and gives what failed a second look.

    .venv/bin/python scripts/suites.py [pytest's arguments]

Real servers, real processes and a real browser share the machine with the tests. Of sixteen thousand tests one may fail
because a neighbour had the processor. So a few that failed run again, alone, AGAIN times: a test that passes each time
is named as unsteady at the end, and the run passes. A fault that is always there fails here as before, and mostly so
does one that comes in every second run. An unsteady test is a fault to be found, in the test or in what it tests.
"""

import json
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
#: Where pytest notes what failed; its root is the folder of pytest.ini.
FAILED = ROOT / "tests/.pytest_cache/v/cache/lastfailed"
#: More than so many are no accident.
MOST = 5
#: How often each of them has to pass.
AGAIN = 3
#: pytest's exit status when it ran to its end and tests failed.
TESTS_FAILED = 1


def pytest(*arguments: str) -> int:
    """Its exit status."""
    return subprocess.run([sys.executable, "-m", "pytest", "-q", *arguments], cwd=ROOT, check=False).returncode


def main() -> int:
    """The exit status of the run."""
    # What an earlier run noted is not this one's.
    FAILED.unlink(missing_ok=True)
    status = pytest(*(sys.argv[1:] or ["tests"]))
    if status != TESTS_FAILED or not FAILED.exists():
        return status
    failed = sorted(json.loads(FAILED.read_text()))
    if len(failed) > MOST:
        print(f"{len(failed)} tests failed: too many for a second look.", flush=True)
        return status
    print(f"A second look at {len(failed)} of them, {AGAIN} times:", flush=True)
    for _ in range(AGAIN):
        status = pytest(*(f"tests/{test}" for test in failed))
        if status:
            return status
    for test in failed:
        print(f"unsteady: {test} failed once and then passed {AGAIN} times alone. Find out why.", flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
