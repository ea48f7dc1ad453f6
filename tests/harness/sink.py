"""The capture server of the command `freesmtp`, and what it keeps."""

import email.policy
import json
import os
import smtplib
import subprocess
from email.message import EmailMessage
from email.parser import BytesParser
from pathlib import Path
from typing import Any

from harness.driver import ROOT
from harness.process import LOOPBACK


def program() -> str:
    """Where the command is."""
    target = Path(os.environ.get("CARGO_TARGET_DIR", ROOT / "target"))
    return os.environ.get("FREESMTP_COMMAND", str(target / os.environ.get("FREESMTP_PROFILE", "debug") / "freesmtp"))


class Sink:
    """A running `freesmtp sink`."""

    def __init__(self, folder: Path, *options: str, host: str = LOOPBACK) -> None:
        self.folder = folder
        arguments = [program(), "sink", "--port", "0", "--host", host, "--dir", str(folder), *options]
        self.process = subprocess.Popen(arguments, stdout=subprocess.PIPE, text=True, encoding="utf-8")
        assert self.process.stdout is not None
        self.out = self.process.stdout
        words = self.out.readline().rstrip("\n").rpartition(" ")
        assert words[0] == "listening on", words
        self.address = words[2]
        self.host, _, port = self.address.rpartition(":")
        self.host, self.port = self.host.strip("[]"), int(port)

    def client(self) -> smtplib.SMTP:
        return smtplib.SMTP(self.host, self.port, local_hostname="client.test", timeout=60)

    def kept(self) -> list[Path]:
        return sorted(self.folder.glob("*.eml"))

    def only(self) -> Path:
        (path,) = self.kept()
        return path

    def envelope(self) -> dict[str, Any]:
        facts: dict[str, Any] = json.loads(self.only().with_suffix(".json").read_text(encoding="utf-8"))
        return facts

    def close(self) -> None:
        self.process.terminate()
        self.process.wait(60)
        self.out.close()


def read(path: Path) -> EmailMessage:
    """A message that is kept."""
    message = BytesParser(policy=email.policy.default).parsebytes(path.read_bytes())
    assert isinstance(message, EmailMessage)
    return message
