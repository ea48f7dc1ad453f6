"""A spool for a group, as `make install` sets it up: the agent is one user, and who submits is another of its group."""

import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from harness.agent import Recorder, until
from harness.sink import program

AGENT, SUBMITTER, GROUP = 65533, 65534, 65534
LETTER = b"From: a@one.test\nTo: b@one.test\nSubject: From a member of the group\n\nText\n"

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="only root can be two users")


def whose(user: int) -> dict[str, Any]:
    return {"user": user, "group": GROUP, "extra_groups": []}


@pytest.fixture
def open_folder() -> Iterator[Path]:
    """A folder that every user reaches, with the command and a spool for the group."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        folder.chmod(0o755)
        shutil.copy(program(), folder / "freesmtp")
        (folder / "spool").mkdir()
        os.chown(folder / "spool", AGENT, GROUP)
        (folder / "spool").chmod(0o730)
        (folder / "agent.toml").write_text("[smtp]\nlisten = []\n[http]\nlisten = []\n")
        yield folder


def test_what_a_member_of_the_group_submits_is_delivered(open_folder: Path, recorder: Recorder) -> None:
    command = str(open_folder / "freesmtp")
    spool = str(open_folder / "spool")
    options = ["--spool", spool, "--server", recorder.server, "--config", str(open_folder / "agent.toml")]
    with subprocess.Popen([command, "agent", *options], **whose(AGENT)) as agent:
        try:
            until((open_folder / "spool/agent.sock").exists, 20, "no agent")
            for text in (LETTER, LETTER + (b"x" * 70 + b"\n") * 16_000):
                subprocess.run(
                    [command, "sendmail", "-t", "-i"],
                    input=text,
                    env={"FREESMTP_SPOOL": spool, "HOME": "/"},
                    check=True,
                    timeout=60,
                    **whose(SUBMITTER),
                )
            until(lambda: len(recorder.kept()) == 2, 20, "not all arrived")
        finally:
            agent.terminate()
