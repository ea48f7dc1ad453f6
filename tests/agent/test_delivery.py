"""The agent with servers: everything arrives, once; what is refused is reported; nothing waits for what hangs."""

import email
import email.policy
import signal
import socket
import threading
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path

from harness.agent import Agent, Recorder, submit, until
from harness.sink import Sink

Start = Callable[..., Agent]

QUICK = """
[retry]
schedule = ["1s", "2s"]
"""


def route(domains: list[str], server: str) -> str:
    names = ", ".join(f'"{name}"' for name in domains)
    return f'[[route]]\ndomains = [{names}]\nservers = ["{server}"]\n'


def test_everything_arrives_once(spool: Path, start: Start, recorder: Recorder) -> None:
    ids = submit(spool, 2000, "a{n}@one.test", "b{n}@two.test")
    agent = start("--server", recorder.server)
    more = submit(spool, 500, "c{n}@one.test", tag="more", group=1)
    until(lambda: len(recorder.kept()) >= 2500, 60, "not all arrived")
    until(agent.is_empty, 20, "the spool is not empty")
    kept = recorder.kept()
    assert Counter(facts["message_id"] for facts in kept) == Counter([*ids, *more])
    assert all(facts["id"] == {**ids, **more}[facts["message_id"]] for facts in kept)
    assert {len(facts["recipients"]) for facts in kept} == {1, 2}, "one server, one transaction"
    assert agent.stop() == 0


def test_of_one_message_some_are_taken_some_wait_some_come_back(
    spool: Path, start: Start, recorder: Recorder, tmp_path: Path
) -> None:
    sender = Sink(tmp_path / "sender")
    config = QUICK + route(["example.test"], f"127.0.0.1:{sender.port}") + route([], recorder.server)
    agent = start(config=config)
    (message_id,) = submit(spool, 1, "good@x.test", "later@x.test", "never@x.test")
    until(lambda: len(recorder.kept()) == 2, 20, "the second attempt is missing")
    assert [facts["recipients"] for facts in recorder.kept()] == [["good@x.test"], ["later@x.test"]]
    until(lambda: len(sender.kept()) == 1, 20, "no report came")
    report = email.message_from_bytes(sender.only().read_bytes(), policy=email.policy.default)
    assert report.get_content_type() == "multipart/report"
    assert report.get_param("report-type") == "delivery-status"
    status = report.get_payload(1).as_string()
    assert {"never@x.test", "failed", "5.1.1"} <= set(status.replace(";", " ").split())
    assert "later@x.test" not in status
    assert message_id in sender.only().read_text()
    assert sender.envelope()["envelope"]["from"] == ""
    until(lambda: agent.is_empty(own=1), 20, "the spool is not empty")
    sender.close()


def test_a_report_that_fails_is_reported_to_nobody(spool: Path, start: Start, recorder: Recorder) -> None:
    agent = start(config=QUICK + route([], recorder.server))
    submit(spool, 5, "never{n}@x.test", sender="never@x.test")
    until(lambda: agent.ask("SELECT COUNT(*) FROM keys WHERE key LIKE 'report:%'") == [(5,)], 30, "reports are missing")
    until(lambda: agent.is_empty(own=1), 20, "the reports, which are refused, do not go")
    assert not recorder.kept()


def test_a_destination_that_hangs_holds_up_no_other(spool: Path, start: Start, recorder: Recorder) -> None:
    with socket.create_server(("127.0.0.1", 0), backlog=100) as hanging:
        taken: list[socket.socket] = []

        def accept() -> None:
            while True:
                try:
                    taken.append(hanging.accept()[0])
                except OSError:
                    return

        threading.Thread(target=accept, daemon=True).start()
        config = (
            "sessions = 8\n"
            + route(["hangs.test"], f"127.0.0.1:{hanging.getsockname()[1]}")
            + route([], recorder.server)
        )
        agent = start(config=config)
        submit(spool, 300, "a{n}@hangs.test")
        until(lambda: len(taken) >= 5, 20, "it was not tried")
        submit(spool, 300, "b{n}@other.test", tag="other")
        until(lambda: len(recorder.kept()) == 300, 30, "the other one waited for it")
        assert len(taken) <= 8
        # A stop does not wait for it either.
        began = time.monotonic()
        assert agent.stop() == 0
        assert time.monotonic() - began < 10
        assert agent.queued() == 300
        for connection in taken:
            connection.close()


def test_a_server_that_is_full_gets_everything_over_the_sessions_that_it_let_in(
    spool: Path, start: Start, tmp_path: Path
) -> None:
    full = Recorder(tmp_path, "full", delay=0.05, sessions=3)
    agent = start("--server", full.server)
    submit(spool, 200)
    until(lambda: len(full.kept()) == 200, 60, "some wait for a session of their own")
    until(agent.is_empty, 20, "the spool is not empty")
    assert agent.ask("SELECT COUNT(*) FROM attempts") == [(0,)]
    # Whoever is not let in has tried nothing: nobody waited for the schedule, nor for a rest of the server.
    assert agent.ask("SELECT COUNT(*) FROM troubles") == [(0,)]
    full.close()


def test_a_second_agent_says_so(spool: Path, start: Start, recorder: Recorder) -> None:
    first = start("--server", recorder.server)
    second = start("--server", recorder.server, wait=False)
    assert second.process.wait(60) == 75
    assert "another agent" in second.log()
    submit(spool, 10)
    until(lambda: len(recorder.kept()) == 10, 20, "the first one goes on")
    assert first.stop() == 0


def test_a_stop_ends_what_is_under_way_and_leaves_the_rest(spool: Path, start: Start, tmp_path: Path) -> None:
    slow = Recorder(tmp_path, "slow", delay=0.3)
    submit(spool, 2000)
    agent = start("--server", slow.server, "--sessions", "20")
    until(lambda: len(slow.kept()) > 20, 20, "it does not deliver")
    assert agent.stop() == 0
    kept, left = len(slow.kept()), agent.queued()
    assert kept + left + waiting(agent) == 2000, "what was answered is committed"
    agent = start("--server", slow.server, "--sessions", "256")
    until(lambda: len(slow.kept()) == 2000, 60, "the rest is missing")
    assert len({facts["id"] for facts in slow.kept()}) == 2000
    slow.close()


def waiting(agent: Agent) -> int:
    """Messages in segments that were not adopted; there are none when all were read."""
    assert agent.ask("SELECT COUNT(*) FROM segments WHERE finished = 0") == [(0,)]
    return 0


def test_settings_are_read_again(spool: Path, start: Start, recorder: Recorder, tmp_path: Path) -> None:
    other = Recorder(tmp_path, "other")
    agent = start(config=route([], recorder.server))
    submit(spool, 5)
    until(lambda: len(recorder.kept()) == 5, 20, "the first five are missing")
    agent.config.write_text("nonsense = 1\n")
    agent.signal(signal.SIGHUP)
    until(lambda: "stay as they were" in agent.log(), 10, "a mistake is told")
    agent.config.write_text(route([], other.server))
    agent.signal(signal.SIGHUP)
    until(lambda: "read again" in agent.log(), 10, "it did not read")
    submit(spool, 5, tag="after")
    until(lambda: len(other.kept()) == 5, 20, "the new route is not used")
    assert len(recorder.kept()) == 5
    other.close()


def test_large_messages_have_files_that_go(spool: Path, start: Start, recorder: Recorder) -> None:
    submit(spool, 3, octets=2_000_000, group=1)
    assert len(list((spool / "bodies").iterdir())) == 3
    agent = start("--server", recorder.server)
    until(lambda: len(recorder.kept()) == 3, 30, "they did not arrive")
    assert all(facts["octets"] > 1_900_000 and facts["id"] for facts in recorder.kept())
    until(lambda: agent.is_empty() and not list((spool / "bodies").iterdir()), 20, "files are left")


def test_pickup_files_are_delivered_and_bad_ones_kept(spool: Path, start: Start, recorder: Recorder) -> None:
    agent = start("--server", recorder.server)
    text = (
        "X-Sender: sender@example.test\r\nX-Receiver: a@x.test\r\nX-Receiver: b@x.test\r\n"
        "From: sender@example.test\r\nTo: a@x.test\r\nSubject: Hello\r\nMessage-ID: <picked@up.test>\r\n\r\nHello\r\n"
    )
    (spool / "pickup" / "good.eml.tmp").write_text(text, newline="")
    (spool / "pickup" / "good.eml.tmp").rename(spool / "pickup" / "good.eml")
    (spool / "pickup" / "bad.eml").write_text("no headers at all")
    until(lambda: len(recorder.kept()) == 1, 20, f"it was not delivered: {agent.log()}")
    assert recorder.kept()[0]["recipients"] == ["a@x.test", "b@x.test"]
    until(lambda: (spool / "badmail" / "bad.eml.reason").exists(), 10, "the bad one is not told of")
    assert (spool / "badmail" / "bad.eml").read_text() == "no headers at all"
    until(lambda: not list((spool / "pickup").iterdir()), 10, "pickup is not empty")


def test_under_one_key_goes_the_first_and_the_others_are_kept(spool: Path, start: Start, recorder: Recorder) -> None:
    """Before the queue knows of the first, which is read in one go with them, and later."""
    first = next(iter(submit(spool, 5, group=5, key="order 7")))
    agent = start("--server", recorder.server)

    def told() -> list[str]:
        return [path.read_text() for path in (spool / "badmail").glob("*.reason")]

    until(lambda: len(told()) == 4, 20, f"they are gone: {agent.log()}")
    submit(spool, 1, tag="later", key="order 7")
    until(lambda: len(told()) == 5, 20, f"it is gone: {agent.log()}")
    assert all('"order 7" belongs to' in reason for reason in told())
    until(agent.is_empty, 20, "the spool is not empty")
    assert [facts["message_id"] for facts in recorder.kept()] == [first]
