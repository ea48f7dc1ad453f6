"""The service: its unit is one that systemd takes, and shuts the agent in."""

import re
import shutil
import subprocess
from pathlib import Path

import pytest

from harness.driver import ROOT

pytestmark = pytest.mark.skipif(shutil.which("systemd-analyze") is None, reason="systemd is not here")


def installed(folder: Path) -> Path:
    """Where `make install` puts the unit, for a command that is there."""
    (folder / "bin").mkdir()
    (folder / "bin" / "freesmtp").write_text("")
    arguments = ["install", f"PREFIX={folder}/usr", f"FREESMTP_BIN={folder}/bin"]
    subprocess.run(["make", "-s", "-f", "packaging/install.mk", *arguments], cwd=ROOT, check=True)
    return folder / "usr/lib/systemd/system/freesmtp-agent.service"


def test_the_unit_is_right(tmp_path: Path) -> None:
    unit = installed(tmp_path)
    assert "@" not in re.sub(r"[~=]@\S+|@resources", "", unit.read_text()), "everything was filled in"
    done = subprocess.run(["systemd-analyze", "verify", str(unit)], capture_output=True, text=True, check=False)
    # Its own words alone: what other units of this machine lack is none of ours.
    said = [line for line in done.stderr.splitlines() if "freesmtp-agent.service" in line]
    assert said == []


def test_the_unit_shuts_the_agent_in(tmp_path: Path) -> None:
    done = subprocess.run(
        ["systemd-analyze", "security", "--offline=true", str(installed(tmp_path))],
        capture_output=True,
        text=True,
        check=False,
    )
    level = re.search(r"exposure level for \S+: ([0-9.]+)", done.stdout)
    assert level is not None, done.stdout + done.stderr
    assert float(level[1]) <= 2.0
