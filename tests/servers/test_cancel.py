"""A call is cancelled in every phase, in every language and in each of its ways: it ends at once, nothing half-sent is
delivered, and the object sends the next message."""

import os
import random
import shutil
import socket
import subprocess
import threading
from collections.abc import Sequence
from pathlib import Path

import pytest

from harness import driver
from harness.cancelling import PATIENCE, Fifo, FullPort, beside
from harness.dialogues import GREETING, QUIT, TRANSACTION
from harness.driver import Answer, Job
from harness.nameserver import Fault, NameServer
from harness.pki import Pki
from harness.scripted import Call, Hear, Part, Say, ScriptedServer, Silence, Step

EHLO = GREETING[:2]
TAKES = [*GREETING, *TRANSACTION, *QUIT]
STARTTLS: list[Step] = [*EHLO, Say(b"250-a.test\r\n250 STARTTLS\r\n"), Hear("STARTTLS")]
AUTH: list[Step] = [*EHLO, Say(b"250-a.test\r\n250 AUTH LOGIN\r\n"), Hear("AUTH LOGIN")]
LOGIN = {"account": "u", "password": "p", "allowplaintextauth": True, "security": "none"}

# What the server has done before it falls silent, the phase that the error names, and what the server needs.
PHASES: dict[str, tuple[list[Step], str, dict[str, object]]] = {
    "tls": ([Part(1)], "STARTTLS", {"security": "implicit"}),
    "greeting": ([], "CONNECT", {}),
    "ehlo": (EHLO, "EHLO", {}),
    "starttls": (STARTTLS, "STARTTLS", {"security": "required"}),
    "starttls-tls": ([*STARTTLS, Say(b"220 go\r\n"), Part(1)], "STARTTLS", {"security": "required"}),
    "auth": (AUTH, "AUTH", LOGIN),
    "auth-password": ([*AUTH, Say(b"334 VXNlcm5hbWU6\r\n"), Hear("dQ==")], "AUTH", LOGIN),
    "mail": ([*GREETING, *TRANSACTION[:1]], "MAIL", {}),
    "rcpt": ([*GREETING, *TRANSACTION[:3]], "RCPT", {}),
    "data": ([*GREETING, *TRANSACTION[:5]], "DATA", {}),
    "message": ([*GREETING, *TRANSACTION[:6], Part(1000)], "DATA", {}),
    "end-of-data": ([*GREETING, *TRANSACTION[:7]], "EOM", {}),
}
WAYS = ("own", "object")


def is_ended(answer: Answer, language: str, way: str, stage: str) -> bool:
    """Whether the call ended the way it should; what was cancelled behind the message may have been delivered."""
    if way == "own" and language in driver.ENDED:
        return answer == {"ended": True}
    error = answer["error"]
    return (error["kind"], error["stage"]) == ("outcome-unknown" if stage == "EOM" else "cancelled", stage)


def is_sent(answer: Answer) -> bool:
    return bool(answer.get("ok")) and answer["report"]["reply_text"] == "taken"


class Cancelled:
    """The job of a call that is cancelled and a send after it, and what happens beside it."""

    def __init__(self, folder: Path, way: str) -> None:
        self.reached, self.ended = threading.Event(), threading.Event()
        self._cancel, self._wait = Fifo(folder / "cancel"), Fifo(folder / "wait")
        self._way = way

    def cancel(self, job: Job, key: str, value: str | None = None) -> Job:
        """The lines of the call, and of the send after it."""
        job.put(f"cancel.{self._way}", self._cancel.path).put(key, value)
        return job.put("wait", self._wait.path).send().put("smtp.disconnect")

    def stuck(self) -> None:
        """The server: from here on it says nothing and reads nothing."""
        self.reached.set()
        self.ended.wait(PATIENCE)

    def until_reached(self) -> None:
        """The default for `beside`."""
        assert self.reached.wait(PATIENCE), "the phase was not reached"

    def play(self, language: str, job: Job, reach: object, prepare: object, prefix: Sequence[str] = ()) -> list[Answer]:
        """Runs the job: `reach` waits until the phase is reached, `prepare` makes the next send possible."""

        def call_has_ended() -> None:
            self._wait.await_reader()
            self.ended.set()

        with beside(reach, self._cancel.tell, call_has_ended, prepare, self._wait.tell):
            return driver.run(language, job, prefix=prefix)


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("phase", PHASES)
def test_a_send(language: str, phase: str, way: str, serve, pki: Pki, tmp_path: Path) -> None:
    script, stage, settings = PHASES[phase]
    cancelled = Cancelled(tmp_path, way)
    # The server of the next send is another one where this one asks for more than the script of a plain one has.
    plain = serve(TAKES) if settings else None
    server = serve([*script, Call(cancelled.stuck), Silence()], *([] if plain else [TAKES]))
    (tmp_path / "big.bin").write_bytes(bytes(16 << 20 if phase == "message" else 1000))
    job = Job().server("127.0.0.1", server.port, **{"cafile": pki.ca_file, "security": "none", **settings})
    if plain:
        # It is tried after the first one, which is gone then.
        job.server("127.0.0.1", plain.port, security="none")
    job.message("recipient@domain.test").put("attachment.file", tmp_path / "big.bin")

    def prepare() -> None:
        if plain:
            server.close()

    first, second = cancelled.play(language, cancelled.cancel(job, "send"), cancelled.until_reached, prepare)
    assert is_ended(first, language, way, stage), first
    assert is_sent(second), second
    last = plain or server
    last.finish()
    assert len(last.connections[-1].messages) == 1
    assert len(server.connections[0].messages) == (phase == "end-of-data")


@pytest.mark.parametrize("way", WAYS)
def test_while_a_connection_is_made(language: str, way: str, tmp_path: Path) -> None:
    cancelled, full = Cancelled(tmp_path, way), FullPort()
    servers: list[ScriptedServer] = []

    def prepare() -> None:
        full.close()
        servers.append(ScriptedServer(TAKES, port=full.port))

    job = Job().server("127.0.0.1", full.port, security="none").message("recipient@domain.test")
    first, second = cancelled.play(language, cancelled.cancel(job, "send"), full.await_client, prepare)
    assert is_ended(first, language, way, "CONNECT"), first
    assert is_sent(second), second
    servers[0].finish()


@pytest.mark.parametrize("way", WAYS)
def test_a_disconnect(language: str, way: str, serve, tmp_path: Path) -> None:
    cancelled = Cancelled(tmp_path, way)
    server = serve([*GREETING, *TRANSACTION, Hear("QUIT"), Call(cancelled.stuck), Silence()], TAKES)
    job = Job().server("127.0.0.1", server.port, security="none").message("recipient@domain.test").send()
    cancelled.cancel(job, "smtp.disconnect")
    answers = cancelled.play(language, job, cancelled.until_reached, lambda: None)
    assert [is_sent(answer) for answer in answers if answer != {"ended": True}] == [True, True], answers
    assert ({"ended": True} in answers) == (way == "own" and language in driver.ENDED)
    server.finish()
    assert [len(connection.messages) for connection in server.connections] == [1, 1]


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize(
    ("key", "value", "script", "stage"),
    [
        ("smtp.connect", None, EHLO, "EHLO"),
        ("smtp.command", "VRFY postmaster", [*GREETING, Hear("VRFY postmaster")], "COMMAND"),
    ],
    ids=["connect", "command"],
)
def test_a_call(
    language: str, key: str, value: str | None, script: list[Step], stage: str, way: str, serve, tmp_path: Path
) -> None:
    cancelled = Cancelled(tmp_path, way)
    server = serve([*script, Call(cancelled.stuck), Silence()], TAKES)
    job = Job().server("127.0.0.1", server.port, security="none").message("recipient@domain.test")
    cancelled.cancel(job, key, value)
    first, second = cancelled.play(language, job, cancelled.until_reached, lambda: None)
    assert is_ended(first, language, way, stage), first
    assert is_sent(second), second
    server.finish()


class Resolver:
    """A name server that the system asks in a namespace of its own; `command` goes before a program in there."""

    def __init__(self, folder: Path) -> None:
        # Port 53 of an address of loopback that nobody else has.
        self.server = NameServer({("mail.cancel.test", "A"): Fault("silent")}, f"127.53.{random.randint(1, 254)}.7", 53)
        host = self.server.address.partition(":")[0]
        (folder / "resolv.conf").write_text(f"nameserver {host}\noptions timeout:1 attempts:30\n")
        (folder / "nsswitch.conf").write_text("hosts: dns\n")
        binds = " && ".join(f'mount --bind "{folder}/{name}" /etc/{name}' for name in ("resolv.conf", "nsswitch.conf"))
        self.command = ["unshare", "--mount", "sh", "-c", f'{binds} && exec "$@"', "sh"]

    def is_asked(self) -> None:
        """Waits for the first question."""
        for _ in range(int(PATIENCE * 500)):
            if self.server.asked:
                return
            threading.Event().wait(0.002)
        raise AssertionError("nobody asks for the name")

    def answers(self) -> None:
        """Knows the name from now on."""
        self.server.now("mail.cancel.test", "A", ["127.0.0.1"])


def may_unshare() -> bool:
    """Whether a namespace can be made here."""
    if os.geteuid() != 0 or shutil.which("unshare") is None:
        return False
    return subprocess.run(["unshare", "--mount", "true"], capture_output=True).returncode == 0


@pytest.fixture
def resolver(tmp_path: Path):
    """A resolver that does not answer yet."""
    if not may_unshare():
        reason = "it takes root, and leave to make a mount namespace"
        (pytest.fail if os.environ.get("FREESMTP_REQUIRE_SERVERS") == "1" else pytest.skip)(reason)
    resolver = Resolver(tmp_path)
    yield resolver
    resolver.server.close()


@pytest.mark.parametrize("way", WAYS)
def test_while_a_name_is_looked_up(language: str, way: str, resolver: Resolver, serve, tmp_path: Path) -> None:
    cancelled = Cancelled(tmp_path, way)
    server = serve(TAKES)
    job = Job().server("mail.cancel.test", server.port, security="none", timeout=30).message("recipient@domain.test")
    cancelled.cancel(job, "send")
    answers = cancelled.play(language, job, resolver.is_asked, resolver.answers, resolver.command)
    first, second = answers
    assert is_ended(first, language, way, "RESOLVE"), first
    assert is_sent(second), second
    server.finish()


def test_a_full_port_is_what_it_says() -> None:
    full = FullPort()
    with socket.socket() as client:
        client.settimeout(0.1)
        with pytest.raises(TimeoutError):
            client.connect(("127.0.0.1", full.port))
    full.close()
    socket.create_server(("127.0.0.1", full.port)).close()
