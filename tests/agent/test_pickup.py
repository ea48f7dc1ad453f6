"""The pickup folder, as IIS and .NET write into it."""

import fcntl
import json
import os
import subprocess
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from harness.agent import Agent, until
from harness.sink import Sink, read

Start = Callable[..., Agent]

# As System.Net.Mail.SmtpClient writes it with SmtpDeliveryMethod.SpecifiedPickupDirectory.
DOT_NET = (
    b"X-Sender: bounce@x.test\r\nX-Receiver: b@y.test\r\nX-Receiver: c@y.test\r\nX-Receiver: hidden@y.test\r\n"
    b'MIME-Version: 1.0\r\nFrom: "A" <a@x.test>\r\nTo: b@y.test\r\nCc: c@y.test\r\n'
    b"Date: 2 Jan 2026 10:00:00 +0000\r\nSubject: =?utf-8?B?R3LDvMOfZQ==?=\r\n"
    b"Content-Type: text/plain; charset=us-ascii\r\nContent-Transfer-Encoding: quoted-printable\r\n\r\nText=0D=0A\r\n"
)


@pytest.fixture
def agent(start: Start, sink: Sink) -> Agent:
    return start("--smtp", "off", "--http", "off", "--server", f"127.0.0.1:{sink.port}")


def put(agent: Agent, name: str, text: bytes) -> None:
    """Puts a file there as IIS asks for it: written elsewhere, then renamed."""
    elsewhere = agent.spool.parent / f"{name}.new"
    elsewhere.write_bytes(text)
    elsewhere.rename(agent.spool / "pickup" / name)


def envelope(path: Path) -> dict[str, Any]:
    facts: dict[str, Any] = json.loads(path.with_suffix(".json").read_text())["envelope"]
    return facts


def is_taken(agent: Agent) -> bool:
    return not list((agent.spool / "pickup").iterdir())


def test_the_envelope_is_that_of_the_lines_in_front(agent: Agent, sink: Sink) -> None:
    put(agent, "0a1b.eml", DOT_NET)
    until(lambda: len(sink.kept()) == 1, 30, f"it did not arrive: {agent.log()}")
    message = read(sink.only())
    assert envelope(sink.only())["from"] == "bounce@x.test"
    assert envelope(sink.only())["to"] == ["b@y.test", "c@y.test", "hidden@y.test"]
    assert (message["Subject"], message["To"], message["Cc"]) == ("Grüße", "b@y.test", "c@y.test")
    assert "X-Sender" not in message
    assert "X-Receiver" not in message
    assert b"hidden" not in sink.only().read_bytes().split(b"Subject")[1]
    assert message.get_content().strip() == "Text"
    until(lambda: is_taken(agent), 20, "the file is still there")


def test_without_them_it_is_that_of_the_headers(agent: Agent, sink: Sink) -> None:
    put(agent, "plain", b"From: a@x.test\nTo: b@y.test, C <c@y.test>\nBcc: d@y.test\nSubject: s\n\n.\nText\n")
    until(lambda: len(sink.kept()) == 1, 30, "it did not arrive")
    assert envelope(sink.only())["to"] == ["b@y.test", "c@y.test", "d@y.test"]
    assert "Bcc" not in read(sink.only())
    assert sink.only().read_bytes().endswith(b"\r\n\r\n.\r\nText\r\n")


def test_a_long_one_is_not_held_in_memory(agent: Agent, sink: Sink) -> None:
    text = b"From: a@x.test\r\nSubject: s\r\n\r\n" + (b"x" * 70 + b"\r\n") * 340_000
    before = agent.most_memory()
    put(agent, "long", b"X-Receiver: <b@y.test>\r\n" + text)
    until(lambda: len(sink.kept()) == 1, 120, "it did not arrive")
    # Without its 24 MB in what is said of a failure.
    is_whole = sink.only().read_bytes().endswith(text)
    assert is_whole
    assert agent.most_memory() - before < len(text) // 2


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (b"", "message"),
        (b"no header at all\n", "header"),
        (b"X-Sender: a@x.test\nX-Receiver: no address\n\nText\n", "X-Receiver"),
        (b"X-Sender: a@x.test\nX-Receiver: <b@y.test\nSubject: s\n\n", "bracket"),
        (b"From: a@x.test\nSubject: nobody\n\nText\n", "recipient"),
        (b"X-Receiver: b@y.test\nFrom: a@x.test\nSubject: s\n\n" + b"x" * 1200 + b"\n", "998"),
    ],
)
def test_what_cannot_be_understood_is_kept_with_its_reason(agent: Agent, sink: Sink, text: bytes, words: str) -> None:
    put(agent, "bad.eml", text)
    put(agent, "good.eml", DOT_NET)
    badmail = agent.spool / "badmail"
    # The reason is there first.
    until(lambda: len(list(badmail.iterdir())) == 2, 30, f"it was not put aside: {agent.log()}")
    (reason,) = badmail.glob("*.reason")
    assert words in reason.read_text()
    (kept,) = (path for path in badmail.iterdir() if path != reason)
    assert kept.read_bytes() == text
    until(lambda: len(sink.kept()) == 1, 30, "the good one did not arrive")
    until(lambda: is_taken(agent), 20, "a file is still there")


def test_a_file_that_is_written_in_place_is_taken_when_it_is_whole(agent: Agent, sink: Sink) -> None:
    """.NET writes where it is picked up, and has the file locked meanwhile (FileShare.None)."""
    with (agent.spool / "pickup" / "slow.eml").open("wb", buffering=0) as file:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        file.write(DOT_NET[:200])
        time.sleep(4)
        file.write(DOT_NET[200:])
    until(lambda: len(sink.kept()) == 1, 30, f"it did not arrive: {agent.log()}")
    assert read(sink.only()).get_content().strip() == "Text"
    until(lambda: is_taken(agent), 20, "the file is still there")
    assert not list((agent.spool / "badmail").iterdir())


def test_a_file_that_grows_is_taken_when_it_is_quiet(agent: Agent, sink: Sink) -> None:
    with (agent.spool / "pickup" / "grows.eml").open("wb", buffering=0) as file:
        for at in range(0, len(DOT_NET), 40):
            file.write(DOT_NET[at : at + 40])
            time.sleep(0.15)
    until(lambda: len(sink.kept()) == 1, 30, f"it did not arrive: {agent.log()}")
    assert read(sink.only()).get_content().strip() == "Text"
    assert not list((agent.spool / "badmail").iterdir())


def test_links_and_hidden_files_are_left_alone(agent: Agent, sink: Sink, tmp_path: Path) -> None:
    secret = tmp_path / "secret"
    secret.write_bytes(DOT_NET)
    (agent.spool / "pickup" / "link.eml").symlink_to(secret)
    (agent.spool / "pickup" / ".hidden").write_bytes(DOT_NET)
    put(agent, "good.eml", DOT_NET.replace(b"R3LDvMOfZQ==", b"Z29vZA=="))
    until(lambda: len(sink.kept()) == 1, 30, "the good one did not arrive")
    time.sleep(2)
    assert [read(path)["Subject"] for path in sink.kept()] == ["good"]
    assert secret.read_bytes() == DOT_NET


def test_one_that_cannot_be_read_holds_up_no_other(agent: Agent, sink: Sink) -> None:
    if os.geteuid() != 0:
        pytest.skip("a file that is there and cannot be read needs a mount")
    bad = agent.spool / "pickup" / "a-bad.eml"
    bad.write_bytes(b"x")
    # Reading this one is an error of the system, whoever reads.
    mounted = subprocess.run(["mount", "--bind", "/proc/self/mem", str(bad)], capture_output=True)
    if mounted.returncode != 0:
        pytest.skip(f"nothing can be mounted: {mounted.stderr.decode()}")
    try:
        put(agent, "z-good.eml", DOT_NET)
        until(lambda: len(sink.kept()) == 1, 30, f"the good one did not arrive: {agent.log()}")
    finally:
        subprocess.run(["umount", "-l", str(bad)], check=True)
