"""SIGHUP: what counts from then on, what needs a restart, and that nobody who is connected is thrown out."""

import json
import re
import signal
import smtplib
import ssl
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from threading import Thread
from typing import Any

import pytest

from harness.agent import Agent, Recorder, submit, until
from harness.pki import Pki

Start = Callable[..., Agent]

TEXT = b"From: me@one.test\r\nTo: a@one.test\r\nSubject: Hello\r\n\r\nHello\r\n"


def reload(agent: Agent, config: str, words: str = "were read again") -> str:
    """Has it read these settings; what it says."""
    before = len(agent.log())
    agent.config.write_text(config)
    agent.signal(signal.SIGHUP)
    until(lambda: words in agent.log()[before:], 20, f"it does not say {words!r}: {agent.log()[before:]}")
    return agent.log()[before:]


def ports(agent: Agent, name: str) -> list[int]:
    return [int(port) for port in re.findall(rf"agent: {name} on \S+:(\d+)", agent.log())]


def client(port: int) -> smtplib.SMTP:
    one = smtplib.SMTP("127.0.0.1", port, local_hostname="client.test", timeout=30)
    one.ehlo()
    return one


def smtp(recorder: Recorder, *lines: str, listen: str = '"127.0.0.1:0"') -> str:
    return "\n".join(["[smtp]", f"listen = [{listen}]", *lines, "[[route]]", f'servers = ["{recorder.server}"]', ""])


def test_smtp_on_the_same_socket_with_other_limits(start: Start, recorder: Recorder) -> None:
    agent = start(config=smtp(recorder, "max_size = 1000000"))
    (port,) = ports(agent, "SMTP")
    early = client(port)
    assert early.esmtp_features["size"] == "1000000"
    assert early.mail("me@one.test")[0] == 250
    said = reload(agent, smtp(recorder, "max_size = 2000000", "max_recipients = 1"))
    assert "SMTP on" not in said, "it is the same socket"
    late = client(port)
    assert late.esmtp_features["size"] == "2000000"
    late.mail("me@one.test")
    assert [late.rcpt(f"{name}@one.test")[0] for name in "ab"] == [250, 452]
    late.close()
    # Who was connected goes on, by what it was told.
    assert [early.rcpt(f"{name}@one.test")[0] for name in "ab"] == [250, 250]
    assert early.data(TEXT)[0] == 250
    early.quit()
    until(lambda: len(recorder.kept()) == 1, 20, "it does not arrive")
    assert recorder.kept()[0]["recipients"] == ["a@one.test", "b@one.test"]
    assert agent.stop() == 0


def test_smtp_on_other_sockets(start: Start, recorder: Recorder) -> None:
    agent = start(config=smtp(recorder))
    (first,) = ports(agent, "SMTP")
    reload(agent, smtp(recorder, listen='"127.0.0.1:0", "[::1]:0"'))
    _, second = ports(agent, "SMTP")
    client(first).quit()
    reload(agent, smtp(recorder, listen='"[::1]:0"'))
    assert f"no longer SMTP on 127.0.0.1:{first}" in agent.log()

    def is_closed() -> bool:
        try:
            client(first).close()
        except ConnectionRefusedError:
            return True
        return False

    until(is_closed, 20, "it still listens")
    smtplib.SMTP("::1", second, timeout=30).quit()
    # One that cannot be had changes nothing.
    taken = recorder.server
    said = reload(agent, smtp(recorder, listen=f'"[::1]:0", "{taken}"'), "stay as they were")
    assert "smtp.listen[1]" in said
    smtplib.SMTP("::1", second, timeout=30).quit()


def test_another_certificate(start: Start, recorder: Recorder, tmp_path: Path) -> None:
    folder, keys = tmp_path / "pki", tmp_path / "keys"
    folder.mkdir()
    keys.mkdir()
    pki = Pki(folder)
    certificate, key = keys / "certificate.pem", keys / "key.pem"

    def use(name: str) -> None:
        certificate.write_bytes(pki[name].chain.read_bytes())
        key.write_bytes(pki[name].key.read_bytes())

    def shown(port: int) -> bytes | None:
        one = client(port)
        one.starttls(context=ssl.create_default_context(cafile=str(pki.ca_file)))
        assert isinstance(one.sock, ssl.SSLSocket)
        certificate = one.sock.getpeercert(binary_form=True)
        one.quit()
        return certificate

    use("good")
    config = smtp(recorder, f'certificate_file = "{certificate}"', f'key_file = "{key}"')
    agent = start(config=config)
    (port,) = ports(agent, "SMTP")
    assert shown(port) == pki["good"].der()
    use("sha384")
    reload(agent, config)
    assert shown(port) == pki["sha384"].der()
    key.write_text("nonsense")
    assert "smtp.key_file" in reload(agent, config, "stay as they were")
    assert shown(port) == pki["sha384"].der()


def test_http_with_another_token(start: Start, recorder: Recorder, tmp_path: Path) -> None:
    token = tmp_path / "token"
    token.touch(mode=0o600)
    token.write_text("first-token-first-token\n")
    config = f'[http]\nlisten = ["127.0.0.1:0"]\ntoken_file = "{token}"\n[[route]]\nservers = ["{recorder.server}"]\n'
    agent = start(config=config)
    (port,) = ports(agent, "HTTP")

    def status(given: str) -> int:
        body = json.dumps({"from": "me@one.test", "to": ["a@one.test"], "subject": "x", "text": "x"}).encode()
        headers = {"Authorization": f"Bearer {given}", "Content-Type": "application/json"}
        request = urllib.request.Request(f"http://127.0.0.1:{port}/api/messages", body, headers)
        try:
            with urllib.request.urlopen(request, timeout=30) as answer:
                return int(answer.status)
        except urllib.error.HTTPError as error:
            return error.code

    assert status("first-token-first-token") < 300
    token.write_text("second-token-second-token\n")
    reload(agent, config)
    assert status("first-token-first-token") == 401
    assert status("second-token-second-token") < 300


class Hook:
    """A web server that is told of events; it refuses until it is let."""

    def __init__(self) -> None:
        self.events: list[dict[str, Any]] = []
        self.signatures: list[str] = []
        self.takes = True
        hook = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                if hook.takes:
                    hook.events += json.loads(body)["data"]["events"]
                    hook.signatures.append(self.headers["webhook-signature"])
                self.send_response(204 if hook.takes else 503)
                self.end_headers()

            def log_message(self, *_: object) -> None:
                pass

        self.server = HTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}/hook"
        Thread(target=self.server.serve_forever, daemon=True).start()

    def ids(self) -> set[str]:
        return {event["id"] for event in self.events}

    def close(self) -> None:
        self.server.shutdown()
        self.server.server_close()


@pytest.fixture
def hooks() -> Iterator[tuple[Hook, Hook]]:
    both = Hook(), Hook()
    yield both
    for hook in both:
        hook.close()


def test_events_go_elsewhere_and_none_is_lost(
    spool: Path, start: Start, recorder: Recorder, tmp_path: Path, hooks: tuple[Hook, Hook]
) -> None:
    secret = tmp_path / "secret"
    secret.write_text("one\n")

    def config(file: str, *told: Hook) -> str:
        webhooks = "".join(f'[[events.webhook]]\nurl = "{one.url}"\nsecret_file = "{secret}"\n' for one in told)
        events = f'[events]\nfile = "{tmp_path / file}"\n{webhooks}'
        return f'{events}[[route]]\nservers = ["{recorder.server}"]\n'

    def told(file: str) -> set[str]:
        path = tmp_path / file
        return {json.loads(line)["id"] for line in path.read_text().splitlines()} if path.exists() else set()

    first, second = hooks
    first.takes = False
    agent = start(config=config("a.jsonl", first))
    before = set(submit(spool, 20, tag="before").values())
    until(lambda: told("a.jsonl") == before, 20, "the first file is not written")
    secret.write_text("two\n")
    reload(agent, config("b.jsonl", first, second))
    after = set(submit(spool, 20, tag="after").values())
    until(lambda: told("b.jsonl") == after, 20, "the other file is not written")
    assert told("a.jsonl") == before
    until(lambda: second.ids() == after, 20, "the new one is not told")
    # What waits for a web server waits over the reload, and is signed by the secret of now.
    first.takes = True
    until(lambda: first.ids() == before | after, 60, "what waited is lost")
    reload(agent, config("b.jsonl"))
    last = set(submit(spool, 5, tag="last").values())
    until(lambda: told("b.jsonl") == after | last, 20, "the file is not written")
    assert first.ids() == before | after
    said = reload(agent, config("b.jsonl") + f'[[events.webhook]]\nurl = "{first.url}"\n', "stay as they were")
    assert "events.webhook[0].secret_file" in said


def test_what_needs_a_restart_is_said(start: Start, recorder: Recorder) -> None:
    route = f'[[route]]\nservers = ["{recorder.server}"]\n'
    agent = start(config=route)
    assert "count after a restart" not in reload(agent, f"sessions = 7\n{route}")
    said = reload(agent, f"memory = 33554432\n{route}")
    assert "these count after a restart: memory\n" in said
