"""The same message handed over to the spool from every language."""

from pathlib import Path

import pytest

from harness.driver import Job

ALPHABET = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"


def octets(id_: str) -> bytes:
    """An id as it stands in its record."""
    number = 0
    for character in id_:
        number = number * 32 + ALPHABET.index(character)
    return number.to_bytes(16, "big")


def job(spool: Path) -> Job:
    """A message with everything that the spool may be asked."""
    begun = Job().put("smtp.spoolpath", spool).message("to@domain.test")
    begun.put("notbefore", 2_000_000_000).put("expires", 2_000_000_001).put("spoolpriority", -9)
    return begun.put("blast", "März").put("idempotencykey", "a key of its own")


def written(spool: Path) -> bytes:
    """What is in the one segment."""
    [segment] = (spool / "incoming").iterdir()
    return segment.read_bytes()


def test_a_message_is_submitted_with_what_is_asked(language: str, send, tmp_path: Path) -> None:
    answer = send(job(tmp_path / "spool").put("submittospool"))
    assert answer["ok"], answer
    [id_] = answer["ids"]
    bytes_ = written(tmp_path / "spool")
    assert octets(id_) in bytes_
    for tag, value in (
        (2, b"sender@domain.test"),
        (11, (2_000_000_000).to_bytes(8, "little")),
        (12, (2_000_000_001).to_bytes(8, "little")),
        (13, b"\xf7"),
        (14, "März".encode()),
        (15, b"a key of its own"),
        (32, b"to@domain.test"),
    ):
        assert bytes([tag]) + len(value).to_bytes(4, "little") + value in bytes_, tag
    assert b"Subject: Hello\r\n" in bytes_


def test_a_bulk_is_submitted(language: str, send, tmp_path: Path) -> None:
    begun = job(tmp_path / "spool").put("smtp.spooldurability", 1)
    answer = send(begun.put("bulk.repeat", 3).put("submitbulk"))
    assert answer["ok"], answer
    assert len(set(answer["ids"])) == 3
    assert all(octets(id_) in written(tmp_path / "spool") for id_ in answer["ids"])


@pytest.mark.parametrize(
    ("key", "value", "field"),
    [
        ("spoolpriority", 10, "SpoolPriority"),
        ("expires", 1_900_000_000, "Expires"),
        ("blast", "a\nb", "Blast"),
        ("idempotencykey", "", "IdempotencyKey"),
        ("recipient.to", "a@b\r\nDATA", "Recipients[1].Email"),
    ],
)
def test_what_is_not_valid_is_not_submitted(
    language: str, send, tmp_path: Path, key: str, value: object, field: str
) -> None:
    answer = send(job(tmp_path / "spool").put(key, value).put("submittospool"))
    assert not answer["ok"]
    assert answer["error"]["field"] == field, answer["error"]
    incoming = tmp_path / "spool" / "incoming"
    assert not incoming.exists() or not list(incoming.iterdir())


def test_a_spool_that_cannot_be_made_is_said(language: str, send, tmp_path: Path) -> None:
    answer = send(job(tmp_path / "missing" / "spool").put("submittospool"))
    assert answer["error"]["kind"] == "spool", answer
    assert answer["error"]["field"] == "SpoolPath"
