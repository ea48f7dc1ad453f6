"""Our signatures, judged by two verifiers that nobody here wrote: dkimpy, and the Rust crate mail-auth."""

import itertools
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from freesmtp import EmailMessage

ROOT = Path(__file__).parents[2]
CORE = ROOT / "core" / "tests"
PUBLIC = CORE / "dkim_public.txt"
RSA, RSA_PKCS1, ED25519 = (
    (CORE / f"{name}.pem").read_text() for name in ("dkim_rsa", "dkim_rsa_pkcs1", "dkim_ed25519")
)
FORMS = ("simple", "relaxed")
TEXT = "Hello  \r\n\r\n .\r\nGr\u00fc\u00dfe\t \r\n\r\n\r\n"
Verifier = Callable[[Path], list[str]]


def lines(*command: str | Path) -> list[str]:
    """What a program prints."""
    return subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout.splitlines()


def dkimpy(folder: Path) -> list[str]:
    """What dkimpy says of each message: how many signatures it has, and whether each is valid."""
    return lines(sys.executable, CORE / "dkim_verify.py", PUBLIC, folder)


@pytest.fixture(scope="session")
def mail_auth() -> Verifier:
    """The same of mail-auth, which is built first."""
    target = ROOT / "build" / "verifiers"
    manifest = ROOT / "tests" / "verifiers" / "dkim" / "Cargo.toml"
    subprocess.run(
        ["cargo", "build", "--quiet", "--locked", "--manifest-path", manifest, "--target-dir", target], check=True
    )

    def verdicts(folder: Path) -> list[str]:
        return lines(target / "debug" / "dkim-verifier", PUBLIC, folder)

    return verdicts


def message(text: str = TEXT) -> EmailMessage:
    made = EmailMessage(
        "to@example.com", "from@example.com", "Gr\u00fc\u00dfe,  two  spaces, and long " + "word " * 20, text
    )
    made.attachments.add(bytes(range(256)) * 40, "a.bin")
    return made


def sign(made: EmailMessage, key: str, header: str = "relaxed", body: str = "relaxed") -> EmailMessage:
    signer = made.dkim.add("example.com", "brisbane" if key == ED25519 else "test", key)
    signer.header_canonicalization, signer.body_canonicalization = header, body
    return made


def judged(messages: list[bytes], folder: Path, mail_auth: Verifier) -> list[str]:
    for number, raw in enumerate(messages):
        (folder / f"{number:04}.eml").write_bytes(raw)
    verdicts = dkimpy(folder)
    assert mail_auth(folder) == verdicts, "mail-auth, and then dkimpy"
    return verdicts


def test_every_key_in_every_form(tmp_path: Path, mail_auth: Verifier) -> None:
    texts = (TEXT, "", "\r\n\r\n", " \r\n", "no line end", "a\r\n.\r\n")
    messages = [
        sign(message(text), key, header, body).to_bytes()
        for key, header, body, text in itertools.product((RSA, RSA_PKCS1, ED25519), FORMS, FORMS, texts)
    ]
    assert judged(messages, tmp_path, mail_auth) == ["1 True"] * len(messages)


def test_several_signatures(tmp_path: Path, mail_auth: Verifier) -> None:
    messages = []
    for outer, inner in itertools.product(itertools.product(FORMS, FORMS), repeat=2):
        made = sign(sign(message(), RSA, *outer), ED25519, *inner)
        messages.append(made.to_bytes())
    assert judged(messages, tmp_path, mail_auth) == ["2 True True"] * len(messages)


@pytest.mark.parametrize("field", ["From", "Subject", "Date", "To", "Cc", "Reply-To", "Message-ID"])
def test_what_is_signed_too_often_cannot_be_added(field: str, tmp_path: Path, mail_auth: Verifier) -> None:
    raws = [
        sign(message(), key, header, body).to_bytes()
        for key, header, body in itertools.product((RSA, ED25519), FORMS, FORMS)
    ]
    added = [f"{field}: evil@example.com\r\n".encode() + raw for raw in raws]
    assert judged(added, tmp_path, mail_auth) == ["1 False"] * len(added)


def test_what_servers_add_breaks_nothing_and_what_they_change_does(tmp_path: Path, mail_auth: Verifier) -> None:
    raws = [
        sign(message(), key, header, body).to_bytes()
        for key, header, body in itertools.product((RSA, ED25519), FORMS, FORMS)
    ]
    received = [b"Received: from x by y\r\n" + raw for raw in raws]
    changed = [raw.replace(b"a.bin", b"b.bin") for raw in raws]
    assert judged(received + changed, tmp_path, mail_auth) == ["1 True"] * len(raws) + ["1 False"] * len(raws)
