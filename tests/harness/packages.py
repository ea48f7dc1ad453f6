"""The packages that `make dist` made, the interpreters to install them in, and a server for their programs."""

import os
import subprocess
from pathlib import Path

from .scripted import Hear, Message, Say, Step, Tls

ROOT = Path(__file__).parents[2]
DIST = ROOT / "dist"
TAKES: list[Step] = [
    Tls("good"),
    Say(b"220 a.test\r\n"),
    Hear("EHLO .*", pattern=True),
    Say(b"250 a.test\r\n"),
    Hear("MAIL FROM:<from@a.test>"),
    Say(b"250 ok\r\n"),
    Hear("RCPT TO:<to@a.test>"),
    Say(b"250 ok\r\n"),
    Hear("DATA"),
    Say(b"354 go on\r\n"),
    Message(),
    Say(b"250 taken\r\n"),
    Hear("QUIT"),
    Say(b"221 bye\r\n"),
]


def interpreters() -> dict[str, str]:
    """The oldest and the newest Python of this machine that we support, and the one that runs this, by version."""
    newest = subprocess.run(
        [ROOT / "scripts/newest_python.sh"], capture_output=True, text=True, check=True
    ).stdout.strip()
    pyenv = Path(os.environ.get("PYENV_ROOT", Path.home() / ".pyenv")) / "versions"
    candidates = ["python3", newest, *map(str, sorted(pyenv.glob("*/bin/python3.9")))]
    found = {}
    for python in candidates:
        said = subprocess.run([python, "--version"], capture_output=True, text=True)
        if said.returncode == 0:
            found[said.stdout.split()[1]] = python
    return found


def the_one(pattern: str) -> Path:
    """The file of dist/ with that name; there is one after `make dist`."""
    found = list(DIST.glob(pattern))
    assert len(found) == 1, f"dist/ has {len(found)} of {pattern}: run make dist, after emptying it"
    return found[0]
