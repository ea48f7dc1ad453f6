"""An agent whose page is looked at, and the server that it delivers to."""

import json
import re
import urllib.error
import urllib.request
from http import HTTPStatus
from pathlib import Path
from typing import Any

from harness.agent import Agent, Recorder
from harness.process import LOOPBACK, free_port

# What was put off waits for an hour, so that tests find it there.
SETTINGS = '[retry]\nschedule = ["1h"]\n[[route]]\nservers = ["{server}"]\n'


class Monitored:
    """An agent that is monitored, and the server that it delivers to; it may be stopped and started again."""

    def __init__(self, folder: Path, sessions: int = 64, delay: float = 0, settings: str = "") -> None:
        self.recorder = Recorder(folder, delay=delay)
        self.spool = folder / "spool"
        self.port = free_port()
        self.sessions = sessions
        self.settings = settings
        self.address = f"http://{LOOPBACK}:{self.port}"
        self.start()
        self.token = (self.spool / "queue" / "token").read_text().strip()

    def start(self) -> None:
        """Starts the agent, at the same address each time."""
        options = ["--smtp", "off", "--http", f"{LOOPBACK}:{self.port}", "--sessions", str(self.sessions)]
        self.agent = Agent(self.spool, *options, config=SETTINGS.format(server=self.recorder.server) + self.settings)

    def ask(self, path: str) -> dict[str, Any]:
        """An answer of the API, to compare the page with."""
        request = urllib.request.Request(
            f"{self.address}/api/{path}", headers={"Authorization": f"Bearer {self.token}"}
        )
        with urllib.request.urlopen(request, timeout=60) as response:
            answer: dict[str, Any] = json.load(response)
        return answer

    def blast(self, name: str) -> dict[str, Any]:
        """What is known of a blast: nothing, until the agent has taken in the first of it."""
        try:
            return self.ask(f"blasts/{name}")
        except urllib.error.HTTPError as refusal:
            with refusal:
                if refusal.code != HTTPStatus.NOT_FOUND:
                    raise
            return {}

    def drop(self, name: str, message: bytes) -> None:
        """Hands over octets as they are, by the folder that any program may write to."""
        pickup = self.spool / "pickup"
        (pickup / f"{name}.tmp").write_bytes(message)
        (pickup / f"{name}.tmp").rename(pickup / f"{name}.eml")

    def close(self) -> None:
        if self.agent.process.poll() is None:
            self.agent.kill()
        self.recorder.close()


def number(text: str) -> int:
    """The first number of a text: `1,234 waiting` is 1234."""
    found = re.search(r"\d[\d,]*", text)
    assert found, text
    return int(found[0].replace(",", ""))
