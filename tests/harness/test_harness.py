"""The harness itself, proven with Python's smtplib: a test that cannot fail proves nothing about the library."""

import base64
import contextlib
import json
import os
import shlex
import signal
import smtplib
import socket
import ssl
import subprocess
import sys
from pathlib import Path
from typing import ClassVar

import pytest

from harness import cyrus, driver, scenario
from harness.dovecot import ACCOUNTS
from harness.driver import ContractError, Job
from harness.flights import FlightServer
from harness.maildir import parse
from harness.pki import Pki
from harness.postfix import DOMAIN, Postfix
from harness.process import listening, wait_until
from harness.running import RunningDriver
from harness.scripted import Chunk, Close, Hear, Message, Say, ScriptedServer, Silence, Step, Tls, Violation, Waits

GREETING: list[Step] = [Say(b"220-one\r\n220 two\r\n"), Hear("EHLO client.test"), Say(b"250-a\r\n250 b\r\n")]
SOURCE = Path(__file__).parents[1]


def client(port: int) -> smtplib.SMTP:
    return smtplib.SMTP("127.0.0.1", port, local_hostname="client.test", timeout=20)


class TestScriptedServer:
    @pytest.mark.parametrize("split", ["whole", "lines", "bytes"])
    def test_records_a_whole_session(self, split: str, serve) -> None:
        transaction: list[Step] = [
            Hear("mail FROM:<a@b.test>"),
            Say(b"250 ok\r\n"),
            Hear(r"rcpt TO:<.*@d\.test>", pattern=True),
            Say(b"250 ok\r\n"),
            Hear("data"),
            Say(b"354 go\r\n"),
            Message(),
            Say(b"250 done\r\n"),
        ]
        server = serve([*GREETING[:1], Hear("ehlo client.test"), GREETING[2], *transaction], split=split)
        with client(server.port) as smtp:
            smtp.sendmail("a@b.test", ["c@d.test"], "Subject: x\r\n\r\n.dot\r\n..\r\n")
        server.finish()
        assert server.messages == [b"Subject: x\r\n\r\n.dot\r\n..\r\n"]
        assert server.connections[0].lines[-1].lower() == "quit"
        assert server.connections[0].finished
        assert b"\r\n..dot\r\n...\r\n.\r\n" in server.received

    @pytest.mark.parametrize(
        ("split", "reads"), [("whole", [18]), ("lines", [9, 9]), ("bytes", [1] * 18)], ids=["whole", "lines", "bytes"]
    )
    @pytest.mark.parametrize("host", ["127.0.0.1", "::1"])
    def test_each_piece_is_a_read_of_its_own(self, host: str, split: str, reads: list[int], serve) -> None:
        server = serve([Say(b"220-one\r\n220 two\r\n")], split=split, host=host)
        found = []
        with socket.create_connection((host, server.port), timeout=20) as connected:
            while sum(found) < 18:
                found.append(len(connected.recv(100)))
        server.finish()
        assert found == reads

    def test_wrong_line_is_a_violation(self, serve) -> None:
        server = serve(GREETING)
        with contextlib.suppress(smtplib.SMTPException), client(server.port) as smtp:
            smtp.noop()
        with pytest.raises(Violation, match=r"expected 'EHLO client\.test', heard 'noop'"):
            server.finish()

    def test_line_after_the_script_is_a_violation(self, serve) -> None:
        server = serve(GREETING[:1])
        with contextlib.suppress(smtplib.SMTPException), client(server.port) as smtp:
            smtp.noop()
        with pytest.raises(Violation, match="at its end"):
            server.finish()

    def test_bare_line_feed_is_a_violation(self, serve) -> None:
        server = serve(GREETING)
        with socket.create_connection(("127.0.0.1", server.port)) as connected:
            connected.sendall(b"EHLO client.test\n")
            while connected.recv(100):
                pass
        with pytest.raises(Violation, match="without CR"):
            server.finish()

    def test_client_that_leaves_early_is_a_violation(self, serve) -> None:
        server = serve(GREETING)
        socket.create_connection(("127.0.0.1", server.port)).close()
        with pytest.raises(Violation, match="closed"):
            server.finish()

    def test_connections_are_counted(self, serve) -> None:
        server = serve()
        socket.create_connection(("127.0.0.1", server.port)).close()
        with pytest.raises(Violation, match="more than the script has"):
            server.finish()
        server = serve(GREETING)
        with pytest.raises(Violation, match="never opened"):
            server.finish()

    def test_optional_line(self, serve) -> None:
        script: list[Step] = [
            Say(b"220 x\r\n"),
            Hear("noop", optional=True),
            Say(b"250 heard\r\n", conditional=True),
            Hear("rset"),
            Say(b"250 reset\r\n"),
        ]
        server = serve(script, script)
        with client(server.port) as smtp:
            assert smtp.noop() == (250, b"heard")
            assert smtp.rset() == (250, b"reset")
        with client(server.port) as smtp:
            assert smtp.rset() == (250, b"reset")
        server.finish()

    def test_a_client_that_does_not_wait(self, serve) -> None:
        server = serve(*[[Hear("x"), Waits(), Say(b"250 ok\r\n"), Hear("y")]] * 2)
        with socket.create_connection(("127.0.0.1", server.port)) as connected:
            connected.sendall(b"x\r\n")
            assert connected.recv(100)
            connected.sendall(b"y\r\n")
        with socket.create_connection(("127.0.0.1", server.port)) as connected:
            connected.sendall(b"x\r\ny\r\n")
            assert connected.recv(100) == b""
        with pytest.raises(Violation, match=r"\Aconnection 2, step 2: the client does not wait, it says b'y"):
            server.finish()

    def test_chunks_are_one_message(self, serve) -> None:
        server = serve([Chunk(), Chunk(3, last=True), Say(b"250 ok\r\n")], [Chunk(5)], [Chunk(last=True)])
        for sent in (b"BDAT 4\r\n.\r\nxBDAT 3 LAST\r\ny\r\n", b"BDAT 4\r\nabcd", b"BDAT 0\r\n"):
            with socket.create_connection(("127.0.0.1", server.port)) as connected:
                connected.sendall(sent)
                while connected.recv(100):
                    connected.shutdown(socket.SHUT_WR)
        with pytest.raises(Violation, match=r"(?s)BDAT 4.*BDAT 0"):
            server.finish()
        assert server.messages == [b".\r\nxy\r\n"]
        assert server.connections[0].finished

    @pytest.mark.parametrize(("reset", "error"), [(False, None), (True, ConnectionResetError)])
    def test_close(self, reset: bool, error: type[OSError] | None, serve) -> None:
        server = serve([Hear("x"), Close(reset=reset)])
        with socket.create_connection(("127.0.0.1", server.port)) as connected:
            connected.sendall(b"x\r\n")
            with pytest.raises(error) if error else contextlib.nullcontext():
                assert connected.recv(1) == b""
        server.finish()

    def test_silence(self, serve) -> None:
        server = serve([Silence()])
        with socket.create_connection(("127.0.0.1", server.port)) as connected:
            connected.sendall(b"anything")
        server.finish()
        assert server.received == b"anything"

    def test_starttls_and_injected_clear_text(self, serve, pki: Pki) -> None:
        script: list[Step] = [
            Say(b"220 x\r\n"),
            Hear("STARTTLS"),
            Say(b"220 go\r\n"),
            Tls(),
            Hear("noop"),
            Say(b"250 ok\r\n"),
        ]
        server = serve(script, script)
        with client(server.port) as smtp:
            smtp.ehlo_resp, smtp.esmtp_features, smtp.does_esmtp = b"", {"starttls": ""}, True
            smtp.starttls(context=ssl.create_default_context(cafile=str(pki.ca_file)))
            assert smtp.noop() == (250, b"ok")
        with socket.create_connection(("127.0.0.1", server.port)) as connected:
            connected.sendall(b"STARTTLS\r\nNOOP\r\n")
            while connected.recv(100):
                pass
        with pytest.raises(Violation, match="before the TLS handshake"):
            server.finish()
        assert server.connections[0].tls_version == "TLSv1.3"


class TestFlightServer:
    @pytest.mark.parametrize(("together", "flights"), [(True, 3), (False, 5)])
    def test_counts_when_the_client_waits(self, together: bool, flights: int) -> None:
        lines = [b"EHLO a\r\n", b"MAIL FROM:<>\r\n", b"RCPT TO:<a@b>\r\n", b"QUIT\r\n"]
        said = [lines[0], b"".join(lines[1:])] if together else lines
        client = f"""if True:
            import socket, sys, time
            connected = socket.create_connection(("127.0.0.1", int(sys.stdin.readline())))
            connected.recv(1000)
            for line in {said!r}:
                for piece in line.splitlines(keepends=True):
                    connected.sendall(piece)
                    sum(range(300_000))  # busy, not waiting
                connected.recv(1000)
        """
        process = subprocess.Popen([sys.executable, "-c", client], stdin=subprocess.PIPE)
        with FlightServer(process.pid, "PIPELINING") as server:
            process.communicate(f"{server.port}\n".encode(), timeout=20)
        assert process.returncode == 0
        assert server.flights == flights
        assert server.sessions[0].commands[-1] == "QUIT"


class TestPki:
    @pytest.mark.parametrize(
        ("name", "complaint"),
        [
            ("good", None),
            ("expired", "expired"),
            ("wrong-name", "IP address mismatch"),
            ("self-signed", "self-signed"),
            ("other-issuer", "unable to get local issuer"),
        ],
    )
    def test_certificates_are_what_they_say(self, name: str, complaint: str | None, serve, pki: Pki) -> None:
        server = serve([Tls(name)])
        context = ssl.create_default_context(cafile=str(pki.ca_file))
        expected = (
            pytest.raises(ssl.SSLCertVerificationError, match=complaint) if complaint else contextlib.nullcontext()
        )
        with socket.create_connection(("127.0.0.1", server.port)) as connected, expected:
            context.wrap_socket(connected, server_hostname="127.0.0.1").close()
        server.finish()


class TestPostfix:
    @pytest.mark.parametrize("host", ["127.0.0.1", "::1"])
    @pytest.mark.parametrize("account", ACCOUNTS)
    def test_logs_in_and_delivers(self, account, host: str, postfix: Postfix) -> None:
        if host == "::1" and "inet6" not in postfix.families:
            pytest.skip("this machine has no IPv6 loopback")
        context = ssl.create_default_context(cafile=str(postfix.pki.ca_file))
        with smtplib.SMTP(host, postfix.port("submission")) as smtp:
            assert "auth" not in smtp.esmtp_features
            smtp.starttls(context=context)
            smtp.ehlo()
            plain = base64.b64encode(f"\0{account.user}\0{account.password}".encode()).decode()
            assert smtp.docmd("AUTH", f"PLAIN {plain}")[0] == 235
            message_id = f"<{account.user.encode().hex()[:20]}.{len(host)}@harness.test>"
            smtp.sendmail("a@b.test", [f"user@{DOMAIN}"], f"Message-ID: {message_id}\r\nSubject: hi\r\n\r\nText\r\n")
        assert postfix.mailbox().wait_for(message_id).text == "Text\n"

    def test_refuses(self, postfix: Postfix) -> None:
        with smtplib.SMTP("127.0.0.1", postfix.port("relay")) as smtp:
            smtp.ehlo()
            smtp.mail("a@b.test")
            assert smtp.rcpt("someone@foreign.test") == (554, b"5.7.1 <someone@foreign.test>: Relay access denied")
            assert smtp.rcpt(f"nobody@{DOMAIN}")[1].startswith(b"5.1.1 ")
            assert smtp.rcpt(f"user@{DOMAIN}")[0] == 250
        with smtplib.SMTP("127.0.0.1", postfix.port("small")) as smtp:
            smtp.ehlo()
            assert smtp.mail("a@b.test", ["size=200000"])[0] == 552
        with smtplib.SMTP("127.0.0.1", postfix.port("plain")) as smtp:
            smtp.ehlo()
            assert not {"auth", "starttls"} & set(smtp.esmtp_features)
        for service, offered in (("plain-auth", ("PLAIN", "LOGIN")), ("cyrus", cyrus.MECHANISMS)):
            with smtplib.SMTP("127.0.0.1", postfix.port(service)) as smtp:
                smtp.ehlo()
                assert set(smtp.esmtp_features["auth"].split()) == set(offered)

    def test_ends_with_the_test_run_however_it_ends(self, postfix: Postfix, pki: Pki, tmp_path: Path) -> None:
        program = (
            "import sys, time; from pathlib import Path\n"
            "from harness.pki import Pki; from harness.postfix import Postfix\n"
            "p = Postfix(Pki(Path(sys.argv[1]))); print(p.folder, p.port('plain'), flush=True); time.sleep(600)"
        )
        run = subprocess.Popen(
            [sys.executable, "-c", program, str(tmp_path)], cwd=SOURCE, stdout=subprocess.PIPE, text=True
        )
        assert run.stdout is not None
        folder, port = run.stdout.readline().rsplit(" ", 1)
        try:
            assert listening(int(port))
            run.send_signal(signal.SIGKILL)
            run.wait()
            wait_until(lambda: not listening(int(port)), "the end of Postfix", lambda: True)
            wait_until(lambda: not _running(folder), "the end of its processes", lambda: True)
            wait_until(lambda: not Path(folder).exists(), "the end of its folder", lambda: True)
        finally:
            run.kill()
            run.stdout.close()


def _running(folder: str) -> bool:
    """Whether a process has its working folder in there, as every process of Postfix has."""
    for entry in Path("/proc").iterdir():
        with contextlib.suppress(OSError):
            if os.readlink(entry / "cwd").startswith(folder):
                return True
    return False


class TestMaildir:
    def test_defects_are_errors(self) -> None:
        broken = b'Content-Type: multipart/mixed; boundary="b"\r\n\r\n--b\r\n\r\nno end'
        with pytest.raises(AssertionError, match="defects"):
            parse(broken)

    @pytest.mark.parametrize(
        ("parameters", "right"),
        [("filename*=utf-8''%C3%BC.txt; filename=u.txt", True), ("filename=u.txt; filename=v.txt", False)],
    )
    def test_fallback_parameter_is_no_defect(self, parameters: str, right: bool) -> None:
        raw = f"Content-Disposition: attachment; {parameters}\r\n\r\nx".encode()
        with contextlib.nullcontext() if right else pytest.raises(AssertionError, match="defects"):
            assert parse(raw).attachments[0].name == "ü.txt"


class TestScenario:
    def read(self, tmp_path: Path, text: str) -> scenario.Scenario:
        (tmp_path / "x.scn").write_text(text, encoding="utf-8")
        return scenario.read(tmp_path / "x.scn")

    @pytest.mark.parametrize(
        "text",
        [
            "[nonsense]\n",
            "[server]\nX: y\n[expect]\nok = true\n",
            "[expect]\nok true\n",
            "[server]\nS: 220\n",
            "split all\n",
            "[vary]\na | b\n1\n[expect]\n",
            "[vary]\na\n[expect]\n",
            "[vary]\na | b\n1 | 2\n[expect]\nok = {a}\n",
            "[expect]\nok = {a}\n",
            "[server]\n@bdat LAST 5\n[expect]\n",
            "[server]\n@repeat 1 2\nS: 250\n[expect]\n",
        ],
    )
    def test_malformed_files_are_refused(self, text: str, tmp_path: Path) -> None:
        with pytest.raises(scenario.Malformed, match=r"x\.scn"):
            self.read(tmp_path, text)

    def test_steps(self, tmp_path: Path) -> None:
        read = self.read(
            tmp_path, "[server]\nS: 220-a\nS: 220 b\nC? RSET\nS? 250 r\nS= \\x1b\\r\\n\n@message\n[expect]\n"
        )
        assert read.scripts == [
            [
                Say(b"220-a\r\n220 b\r\n"),
                Hear("RSET", optional=True),
                Say(b"250 r\r\n", conditional=True),
                Say(b"\x1b\r\n"),
                Message(),
            ]
        ]

    def test_every_combination_of_rows_is_a_case(self, tmp_path: Path) -> None:
        (tmp_path / "x.scn").write_text(
            "[vary]\ncode | status\n450 | deferred\n550 |\n[vary]\nway\n@close\n@reset\n"
            "[server]\nS: {code} no\n{way}\n[expect]\n{status}\nerror.message = {code} {way}\n".replace(
                "{status}", "ok = {status}"
            )
        )
        cases = scenario.read_cases(tmp_path / "x.scn")
        assert [case.name for case in cases] == ["x-450-@close", "x-450-@reset", "x-550-@close", "x-550-@reset"]
        assert cases[1].scripts == [[Say(b"450 no\r\n"), Close(reset=True)]]
        assert cases[2].expectations[0][0].value == ""
        assert cases[2].expectations[0][1].value == "550 @close"

    def test_lines_are_repeated(self, tmp_path: Path) -> None:
        read = self.read(tmp_path, "[server]\n@repeat 9 10\nC: RCPT TO:<r{n}@a.test>\nS: 250 {n}\n@end\n[expect]\n")
        assert read.scripts == [
            [Hear("RCPT TO:<r9@a.test>"), Say(b"250 9\r\n"), Hear("RCPT TO:<r10@a.test>"), Say(b"250 10\r\n")]
        ]

    def test_servers_have_their_own_defaults(self, tmp_path: Path) -> None:
        read = self.read(tmp_path, "[job]\nserver.port {closed}\nserver.add\nserver.security required\n[expect]\n")
        text = read.make_job({"host": "h", "port": "1", "closed": "2", "log": "/l"}).text()
        assert text.splitlines()[:10] == [
            *("server.host h", "server.port 2", "server.security none", "server.timeout 10", "server.add"),
            *("server.host h", "server.port 1", "server.security required", "server.timeout 10", "server.add"),
        ]

    def test_defaults_are_added_only_where_nothing_is_given(self, tmp_path: Path) -> None:
        read = self.read(tmp_path, "[job]\nserver.timeout 3\nhtml <p>a\\nb\nrecipient.cc x@y.test\n[expect]\n")
        text = read.make_job({"host": "h", "port": "1", "log": "/l"}).text()
        assert text.splitlines() == [
            "server.host h",
            "server.port 1",
            "server.security none",
            "server.timeout 3",
            "server.add",
            "smtp.logfile /l",
            "smtp.defaultdomain client.test",
            "from.email sender@domain.test",
            "subject Hello",
            "html <p>a\\nb",
            "recipient.cc x@y.test",
            "send",
        ]

    @pytest.mark.parametrize(
        ("line", "holds"),
        [
            ("a.0.b = 5", True),
            ("a.0.b = 6", False),
            ("a.0.b != 6", True),
            ("a.# = 1", True),
            ("a.1.b = null", True),
            ("t has ell", True),
            ("t !has ell", False),
            ("t ~ ^h.*o$", True),
            ("t !~ ^h", False),
            ("ok = true", True),
        ],
    )
    def test_expectations(self, line: str, holds: bool, tmp_path: Path) -> None:
        read = self.read(tmp_path, f"[expect]\n{line}\n")
        answer = {"ok": True, "a": [{"b": 5}], "t": "hello"}
        assert (read.expectations[0][0].complaint(answer) is None) == holds

    @pytest.mark.parametrize("shown", ["pass", "cGFzcw==", '{"x": "pass"}'])
    def test_secrets_are_found(self, shown: str, tmp_path: Path, serve) -> None:
        read = self.read(tmp_path, "[expect]\n[secrets]\npass\n")
        server: ScriptedServer = serve()
        assert read.complaints([{"ok": True}], server, "AUTH ****", {}) == []
        assert read.complaints([{"ok": True}], server, f"AUTH {shown}", {})
        assert read.complaints([{"ok": True, "transcript": [shown]}], server, "", {})

    def test_log_must_be_equal(self, tmp_path: Path, serve) -> None:
        read = self.read(tmp_path, "[expect]\n[log]\nPort: {port}\n")
        server: ScriptedServer = serve()
        assert read.complaints([{}], server, "Port: 7\n", {"port": "7"}) == []
        assert read.complaints([{}], server, "Port: 7\nmore\n", {"port": "7"})
        assert read.complaints([{}], server, "", {"port": "7"})


class TestDriver:
    ERROR: ClassVar[dict[str, object]] = {
        **{"kind": "dns", "number": 200, "stage": "RESOLVE", "field": None, "message": "m", "reply_code": 0},
        **{"enhanced_code": None, "reply_text": "", "server": None, "is_temporary": True, "message_id": None},
        **{"recipients": [], "diagnosis": None, "transcript": []},
    }

    def program(self, monkeypatch: pytest.MonkeyPatch, code: str) -> None:
        monkeypatch.setenv("FREESMTP_DRIVER_NODE", shlex.join([sys.executable, "-c", code]))

    def answer(self, **changes: object) -> dict[str, object]:
        return {"ok": False, "at": "send", "sends": 0, "error": {**self.ERROR, **changes}}

    def test_right_shape(self) -> None:
        driver.check_shape(self.answer())

    @pytest.mark.parametrize(
        "changes",
        [
            {"number": 201},
            {"kind": "odd"},
            {"stage": "Rcpt"},
            {"reply_code": True},
            {"field": 3},
            {"more": 1},
            {"recipients": [{}]},
        ],
        ids=str,
    )
    def test_wrong_shape(self, changes: dict[str, object]) -> None:
        with pytest.raises(ContractError):
            driver.check_shape(self.answer(**changes))

    def test_missing_driver_is_an_error(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("FREESMTP_DRIVER_C", "/nowhere/driver-c")
        with pytest.raises(ContractError, match="not built"):
            driver.run("c", Job())

    @pytest.mark.parametrize("code", ["raise SystemExit(2)", "print(1", "print('no json')", "print('{}')"])
    def test_failing_driver_is_an_error(self, code: str, monkeypatch: pytest.MonkeyPatch) -> None:
        self.program(monkeypatch, code)
        with pytest.raises(ContractError):
            driver.run("node", Job())

    def test_hanging_driver_is_an_error(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.program(monkeypatch, "import time; time.sleep(60)")
        with pytest.raises(ContractError, match="no end"):
            driver.run("node", Job(), timeout=0.5)

    def test_a_driver_that_stays_answers_job_after_job(self, monkeypatch: pytest.MonkeyPatch) -> None:
        answer = json.dumps(self.answer())
        self.program(
            monkeypatch,
            f"import sys\nfor line in sys.stdin:\n"
            f" if line == 'send\\n': print({answer!r}, flush=True)\n"
            f" if line == 'job.end\\n': print('{{\"end\":true}}', flush=True)\n"
            f" if line == 'repeat 9\\n': sys.exit('broken')\n",
        )
        running = RunningDriver("node")
        pid = running.pid
        for sends in (2, 0, 1):
            job = Job()
            for _ in range(sends):
                job.send()
            assert running.run(job) == [self.answer()] * sends
        assert running.pid == pid
        with pytest.raises(ContractError, match=r"(?s)exit status 1.*broken"):
            running.run(Job().put("repeat", 9))
        assert running.run(Job().send()) == [self.answer()]
        running.close()

    def test_a_driver_that_stays_and_hangs_is_an_error(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.program(monkeypatch, "import time; time.sleep(60)")
        with pytest.raises(ContractError, match="no end"):
            RunningDriver("node").run(Job().put("text", "x" * 1_000_000), timeout=0.2)

    def test_only_c_may_leave_out(self, monkeypatch: pytest.MonkeyPatch) -> None:
        code = "print(chr(123) + chr(34) + 'unsupported' + chr(34) + ':1}')"
        self.program(monkeypatch, code)
        with pytest.raises(ContractError, match="may not leave out"):
            driver.run("node", Job())
        monkeypatch.setenv("FREESMTP_DRIVER_C", os.environ["FREESMTP_DRIVER_NODE"])
        with pytest.raises(driver.Unsupported):
            driver.run("c", Job())

    def test_job_escapes(self) -> None:
        assert Job().put("subject", "a\nb\r\t\0\\n").text() == "subject a\\nb\\r\\t\\0\\\\n\n"

    def test_languages(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("FREESMTP_LANGUAGES", "rust, c")
        assert driver.languages() == ("rust", "c")
        monkeypatch.delenv("FREESMTP_LANGUAGES")
        assert driver.languages() == driver.LANGUAGES
        monkeypatch.setenv("FREESMTP_LANGUAGES", "cobol")
        with pytest.raises(ValueError, match="cobol"):
            driver.languages()
