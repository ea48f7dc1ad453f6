"""What people order of a shared queue holds over all agents."""

import json
import signal
import subprocess
import time
from collections.abc import Iterator
from typing import Any

import pytest

from cluster.agents import Agents
from harness.agent import Recorder, submit, until
from harness.nats import Nats
from harness.sink import program


class Since:
    """What a recorder took from now on."""

    def __init__(self, recorder: Recorder) -> None:
        self.recorder = recorder
        self.before = len(recorder.kept())

    def kept(self) -> list[dict[str, Any]]:
        return self.recorder.kept()[self.before :]


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory, servers: Nats) -> Iterator[tuple[Agents, Recorder]]:
    folder = tmp_path_factory.mktemp("orders")
    recorder = Recorder(folder)
    made = Agents(folder, servers, recorder, 2, more='sessions = 16\n[retry]\nschedule = ["2s"]')
    yield made, recorder
    made.close()
    recorder.close()


@pytest.fixture
def agents(running: tuple[Agents, Recorder]) -> Agents:
    agents, _ = running
    # A message has arrived before its agent says that it is done.
    until(lambda: agents.in_stream() == 0, 20, f"something is left of the test before\n{agents.logs()}")
    return agents


@pytest.fixture
def recorder(running: tuple[Agents, Recorder]) -> Since:
    return Since(running[1])


def letter(agents: Agents, index: int, *options: str, to: str = "a@one.test", text: str = "Hello") -> str:
    """Submits one message by the command; its id."""
    done = subprocess.run(
        [
            program(),
            "submit",
            "--spool",
            str(agents.spool(index)),
            "--json",
            "--from",
            "s@one.test",
            "--to",
            to,
            *options,
        ],
        input=text,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    return str(json.loads(done.stdout)["id"])


def test_a_blast_is_paused_and_goes_on(agents: Agents, recorder: Since) -> None:
    submit(agents.spool(0), 20, "first{n}@one.test", blast="news")
    agents.until_done(0, "news", 20, 90)
    agents.run(1, "blast", "pause", "news")
    agents.until_paused("news")
    submit(agents.spool(0), 100, "a{n}@one.test", tag="n", blast="news")
    until(lambda: agents.parked() == 100, 20, f"{agents.parked()} are set aside\n{agents.logs()}")
    # Others are not held up.
    submit(agents.spool(1), 1, "b@one.test", tag="o")
    until(lambda: len(recorder.kept()) == 21, 20, agents.logs())
    agents.run(0, "blast", "resume", "news")
    status = agents.until_done(1, "news", 120, 90)
    assert status["delivered"] == 120
    assert len(recorder.kept()) == 121


def test_a_blast_is_cancelled(agents: Agents, recorder: Since) -> None:
    submit(agents.spool(0), 20, "first{n}@one.test", blast="offer")
    agents.until_done(0, "offer", 20, 90)
    agents.run(1, "blast", "pause", "offer")
    agents.until_paused("offer")
    submit(agents.spool(0), 100, "a{n}@one.test", tag="c", blast="offer")
    until(lambda: agents.parked() == 100, 20, f"{agents.parked()} are set aside")
    agents.run(1, "blast", "cancel", "offer")
    status = agents.until_done(0, "offer", 120, 90)
    assert (status["delivered"], status["cancelled"], len(recorder.kept())) == (20, 100, 20)


def test_what_waits_of_a_cancelled_blast_ends_at_once(agents: Agents, recorder: Since) -> None:
    submit(agents.spool(0), 30, "grey{n}@one.test", tag="w", blast="waits")
    submit(agents.spool(0), 1, "grey-other@one.test", tag="x")
    until(lambda: agents.later() == 31, 20, f"{agents.later()} wait")
    agents.run(1, "blast", "cancel", "waits")
    status = agents.until_done(0, "waits", 30, 60, left=1)
    assert (status["cancelled"], status["deferred"], len(recorder.kept())) == (30, 0, 0)
    agents.run(0, "queue", "purge", "--all", "--yes")


def test_a_key_counts_once_over_all_agents(agents: Agents, recorder: Since) -> None:
    first = letter(agents, 0, "--key", "invoice 1")
    until(lambda: len(recorder.kept()) == 1, 20, agents.logs())
    letter(agents, 1, "--key", "invoice 1")
    other = letter(agents, 1, "--key", "invoice 2")
    until(lambda: len(recorder.kept()) == 2, 20, agents.logs())
    assert [facts["id"] for facts in recorder.kept()] == [first, other]
    letter(agents, 1, "--key", "invoice 1", text="Something else")
    badmail = agents.spool(1) / "badmail"
    until(lambda: any("invoice 1" in path.read_text() for path in badmail.glob("*.reason")), 20, "nobody is told")


def test_messages_that_are_handed_over_at_once_under_one_key(agents: Agents, recorder: Since) -> None:
    """Two agents ask for the same keys before either has claimed one: one message of each key goes, one is kept."""

    def kept_aside() -> int:
        return sum(len(list((agents.spool(index) / "badmail").glob("*.reason"))) for index in (0, 1))

    before = kept_aside()
    for index in (0, 1):
        agents.all[index].signal(signal.SIGSTOP)
    for index in (0, 1):
        submit(agents.spool(index), 200, "k{n}@one.test", tag=f"key{index}", group=200, key="{n}")
    for index in (0, 1):
        agents.all[index].signal(signal.SIGCONT)
    until(lambda: len(recorder.kept()) + kept_aside() - before == 400, 60, agents.logs())
    assert (len(recorder.kept()), kept_aside() - before) == (200, 200)


def test_a_message_waits_for_its_time(agents: Agents, recorder: Since) -> None:
    begun = time.time()
    at = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(begun + 8))
    letter(agents, 0, "--not-before", at)
    until(lambda: agents.in_stream() == 1, 10, agents.logs())
    assert not recorder.kept()
    until(lambda: len(recorder.kept()) == 1, 20, agents.logs())
    assert time.time() >= begun + 7


def test_a_message_that_expires_is_sent_back(agents: Agents, recorder: Since) -> None:
    at = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(time.time() + 4))
    letter(agents, 0, "--expires", at, to="evil@one.test")
    until(lambda: len(recorder.kept()) == 1, 30, agents.logs())
    assert recorder.kept()[0]["recipients"] == ["s@one.test"]
    until(lambda: agents.in_stream() == 0, 10, agents.logs())


def test_any_agent_is_asked_about_any_message(agents: Agents, recorder: Since) -> None:
    """Held, shown, released, tried at once and cancelled where nobody has it, by the agent that did not take it in."""
    later = ("--not-before", "2h")
    ids = [letter(agents, 0, *later, to=f"a{n}@one.test") for n in range(3)]
    until(lambda: agents.in_stream() == 3, 10, agents.logs())
    listed = agents.run(1, "queue", "list")["messages"]
    assert [message["id"] for message in listed] == ids
    assert listed[0]["recipients"] == ["a0@one.test"]
    agents.run(1, "queue", "hold", ids[0])
    held = agents.run(0, "queue", "list", "--state", "held")["messages"]
    assert [message["id"] for message in held] == [ids[0]]
    agents.run(0, "queue", "release", ids[0])
    agents.run(1, "queue", "retry", ids[1])
    agents.run(1, "queue", "cancel", ids[2])
    until(lambda: len(recorder.kept()) == 2, 20, agents.logs())
    assert {facts["id"] for facts in recorder.kept()} == set(ids[:2])
    until(lambda: agents.in_stream() == 0, 10, agents.logs())


def test_a_message_that_failed_is_shown_with_its_attempts(agents: Agents) -> None:
    put_off = letter(agents, 0, to="grey@one.test")
    until(lambda: agents.later() == 1, 20, agents.logs())
    shown = agents.run(1, "queue", "show", put_off)
    assert "Greylisted" in json.dumps(shown)
    agents.run(1, "queue", "cancel", put_off)
    until(lambda: agents.in_stream() == 0, 10, agents.logs())


def test_the_spools_take_mail_while_the_servers_are_down(agents: Agents, servers: Nats, recorder: Since) -> None:
    servers.kill_all()
    promised = submit(agents.spool(0), 200, "a{n}@one.test")
    # An agent that starts meanwhile waits for the servers.
    agents.all[1].kill()
    agents.start(1, wait=False)
    until(lambda: "waits for the servers" in agents.all[1].log(), 20, agents.logs())
    assert not recorder.kept()
    servers.start()
    until(lambda: len(recorder.kept()) == 200, 60, agents.logs())
    assert {facts["message_id"] for facts in recorder.kept()} == set(promised)
