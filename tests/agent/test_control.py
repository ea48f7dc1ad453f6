"""The control socket: what a program asks of a running agent, and orders."""

import contextlib
import json
import multiprocessing
import multiprocessing.connection
import os
import socket
import stat
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from freesmtp import SMTP, EmailMessage

from harness.agent import Agent, Recorder, submit, until
from harness.control import Control

Start = Callable[..., Agent]

SLOW = '[retry]\nschedule = ["1h"]\n'


@pytest.fixture
def control(spool: Path) -> Iterator[Callable[[], Control]]:
    """Connects to the agent of the spool."""
    connections: list[Control] = []

    def connect() -> Control:
        connections.append(Control(spool))
        return connections[-1]

    yield connect
    for connection in connections:
        connection.close()


Connect = Callable[[], Control]


def route(server: str) -> str:
    return f'[[route]]\nservers = ["{server}"]\n'


def test_the_socket_is_there_while_the_agent_runs_and_for_its_owner_alone(
    spool: Path, start: Start, recorder: Recorder
) -> None:
    agent = start("--server", recorder.server)
    path = spool / "agent.sock"
    assert stat.S_ISSOCK(path.stat().st_mode)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert agent.stop() == 0
    assert not path.exists()
    agent = start("--server", recorder.server)
    agent.kill()
    assert path.exists(), "a kill leaves it"
    start("--server", recorder.server)
    assert Control(spool).ask("status")["queue"]["messages"] == 0


def test_a_spool_for_a_group_lets_the_group_ask(spool: Path, start: Start, recorder: Recorder) -> None:
    spool.mkdir(mode=0o710)
    os.chmod(spool, 0o710)
    start("--server", recorder.server)
    found = (spool / "agent.sock").stat()
    assert stat.S_IMODE(found.st_mode) == 0o660
    assert found.st_gid == spool.stat().st_gid


def ask_as(user: int, spool: Path, requests: list[str], answers: multiprocessing.connection.Connection) -> None:
    """What somebody else gets, who is in the group of that number: told as `ok`, or the code of the refusal."""
    os.chdir(spool)
    os.setgroups([])
    os.setgid(user)
    os.setuid(user)
    asking = socket.socket(socket.AF_UNIX)
    asking.connect("agent.sock")
    with asking.makefile("rwb") as file:
        for request in requests:
            file.write(request.encode() + b"\n")
            file.flush()
            answer = json.loads(file.readline())
            answers.send("ok" if answer["ok"] else answer["error"]["code"])


def connect() -> tuple[socket.socket, dict[str, Any]]:
    """A connection to the agent of this folder, and what it answers there."""
    asking = socket.socket(socket.AF_UNIX)
    asking.settimeout(30)
    asking.connect("agent.sock")
    # One that is refused may be closed before it has asked.
    with contextlib.suppress(ConnectionError):
        asking.sendall(b'{"v":1,"request":"status"}\n')
    answer: dict[str, Any] = json.loads(asking.makefile("rb").readline())
    return asking, answer


def hold_as(user: int, spool: Path, wanted: int, told: multiprocessing.connection.Connection) -> None:
    """Holds as many connections as it gets and tells how many; when it is told to, it takes one anew."""
    os.chdir(spool)
    os.setgroups([])
    os.setgid(65534)
    os.setuid(user)
    held: list[socket.socket] = []
    refused: list[str] = []
    for _ in range(wanted):
        asking, answer = connect()
        if answer["ok"]:
            held.append(asking)
        else:
            refused.append(answer["error"]["code"])
            asking.close()
    told.send((len(held), refused))
    told.recv()
    held.pop().close()
    # The agent hears of the end of one a moment later.
    until(lambda: connect()[1]["ok"], 10, "no place is given again")
    told.send("served")


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can be somebody else")
def test_members_of_the_group_leave_connections_for_others(spool: Path, start: Start, recorder: Recorder) -> None:
    spool.mkdir(mode=0o710)
    os.chown(spool, 0, 65534)
    os.chmod(spool, 0o710)
    start("--server", recorder.server)
    users = multiprocessing.get_context("fork")
    holders = []
    for user in range(60001, 60009):
        here, there = multiprocessing.Pipe()
        other = users.Process(target=hold_as, args=(user, spool, 40, there), daemon=True)
        other.start()
        holders.append((other, here, here.recv()))
    held = [count for _, _, (count, _) in holders]
    assert held == [32] * 6 + [0] * 2, "each has a bound, and all together"
    assert {code for _, _, (_, refused) in holders for code in refused} == {"busy"}
    owner = [Control(spool) for _ in range(40)]
    assert all(connection.ask("status")["queue"]["messages"] == 0 for connection in owner)
    other, here, _ = holders[0]
    here.send("go on")
    assert here.recv() == "served", "a place that is free is given again"
    for process, _, _ in holders:
        process.kill()
        process.join(10)
    for connection in owner:
        connection.close()


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can be somebody else")
def test_who_may_submit_is_not_told_of_the_mail_of_others(spool: Path, start: Start, recorder: Recorder) -> None:
    nobody = 65534
    spool.mkdir(mode=0o710)
    os.chown(spool, 0, nobody)
    os.chmod(spool, 0o710)
    start("--server", recorder.server)
    smtp = SMTP()
    smtp.spool_path = spool
    message = EmailMessage("b@one.test", "a@one.test", "Later", "Text\n")
    message.not_before = datetime(2099, 1, 1, tzinfo=UTC)
    identifier = smtp.submit_to_spool(message)
    asked = {
        '{"request":"status"': "ok",
        f'{{"request":"message","id":"{identifier}"': "ok",
        '{"request":"wait","blast":"never","timeout":0': "unknown-blast",
        '{"request":"list"': "denied",
        '{"request":"search","text":"a@"': "denied",
        '{"request":"destinations"': "denied",
        '{"request":"blasts"': "denied",
        '{"request":"events"': "denied",
        '{"request":"monitor"': "denied",
        '{"request":"hold","text":"a@"': "denied",
        '{"request":"purge","all":true': "denied",
        '{"request":"purge","blast":"a"': "denied",
        f'{{"request":"cancel","ids":["{identifier}"]': "ok",
    }
    here, there = multiprocessing.Pipe()
    requests = [f'{request},"v":1}}' for request in asked]
    other = multiprocessing.get_context("fork").Process(target=ask_as, args=(nobody, spool, requests, there))
    other.start()
    other.join(60)
    assert other.exitcode == 0
    assert {request: here.recv() for request in asked} == asked


def test_status(spool: Path, start: Start, recorder: Recorder, control: Connect) -> None:
    agent = start("--server", recorder.server, "--sessions", "7")
    submit(spool, 20, "a{n}@one.test", "b{n}@one.test")
    until(lambda: len(recorder.kept()) == 20, 20, "not all arrived")
    until(lambda: agent.queued() == 0, 20, "the queue is not empty")
    status = control().ask("status")
    assert status["protocol"] == 1
    assert status["pid"] == agent.process.pid
    assert status["spool"] == str(spool)
    assert status["sessions"]["limit"] == 7
    assert status["queue"] == {
        "messages": 0,
        "ready": 0,
        "later": 0,
        "held": 0,
        "oldest": None,
        "oldest_age_seconds": None,
    }
    assert status["since_start"] == {"delivered": 40, "deferred": 0, "failed": 0, "unknown": 0}
    assert status["rate"] > 0


def test_a_message_has_its_recipients_with_what_their_server_said(
    spool: Path, start: Start, recorder: Recorder, control: Connect
) -> None:
    start(config=SLOW + route(recorder.server))
    ((message_id, id_),) = submit(spool, 1, "good@x.test", "wait@x.test", tag="news").items()
    asking = control()
    until(lambda: asking.ask("message", id=id_)["recipients_open"] == 1, 20, "it was not tried")
    found = asking.ask("message", id=id_, transcripts=True)
    assert (found["id"], found["message_id"], found["subject"]) == (id_, message_id, "news 0")
    assert (found["state"], found["recipients_total"]) == ("later", 2)
    good, later = found["recipients"]
    assert (good["email"], good["state"], good["code"]) == ("good@x.test", "delivered", 250)
    assert (later["email"], later["state"], later["attempts"]) == ("wait@x.test", "later", 1)
    assert (later["code"], later["status"]) == (451, "4.3.0")
    assert later["next_attempt"] > later["at"]
    assert later["cause"]
    assert later["remedy"]
    assert found["expires"] > found["submitted"]
    (deferred,) = [attempt for attempt in found["attempts"] if attempt["outcome"] == "deferred"]
    assert deferred["server"] == recorder.server
    said = [line for attempt in found["attempts"] for line in attempt["transcript"]]
    assert any("RCPT TO:<wait@x.test>" in line for line in said)
    without = asking.ask("message", id=id_)
    assert all("transcript" not in attempt for attempt in without["attempts"])


def test_what_ended_lately_is_known_and_what_never_was_is_not(
    spool: Path, start: Start, recorder: Recorder, control: Connect
) -> None:
    start("--server", recorder.server)
    ids = list(submit(spool, 30, "a@x.test", "never@x.test", sender="").values())
    asking = control()
    for id_ in ids:
        # At once: what is still on its way is not unknown.
        assert asking.ask("wait", id=id_, timeout=20)["done"]
        found = asking.ask("message", id=id_)
        assert (found["state"], found["delivered"], found["failed"]) == ("done", 1, 1)
        by_email = {recipient["email"]: recipient for recipient in found["recipients"]}
        assert by_email["a@x.test"]["state"] == "delivered"
        assert by_email["never@x.test"]["state"] == "failed"
        assert by_email["never@x.test"]["status"] == "5.1.1"
    assert asking.refused("message", id="01ARZ3NDEKTSV4RRFFQ69G5FAV")["code"] == "unknown-id"
    assert asking.refused("hold", ids=["01ARZ3NDEKTSV4RRFFQ69G5FAV"])["code"] == "unknown-id"


def test_a_wait_ends_with_its_time(spool: Path, start: Start, recorder: Recorder, control: Connect) -> None:
    start(config=SLOW + route(recorder.server))
    (id_,) = submit(spool, 1, "wait@x.test").values()
    answer = control().ask("wait", id=id_, timeout=0.3)
    assert not answer["done"]
    assert answer["status"]["id"] == id_
    waiting, asking = control(), control()
    waiting.send("wait", id=id_)
    until(lambda: asking.ask("message", id=id_)["state"] == "later", 20, "it was not tried")
    asking.ask("retry", ids=[id_])
    answer = waiting.next()["answer"]
    assert answer["done"], "the second attempt is taken"
    assert answer["status"]["delivered"] == 1


def test_lists_have_pages_and_filters(spool: Path, start: Start, recorder: Recorder, control: Connect) -> None:
    start(config=SLOW + route(recorder.server))
    ids = list(submit(spool, 25, "wait{n}@one.test", tag="first", group=1).values())
    others = list(submit(spool, 5, "wait-x{n}@two.test", tag="Second", sender="boss@else.test", group=1).values())
    asking = control()
    until(lambda: asking.ask("status")["queue"]["later"] == 30, 20, "not all were tried")
    seen: list[str] = []
    after = None
    while True:
        page = asking.ask("list", limit=7, **({"after": after} if after else {}))
        assert len(page["messages"]) <= 7
        seen += [message["id"] for message in page["messages"]]
        after = page["next"]
        if after is None:
            break
    assert seen == sorted(ids + others)

    def found(**which: object) -> list[str]:
        return sorted(message["id"] for message in asking.ask("list", **which)["messages"])

    assert found(text="boss@") == sorted(others)
    assert found(text="WAIT-X3@two") == [others[3]]
    assert found(text="<first.4@") == [ids[4]]
    assert found(text=ids[7]) == [ids[7]]
    assert found(subject="second 2") == [others[2]]
    assert found(state="later") == sorted(ids + others)
    assert found(state="held") == []
    (message,) = asking.ask("list", text="boss@", limit=1)["messages"]
    assert message["state"] == "later"
    assert message["recipients"] == [f"wait-x{others.index(message['id'])}@two.test"]
    assert (message["attempts"], message["recipients_total"], message["recipients_open"]) == (1, 1, 1)
    assert message["last"]["code"] == 451
    waits = asking.ask("destinations")
    assert sum(site["later"] for site in waits["sites"]) == 30
    assert waits["causes"][0]["count"] == 30


def test_held_messages_wait_until_they_are_released(
    spool: Path, start: Start, recorder: Recorder, control: Connect
) -> None:
    start(config=SLOW + route(recorder.server))
    ids = list(submit(spool, 3, "wait{n}@x.test").values())
    asking = control()
    until(lambda: asking.ask("status")["queue"]["later"] == 3, 20, "not all were tried")
    assert asking.ask("hold", ids=ids[:2])["count"] == 2
    assert asking.ask("message", id=ids[0])["state"] == "held"
    assert asking.ask("retry", all=True)["count"] == 1, "those that are held are not tried"
    until(lambda: len(recorder.kept()) == 1, 20, "the one that is not held is missing")
    answer = asking.ask("hold", ids=[ids[0], ids[2]])
    assert (answer["count"], answer["unknown"]) == (1, [ids[2]])
    assert asking.ask("release", state="held")["count"] == 2
    assert asking.ask("retry", ids=ids[:2])["count"] == 2
    until(lambda: len(recorder.kept()) == 3, 20, "those that were released are missing")


def test_what_is_cancelled_or_purged_is_never_sent(
    spool: Path, start: Start, recorder: Recorder, control: Connect
) -> None:
    agent = start(config=SLOW + route(recorder.server))
    ids = list(submit(spool, 2_500, "wait{n}@x.test", tag="many").values())
    other = next(iter(submit(spool, 1, "wait-other@y.test", tag="other", sender="boss@else.test").values()))
    asking = control()
    assert asking.ask("cancel", ids=[ids[0]])["count"] == 1
    found = asking.ask("message", id=ids[0])
    assert (found["state"], found["cancelled"]) == ("done", 1)
    assert asking.ask("purge", text="@x.test")["count"] == 2_499
    assert asking.ask("status")["queue"]["messages"] == 1
    # The server puts it off once; a retry before that would change nothing.
    until(lambda: asking.ask("status")["queue"]["later"] == 1, 20, "the one that is left was not tried")
    asking.ask("retry", ids=[other])
    until(agent.is_empty, 20, "the one that is left was not delivered")
    assert [facts["recipients"] for facts in recorder.kept()] == [["wait-other@y.test"]]


def test_a_retry_does_not_wait_for_a_destination_that_rests(
    spool: Path, start: Start, tmp_path: Path, control: Connect
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
    start(config=SLOW + route(f"127.0.0.1:{port}"))
    ids = list(submit(spool, 3, "a{n}@x.test").values())
    asking = control()
    until(lambda: asking.ask("status")["queue"]["later"] >= 1, 20, "none was tried")
    recorder = Recorder(tmp_path, port=port)
    try:
        until(lambda: bool(asking.ask("retry", all=True)) and len(recorder.kept()) == 3, 20, "they were not tried")
        assert asking.ask("wait", id=ids[0], timeout=10)["done"]
    finally:
        recorder.close()


def test_events_are_told_as_they_happen(spool: Path, start: Start, recorder: Recorder, control: Connect) -> None:
    start(config=SLOW + route(recorder.server))
    every, blast, bounced = control(), control(), control()
    streams = [
        every.stream("events"),
        blast.stream("events", blast="news"),
        bounced.stream("events", kinds=["bounced"]),
    ]
    assert [next(stream) for stream in streams] == [{"event": "listening"}] * 3
    submit(spool, 1, "good@x.test", "wait@x.test", "never@x.test", sender="")
    seen = [next(streams[0]) for _ in range(3)]
    assert {(event["event"], event["recipient"]) for event in seen} == {
        ("delivered", "good@x.test"),
        ("deferred", "wait@x.test"),
        ("bounced", "never@x.test"),
    }
    submit(spool, 1, "b@x.test", tag="blast", blast="news")
    event = next(streams[1])
    assert (event["event"], event["recipient"], event["blast"]) == ("delivered", "b@x.test", "news")
    assert next(streams[2])["recipient"] == "never@x.test"
    # Each stream hears it in its own time: what was not told yet when a request comes is not told any more.
    assert {"event": "delivered"}.items() <= next(streams[0]).items()
    every.send("status")
    assert next(streams[0]) == {"event": "end"}, "a request ends the stream"
    assert every.next()["answer"]["protocol"] == 1, "and is answered"


def test_a_stop_ends_what_waits(spool: Path, start: Start, recorder: Recorder, control: Connect) -> None:
    agent = start(config=SLOW + route(recorder.server))
    (id_,) = submit(spool, 1, "wait@x.test").values()
    waiting, listening = control(), control()
    waiting.send("wait", id=id_)
    listening.send("events", kinds=["bounced"])
    assert listening.next()["answer"] == {"event": "listening"}
    until(waiting.is_read, 20, "the question is not read")
    time.sleep(0.2)
    assert agent.stop() == 0
    assert waiting.next()["error"]["code"] == "ending"
    assert listening.next()["error"]["code"] == "ending"


@pytest.mark.parametrize(
    ("line", "code"),
    [
        ("nonsense", "bad-request"),
        ("{}", "bad-request"),
        ('{"v":2,"request":"status","new":1}', "version"),
        ('{"v":1,"request":"dance"}', "bad-request"),
        ('{"v":1,"request":"status","surprise":true}', "bad-request"),
        ('{"v":1,"request":"message"}', "bad-request"),
        ('{"v":1,"request":"message","id":"short"}', "bad-request"),
        ('{"v":1,"request":"purge"}', "bad-request"),
        ('{"v":1,"request":"purge","all":true,"blast":"b"}', "bad-request"),
        ('{"v":1,"request":"cancel","all":true}', "bad-request"),
        ('{"v":1,"request":"list","state":"lost"}', "bad-request"),
        ('{"v":1,"request":"watch","interval":0}', "bad-request"),
        ('{"v":1,"request":"wait","blast":"b","timeout":-1}', "bad-request"),
        ('{"v":1,"request":"blast","blast":"never"}', "unknown-blast"),
        ('{"v":1,"request":"pause_blast","blast":"never"}', "unknown-blast"),
    ],
)
def test_what_is_not_right_is_said(
    spool: Path, start: Start, recorder: Recorder, control: Connect, line: str, code: str
) -> None:
    start("--server", recorder.server)
    asking = control()
    asking.line(line)
    answer = asking.next()
    assert not answer["ok"]
    assert answer["error"]["code"] == code, answer
    assert answer["error"]["message"]
    assert answer["error"]["remedy"]
    assert asking.ask("status")["protocol"] == 1, "the connection goes on"


def test_a_request_without_end_is_not_kept(spool: Path, start: Start, recorder: Recorder, control: Connect) -> None:
    start("--server", recorder.server)
    asking = control()
    asking.line("x" * 200_000)
    assert asking.next()["error"]["code"] == "bad-request"
    assert asking.file.readline() == b""
    assert control().ask("status")["protocol"] == 1


def test_pieces_and_several_requests_at_once(spool: Path, start: Start, recorder: Recorder, control: Connect) -> None:
    start("--server", recorder.server)
    asking = control()
    request = json.dumps({"v": 1, "request": "status"}).encode()
    for octet in request[:10]:
        asking.socket.sendall(bytes([octet]))
    asking.socket.sendall(request[10:] + b"\r\n\n" + request + b"\n")
    assert asking.next()["ok"]
    assert asking.next()["ok"]
