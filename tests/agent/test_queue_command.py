"""`freesmtp queue` and `freesmtp status`: for a person, and with `--json` for programs."""

import json
import re
from collections.abc import Callable
from pathlib import Path

import pytest

from harness.agent import Agent, Recorder, submit, until
from harness.control import command, command_json

Start = Callable[..., Agent]

SLOW = '[retry]\nschedule = ["1h"]\n'


def waiting(spool: Path, start: Start, recorder: Recorder, count: int, tag: str = "news") -> tuple[Agent, list[str]]:
    """An agent with so many messages that wait for another attempt."""
    agent = start(config=f'{SLOW}[[route]]\nservers = ["{recorder.server}"]\n')
    ids = list(submit(spool, count, "wait{n}@x.test", tag=tag, group=1).values())
    until(lambda: command_json(spool, "status")["queue"]["later"] == count, 20, "not all were tried")
    return agent, ids


def test_list_and_show(spool: Path, start: Start, recorder: Recorder) -> None:
    _, ids = waiting(spool, start, recorder, 3)
    text = command(spool, "queue", "list")
    lines = text.splitlines()
    assert lines[0].split() == ["ID", "AGE", "STATE", "SIZE", "SENDER", "RECIPIENTS", "LAST", "ANSWER"]
    assert sorted(line.split()[0] for line in lines[1:]) == sorted(ids)
    # An hour, a tenth sooner or later.
    assert re.search(r"in (5\d min|1 h)", text)
    assert "451 4.3.0 not now" in text
    shown = command(spool, "queue", "show", ids[1], "--transcript")
    for piece in (ids[1], "<news.1@example.test>", "news 1", "sender@example.test", "wait1@x.test", "attempts: 1"):
        assert piece in shown
    assert "RCPT TO:<wait1@x.test>" in shown
    answer = command_json(spool, "queue", "list", "--limit", "2")
    assert answer["ok"] is True
    assert len(answer["messages"]) == 2
    assert answer["next"] == answer["messages"][1]["id"]
    rest = command_json(spool, "queue", "list", "--after", answer["next"])
    assert len(rest["messages"]) == 1
    assert rest["next"] is None
    assert set(rest["messages"][0]) == {
        "id",
        "state",
        "sender",
        "subject",
        "recipients",
        "recipients_total",
        "recipients_open",
        "message_id",
        "octets",
        "blast",
        "priority",
        "site",
        "submitted",
        "attempts",
        "next_attempt",
        "last",
    }
    assert set(command_json(spool, "queue", "show", ids[0])) == {
        "ok",
        "id",
        "state",
        "sender",
        "subject",
        "message_id",
        "octets",
        "blast",
        "priority",
        "submitted",
        "expires",
        "recipients_total",
        "recipients_open",
        "recipients",
        "attempts",
    }


def test_list_show_and_cat_need_no_agent(spool: Path, start: Start, recorder: Recorder) -> None:
    agent, ids = waiting(spool, start, recorder, 2)
    with_agent = command_json(spool, "queue", "list")
    message = command(spool, "queue", "cat", ids[0])
    assert "Subject: news 0\n" in message
    assert "X-Freesmtp-Id" not in message
    for by_kill in (False, True):
        if by_kill:
            agent.kill()
        else:
            agent.stop()
        assert command_json(spool, "queue", "list") == with_agent
        assert command_json(spool, "queue", "show", ids[0])["id"] == ids[0]
        assert command(spool, "queue", "cat", ids[0]) == message
        agent = start("--server", recorder.server)


def test_without_an_agent_the_others_say_how_to_start_one(spool: Path, start: Start, recorder: Recorder) -> None:
    agent, ids = waiting(spool, start, recorder, 1)
    agent.stop()
    for arguments in (
        ["status"],
        ["queue", "retry", ids[0]],
        ["queue", "hold", "--all"],
        ["queue", "cancel", ids[0]],
        ["blast", "list"],
        ["blast", "status", "b", "--watch"],
    ):
        text = command(spool, *arguments, code=75)
        assert "no agent runs" in text
        assert "freesmtp agent --spool" in text
        error = command_json(spool, *arguments, code=75)["error"]
        assert error["code"] == "no-agent"
        assert "freesmtp agent" in error["remedy"]
    nowhere = spool.parent / "nowhere"
    assert "no agent runs" in command(nowhere, "queue", "list", code=75)
    assert not nowhere.exists(), "looking makes nothing"


def test_hold_release_retry_cancel_purge(spool: Path, start: Start, recorder: Recorder) -> None:
    agent, ids = waiting(spool, start, recorder, 6)
    assert command(spool, "queue", "hold", *ids[:2]) == "2 messages held\n"
    assert [m["id"] for m in command_json(spool, "queue", "list", "--state", "held")["messages"]] == ids[:2]
    assert command(spool, "queue", "release", ids[0]) == "1 message released\n"
    assert command(spool, "queue", "retry", ids[0]) == "1 message tried now\n"
    until(lambda: len(recorder.kept()) == 1, 20, "it was not tried")
    assert command_json(spool, "queue", "cancel", ids[2]) == {"ok": True, "count": 1, "unknown": []}
    gone = command_json(spool, "queue", "cancel", ids[2], ids[3], code=1)
    assert (gone["count"], gone["unknown"]) == (1, [ids[2]])
    assert "never" not in command(spool, "queue", "purge", "--all", code=2)
    assert command_json(spool, "status")["queue"]["messages"] == 3
    assert command(spool, "queue", "purge", "--text", "wait4@", "--yes") == "1 message taken out\n"
    assert command(spool, "queue", "purge", "--all", "--yes") == "2 messages taken out\n"
    assert command(spool, "queue", "list") == "no messages\n"
    until(agent.is_empty, 20, "the spool is not empty")
    assert len(recorder.kept()) == 1


def test_what_is_wrong_is_said(spool: Path, start: Start, recorder: Recorder) -> None:
    waiting(spool, start, recorder, 1)
    unknown = "01ARZ3NDEKTSV4RRFFQ69G5FAV"
    for order in ("show", "cat", "hold", "release", "retry", "cancel"):
        assert unknown in command(spool, "queue", order, unknown, code=1)
        assert command_json(spool, "queue", order, unknown, code=1)["error"]["code"] == "unknown-id"
    assert command_json(spool, "queue", "hold", code=2)["error"]["code"] == "bad-request"
    assert command(spool, "queue", "show", "short", code=2)


def test_status_says_where_mail_waits_and_why(spool: Path, start: Start, recorder: Recorder) -> None:
    waiting(spool, start, recorder, 4)
    text = command(spool, "status")
    assert "4 messages; the oldest is " in text
    assert "0 ready, 4 later, 0 held" in text
    assert "DESTINATION" in text
    assert "WHAT TO DO" in text
    assert max(len(line) for line in text.splitlines()) < 200
    status = command_json(spool, "status")
    assert set(status) == {
        "ok",
        "version",
        "protocol",
        "spool",
        "pid",
        "started",
        "uptime_seconds",
        "others",
        "sessions",
        "queue",
        "rate",
        "since_start",
        "sites",
        "causes",
    }
    assert sum(site["later"] for site in status["sites"]) == 4
    assert status["causes"][0]["count"] == 4
    assert status["causes"][0]["remedy"]


@pytest.mark.parametrize("tag", ["\x1b[31mred", "a\x07b"])
def test_what_others_wrote_drives_no_terminal(spool: Path, start: Start, recorder: Recorder, tag: str) -> None:
    start(config=f'{SLOW}[[route]]\nservers = ["{recorder.server}"]\n')
    (id_,) = submit(spool, 1, "wait@x.test", tag=tag).values()
    text = command(spool, "queue", "show", id_)
    assert "Subject" in text
    assert "\x1b" not in text
    assert "\x07" not in text
    assert json.loads(command(spool, "queue", "show", id_, "--json"))["id"] == id_


def test_the_answer_that_is_shown_is_that_to_whoever_waits(spool: Path, start: Start, recorder: Recorder) -> None:
    start(config=f'{SLOW}[[route]]\nservers = ["{recorder.server}"]\n')
    submit(spool, 2, "wait{n}@x.test", "never{n}@x.test", sender="")
    until(lambda: command_json(spool, "status")["queue"]["later"] == 2, 20, "not all were tried")
    assert [message["last"]["code"] for message in command_json(spool, "queue", "list")["messages"]] == [451, 451]
    (cause,) = command_json(spool, "status")["causes"]
    assert (cause["cause"], cause["count"]) == ("server-busy", 2)
    command(spool, "queue", "cancel", *[m["id"] for m in command_json(spool, "queue", "list")["messages"]])
    assert command_json(spool, "status")["causes"] == []
