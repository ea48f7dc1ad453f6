"""The unit under a systemd that runs: in namespaces of its own, with a root of its own where it writes."""

import json
import os
import re
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from harness.agent import until
from harness.driver import ROOT
from harness.sink import Sink, program

SYSTEMD = "/usr/lib/systemd/systemd"

#: What comes before the unit is all there, and does nothing.
TARGETS = ("basic", "sysinit", "shutdown", "network-online", "nss-lookup", "time-sync", "multi-user")

#: Nothing that it changes is the machine's own: /etc is a copy, and the rest is empty.
SETUP = """
set -e
mount --make-rprivate /
mount --bind "$FOLDER/etc" /etc
for place in /mnt /var/spool /var/log /run; do mount -t tmpfs -o mode=0755 tmpfs "$place"; done
umount -R /sys/fs/cgroup
mount -t cgroup2 cgroup2 /sys/fs/cgroup
make -s -C "$ROOT" -f packaging/install.mk install PREFIX=/mnt/usr FREESMTP_BIN="$BIN"
systemd-sysusers /mnt/usr/lib/sysusers.d/freesmtp.conf
systemd-tmpfiles --create /mnt/usr/lib/tmpfiles.d/freesmtp.conf
install -d -m 750 -g freesmtp /etc/freesmtp
install -m 640 -g freesmtp "$FOLDER/agent.toml" /etc/freesmtp/agent.toml
export container=other SYSTEMD_UNIT_PATH="$FOLDER/units:/mnt/usr/lib/systemd/system"
exec "$SYSTEMD" --system --unit=test.target
"""


class Machine:
    """A systemd that has the unit, and what is asked of it."""

    def __init__(self, folder: Path, config: str) -> None:
        self.cgroup = cgroups() / f"freesmtp-test-{os.getpid()}"
        self.cgroup.mkdir()
        subprocess.run(["cp", "-a", "/etc", folder / "etc"], capture_output=True, check=False)
        self.etc = folder / "etc"
        (folder / "agent.toml").write_text(config)
        (folder / "units").mkdir()
        for name in TARGETS:
            (folder / "units" / f"{name}.target").write_text("[Unit]\nDefaultDependencies=no\n")
        wants = "[Unit]\nDefaultDependencies=no\nWants=freesmtp-agent.service\n"
        (folder / "units/test.target").write_text(wants)
        self.log = folder / "systemd.log"
        environment = {"FOLDER": str(folder), "ROOT": str(ROOT), "BIN": str(Path(program()).parent), "SYSTEMD": SYSTEMD}
        spaces = ["--mount", "--pid", "--cgroup", "--uts", "--ipc", "--mount-proc", "--fork", "--kill-child"]
        with self.log.open("wb") as out:
            self.process = subprocess.Popen(
                ["sh", "-c", f'echo $$ > "{self.cgroup}/cgroup.procs"; exec unshare {" ".join(spaces)} sh -c "$SETUP"'],
                env={**os.environ, **environment, "SETUP": SETUP},
                stdin=subprocess.DEVNULL,
                stdout=out,
                stderr=out,
            )

    def run(self, *command: str) -> str:
        """What a command says there."""
        children = Path(f"/proc/{self.process.pid}/task/{self.process.pid}/children").read_text().split()
        inside = ["nsenter", "-t", children[0], "-m", "-p", "-C", "-u", "-i", *command] if children else ["false"]
        return subprocess.run(inside, capture_output=True, text=True, timeout=60, check=False).stdout

    def ask(self, what: str) -> str:
        return self.run("systemctl", "show", "--value", "-p", what, "freesmtp-agent").strip()

    def is_active(self) -> bool:
        assert self.process.poll() is None, self.log.read_text()
        return self.ask("ActiveState") == "active"

    def close(self) -> None:
        self.process.kill()
        self.process.wait()
        folders = [*sorted(self.cgroup.rglob("*/"), reverse=True), self.cgroup]
        until(lambda: all(is_removed(folder) for folder in folders), 20, "processes are left")
        # It holds what only root may read.
        shutil.rmtree(self.etc)


def is_removed(folder: Path) -> bool:
    try:
        folder.rmdir()
    except FileNotFoundError:
        return True
    except OSError:
        return False
    return True


def cgroups() -> Path:
    """Where the one hierarchy of control groups is."""
    mounts = [line.split() for line in Path("/proc/mounts").read_text().splitlines()]
    found = [Path(fields[1]) for fields in mounts if fields[2] == "cgroup2"]
    if not found:
        pytest.skip("there are no control groups of version 2 here")
    return found[0]


@pytest.fixture
def machine(tmp_path: Path, sink: Sink) -> Iterator[Machine]:
    if os.geteuid() != 0 or not os.access(SYSTEMD, os.X_OK):
        pytest.skip("only root starts a systemd, where there is one")
    tried = subprocess.run(
        ["unshare", "--mount", "--pid", "--cgroup", "--fork", "true"], capture_output=True, check=False
    )
    if tried.returncode != 0:
        pytest.skip(f"no namespaces can be made here: {tried.stderr.decode().strip()}")
    config = (
        '[smtp]\nlisten = ["127.0.0.1:0"]\n[http]\nlisten = []\n[events]\nfile = "/var/log/freesmtp/events.jsonl"\n'
    )
    made = Machine(tmp_path, f'{config}[[route]]\nservers = ["127.0.0.1:{sink.port}"]\n')
    yield made
    made.close()


def submit(machine: Machine, subject: str) -> None:
    text = f"From: a@one.test\\nTo: b@one.test\\nSubject: {subject}\\n\\nHello\\n"
    command = f"printf '{text}' | /mnt/usr/bin/freesmtp sendmail -t && echo taken"
    assert "taken" in machine.run("env", "FREESMTP_SPOOL=/var/spool/freesmtp", "sh", "-c", command)


def test_the_service_runs(machine: Machine, sink: Sink) -> None:
    until(machine.is_active, 60, "it does not start")
    first = machine.ask("MainPID")
    status = machine.run("cat", f"/proc/{first}/status")
    held = dict(re.findall(r"(NoNewPrivs|Seccomp|CapEff|Uid):\s*(\S+)", status))
    assert (held["NoNewPrivs"], held["Seccomp"], held["CapEff"]) == ("1", "2", "0" * 16)
    assert held["Uid"] != "0"
    submit(machine, "first")
    until(lambda: len(sink.kept()) == 1, 30, "it delivers nothing")
    events = machine.run("cat", "/var/log/freesmtp/events.jsonl").splitlines()
    assert [json.loads(line)["event"] for line in events] == ["delivered"]
    machine.run("systemctl", "reload", "freesmtp-agent")
    assert machine.ask("MainPID") == first
    # It is started again after a kill, and after a stop it is not.
    machine.run("kill", "-9", first)
    until(lambda: machine.ask("MainPID") not in ("0", first), 60, "it is not started again")
    submit(machine, "second")
    until(lambda: len(sink.kept()) == 2, 30, "it delivers nothing after a kill")
    machine.run("systemctl", "stop", "freesmtp-agent")
    assert (machine.ask("ActiveState"), machine.ask("Result")) == ("inactive", "success")
