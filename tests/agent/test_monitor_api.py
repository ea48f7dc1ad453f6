"""The monitor's API: what it tells of a real queue, what it obeys, and whom it refuses."""

import json
import re
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest

from harness.agent import Agent, submit, until
from harness.control import Control, command, command_json
from harness.sink import Sink
from harness.web import Events, Web

Start = Callable[..., Agent]

ID = "01ARZ3NDEKTSV4RRFFQ69G5FAV"
SLOW = '[retry]\nschedule = ["1h"]\n'
LISTEN = '[http]\nlisten = ["127.0.0.1:0"]\n'


def route(port: int) -> str:
    return f'[[route]]\nservers = ["127.0.0.1:{port}"]\n'


@pytest.fixture
def sink(tmp_path: Path) -> Iterator[Sink]:
    """A server that knows one address not, and puts off whom it sees for the first time."""
    server = Sink(tmp_path / "mail", "--unknown-user", "never@y.test", "--greylist")
    yield server
    server.close()


@pytest.fixture
def web(start: Start, sink: Sink) -> Web:
    """An agent that tries again in an hour, or when it is told to."""
    return Web(start("--smtp", "off", config=SLOW + LISTEN + route(sink.port)))


def later(web: Web, count: int, failed: int = 0) -> None:
    """Waits until so many were put off, and so many have failed."""

    def tried() -> bool:
        status = web.get("status")
        return bool(status["queue"]["later"] == count and status["since_start"]["failed"] == failed)

    until(tried, 20, f"not all were tried: {web.get('status')}")


# --- Questions --------------------------------------------------------------------------------------------------------


def test_what_waits_and_why(web: Web, spool: Path) -> None:
    named = list(submit(spool, 30, "a{n}@y.test", blast="spring & co/ü", sender="boss@x.test").values())
    ids = sorted(named)
    submit(spool, 1, "never@y.test", sender="")
    later(web, 30, failed=1)
    status = web.get("status")
    assert status["queue"]["messages"] == 30
    assert (status["queue"]["ready"], status["queue"]["held"]) == (0, 0)
    assert status["since_start"] == {"delivered": 0, "deferred": 30, "failed": 1, "unknown": 0}
    waits = web.get("destinations")
    (site,) = waits["sites"]
    assert (site["ready"], site["later"], site["held"], site["ages"]["minutes"]) == (0, 30, 0, 30)
    (cause,) = waits["causes"]
    assert (cause["cause"], cause["count"]) == ("greylisted", 30)
    assert cause["remedy"]
    assert web.get("destinations", limit=1)["sites"] == waits["sites"]

    seen: list[str] = []
    after: dict[str, str] = {}
    while True:
        page = web.get("queue", limit=7, **after)
        seen += [message["id"] for message in page["messages"]]
        if page["next"] is None:
            break
        after = {"after": page["next"]}
    assert seen == ids

    def found(**which: object) -> list[str]:
        return [message["id"] for message in web.get("queue", **which)["messages"]]

    assert found(text="A7@Y.TEST") == [named[7]]
    assert found(text=ids[3]) == [ids[3]]
    assert found(blast="spring & co/ü", limit=2) == ids[:2]
    assert found(site=site["site"], state="later", cause="greylisted", text="boss@") == ids
    assert found(site="elsewhere.test") == found(state="held") == found(cause="relay-denied") == []
    assert found(subject="m 4") == [named[4]]

    message = web.get(f"messages/{ids[0]}", transcripts="true")
    email = f"a{named.index(ids[0])}@y.test"
    assert (message["state"], message["recipients"][0]["email"]) == ("later", email)
    assert message["recipients"][0]["cause"] == "greylisted"
    assert any(f"RCPT TO:<{email}>" in line for line in message["attempts"][0]["transcript"])
    assert "transcript" not in web.get(f"messages/{ids[0]}")["attempts"][0]
    (blast,) = web.get("blasts", limit=1)["blasts"]
    assert (blast["name"], blast["open"], blast["deferred"]) == ("spring & co/ü", 30, 30)
    assert web.get("blasts/" + quote("spring & co/ü", safe="")) == blast


def test_both_doors_tell_the_same(web: Web, spool: Path) -> None:
    ids = list(submit(spool, 5, "a{n}@y.test", blast="b").values())
    later(web, 5)
    asking = Control(spool)
    assert web.get("queue") == asking.ask("list")
    assert web.get(f"messages/{ids[0]}", transcripts="true") == asking.ask("message", id=ids[0], transcripts=True)
    assert web.get("blasts/b") == asking.ask("blast", blast="b")
    assert set(web.get("status")) == set(asking.ask("status"))
    assert web.get("destinations")["causes"] == asking.ask("destinations")["causes"]
    asking.close()


def test_what_ended_is_told_and_what_never_was_is_not(web: Web, spool: Path) -> None:
    for id_ in submit(spool, 5, "never@y.test", sender="").values():
        # At once: what is still on its way is not unknown.
        until(lambda id_=id_: web.get(f"messages/{id_}")["state"] == "done", 20, "it does not end")
        ended = web.get(f"messages/{id_}")
        assert (ended["failed"], ended["recipients"][0]["code"]) == (1, 550)
        assert web.ask("GET", f"/api/messages/{id_}/content", Authorization=f"Bearer {web.token}")[0] == 404
    for path, code in ((f"messages/{ID}", "unknown-id"), ("blasts/never", "unknown-blast"), ("no", "not-found")):
        status, answer, _ = web.ask("GET", f"/api/{path}")
        assert (status, answer["error"]["code"]) == (404, code)
        assert answer["error"]["remedy"]


@pytest.mark.parametrize(
    ("path", "field"),
    [
        ("queue?limit=0", "limit"),
        ("queue?limit=1001", "limit"),
        ("queue?limit=%2B5", "limit"),
        ("queue?limit=x", "limit"),
        ("queue?limit=1&limit=2", "limit"),
        ("queue?state=lost", "state"),
        ("queue?after=x", "after"),
        ("queue?page=2", "page"),
        ("destinations?limit=-1", "limit"),
        ("blasts?limit=", "limit"),
        ("status?x=1", "x"),
        ("messages/short", "id"),
        (f"messages/{ID}?transcripts=maybe", "transcripts"),
        ("blasts/%ff", "path"),
    ],
)
def test_what_is_not_right_in_a_question_is_named(web: Web, path: str, field: str) -> None:
    status, answer, _ = web.ask("GET", f"/api/{path}")
    assert (status, answer["error"]["code"], answer["error"]["field"]) == (400, "bad-request", field), answer
    assert answer["error"]["message"]
    assert answer["error"]["remedy"]


def test_the_history_has_a_point_a_second(web: Web, spool: Path) -> None:
    submit(spool, 20, "a{n}@y.test")
    until(lambda: sum(point["deferred"] for point in web.get("history")["points"]) == 20, 20, "they are not counted")
    history = web.get("history")
    assert history["interval_seconds"] == 1
    assert history["points"][-1].keys() == {"at", "delivered", "deferred", "failed", "sessions", "queue"}
    assert history["points"][-1]["queue"] == 20


# --- Orders -----------------------------------------------------------------------------------------------------------


def test_messages_obey(web: Web, spool: Path, sink: Sink) -> None:
    ids = list(submit(spool, 6, "a{n}@y.test", blast="b").values())
    later(web, 6)
    assert web.order("queue/hold", {"ids": [ids[0], ID]}) == {"count": 1, "unknown": [ID]}
    assert web.get(f"messages/{ids[0]}")["state"] == "held"
    assert web.get("status")["queue"] | {"later": 5, "held": 1} == web.get("status")["queue"]
    assert web.order("queue/release", {"filter": {"state": "held"}})["ids"] == [ids[0]]
    assert web.order("queue/retry", {"ids": ids[:1]})["count"] == 1
    until(lambda: len(sink.kept()) == 1, 20, "it was not tried")
    assert web.order("queue/cancel", {"ids": ids[1:2]})["count"] == 1
    assert web.get(f"messages/{ids[1]}")["cancelled"] == 1
    assert web.order("queue/purge", {"filter": {"text": "a2@", "cause": "greylisted"}})["ids"] == [ids[2]]
    assert web.order("queue/retry", {"all": True})["count"] == 3
    until(web.agent.is_empty, 20, "they were not tried")
    assert len(sink.kept()) == 4
    assert web.order("queue/hold", {"ids": ids[:1]}, 404)["error"]["code"] == "unknown-id"


def test_blasts_obey(web: Web, spool: Path) -> None:
    submit(spool, 5, "a{n}@y.test", blast="one/two")
    later(web, 5)
    assert web.order("blasts/one%2Ftwo/pause")["state"] == "paused"
    assert {message["state"] for message in web.get("queue")["messages"]} == {"paused"}
    assert web.order("blasts/one%2Ftwo/resume")["state"] == "running"
    cancelled = web.order("blasts/one%2Ftwo/cancel")
    assert (cancelled["state"], cancelled["cancelled"], cancelled["open"]) == ("cancelled", 5, 0)
    assert web.order("blasts/one%2Ftwo/resume", code=409)["error"]["code"] == "blast-cancelled"
    assert web.order("blasts/never/pause", code=404)["error"]["code"] == "unknown-blast"


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ("{}", None),
        ("{", "body"),
        ("[]", "body"),
        ('{"ids": ["x"]}', "ids[0]"),
        ('{"ids": 7}', "ids"),
        (json.dumps({"ids": [ID] * 1001}), "ids"),
        (json.dumps({"ids": [ID], "all": True}), None),
        (json.dumps({"ids": [ID], "filter": {"text": "x"}}), "filter"),
        ('{"filter": {}}', None),
        ('{"filter": {"text": ""}}', None),
        ('{"filter": {"state": "lost"}}', "filter.state"),
        ('{"filter": {"status": "held"}}', "filter.status"),
        ('{"all": "yes"}', "all"),
    ],
)
def test_what_is_not_right_in_an_order_is_named_and_nothing_is_done(
    web: Web, spool: Path, body: str, field: str | None
) -> None:
    submit(spool, 1, "a@y.test")
    later(web, 1)
    headers = {"Authorization": f"Bearer {web.token}", "Content_Type": "application/json"}
    for order in ("hold", "purge"):
        status, answer, _ = web.ask("POST", f"/api/queue/{order}", body.encode(), **headers)
        assert (status, answer["error"].get("field")) == (400, field), answer
    status, _, _ = web.ask("POST", "/api/queue/purge", b'{"all": true}', Authorization=f"Bearer {web.token}")
    assert status == 415
    assert web.get("status")["queue"]["later"] == 1


def test_a_message_as_it_was_submitted(web: Web, spool: Path) -> None:
    (small,) = submit(spool, 1, "a@y.test", octets=300).values()
    (large,) = submit(spool, 1, "b@y.test", octets=3_000_000, tag="large").values()
    later(web, 2)
    for id_, least in ((small, 200), (large, 2_000_000)):
        status, text, response = web.raw("GET", f"/api/messages/{id_}/content", Authorization=f"Bearer {web.token}")
        assert status == 200
        assert text.decode().replace("\r\n", "\n") == command(spool, "queue", "cat", id_)
        assert len(text) == int(response.headers["Content-Length"]) > least
        assert response.headers["Content-Type"] == "message/rfc822"
        assert response.headers["Content-Disposition"] == f'attachment; filename="{id_}.eml"'
        assert web.ask("GET", f"/api/messages/{id_}/content")[0] == 401


# --- Live -------------------------------------------------------------------------------------------------------------


def test_what_goes_on_is_told_as_it_happens(web: Web, spool: Path, sink: Sink) -> None:
    events = web.events()
    assert events.status == 200
    first = [next(iter(events)) for _ in range(3)]
    assert [name for name, _ in first] == ["status", "blasts", "destinations"]
    assert events.retry == 1000
    ids = submit(spool, 30, "a{n}@y.test", blast="news")
    event = events.until("delivery")
    assert (event["event"], event["cause"], event["id"] in ids.values()) == ("deferred", "greylisted", True)
    told: dict[str, Any] = {}
    for name, data in events:
        told[name] = data
        blasts = told.get("blasts", {"blasts": []})["blasts"]
        causes = told.get("destinations", {"causes": []})["causes"]
        if (
            [(blast["name"], blast["deferred"]) for blast in blasts] == [("news", 30)]
            and [cause["count"] for cause in causes] == [30]
            and told["status"]["queue"]["later"] == 30
            and told["point"]["queue"] == 30
        ):
            break
    web.order("queue/retry", {"all": True})
    for name, data in events:
        if name == "blasts" and data["blasts"][0]["done"]:
            break
    assert data["blasts"][0]["delivered"] == 30
    events.close()


def test_a_stop_ends_the_streams_and_they_come_again(start: Start, sink: Sink, spool: Path) -> None:
    agent = start("--smtp", "off", config=SLOW + LISTEN + route(sink.port))
    port = Web(agent).port
    streams = [Events(port) for _ in range(5)]
    assert all(stream.until("status")["pid"] == agent.process.pid for stream in streams)
    began = time.monotonic()
    assert agent.stop() == 0
    for stream in streams:
        assert list(stream) is not None, "it ends"
        stream.close()
    assert time.monotonic() - began < 9, "nobody waited for a stream"
    listen = f'[http]\nlisten = ["127.0.0.1:{port}"]\n'
    again = start("--smtp", "off", config=SLOW + listen + route(sink.port))
    stream = Events(port)
    assert stream.until("status")["pid"] == again.process.pid
    stream.close()
    again.kill()


def test_those_who_do_not_read_are_few_and_hold_nobody_up(web: Web, spool: Path) -> None:
    streams = [web.events() for _ in range(64)]
    assert {stream.status for stream in streams} == {200}
    status, answer, _ = web.ask("GET", "/api/events")
    assert (status, answer["error"]["code"]) == (503, "too-many-streams")
    submit(spool, 300, "a{n}@y.test", blast="news")
    later(web, 300)
    assert len(web.get("queue", limit=1000)["messages"]) == 300
    for stream in streams:
        stream.close()

    def opened() -> bool:
        stream = web.events()
        stream.close()
        return stream.status == 200

    until(opened, 20, "their places are not free again")


# --- Who is let in ----------------------------------------------------------------------------------------------------


def operations(web: Web, method: str) -> list[str]:
    """The paths with that method, as the description has them."""
    paths: dict[str, Any] = web.get("openapi.json")["paths"]
    return [path.replace("{id}", ID).replace("{name}", "news") for path, item in paths.items() if method in item]


def test_without_the_token_nothing_changes(web: Web, spool: Path) -> None:
    ids = list(submit(spool, 3, "a{n}@y.test", blast="news").values())
    later(web, 3)
    before = (web.get("queue"), web.get("blasts/news"))
    orders = operations(web, "post")
    assert len(orders) == 9, orders
    bodies = [{"all": True}, {"ids": ids}, {"filter": {"blast": "news"}}, {"from": "a@x.test", "to": "b@y.test"}]
    for path in orders:
        for body in bodies:
            for authorization in ("", f"Bearer {web.token[:-1]}", f"Basic {web.token}", "Bearer"):
                headers = {"Authorization": authorization, "Content_Type": "application/json"}
                status, answer, _ = web.ask("POST", path, json.dumps(body).encode(), **headers)
                assert (status, answer["error"]["code"]) == (401, "token"), path
        assert web.ask("POST", f"{path}?token={web.token}", json.dumps(body).encode())[0] == 401
    for method in ("PUT", "PATCH", "DELETE"):
        assert web.ask(method, "/api/queue/purge")[0] == 401
    assert (web.get("queue"), web.get("blasts/news")) == before


def test_no_other_name_and_no_other_site(web: Web) -> None:
    token = {"Authorization": f"Bearer {web.token}"}
    paths = [("GET", path) for path in [*operations(web, "get"), "/", "/assets/app.js", "/api/openapi.json"]]
    paths += [("POST", path) for path in operations(web, "post")]
    for method, path in paths:
        for headers in (
            {"Host": f"evil.example:{web.port}"},
            {"Host": f"127.0.0.1.evil.example:{web.port}"},
            {"Origin": "https://evil.example"},
            {"Origin": f"http://127.0.0.1:{web.port + 1}"},
            {"Origin": "null"},
            {"Sec_Fetch_Site": "cross-site"},
            {"Sec_Fetch_Site": "same-site", "Sec_Fetch_Mode": "no-cors"},
        ):
            status, answer, _ = web.ask(method, path, b"{}", **headers, **token)
            assert (status, answer["error"]["code"]) == (403, "foreign"), (method, path, headers)
    visit = {"Sec_Fetch_Site": "cross-site", "Sec_Fetch_Mode": "navigate", "Sec_Fetch_Dest": "document"}
    assert web.raw("GET", "/", **visit)[0] == 200, "a link to the page"
    assert web.raw("GET", "/api/status", **visit)[0] == 403
    assert web.raw("POST", "/", **visit)[0] == 403


def test_behind_a_proxy_questions_need_the_token_too(start: Start, sink: Sink) -> None:
    config = f"{SLOW}{LISTEN}behind_proxy = true\nhosts = ['mail.example']\n{route(sink.port)}"
    web = Web(start("--smtp", "off", config=config))
    (_, description, _) = web.ask("GET", "/api/openapi.json")
    public = {"/healthz"}
    host = {"Host": "mail.example"}
    for path, item in description["paths"].items():
        if "get" in item and path not in public:
            asked = path.replace("{id}", ID).replace("{name}", "news")
            assert web.raw("GET", asked, **host)[0] == 401, path
            assert web.raw("GET", asked, Authorization="Bearer x", **host)[0] == 401, path
    for path in ("/", "/assets/app.js", "/healthz", "/api/openapi.json"):
        assert web.raw("GET", path, **host)[0] == 200, path
    stream = web.events(Authorization=f"Bearer {web.token}")
    assert stream.until("status")["version"]
    stream.close()
    assert web.raw("GET", "/api/status", Authorization=f"Bearer {web.token}", **host)[0] == 200


def test_the_page_brings_everything_itself(web: Web) -> None:
    status, html, response = web.raw("GET", "/")
    assert status == 200
    assert response.headers["Content-Type"] == "text/html; charset=utf-8"
    policy = dict(part.strip().split(" ", 1) for part in response.headers["Content-Security-Policy"].split(";"))
    assert policy["default-src"] == policy["base-uri"] == policy["form-action"] == policy["frame-ancestors"] == "'none'"
    assert policy["script-src"] == policy["style-src"] == policy["connect-src"] == "'self'"
    named = re.findall(r'(?:src|href)="([^"]+)"', html.decode())
    assert named
    for name in named:
        status, text, file = web.raw("GET", "/" + name.lstrip("/"))
        assert status == 200, name
        assert text
        assert file.headers["X-Content-Type-Options"] == "nosniff"
        tag = file.headers["ETag"]
        assert web.raw("GET", "/" + name.lstrip("/"), If_None_Match=tag)[:2] == (304, b"")
    for text in (html, web.raw("GET", "/assets/app.js")[1]):
        assert web.token.encode() not in text


def hostile(listener: socket.socket, reply: bytes) -> None:
    """A server that refuses every recipient with that reply."""
    while True:
        try:
            client, _ = listener.accept()
        except OSError:
            return
        with client, client.makefile("rb") as lines:
            client.sendall(b"220 x\r\n")
            for line in lines:
                verb = line[:4].upper()
                client.sendall({b"EHLO": b"250 x\r\n", b"RCPT": reply, b"QUIT": b"221 x\r\n"}.get(verb, b"250 x\r\n"))
                if verb == b"QUIT":
                    break


def test_what_others_wrote_is_text(start: Start, spool: Path) -> None:
    evil = "</script><script>alert(1)</script>\u202e\u2028"
    reply = b"450 4.2.0 " + evil.encode() + b"\x1b[31m\x07\x00'\"\r\n"
    with socket.create_server(("127.0.0.1", 0)) as listener:
        threading.Thread(target=hostile, args=(listener, reply), daemon=True).start()
        web = Web(start("--smtp", "off", config=SLOW + LISTEN + route(listener.getsockname()[1])))
        events = web.events()
        message = {
            "from": '"<img src=x onerror=alert(1)>"@x.test',
            "to": '"\'><svg/onload=alert(1)>"@y.test',
            "subject": evil,
            "text": "x",
            "spool": {"blast": evil},
        }
        status, answer = web.post(message)
        assert status == 202, answer
        later(web, 1)
        event = events.until("delivery")
        assert evil in event["text"]
        paths = ["queue", f"messages/{answer['id']}?transcripts=true", "blasts", "destinations"]
        paths += ["blasts/" + quote(evil, safe=""), "blasts/" + quote("<b>"), "queue?state=%3Cb%3E"]
        for path in paths:
            _, text, response = web.raw("GET", f"/api/{path}")
            assert response.headers["Content-Type"] == "application/json"
            assert not re.search(rb"[\x00-\x1f]", text), f"{path}: control characters are escaped"
            json.loads(text)
        found = web.get(f"messages/{answer['id']}")
        assert found["subject"] == evil
        assert evil in found["recipients"][0]["text"]
        for text in web.raw("GET", "/metrics")[1].decode().splitlines():
            assert "script" not in text
        events.close()


# --- Machines ---------------------------------------------------------------------------------------------------------


def test_metrics_are_those_of_prometheus(web: Web, spool: Path) -> None:
    from prometheus_client.openmetrics.parser import text_string_to_metric_families

    submit(spool, 4, "a{n}@y.test")
    submit(spool, 1, "never@y.test", sender="")
    later(web, 4, failed=1)
    status, text, response = web.raw("GET", "/metrics")
    assert status == 200
    assert response.headers["Content-Type"].startswith("application/openmetrics-text; version=1.0.0")
    samples = {}
    for family in text_string_to_metric_families(text.decode()):
        assert family.name.startswith("freesmtp_")
        assert family.documentation
        for sample in family.samples:
            samples[sample.name, *sorted(sample.labels.values())] = sample.value
    assert samples["freesmtp_queue_messages",] == 4
    assert samples["freesmtp_queue_deliveries", "later"] == 4
    assert 0 < samples["freesmtp_queue_oldest_age_seconds",] < 100
    assert samples["freesmtp_sessions_limit",] == 256
    assert samples["freesmtp_recipients_total", "deferred"] == 4
    assert samples["freesmtp_failures_total", "deferred", "greylisted"] == 4
    assert sum(value for key, value in samples.items() if key[0] == "freesmtp_failures_total") == 5
    assert samples["freesmtp_intake_messages_total",] >= 5
    assert samples["freesmtp_spool_size_bytes",] > samples["freesmtp_spool_free_bytes",] > 0


def test_the_health_has_limits(start: Start, sink: Sink, spool: Path) -> None:
    health = '[http.health]\noldest_ready = "1s"\n'
    agent = start("--smtp", "off", "--sessions", "1", config=f"{SLOW}{LISTEN}{health}{route(sink.port)}")
    web = Web(agent)
    assert web.ask("GET", "/healthz")[:2] == (200, {"status": "ok"})
    web.order("blasts/none/pause", code=404)
    submit(spool, 1, "a@y.test", blast="b")
    later(web, 1)
    web.order("blasts/b/pause")
    web.order("queue/retry", {"all": True})
    until(lambda: web.get("destinations")["sites"][0]["oldest_ready_seconds"] >= 2, 20, "it is not ready")
    assert web.ask("GET", "/healthz")[0] == 200, "what is paused does not count"
    agent.stop()

    with socket.create_server(("127.0.0.1", 0)) as silent:
        port = silent.getsockname()[1]
        agent = start("--smtp", "off", "--sessions", "1", config=f"{SLOW}{LISTEN}{health}{route(port)}")
        web = Web(agent)
        submit(spool, 2, "c{n}@y.test", tag="c")
        until(lambda: web.ask("GET", "/healthz")[0] == 503, 20, "it says that all is well")
        assert web.ask("GET", "/healthz")[1]["error"]["code"] == "waits-too-long"
        agent.kill()

    config = f"{SLOW}{LISTEN}[http.health]\nleast_free = {1 << 60}\n{route(sink.port)}"
    web = Web(start("--smtp", "off", config=config))
    status, answer, _ = web.ask("GET", "/healthz")
    assert (status, answer["error"]["code"]) == (503, "disk-full")


def test_the_command_tells_where_it_is(web: Web, start: Start, spool: Path, sink: Sink) -> None:
    assert command(spool, "monitor") == f"http://127.0.0.1:{web.port}/#token={web.token}\n"
    told = command_json(spool, "monitor")
    assert (told["addresses"], told["token"]) == ([f"http://127.0.0.1:{web.port}"], web.token)
    web.agent.stop()
    assert command_json(spool, "monitor", code=75)["error"]["code"] == "no-agent"
    start("--smtp", "off", "--http", "off", "--server", f"127.0.0.1:{sink.port}")
    assert command_json(spool, "monitor", code=1)["error"]["code"] == "no-monitor"


def test_it_keeps_to_its_description(web: Web, spool: Path) -> None:
    ids = submit(spool, 3, "a{n}@y.test", blast="news")
    assert ids
    later(web, 3)
    checks = "not_a_server_error,status_code_conformance,content_type_conformance,response_schema_conformance"
    done = subprocess.run(
        [
            Path(sys.executable).parent / "schemathesis",
            "run",
            f"http://127.0.0.1:{web.port}/api/openapi.json",
            "--header",
            f"Authorization: Bearer {web.token}",
            "--checks",
            checks,
            "--exclude-path",
            "/api/events",
            "--max-examples",
            "8",
            "--phases",
            "coverage,fuzzing",
            "--generation-deterministic",
            "--suppress-health-check",
            "all",
            "--no-color",
        ],
        capture_output=True,
        text=True,
        timeout=300,
        cwd=spool.parent,
    )
    assert done.returncode == 0, done.stdout[-6000:] + done.stderr
    tested = re.search(r"Tested: (\d+)", done.stdout)
    assert tested is not None
    assert int(tested[1]) == len(operations(web, "get")) + len(operations(web, "post")) - 1
    assert web.agent.process.poll() is None
    assert "panicked" not in web.agent.log()
