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
        (folder / "spool").chmod(0o710)
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


def test_a_member_of_the_group_takes_nothing_away_and_holds_nothing_up(open_folder: Path, recorder: Recorder) -> None:
    command = str(open_folder / "freesmtp")
    spool = open_folder / "spool"
    options = ["--spool", str(spool), "--server", recorder.server, "--config", str(open_folder / "agent.toml")]
    log = open_folder / "agent.log"
    with log.open("wb") as err, subprocess.Popen([command, "agent", *options], stderr=err, **whose(AGENT)) as agent:
        try:
            until((spool / "agent.sock").exists, 20, "no agent")
            (spool / "bodies/another.eml").write_bytes(b"of somebody else")
            # None of these may come about: folders, the socket or files of others taken away or put in their place.
            may_not = "; ".join(
                f"{action} && echo {n}"
                for n, action in enumerate(
                    [
                        "mv queue queue.old",
                        "mv incoming incoming.old",
                        "rm -f agent.sock",
                        "mkdir another",
                        "mv bodies/another.eml bodies/mine.eml",
                        "rm -f bodies/another.eml",
                    ]
                )
            )
            done = subprocess.run(["sh", "-c", may_not], cwd=spool, capture_output=True, **whose(SUBMITTER))
            assert done.stdout == b"", done
            # They may put into `incoming` what is no segment, under any name.
            forged = "x\nfreesmtp agent: forged \x1b[2J"
            may = f"ln -s /etc/passwd a.seg; mkdir b.seg '{forged}.seg'; mkfifo c.seg"
            subprocess.run(["sh", "-c", f"cd incoming; {may}"], cwd=spool, check=True, **whose(SUBMITTER))
            subprocess.run(
                [command, "sendmail", "-t", "-i"],
                input=LETTER,
                env={"FREESMTP_SPOOL": str(spool), "HOME": "/"},
                check=True,
                timeout=60,
                **whose(SUBMITTER),
            )
            until(lambda: len(recorder.kept()) == 1, 20, "a file that is no segment holds up the others")
            until(lambda: log.read_text().count(".seg") == 4, 20, f"what is no segment is not told: {log.read_text()}")
            assert not [line for line in log.read_text().splitlines() if line.startswith("freesmtp agent: forged")]
            assert "\x1b" not in log.read_text()
        finally:
            agent.terminate()


def test_the_command_lends_nobody_its_rights(open_folder: Path) -> None:
    command = open_folder / "freesmtp"
    for name in ("freesmtp", "sendmail"):
        copy = open_folder / f"with-rights/{name}"
        copy.parent.mkdir(exist_ok=True)
        shutil.copy(command, copy)
        os.chown(copy, AGENT, GROUP)
        for mode in (0o4755, 0o2755):
            copy.chmod(mode)
            done = subprocess.run(
                [copy, "-t"] if name == "sendmail" else [copy, "status"],
                input=LETTER,
                env={"FREESMTP_SPOOL": str(open_folder / "spool")},
                capture_output=True,
                user=SUBMITTER,
                group=AGENT,
                extra_groups=[],
            )
            if b"set-" not in done.stderr and os.statvfs(open_folder).f_flag & os.ST_NOSUID:
                pytest.skip("programs get no rights on this file system")
            assert (done.returncode, b"chmod ug-s" in done.stderr) == (77, True), done
    assert not list((open_folder / "spool").iterdir())
