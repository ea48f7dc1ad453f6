"""The agent's SMTP listener: what clients hand over is durable when they are told so, and nobody gets more."""

import json
import os
import re
import shutil
import smtplib
import socket
import ssl
import subprocess
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from harness.agent import Agent, until
from harness.pki import Pki
from harness.sink import Sink, program, read

Start = Callable[..., Agent]


def port(agent: Agent) -> int:
    """Where it listens for SMTP."""
    found = re.findall(r"SMTP on \S+:(\d+)", agent.log())
    return int(found[-1])


def listening(start: Start, sink: Sink, settings: str = "", address: str = "127.0.0.1:0") -> Agent:
    config = f'[smtp]\nlisten = ["{address}"]\n{settings}\n[[route]]\nservers = ["127.0.0.1:{sink.port}"]\n'
    return start(config=config)


def client(agent: Agent) -> smtplib.SMTP:
    return smtplib.SMTP("127.0.0.1", port(agent), local_hostname="client.test", timeout=30)


class Raw:
    """A client that says what it likes."""

    def __init__(self, agent: Agent) -> None:
        self.socket = socket.create_connection(("127.0.0.1", port(agent)), timeout=30)
        self.file = self.socket.makefile("rb")
        assert self.reply().startswith("220 agent.test ESMTP")

    def reply(self) -> str:
        """The next whole reply; empty when the connection is closed."""
        lines = []
        while True:
            line = self.file.readline().decode()
            lines.append(line)
            if line[3:4] != "-":
                return "".join(lines)

    def say(self, text: bytes) -> str:
        self.socket.sendall(text)
        return self.reply()

    def close(self) -> None:
        self.file.close()
        self.socket.close()


def greeting(agent: Agent) -> bytes:
    """How a client is greeted that goes again at once."""
    with socket.create_connection(("127.0.0.1", port(agent)), timeout=30) as one:
        return one.recv(100)


@pytest.fixture
def raw() -> Iterator[Callable[[Agent], Raw]]:
    clients: list[Raw] = []

    def connect(agent: Agent) -> Raw:
        clients.append(Raw(agent))
        return clients[-1]

    yield connect
    for one in clients:
        one.close()


def envelopes(sink: Sink) -> list[dict[str, Any]]:
    return [json.loads(path.with_suffix(".json").read_text())["envelope"] for path in sink.kept()]


def test_a_message_goes_through(start: Start, sink: Sink) -> None:
    agent = listening(start, sink)
    with client(agent) as smtp:
        refused = smtp.sendmail("a@x.test", ["b@y.test", "c@z.test"], "Subject: s\r\n\r\n.dot\r\n..two\r\n")
        assert refused == {}
        code, _text = smtp.docmd("NOOP")
        assert code == 250
    until(lambda: len(sink.kept()) == 1, 30, f"it did not arrive: {agent.log()}")
    assert envelopes(sink)[0]["to"] == ["b@y.test", "c@z.test"]
    arrived = sink.kept()[0].read_bytes()
    assert arrived.endswith(b"\r\n\r\n.dot\r\n..two\r\n")
    message = read(sink.kept()[0])
    received = message.get_all("Received")
    assert len(received) == 2, "one of the listener, one of the agent"
    assert re.fullmatch(
        r"from client\.test \(\[127\.0\.0\.1\]\) by agent\.test with ESMTP; .* \+0000", " ".join(received[1].split())
    )
    assert message["From"] == "a@x.test"
    assert message["Date"]
    assert message["Message-ID"]


def test_what_is_offered(start: Start, sink: Sink) -> None:
    with client(listening(start, sink, "max_size = 12345")) as smtp:
        smtp.ehlo()
        assert set(smtp.esmtp_features) == {
            "pipelining",
            "8bitmime",
            "smtputf8",
            "enhancedstatuscodes",
            "size",
            "chunking",
            "dsn",
            "help",
        }
        assert smtp.esmtp_features["size"] == "12345"
        assert smtp.verify("b@y.test")[0] == 252
        assert smtp.docmd("AUTH", "PLAIN")[0] == 502
        assert smtp.docmd("STARTTLS")[0] == 502


def test_an_answer_of_250_survives_a_kill(start: Start, sink: Sink, spool: Path) -> None:
    retry = '[retry]\nschedule = ["1s"]\n'
    agent = start("--smtp", "127.0.0.1:0", config=f'{retry}[[route]]\nservers = ["127.0.0.1:1"]\n')
    for n in range(5):
        with client(agent) as smtp:
            smtp.sendmail("a@x.test", ["b@y.test"], f"Subject: {n}\r\n\r\n")
    agent.kill()
    start("--smtp", "off", config=f'{retry}[[route]]\nservers = ["127.0.0.1:{sink.port}"]\n')
    until(lambda: len(sink.kept()) == 5, 60, "not all arrived")
    assert sorted(read(path)["Subject"] for path in sink.kept()) == list("01234")


class Calls:
    """The calls of a process to the system, as strace notes them."""

    def __init__(self, agent: Agent, file: Path, *options: str) -> None:
        if shutil.which("strace") is None:
            assert os.environ.get("FREESMTP_REQUIRE_SERVERS") != "1", "strace is not installed"
            pytest.skip("strace is not installed")
        self.file = file
        arguments = ["strace", "-f", "-y", "-s", "100", "-e", "trace=fsync,fdatasync,sendto", *options, "-o", str(file)]
        self.process = subprocess.Popen([*arguments, "-p", str(agent.process.pid)], stderr=subprocess.PIPE, text=True)
        assert self.process.stderr is not None
        line = self.process.stderr.readline()
        if "attached" not in line:
            self.close()
            pytest.skip(f"nobody may look at processes here: {line}")

    def close(self) -> list[str]:
        """Ends it; what was noted."""
        self.process.terminate()
        self.process.communicate(timeout=60)
        return self.file.read_text().splitlines() if self.file.exists() else []


def synced_and_told(lines: list[str]) -> Iterator[tuple[int, int]]:
    """After each line: how many syncs of segments have ended, how many clients were told that a message is queued."""
    waiting: set[str] = set()
    synced = told = 0
    for line in lines:
        thread = line.split(" ", 1)[0]
        # The first one of a segment is an fsync, which keeps its name too.
        if re.search(r"(fsync|fdatasync)\(.*/incoming/.*\.seg>", line):
            waiting.add(thread)
        if line.endswith("= 0") and "sync" in line and thread in waiting:
            waiting.discard(thread)
            synced += 1
        told += "sendto(" in line and "queued as" in line
        yield synced, told


def test_250_is_said_when_the_disk_has_it(start: Start, sink: Sink, tmp_path: Path) -> None:
    agent = listening(start, sink)
    with client(agent) as smtp:
        smtp.ehlo()
        calls = Calls(agent, tmp_path / "calls")
        for n in range(5):
            smtp.sendmail("a@x.test", ["b@y.test"], f"Subject: {n}\r\n\r\n")
    steps = list(synced_and_told(calls.close()))
    assert steps[-1][1] == 5
    assert all(synced >= told for synced, told in steps), steps


def test_clients_that_wait_together_share_a_sync(start: Start, sink: Sink, tmp_path: Path) -> None:
    agent = listening(start, sink)
    # A disk that takes its time, so that others come meanwhile.
    calls = Calls(agent, tmp_path / "calls", "-e", "inject=fdatasync:delay_enter=20000")
    clients = [client(agent) for _ in range(16)]
    ready = threading.Barrier(len(clients))

    def send(smtp: smtplib.SMTP) -> None:
        for n in range(10):
            ready.wait(30)
            smtp.sendmail("a@x.test", ["b@y.test"], f"Subject: {n}\r\n\r\n")
        smtp.close()

    threads = [threading.Thread(target=send, args=(smtp,)) for smtp in clients]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    *_, (synced, told) = synced_and_told(calls.close())
    assert told == 160
    assert 0 < synced < 80, "each message had a sync of its own"


def test_reports_that_are_asked_for(start: Start, sink: Sink, spool: Path) -> None:
    # Nobody takes it, so it stays in the queue.
    agent = start("--smtp", "127.0.0.1:0", config='[[route]]\nservers = ["127.0.0.1:1"]\n')
    with client(agent) as smtp:
        smtp.sendmail(
            "a@x.test",
            ["b@y.test"],
            "Subject: s\r\n\r\n",
            mail_options=["RET=HDRS", "ENVID=a+2Bb"],
            rcpt_options=["NOTIFY=SUCCESS,DELAY", "ORCPT=rfc822;o+2Bx@y.test"],
        )
        for options, code in [("RET=SOME", 501), ("ENVID=+4", 501), ("ENVID", 501), ("RET=FULL RET=FULL", 501)]:
            assert smtp.docmd("MAIL", f"FROM:<a@x.test> {options}")[0] == code, options
        assert smtp.docmd("MAIL", "FROM:<a@x.test>")[0] == 250
        for options, code in [
            ("NOTIFY=NEVER,DELAY", 501),
            ("NOTIFY=OFTEN", 501),
            ("ORCPT=rfc822", 501),
            ("ORCPT=rfc822;+", 501),
            (r"ORCPT=utf-8;\x{D800}@y.test", 501),
            (r"ORCPT=utf-8;o\x{D}\x{A}@y.test", 501),
            ("X=1", 555),
        ]:
            assert smtp.docmd("RCPT", f"TO:<b@y.test> {options}")[0] == code, options
        smtp.rset()
        # As who speaks no SMTPUTF8 says an address outside ASCII (RFC 6533 section 3).
        outside = [r"ORCPT=utf-8;bj\x{F6}rn\x{2B}x@y.test"]
        smtp.sendmail("a@x.test", ["b@y.test"], "Subject: s\r\n\r\n", rcpt_options=outside)
    segments = b"".join(path.read_bytes() for path in (spool / "incoming").glob("*.seg"))
    segments += b"".join(path.read_bytes() for path in (spool / "queue").rglob("*.seg"))
    assert b"a+b" in segments
    assert b"rfc822;o+x@y.test" in segments
    assert "utf-8;björn+x@y.test".encode() in segments


def test_chunks(start: Start, sink: Sink, raw: Callable[[Agent], Raw]) -> None:
    agent = listening(start, sink)
    smtp = raw(agent)
    smtp.say(b"EHLO c\r\n")
    body = b"Subject: s\r\n\r\n.\r\nDATA\r\n.\r\n"
    smtp.socket.sendall(
        b"MAIL FROM:<a@x.test>\r\nRCPT TO:<b@y.test>\r\nBDAT 5\r\n"
        + body[:5]
        + b"BDAT %d LAST\r\n" % (len(body) - 5)
        + body[5:]
        + b"NOOP\r\n"
    )
    replies = [smtp.reply()[:3] for _ in range(5)]
    assert replies == ["250"] * 5
    until(lambda: len(sink.kept()) == 1, 30, "it did not arrive")
    assert sink.only().read_bytes().endswith(b"\r\n\r\n.\r\nDATA\r\n.\r\n")
    # Octets of a chunk that is refused are no commands.
    assert smtp.say(b"BDAT 6 LAST\r\nNOOP\r\nNOOP\r\n")[:3] == "503"
    assert smtp.reply()[:3] == "250"
    for chunk in (b"x\ny\r\n", b"x\ry\r\n", b"x\r\n\r"):
        smtp.say(b"MAIL FROM:<a@x.test>\r\n")
        smtp.say(b"RCPT TO:<b@y.test>\r\n")
        assert smtp.say(b"BDAT %d LAST\r\n" % len(chunk) + chunk)[:3] == "554", chunk
    smtp.say(b"MAIL FROM:<a@x.test>\r\n")
    smtp.say(b"RCPT TO:<b@y.test>\r\n")
    assert smtp.say(b"BDAT 1\r\nx")[:3] == "250"
    assert smtp.say(b"DATA\r\n")[:3] == "503"
    assert smtp.say(b"RSET\r\n")[:3] == "250"
    assert smtp.say(b"BDAT x\r\n")[:3] == "421"
    assert len(sink.kept()) == 1


def test_smuggled_messages(start: Start, sink: Sink, raw: Callable[[Agent], Raw]) -> None:
    """Only CRLF.CRLF ends a message; one with another line end is refused whole (CVE-2023-51764)."""
    agent = listening(start, sink)
    for end in (b"\n.\n", b"\n.\r\n", b"\r.\r", b"\r.\r\n", b"\r\n.\n", b"\r\n.\r"):
        smtp = raw(agent)
        smtp.say(b"EHLO c\r\n")
        smtp.say(b"MAIL FROM:<a@x.test>\r\n")
        smtp.say(b"RCPT TO:<b@y.test>\r\n")
        assert smtp.say(b"DATA\r\n")[:3] == "354"
        hidden = b"MAIL FROM:<evil@x.test>\r\nRCPT TO:<b@y.test>\r\nDATA\r\nSubject: forged\r\n\r\n.\r\n"
        assert smtp.say(b"Subject: s\r\n\r\nx" + end + hidden)[:9] == "554 5.6.0", end
        assert smtp.say(b"NOOP\r\n")[:3] == "250", "one message, one reply"
        assert smtp.say(b"NOOP\nMAIL FROM:<a@x.test>\r\n")[:3] == "500"
    with client(agent) as good:
        good.sendmail("a@x.test", ["b@y.test"], "Subject: good\r\n\r\n")
    until(lambda: len(sink.kept()) == 1, 30, "the good one did not arrive")
    assert read(sink.only())["Subject"] == "good"


def test_hostile_clients(start: Start, sink: Sink, raw: Callable[[Agent], Raw]) -> None:
    agent = listening(start, sink, 'max_size = 2000\nmax_recipients = 3\nconnections = 4\ntimeout = "5s"')
    smtp = raw(agent)
    smtp.say(b"EHLO c\r\n")
    assert smtp.say(b"NOOP " + b"x" * 100_000 + b"\r\n")[:3] == "500"
    assert smtp.say(b"MAIL FROM:<a@x.test> SIZE=2001\r\n")[:3] == "552"
    assert smtp.say(b"MAIL FROM:<a@x.test> SIZE=+5\r\n")[:3] == "501"
    smtp.say(b"MAIL FROM:<a@x.test>\r\n")
    codes = [smtp.say(b"RCPT TO:<b%d@y.test>\r\n" % n)[:9] for n in range(4)]
    assert codes == ["250 2.1.5", "250 2.1.5", "250 2.1.5", "452 4.5.3"]
    smtp.say(b"DATA\r\n")
    assert smtp.say(b"x" * 80 + b"\r\n" + (b"y" * 80 + b"\r\n") * 50 + b".\r\n")[:3] == "552"
    others = [raw(agent) for _ in range(3)]
    with socket.create_connection(("127.0.0.1", port(agent)), timeout=30) as fifth:
        assert fifth.recv(100).startswith(b"421 4.3.2 ")
    # Whoever is silent is sent away, in the middle of a message too, and leaves nothing.
    others[0].say(b"EHLO c\r\n")
    others[0].say(b"MAIL FROM:<a@x.test>\r\n")
    others[0].say(b"RCPT TO:<b@y.test>\r\n")
    others[0].say(b"DATA\r\n")
    others[0].socket.sendall(b"half")
    for one in [smtp, *others]:
        assert one.reply()[:9] == "421 4.4.2"
        assert one.reply() == ""
        one.close()
    until(lambda: greeting(agent).startswith(b"220 "), 20, "their places are not free again")
    faults = raw(agent)
    faults.socket.sendall(b"NONSENSE\r\n" * 30)
    replies = [faults.reply()[:3] for _ in range(22)]
    assert replies == ["500"] * 21 + ["421"]
    browser = raw(agent)
    assert browser.say(b"POST / HTTP/1.1\r\n")[:3] == "421"
    assert not sink.kept()


def test_mail_that_goes_round_in_circles_stops(start: Start, sink: Sink) -> None:
    agent = listening(start, sink)
    with client(agent) as smtp:
        with pytest.raises(smtplib.SMTPDataError) as refused:
            smtp.sendmail("a@x.test", ["b@y.test"], "Received: x\r\n" * 51 + "Subject: s\r\n\r\n")
    assert refused.value.smtp_error.startswith(b"5.4.6")


def test_a_full_disk_is_said(tmp_path: Path, sink: Sink) -> None:
    if os.geteuid() != 0:
        pytest.skip("only root may mount")
    disk = tmp_path / "disk"
    disk.mkdir()
    # The database of the queue, and a segment, and not another one.
    mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=24m", "none", str(disk)], capture_output=True)
    if mounted.returncode != 0:
        pytest.skip(f"no file system can be mounted: {mounted.stderr.decode()}")
    agent = None
    try:
        agent = Agent(disk / "spool", "--smtp", "127.0.0.1:0", "--server", "127.0.0.1:1")
        with client(agent) as smtp:
            smtp.sendmail("a@x.test", ["b@y.test"], "Subject: fits\r\n\r\n")
            with pytest.raises(smtplib.SMTPDataError) as refused:
                smtp.sendmail("a@x.test", ["b@y.test"], "Subject: s\r\n\r\n" + ("x" * 78 + "\r\n") * 400_000)
            assert refused.value.smtp_code == 452
            assert refused.value.smtp_error.startswith(b"4.3.1")
            assert smtp.noop()[0] == 250
            # What is left is for the agent.
            found = os.statvfs(disk)
            (disk / "filler").write_bytes(bytes(found.f_bavail * found.f_frsize - (6 << 20)))
            with pytest.raises(smtplib.SMTPDataError) as refused:
                smtp.sendmail("a@x.test", ["b@y.test"], "Subject: no room\r\n\r\n" + ("x" * 78 + "\r\n") * 2_000)
            assert refused.value.smtp_code == 452
        assert not list((disk / "spool" / "queue").glob(".receiving-*"))
    finally:
        if agent is not None:
            agent.kill()
        subprocess.run(["umount", "-l", str(disk)], check=True)


def test_many_clients_at_once(start: Start, sink: Sink) -> None:
    agent = listening(start, sink)
    taken: list[str] = []

    def send(number: int) -> None:
        with client(agent) as smtp:
            for n in range(20):
                smtp.sendmail("a@x.test", ["b@y.test"], f"Subject: {number}.{n}\r\n\r\n")
                taken.append(f"{number}.{n}")

    threads = [threading.Thread(target=send, args=(number,)) for number in range(20)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(taken) == 400
    until(lambda: len(sink.kept()) == 400, 60, "not all arrived")
    assert sorted(read(path)["Subject"] for path in sink.kept()) == sorted(taken)


def test_beyond_loopback_only_with_tls_and_users(spool: Path, tmp_path: Path) -> None:
    spool.parent.mkdir(exist_ok=True)
    config = tmp_path / "open.toml"
    config.write_text('[smtp]\nlisten = ["0.0.0.0:0"]\n')
    done = subprocess.run(
        [program(), "agent", "--spool", str(spool), "--config", str(config)], capture_output=True, text=True, timeout=30
    )
    assert done.returncode == 2
    assert "smtp.listen[0]" in done.stderr
    assert "users_file" in done.stderr


def test_tls_and_logins(start: Start, sink: Sink, pki: Pki, tmp_path: Path, raw: Callable[[Agent], Raw]) -> None:
    users = tmp_path / "users"
    hashed = subprocess.run(["openssl", "passwd", "-6", "secret"], check=True, capture_output=True, text=True).stdout
    users.write_text(f"me:{hashed.strip()}\n")
    users.chmod(0o600)
    certificate, key = pki["good"].chain, pki["good"].key
    settings = f'certificate_file = "{certificate}"\nkey_file = "{key}"\nusers_file = "{users}"\nrequire_auth = true'
    agent = listening(start, sink, settings)
    with client(agent) as smtp:
        smtp.ehlo()
        assert smtp.docmd("MAIL", "FROM:<a@x.test>")[0] == 530
        # What is sent behind STARTTLS in clear text counts for nothing.
        context = ssl.create_default_context(cafile=str(pki.ca_file))
        context.check_hostname = False
        assert smtp.starttls(context=context)[0] == 220
        assert smtp.helo_resp is None
        smtp.ehlo()
        assert "starttls" not in smtp.esmtp_features
        with pytest.raises(smtplib.SMTPAuthenticationError):
            smtp.login("me", "wrong")
        smtp.login("me", "secret")
        smtp.sendmail("a@x.test", ["b@y.test"], "Subject: s\r\n\r\n")
    until(lambda: len(sink.kept()) == 1, 30, "it did not arrive")
    assert "with ESMTPSA" in read(sink.only()).get_all("Received")[1]
    injecting = raw(agent)
    injecting.say(b"EHLO c\r\n")
    injecting.socket.sendall(b"STARTTLS\r\nMAIL FROM:<evil@x.test>\r\n")
    assert injecting.reply()[:3] == "220"
    tls = context.wrap_socket(injecting.socket.dup(), server_hostname="localhost")
    tls.sendall(b"EHLO c\r\n")
    assert tls.recv(1000).startswith(b"250-agent.test"), "the first reply is to what was encrypted"
    tls.close()
    guessing = raw(agent)
    guessing.say(b"EHLO c\r\n")
    replies = [guessing.say(b"AUTH PLAIN AG1lAHdyb25n\r\n")[:3] for _ in range(3)]
    assert replies == ["535"] * 3
    guessing.socket.sendall(b"AUTH PLAIN AG1lAHdyb25n\r\n")
    assert [guessing.reply()[:3] for _ in range(2)] == ["535", "421"]


def test_with_curl(start: Start, sink: Sink, tmp_path: Path) -> None:
    agent = listening(start, sink)
    (tmp_path / "message.eml").write_text("Subject: curl\n\n.dot\n")
    done = subprocess.run(
        ["curl", "-sS", f"smtp://127.0.0.1:{port(agent)}/client.test", "--mail-from", "a@x.test",
         "--mail-rcpt", "b@y.test", "--crlf", "--upload-file", str(tmp_path / "message.eml")],
        capture_output=True, timeout=30,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    until(lambda: len(sink.kept()) == 1, 30, "it did not arrive")
    assert sink.only().read_bytes().endswith(b"\r\n\r\n.dot\r\n")


def test_addresses_that_are_taken(start: Start, sink: Sink, spool: Path) -> None:
    agent = listening(start, sink)
    other = spool.parent / "other"
    done = subprocess.run(
        [program(), "agent", "--spool", str(other), "--smtp", f"127.0.0.1:{port(agent)}"],
        capture_output=True, text=True, timeout=30,
    )  # fmt: skip
    assert done.returncode == 2
    assert "smtp.listen[0]" in done.stderr
    assert str(port(agent)) in done.stderr


def test_over_standard_input_and_output(spool: Path, start: Start, sink: Sink) -> None:
    spool.parent.mkdir(exist_ok=True)
    text = (
        b"EHLO c\r\nMAIL FROM:<a@x.test>\r\nRCPT TO:<b@y.test>\r\nDATA\r\nSubject: s\r\n\r\nText\r\n.\r\n"
        b"MAIL FROM:<a@x.test>\r\nRCPT TO:<c@y.test>\r\nDATA\r\nSubject: half\r\n\r\nNo en"
    )
    done = subprocess.run(
        [program(), "sendmail", "-bs"],
        input=text,
        capture_output=True,
        timeout=30,
        env={**os.environ, "FREESMTP_SPOOL": str(spool), "FREESMTP_DOMAIN": "host.test"},
    )
    assert done.returncode == 0, done.stderr
    replies = [line for line in done.stdout.decode().splitlines() if line[3:4] == " "]
    assert [reply[:3] for reply in replies] == ["220", "250", "250", "250", "354", "250", "250", "250", "354"]
    assert "queued as" in replies[5]
    start("--server", f"127.0.0.1:{sink.port}")
    until(lambda: len(sink.kept()) == 1, 30, "it did not arrive")
    assert envelopes(sink)[0]["to"] == ["b@y.test"]


def test_a_stop_says_so_and_loses_nothing(start: Start, sink: Sink, raw: Callable[[Agent], Raw]) -> None:
    agent = listening(start, sink)
    waiting = raw(agent)
    waiting.say(b"EHLO c\r\n")
    agent.process.terminate()
    assert waiting.reply()[:9] == "421 4.3.2"
    assert agent.stop() == 0
