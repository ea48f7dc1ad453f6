"""Sending: the connection is kept, threads do not wait for each other, Ctrl-C ends a call."""

import ipaddress
import os
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from freesmtp import (
    SMTP,
    Cancelled,
    EmailMessage,
    MessageError,
    RecipientType,
    Report,
    SMTPProtocolError,
    diagnose,
)

from harness.scripted import Hear, Message, Say, ScriptedServer, Silence, Step

Serve = Callable[..., ScriptedServer]


def test_a_report_tells_everything(smtp: SMTP, message: EmailMessage, sink: int) -> None:
    message.recipients.add("other@domain.test", type=RecipientType.BCC)
    report = smtp.send(message)
    assert isinstance(report, Report)
    assert [(r.email, r.status, r.stage, r.reply_code, r.diagnosis) for r in report.recipients] == [
        ("recipient@domain.test", "accepted", "EOM", 250, None),
        ("other@domain.test", "accepted", "EOM", 250, None),
    ]
    assert report.accepted == report.recipients
    assert report.failed == ()
    assert (report.reply_code, report.enhanced_code, report.reply_text) == (250, "2.0.0", "2.0.0 taken")
    assert report.server == report.peer_address == f"127.0.0.1:{sink}"
    assert (report.tls, report.auth_mechanism, report.warnings) == (None, None, ())
    assert report.size > 100
    assert report.elapsed > 0
    assert report.message_id.endswith(">")
    assert any(line.startswith("MAIL FROM:") for line in report.transcript)
    with pytest.raises(AttributeError):
        report.size = 0  # type: ignore[misc]


def test_the_connection_is_kept_and_ended_by_the_block(serve: Serve, message: EmailMessage) -> None:
    transaction: list[Step] = [
        Hear("MAIL FROM:.*", pattern=True),
        Say(b"250 ok\r\n"),
        Hear("RCPT TO:.*", pattern=True),
        Say(b"250 ok\r\n"),
        Hear("DATA"),
        Say(b"354 go on\r\n"),
        Message(),
        Say(b"250 taken\r\n"),
    ]
    server = serve(
        [
            Say(b"220 a\r\n"),
            Hear("EHLO .*", pattern=True),
            Say(b"250 a\r\n"),
            *transaction,
            *transaction,
            Hear("QUIT"),
            Say(b"221 bye\r\n"),
        ]
    )
    with SMTP(f"127.0.0.1:{server.port}") as smtp:
        assert not smtp.connected
        smtp.send(message)
        assert smtp.Connected
        smtp.send(message)
    assert not smtp.connected
    server.finish()
    assert len(server.messages) == 2


def test_the_block_is_left_by_errors_too(smtp: SMTP, message: EmailMessage) -> None:
    def leave() -> None:
        with smtp:
            smtp.connect()
            assert smtp.connected
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        leave()
    assert not smtp.connected


def test_a_command_is_answered(smtp: SMTP) -> None:
    reply = smtp.send_smtp_command("NOOP")
    assert (reply.code, reply.enhanced_code, reply.text, reply.lines) == (250, "2.0.0", "2.0.0 ok", ("2.0.0 ok",))
    assert str(reply) == "250 2.0.0 ok"
    with pytest.raises(MessageError):
        smtp.SendSMTPCommand("NOOP\r\nQUIT")


def test_quick_send(sink: int) -> None:
    report = SMTP.QuickSend(f"127.0.0.1:{sink}", "a@b.test", "c@d.test", "Subject", "<p>Hi</p>", "html")
    assert report.recipients[0].email == "a@b.test"
    with pytest.raises(MessageError) as caught:
        SMTP.quick_send(f"127.0.0.1:{sink}", "a@b.test", "c@d.test", "Sub\nject", "Hi")
    assert caught.value.field == "Subject"


def test_a_message_that_is_none_is_a_type_error(smtp: SMTP) -> None:
    with pytest.raises(TypeError):
        smtp.send("a message")  # type: ignore[arg-type]


def test_diagnose() -> None:
    found = diagnose("550 5.7.1 Unable to relay", stage="RCPT", offered=["AUTH LOGIN"], authenticated=False, tls=True)
    assert found.cause == "relay-denied"
    assert "LOGIN" in found.remedy
    assert str(found).startswith("relay-denied: ")
    assert diagnose("connection refused (os error 111)").cause == "connect-refused"
    with pytest.raises(MessageError) as caught:
        diagnose("550 no", stage="LUNCH")
    assert caught.value.field == "stage"


def test_diagnose_knows_who_greeted_and_from_where() -> None:
    found = diagnose("550 5.7.1 Unable to relay", stage="RCPT", host="mail.example.com", greeting_host="proxy.isp.test")
    assert found.cause == "relay-denied"
    assert "asked for mail.example.com, greeted by proxy.isp.test" in found.evidence
    for address in ("192.0.2.7", ipaddress.IPv4Address("192.0.2.7")):
        found = diagnose("550 5.7.1 Client host rejected: cannot find your reverse hostname", local_address=address)
        assert found.cause == "helo-or-rdns-rejected"
        assert "192.0.2.7" in found.remedy
    with pytest.raises(MessageError) as caught:
        diagnose("550 no", local_address="here")
    assert caught.value.field == "local_address"


class Meeting:
    """A server that answers the end of a message only when two clients have come to it at the same time."""

    def __init__(self) -> None:
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.port = self.listener.getsockname()[1]
        self.barrier = threading.Barrier(2)
        self.threads = [threading.Thread(target=self.serve, daemon=True) for _ in range(2)]
        for thread in self.threads:
            thread.start()

    def serve(self) -> None:
        """Take one message."""
        client, _ = self.listener.accept()
        with client, client.makefile("rwb", buffering=0) as lines:
            lines.write(b"220 a\r\n")
            while line := lines.readline():
                if line.startswith(b"DATA"):
                    lines.write(b"354 go on\r\n")
                    while lines.readline() != b".\r\n":
                        pass
                    self.barrier.wait(30)
                lines.write(b"250 ok\r\n")


def test_two_threads_send_at_the_same_time(message: EmailMessage) -> None:
    meeting = Meeting()
    smtp = SMTP(f"127.0.0.1:{meeting.port}")
    with ThreadPoolExecutor(2) as pool:
        reports = list(pool.map(smtp.send, [message, message]))
    assert [report.reply_code for report in reports] == [250, 250]
    smtp.disconnect()
    meeting.listener.close()


def test_the_main_thread_and_another_send_at_the_same_time(message: EmailMessage) -> None:
    meeting = Meeting()
    smtp = SMTP(f"127.0.0.1:{meeting.port}")
    with ThreadPoolExecutor(1) as pool:
        other = pool.submit(smtp.send, message)
        assert smtp.send(message).reply_code == 250
        assert other.result().reply_code == 250
    smtp.disconnect()
    meeting.listener.close()


def test_cancel_from_another_thread(message: EmailMessage) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        smtp = SMTP(f"127.0.0.1:{listener.getsockname()[1]}")

        def cancel_when_connected() -> None:
            client, _ = listener.accept()
            with client:
                smtp.Cancel()
                client.recv(1)

        canceller = threading.Thread(target=cancel_when_connected)
        canceller.start()
        with pytest.raises(Cancelled):
            smtp.send(message)
        canceller.join()


INTERRUPTED = """
import signal, sys
signal.signal(signal.SIGINT, signal.default_int_handler)  # a shell may have it ignored in the background
from freesmtp import SMTP, EmailMessage
smtp = SMTP("127.0.0.1:" + sys.argv[1])
try:
    if sys.argv[2] == "send":
        smtp.send(EmailMessage("a@b.test", "c@d.test", "s", "t"))
    else:
        smtp.connect()
except KeyboardInterrupt:
    print("interrupted")
"""


@pytest.mark.skipif(os.name == "nt", reason="Windows has no SIGINT for another process")
@pytest.mark.parametrize("call", ["send", "connect"])
def test_ctrl_c_ends_a_call(call: str) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        arguments = [sys.executable, "-c", INTERRUPTED, str(listener.getsockname()[1]), call]
        with subprocess.Popen(arguments, stdout=subprocess.PIPE, text=True) as process:
            client, _ = listener.accept()
            with client:
                process.send_signal(signal.SIGINT)
                assert client.recv(1) == b"", "the connection must be closed"
                out, _ = process.communicate(timeout=60)
    assert (out, process.returncode) == ("interrupted\n", 0)


FORKED = """
import os, sys
from freesmtp import SMTP, EmailMessage
smtp = SMTP("127.0.0.1:" + sys.argv[1])
message = EmailMessage("a@b.test", "c@d.test", "s", "t")
smtp.send(message)
child = os.fork()
if child == 0:
    SMTP("127.0.0.1:" + sys.argv[1]).send(message)
    os._exit(7)
print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))
"""


@pytest.mark.skipif(not hasattr(os, "fork"), reason="there is no fork")
def test_a_forked_child_sends_too(sink: int) -> None:
    done = subprocess.run(
        [sys.executable, "-c", FORKED, str(sink)], capture_output=True, text=True, timeout=60, check=True
    )
    assert done.stdout == "7\n", done.stderr


def test_a_log_that_breaks_is_a_warning(smtp: SMTP, message: EmailMessage, tmp_path: Path) -> None:
    folder = tmp_path / "logs"
    folder.mkdir()
    smtp.log_file = folder / "log"
    folder.rmdir()
    report = smtp.send(message)
    assert report.reply_code == 250
    assert any("log" in warning for warning in report.warnings)


def test_a_refused_command_is_no_crash(serve: Serve, message: EmailMessage) -> None:
    server = serve([Say(b"554 go away\r\n"), Silence()])
    with pytest.raises(SMTPProtocolError) as caught:
        SMTP(f"127.0.0.1:{server.port}").send(message)
    assert caught.value.stage == "CONNECT"
