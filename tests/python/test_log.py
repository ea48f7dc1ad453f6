"""What the log shows, and who hears its lines."""

import gc
import json
import logging
import weakref
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from freesmtp import SMTP, EmailMessage, LogEvent, LogOptions, MessageError


def test_options_of_the_log(smtp: SMTP, message: EmailMessage, tmp_path: Path) -> None:
    assert smtp.log_options == LogOptions()
    log = tmp_path / "log.txt"
    smtp.log_file = log
    smtp.LogOptions = LogOptions(timestamps=True, body="FULL")
    assert smtp.log_options == LogOptions(timestamps=True, body="full")
    smtp.send(message)
    lines = log.read_text().splitlines()
    assert all(line[4] == "-" and line[23:25] == "Z " for line in lines)
    assert any("| Subject:" in line for line in lines)
    smtp.log_options = LogOptions(json=True)
    smtp.send(message)
    said = [json.loads(line) for line in log.read_text().splitlines()[len(lines) :]]
    assert {"time", "connection", "kind", "line"} == set(said[0])


def test_options_that_are_none(smtp: SMTP) -> None:
    with pytest.raises(MessageError) as caught:
        smtp.log_options = LogOptions(body="half")
    assert caught.value.field == "LogOptions"
    for wrong in ({"json": True}, None, "full"):
        with pytest.raises(TypeError, match="LogOptions"):
            smtp.log_options = wrong  # type: ignore[assignment]
    with pytest.raises(TypeError, match="ProtocolLog"):
        smtp.protocol_log = "a name"  # type: ignore[assignment]


def test_every_line_is_heard(smtp: SMTP, message: EmailMessage) -> None:
    heard: list[LogEvent] = []
    smtp.protocol_log = heard.append
    assert smtp.ProtocolLog == heard.append
    smtp.send(message)
    said = {(event.kind, event.line.split(" ")[0]) for event in heard}
    assert {("sent", "EHLO"), ("sent", "MAIL"), ("received", "250")} <= said
    assert {event.connection for event in heard} == {1}
    assert abs((datetime.now(UTC) - heard[0].time).total_seconds()) < 3600
    smtp.protocol_log = None
    before = len(heard)
    smtp.send(message)
    assert (len(heard), smtp.protocol_log) == (before, None)


def test_a_logger_hears_them_too(smtp: SMTP, message: EmailMessage, caplog: pytest.LogCaptureFixture) -> None:
    logger = logging.getLogger("freesmtp.test")
    smtp.protocol_log = logger
    assert smtp.protocol_log is logger
    smtp.send(message)
    assert not caplog.records
    with caplog.at_level(logging.DEBUG, "freesmtp.test"):
        smtp.send(message)
    lines = [record.getMessage() for record in caplog.records]
    assert any(line.startswith("[1] > MAIL FROM:") for line in lines)
    assert {getattr(record, "smtp_kind", None) for record in caplog.records} >= {"sent", "received"}


@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
def test_a_listener_that_fails_stops_no_mail(smtp: SMTP, message: EmailMessage) -> None:
    def fail(_: LogEvent) -> None:
        raise RuntimeError("no")

    smtp.protocol_log = fail
    assert smtp.send(message).reply_code == 250


def test_a_listener_that_belongs_to_the_object_is_collected() -> None:
    class Owner:
        def __init__(self) -> None:
            self.smtp = SMTP("127.0.0.1:1")
            self.smtp.protocol_log = self.hear

        def hear(self, event: Any) -> None:
            raise NotImplementedError

    owner = weakref.ref(Owner())
    gc.collect()
    assert owner() is None


def test_reset_forgets_it(smtp: SMTP) -> None:
    smtp.protocol_log = print
    smtp.log_options = LogOptions(json=True)
    smtp.reset()
    assert (smtp.protocol_log, smtp.log_options) == (None, LogOptions())
