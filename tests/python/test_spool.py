"""Handing messages over to the spool from Python, read back by what docs/spool-format.md says alone."""

import errno
import os
import threading
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from email.message import EmailMessage as StandardMessage
from pathlib import Path

import pytest
from freesmtp import SMTP, Durability, EmailMessage, MessageError, SpoolError


def crc32c(data: bytes) -> int:
    """CRC-32C, bit by bit."""
    crc = 0xFFFFFFFF
    for byte in data:
        crc ^= byte
        for _ in range(8):
            crc = crc >> 1 ^ (0x82F63B78 if crc & 1 else 0)
    return crc ^ 0xFFFFFFFF


@dataclass
class Record:
    """A message of a segment."""

    id: str
    fields: dict[int, list[bytes]]
    message: bytes
    more: bool = field(default=False)


def number(data: bytes) -> int:
    """An unsigned number."""
    return int.from_bytes(data, "little")


def crockford(value: int) -> str:
    """The text of a ULID."""
    alphabet = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
    return "".join(alphabet[value >> 5 * place & 31] for place in reversed(range(26)))


def records(segment: bytes) -> list[Record]:
    """All records up to the end."""
    assert segment[:9] == b"FSMTPSEG\x01"
    assert crc32c(segment[:28]) == number(segment[28:32])
    found, at = [], 32
    while any(frame := segment[at : at + 16]):
        length, crc, own = number(frame[:4]), number(frame[4:8]), number(frame[12:])
        assert own == crc32c(segment[12:28] + at.to_bytes(8, "little") + frame[:12])
        assert frame[8] == 1
        content = segment[at + 16 : at + 16 + length]
        assert crc == crc32c(content)
        end = 20 + number(content[16:20])
        fields: dict[int, list[bytes]] = {}
        place = 20
        while place < end:
            size = number(content[place + 1 : place + 5])
            fields.setdefault(content[place], []).append(content[place + 5 : place + 5 + size])
            place += 5 + size
        message = content[end:-4]
        assert number(content[-4:]) == crc32c(message)
        found.append(Record(crockford(int.from_bytes(content[:16], "big")), fields, message, frame[9] == 1))
        at += 16 + length
    return found


def submitted(spool: Path) -> list[Record]:
    """All records of a spool, segment by segment."""
    return [record for path in sorted((spool / "incoming").iterdir()) for record in records(path.read_bytes())]


@pytest.fixture
def spool(tmp_path: Path) -> Path:
    """Where the spool of a test is."""
    return tmp_path / "spool"


def message(subject: str = "Report") -> EmailMessage:
    """A message that nothing is wrong with."""
    return EmailMessage("recipient@example.org", "sender@example.com", subject, "Grüße")


def test_what_is_submitted_is_in_the_spool(spool: Path) -> None:
    smtp = SMTP()
    smtp.spool_path = spool
    msg = message()
    later = datetime(2040, 1, 1, tzinfo=UTC)
    msg.not_before, msg.expires = later, later + timedelta(days=1)
    msg.spool_priority, msg.blast, msg.idempotency_key = -3, "News", "key"
    id_ = smtp.submit_to_spool(msg)
    [record] = submitted(spool)
    assert record.id == id_
    assert record.fields[2] == [b"sender@example.com"]
    assert record.fields[32] == [b"recipient@example.org"]
    assert [number(record.fields[tag][0]) for tag in (11, 12)] == [2208988800, 2209075200]
    assert record.fields[13] == [b"\xfd"]
    assert [record.fields[tag] for tag in (14, 15)] == [[b"News"], [b"key"]]
    assert record.fields[1][0] in record.message
    assert b"Subject: Report\r\n" in record.message
    assert record.message.isascii()


def test_every_kind_of_message_and_every_name(spool: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FREESMTP_SPOOL", str(spool))
    standard = StandardMessage()
    standard["From"], standard["To"] = "sender@example.com", "recipient@example.org"
    standard["Bcc"] = "hidden@example.org"
    smtp = SMTP()
    ids = [smtp.SubmitToSpool(standard), smtp.SubmitToExpress(bytes(standard), tmp_path / "other")]
    smtp.spool_path = None
    ids.append(smtp.submit_to_spool(message(), path=None))
    here, there = submitted(spool), submitted(tmp_path / "other")
    assert [record.id for record in here] == [ids[0], ids[2]]
    assert [record.id for record in there] == [ids[1]]
    assert here[0].fields[32] == [b"recipient@example.org", b"hidden@example.org"]
    assert b"hidden" not in here[0].message


def test_a_bulk_is_one_group(spool: Path) -> None:
    smtp = SMTP()
    smtp.spool_path = spool
    ids = smtp.submit_bulk(message(str(n)) for n in range(5))
    found = submitted(spool)
    assert [record.id for record in found] == ids
    assert [record.more for record in found] == [True] * 4 + [False]
    assert smtp.SubmitBulk([]) == []

    bad = message()
    bad.subject = "a\r\nBcc: x@example.org"
    with pytest.raises(MessageError) as raised:
        smtp.submit_bulk([message(), bad, message()])
    assert raised.value.field == "Subject"
    assert "message 1 " in str(raised.value)

    def failing() -> object:
        yield message()
        raise LookupError("no more")

    with pytest.raises(LookupError):
        smtp.submit_bulk(failing())  # type: ignore[arg-type]
    assert len(submitted(spool)) == 5


def test_what_cannot_be_submitted_is_said(tmp_path: Path) -> None:
    smtp = SMTP()
    smtp.spool_path = tmp_path / "missing" / "spool"
    with pytest.raises(SpoolError) as raised:
        smtp.submit_to_spool(message())
    assert raised.value.field == "SpoolPath"
    assert raised.value.errno == errno.ENOENT
    msg = message()
    msg.spool_priority = 10
    with pytest.raises(MessageError) as refused:
        smtp.submit_to_spool(msg, tmp_path / "spool")
    assert refused.value.field == "SpoolPriority"
    with pytest.raises(MessageError):
        smtp.spool_durability = "often"
    assert smtp.spool_durability == Durability.FULL


def test_a_child_writes_to_a_segment_of_its_own(spool: Path) -> None:
    smtp = SMTP()
    smtp.spool_path = spool
    before = smtp.submit_to_spool(message("before"))
    # Another thread is in the middle of it, with whatever lock it holds, at the moment of each fork.
    stop = threading.Event()
    busy: list[str] = []

    def submit() -> None:
        while not stop.is_set():
            busy.append(smtp.submit_to_spool(message("busy")))

    thread = threading.Thread(target=submit)
    thread.start()
    try:
        children = [_child(smtp) for _ in range(8)]
        told = [line for child in children for line in _ended(child)]
    finally:
        stop.set()
        thread.join()
    after = smtp.submit_to_spool(message("after"))
    assert len(told) == 8 * 3
    segments = list((spool / "incoming").iterdir())
    assert len(segments) == 1 + 8
    by_segment = [{record.id for record in records(path.read_bytes())} for path in segments]
    assert sorted(map(len, by_segment))[:8] == [3] * 8
    assert set().union(*by_segment) == {before, after, *busy, *told}


def _child(smtp: SMTP) -> tuple[int, int]:
    """Forks one that submits three messages and tells their ids; gives its number and where it tells them."""
    read, write = os.pipe()
    child = os.fork()
    if child == 0:
        status = 1
        try:
            ids = [smtp.submit_to_spool(message("child")), *smtp.submit_bulk([message("a"), message("b")])]
            os.write(write, "\n".join(ids).encode())
            status = 0
        finally:
            os._exit(status)
    os.close(write)
    return child, read


def _ended(child: tuple[int, int]) -> list[str]:
    """What it told; it must have ended well."""
    number_, read = child
    with open(read, "rb") as pipe:
        told = pipe.read().decode().split()
    assert os.waitpid(number_, 0)[1] == 0
    return told
