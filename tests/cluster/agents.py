"""Agents that share a queue, each with a spool of its own."""

import json
import subprocess
import time
from pathlib import Path
from typing import Any

from harness.agent import Agent, Recorder, until
from harness.nats import Nats
from harness.process import LOOPBACK
from harness.sink import program


class Agents:
    """Several agents of one queue."""

    def __init__(
        self,
        folder: Path,
        servers: Nats,
        recorder: Recorder,
        count: int,
        more: str = "",
        login: str = "",
        http: bool = False,
    ) -> None:
        self.folder, self.servers, self.http = folder, servers, http
        replicas = len(servers.nodes)
        urls = ", ".join(f'"{url}"' for url in servers.urls)
        self.config = (
            f"{more}\n[cluster]\nservers = [{urls}]\nreplicas = {replicas}\n{login}"
            f'[[route]]\ndomains = ["*"]\nservers = ["{recorder.server}"]\n'
        )
        self.all: dict[int, Agent] = {}
        for index in range(count):
            self.start(index)

    def spool(self, index: int) -> Path:
        return self.folder / f"agent{index}" / "spool"

    def start(self, index: int, wait: bool = True) -> Agent:
        options = ["--smtp", "off", "--http", f"{LOOPBACK}:0" if self.http else "off"]
        self.all[index] = Agent(self.spool(index), *options, config=self.config, wait=wait)
        return self.all[index]

    def run(self, index: int, *arguments: str) -> Any:
        """What a command says, in JSON."""
        done = self.ask(index, *arguments)
        assert done.returncode == 0, done.stdout + done.stderr + self.all[index].log()[-2000:]
        return json.loads(done.stdout)

    def ask(self, index: int, *arguments: str) -> "subprocess.CompletedProcess[str]":
        command = [program(), *arguments, "--spool", str(self.spool(index)), "--json"]
        return subprocess.run(command, capture_output=True, text=True)

    def until_done(self, index: int, name: str, recipients: int, seconds: float, left: int = 0) -> dict[str, Any]:
        """Until each recipient of a blast has a result, and so many messages are left."""
        found: dict[str, Any] = {}
        said: list[str] = [""]

        def is_done() -> bool:
            time.sleep(0.2)
            # What is counted is counted before a message leaves the stream.
            gone = self.in_stream() == left
            done = self.ask(index, "blast", "status", name)
            if done.returncode == 0:
                found.update(json.loads(done.stdout))
            else:
                said[0] = done.stdout + done.stderr
            ended = sum(found.get(what, 0) for what in ("delivered", "failed", "expired", "cancelled"))
            return bool(ended >= recipients and gone)

        end = time.monotonic() + seconds
        while not is_done():
            assert time.monotonic() < end, f"{found} {said[0]}, {self.in_stream()} in the stream\n{self.logs()}"
        return found

    def until_paused(self, name: str) -> None:
        """Until every agent has heard of it: one that has not begins messages still."""
        for index in self.all:
            until(
                lambda index=index: self.run(index, "blast", "status", name)["state"] == "paused",
                60,
                f"agent {index} does not hear that {name} is paused",
            )

    def in_stream(self) -> int:
        """Messages that the servers have; -1 while they do not say."""
        try:
            return int(self.servers.api("STREAM.INFO.MAILQ")["state"]["messages"])
        except (OSError, AssertionError):
            return -1

    def parked(self) -> int:
        """Messages that wait for a blast that is paused."""
        return self.under("mailq.parked.>")

    def later(self) -> int:
        """Messages that wait for their time."""
        return self.under("mailq.later.>")

    def under(self, subjects: str) -> int:
        asked = json.dumps({"subjects_filter": subjects}).encode()
        found = self.servers.nodes[0].request("$JS.API.STREAM.INFO.MAILQ", asked)
        return len(found["state"].get("subjects") or {})

    def logs(self) -> str:
        return "\n".join(f"{index}: {agent.log()[-1500:]}" for index, agent in self.all.items())

    def close(self) -> None:
        for agent in self.all.values():
            if agent.process.poll() is None:
                agent.kill()
