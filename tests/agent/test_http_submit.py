"""`POST /api/messages`: programs without a library hand messages over; nobody else's page can."""

import base64
import http.client
import json
import os
import re
import ssl
import subprocess
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from harness.agent import Agent, until
from harness.pki import Pki
from harness.sink import Sink, program, read
from harness.web import Web

Start = Callable[..., Agent]

LETTER: dict[str, Any] = {"from": "A <a@x.test>", "to": "b@y.test", "subject": "s", "text": "Text\n"}
RAW = b"From: a@x.test\r\nTo: h@y.test\r\nBcc: i@y.test\r\nSubject: raw\r\n\r\nText\r\n"


@pytest.fixture
def web(start: Start, sink: Sink) -> Web:
    return Web(start("--smtp", "off", "--http", "127.0.0.1:0", "--server", f"127.0.0.1:{sink.port}"))


def envelope(path: Path) -> dict[str, Any]:
    facts: dict[str, Any] = json.loads(path.with_suffix(".json").read_text())["envelope"]
    return facts


def test_a_message_of_every_part(web: Web, sink: Sink) -> None:
    status, answer = web.post(
        {
            "from": "Zoë <a@x.test>",
            "to": ["B <b@y.test>", "c@y.test"],
            "cc": "d@y.test",
            "bcc": ["e@y.test"],
            "reply_to": "r@x.test",
            "return_path": "bounce@x.test",
            "subject": "Grüße",
            "text": "Hallo\n",
            "html": '<p>Hallo <img src="cid:logo"></p>\n',
            "attachments": [
                {"name": "all.bin", "content": base64.b64encode(bytes(range(256))).decode()},
                {"name": "l.png", "content": "AAAA", "content_id": "logo", "content_type": "image/png"},
            ],
            "headers": {"X-Campaign": "7"},
            "spool": {"priority": 3, "blast": "spring"},
        }
    )
    assert status == 202, answer
    assert re.fullmatch("[0-9A-HJKMNP-TV-Z]{26}", answer["id"])
    until(lambda: len(sink.kept()) == 1, 30, f"it did not arrive: {web.agent.log()}")
    message = read(sink.only())
    assert envelope(sink.only())["to"] == ["b@y.test", "c@y.test", "d@y.test", "e@y.test"]
    assert envelope(sink.only())["from"] == "bounce@x.test"
    assert (message["Subject"], message["Reply-To"], message["X-Campaign"]) == ("Grüße", "r@x.test", "7")
    assert message["From"].addresses[0].display_name == "Zoë"
    assert "Bcc" not in message
    (attachment,) = message.iter_attachments()
    assert attachment.get_content() == bytes(range(256))
    assert {part.get_content_type() for part in message.walk()} >= {"text/plain", "text/html", "image/png"}
    assert web.agent.ask("SELECT name FROM blasts") == [("spring",)]
    assert answer["id"] in sink.only().read_text(errors="replace"), "the id stands in the message"


def test_a_whole_message(web: Web, sink: Sink) -> None:
    assert web.post(RAW, content_type="message/rfc822")[0] == 202
    status, _ = web.post(
        b"Subject: bare\n\n.\nText\n", "?from=bounce%40x.test&to=b%40y.test&to=c@y.test&priority=-1", "message/rfc822"
    )
    assert status == 202
    until(lambda: len(sink.kept()) == 2, 30, "not both arrived")
    found = {read(path)["Subject"]: path for path in sink.kept()}
    assert envelope(found["raw"])["to"] == ["h@y.test", "i@y.test"]
    assert "Bcc" not in read(found["raw"])
    assert envelope(found["bare"]) | {"from": "bounce@x.test", "to": ["b@y.test", "c@y.test"]} == envelope(
        found["bare"]
    )
    bare = read(found["bare"])
    assert bare["From"] == "bounce@x.test"
    assert bare["Date"]
    assert bare["Message-ID"]
    assert "with HTTP" in bare.get_all("Received")[-1]
    assert found["bare"].read_bytes().endswith(b"\r\n\r\n.\r\nText\r\n")


def test_the_same_under_a_key_is_delivered_once(web: Web, sink: Sink) -> None:
    for _ in range(3):
        assert web.post(LETTER, Idempotency_Key="order 7")[0] == 202
    assert web.post({**LETTER, "subject": "another"})[0] == 202
    until(lambda: {read(path)["Subject"] for path in sink.kept()} == {"s", "another"}, 30, "not both arrived")
    until(lambda: web.agent.queued() == 0, 30, "something waits")
    assert len(sink.kept()) == 2


def test_a_repetition_is_answered_with_the_id_of_the_first(web: Web, sink: Sink) -> None:
    _, first = web.post(LETTER, Idempotency_Key="order 8")
    until(lambda: len(sink.kept()) == 1, 30, "it did not arrive")
    assert web.post(LETTER, Idempotency_Key="order 8") == (202, first)
    status, answer = web.post({**LETTER, "text": "Other\n"}, Idempotency_Key="order 8")
    assert (status, answer["error"]["code"]) == (409, "key-of-another")
    assert first["id"] in answer["error"]["message"]
    assert not list((web.agent.spool / "badmail").iterdir())


def test_what_an_attempt_makes_anew_makes_no_other_message(web: Web, sink: Sink) -> None:
    """Its signature, its Message-ID however it is folded, when it came."""
    anew = b"Message-ID:\r\n <%s@x.test>\r\nDKIM-Signature: v=1; d=x.test;\r\n\tb=%s\r\n"

    def post(text: bytes, key: str) -> tuple[int, Any]:
        return web.post(text, content_type="message/rfc822", Idempotency_Key=key)

    def knows(key: str) -> bool:
        return web.agent.ask(f"SELECT 1 FROM keys WHERE key = '{key}'") != []

    # The second is over a mebibyte, and read from a file.
    for key, text in (("9", RAW), ("10", RAW + b"Line\r\n" * 200_000)):
        _, first = post(anew % (b"1", b"YQ==") + text, key)
        until(partial(knows, key), 30, "it is not taken in")
        # The time in its Received line is another one then.
        time.sleep(1.1)
        assert post(anew % (b"2", b"Yg==") + text, key) == (202, first)
        assert post(text.replace(b"i@y.test", b"j@y.test"), key)[0] == 409, "another recipient"
    until(lambda: len(sink.kept()) == 2, 30, "not both arrived")


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"from": ""}, "from"),
        ({"from": "nobody"}, "from"),
        ({"from": "a@x.test\nBcc: x"}, "from"),
        ({"to": []}, "to"),
        ({"to": ["b@y.test", "no address"]}, "to[1]"),
        ({"cc": "no address"}, "cc"),
        ({"bcc": ["x@y.test", "y"]}, "bcc[1]"),
        ({"to": 7}, "to"),
        ({"subject": "a\nBcc: x@y.test"}, "subject"),
        ({"headers": {"Subject": "x"}}, "headers"),
        ({"headers": {"X-Y": "a\r\nBcc: x"}}, "headers"),
        ({"attachments": [{"name": "a", "content": "!"}]}, "attachments[0].content"),
        ({"attachments": [{"name": "a\n", "content": ""}]}, "attachments[0].name"),
        ({"attachments": [{"content": ""}]}, "attachments[0]"),
        ({"spool": {"priority": 10}}, "spool.priority"),
        ({"spool": {"not_before": "tomorrow"}}, "spool.not_before"),
        ({"spool": {"prio": 1}}, "spool.prio"),
        ({"subjekt": "x"}, "subjekt"),
    ],
)
def test_what_is_not_right_is_named(web: Web, change: dict[str, Any], field: str) -> None:
    status, answer = web.post({**LETTER, **change})
    assert status == 400, answer
    assert answer["error"]["field"] == field, answer
    assert answer["error"]["message"]
    assert not list(web.agent.spool.glob("incoming/*.seg")), "nothing was submitted"


def test_what_is_no_message_at_all(web: Web) -> None:
    assert web.post(b"{")[0] == 400
    assert web.post(b'{"from": "a@x.test"} x')[0] == 400
    assert web.post(LETTER, "?to=b@y.test")[1]["error"]["field"] == "to"
    assert web.post(LETTER, content_type="text/plain")[0] == 415
    assert web.post(RAW, "?to=no+address", "message/rfc822")[1]["error"]["field"] == "to"
    for priority in ("x", "%2B3", "10"):
        assert web.post(RAW, f"?priority={priority}", "message/rfc822")[1]["error"]["field"] == "priority"
    assert web.post(b"Subject: s\n\n", "", "message/rfc822")[0] == 400
    assert web.ask("GET", "/api/nothing")[0] == 404
    assert web.ask("GET", "/api/messages")[0] == 405


def test_nobody_without_the_token(web: Web, spool: Path) -> None:
    token = spool / "queue" / "token"
    assert token.stat().st_mode & 0o777 == 0o600
    for authorization in ("", "Bearer", "Bearer x", f"Basic {web.token}", f"Bearer {web.token}x", web.token):
        status, answer = web.post(LETTER, Authorization=authorization)
        assert status == 401, authorization
        assert web.token not in json.dumps(answer)
    status, _, response = web.ask("POST", "/api/messages", b"{}")
    assert (status, response.headers["WWW-Authenticate"]) == (401, "Bearer")
    assert web.post(LETTER, Authorization=f"bearer {web.token}")[0] == 202


def test_no_page_of_another_site(web: Web) -> None:
    for headers in (
        {"Host": "evil.example"},
        {"Host": f"evil.example:{web.port}"},
        {"Host": f"127.0.0.1.evil.example:{web.port}"},
        {"Host": ""},
        {"Origin": "https://evil.example"},
        {"Origin": "null"},
        {"Origin": f"http://127.0.0.1:{web.port + 1}"},
        {"Sec_Fetch_Site": "cross-site"},
        {"Sec_Fetch_Site": "same-site"},
    ):
        assert web.post(LETTER, **headers)[0] == 403, headers
    for headers in (
        {"Host": f"localhost:{web.port}"},
        {"Host": "[::1]"},
        {"Origin": f"http://127.0.0.1:{web.port}", "Sec_Fetch_Site": "same-origin"},
    ):
        assert web.post(LETTER, **headers)[0] == 202, headers
    assert web.ask("GET", "/healthz", Host="evil.example")[0] == 403


def test_limits(start: Start, sink: Sink) -> None:
    config = f'[http]\nlisten = ["127.0.0.1:0"]\nmax_size = 3000\n[[route]]\nservers = ["127.0.0.1:{sink.port}"]\n'
    web = Web(start("--smtp", "off", config=config))
    large = b"Subject: s\r\n\r\n" + b"x" * 70 + b"\r\n" * 3000
    assert web.post(large, "?to=b@y.test&from=a@x.test", "message/rfc822")[0] == 413
    assert web.post({**LETTER, "text": "x" * 2_000_000})[0] == 413
    assert web.post(RAW, "", "message/rfc822")[0] == 202


def test_the_description_and_the_health(web: Web) -> None:
    status, description, response = web.ask("GET", "/api/openapi.json")
    assert status == 200
    assert description["openapi"].startswith("3.")
    post = description["paths"]["/api/messages"]["post"]
    assert set(post["requestBody"]["content"]) == {"application/json", "message/rfc822"}
    assert {"202", "400", "401", "403", "413", "507"} <= set(post["responses"])
    known = set(description["components"]["schemas"]["NewMessage"]["properties"])
    assert {*LETTER, "cc", "bcc", "html", "attachments", "headers", "spool"} <= known
    assert description["components"]["securitySchemes"]["token"]["scheme"] == "bearer"
    assert response.headers["X-Content-Type-Options"] == "nosniff"
    assert web.ask("GET", "/healthz")[:2] == (200, {"status": "ok"})


def test_a_full_disk_is_said(tmp_path: Path) -> None:
    if os.geteuid() != 0:
        pytest.skip("only root may mount")
    disk = tmp_path / "disk"
    disk.mkdir()
    mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=24m", "none", str(disk)], capture_output=True)
    if mounted.returncode != 0:
        pytest.skip(f"no file system can be mounted: {mounted.stderr.decode()}")
    agent = None
    try:
        agent = Agent(disk / "spool", "--smtp", "off", "--http", "127.0.0.1:0", "--server", "127.0.0.1:1")
        web = Web(agent)
        large = b"Subject: s\r\n\r\n" + (b"x" * 78 + b"\r\n") * 400_000
        status, answer = web.post(large, "?to=b@y.test&from=a@x.test", "message/rfc822")
        assert status == 507, answer
        assert str(disk) not in json.dumps(answer)
        assert web.ask("GET", "/healthz")[0] == 503
    finally:
        if agent is not None:
            agent.kill()
        subprocess.run(["umount", "-l", str(disk)], check=True)


def test_beyond_loopback_only_encrypted(spool: Path, tmp_path: Path) -> None:
    spool.parent.mkdir(exist_ok=True)
    done = subprocess.run(
        [program(), "agent", "--spool", str(spool), "--smtp", "off", "--http", "0.0.0.0:0"],
        capture_output=True,
        text=True,
        timeout=30,
    )
    assert done.returncode == 2
    assert "http.listen[0]" in done.stderr
    assert "http.certificate_file" in done.stderr
    assert "http.behind_proxy" in done.stderr


def test_https(start: Start, sink: Sink, pki: Pki) -> None:
    certificate = pki["good"]
    config = (
        f'[http]\nlisten = ["127.0.0.1:0"]\ncertificate_file = "{certificate.chain}"\nkey_file = "{certificate.key}"\n'
        f'[[route]]\nservers = ["127.0.0.1:{sink.port}"]\n'
    )
    web = Web(start("--smtp", "off", config=config))
    context = ssl.create_default_context(cafile=str(pki.ca_file))
    connection = http.client.HTTPSConnection("localhost", web.port, context=context, timeout=30)
    headers = {"Authorization": f"Bearer {web.token}", "Content-Type": "application/json"}
    connection.request("POST", "/api/messages", json.dumps(LETTER), headers)
    assert connection.getresponse().status == 202
    connection.close()
    until(lambda: len(sink.kept()) == 1, 30, "it did not arrive")


def test_an_answer_of_202_survives_a_kill(start: Start, sink: Sink) -> None:
    retry = '[retry]\nschedule = ["1s"]\n[[route]]\nservers = '
    agent = start("--smtp", "off", "--http", "127.0.0.1:0", config=f'{retry}["127.0.0.1:1"]\n')
    web = Web(agent)
    for n in range(5):
        assert web.post({**LETTER, "subject": str(n)})[0] == 202
    agent.kill()
    start("--smtp", "off", "--http", "off", config=f'{retry}["127.0.0.1:{sink.port}"]\n')
    until(lambda: len(sink.kept()) == 5, 60, "not all arrived")
    assert sorted(read(path)["Subject"] for path in sink.kept()) == list("01234")


def test_with_curl(web: Web, sink: Sink, tmp_path: Path) -> None:
    (tmp_path / "message.eml").write_bytes(RAW)
    done = subprocess.run(
        [
            "curl",
            "-sS",
            "--fail-with-body",
            "-H",
            f"Authorization: Bearer {web.token}",
            "-H",
            "Content-Type: message/rfc822",
            "--data-binary",
            f"@{tmp_path / 'message.eml'}",
            f"http://127.0.0.1:{web.port}/api/messages",
        ],
        capture_output=True,
        timeout=30,
    )
    assert done.returncode == 0, done.stderr
    assert len(json.loads(done.stdout)["id"]) == 26
    until(lambda: len(sink.kept()) == 1, 30, "it did not arrive")
