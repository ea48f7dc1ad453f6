"""Runs a job through one language's driver and checks its answers against the contract of `tests/drivers/README.md`."""

import base64
import json
import os
import shlex
import subprocess
from collections.abc import Iterable
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]
LANGUAGES = ("rust", "rust-tokio", "c", "cpp", "python", "python-asyncio", "node")
STAGES = ("COMPOSE", "RESOLVE", "CONNECT", "EHLO", "STARTTLS", "AUTH", "MAIL", "RCPT", "DATA", "EOM", "COMMAND", "QUIT")
STATUSES = ("accepted", "deferred", "refused", "unknown")
KINDS = {
    "message": 100,
    "dns": 200,
    "connect": 201,
    "tls": 202,
    "proxy": 203,
    "timeout": 204,
    "authentication": 300,
    "protocol": 400,
    "recipients-refused": 401,
    "outcome-unknown": 402,
    "file-io": 500,
    "spool": 600,
    "cancelled": 700,
    "internal": 900,
}
# Whose own way to end a call leaves no error of the library's.
ENDED = ("rust-tokio", "python", "python-asyncio")
WHO = ("sender-code", "sender-account", "server-admin", "recipient", "network", "nobody-retry")

Answer = dict[str, Any]


class ContractError(AssertionError):
    """The driver is missing, failed, or printed something that the contract does not allow."""


class Unsupported(Exception):
    """The language cannot express the value; only C and C++ may say so, of a NUL."""


def languages() -> tuple[str, ...]:
    """The languages under test: all, or those that `FREESMTP_LANGUAGES` names."""
    named = os.environ.get("FREESMTP_LANGUAGES", "")
    chosen = tuple(name.strip() for name in named.split(",") if name.strip())
    unknown = set(chosen) - set(LANGUAGES)
    if unknown:
        raise ValueError(f"FREESMTP_LANGUAGES: no such language: {', '.join(sorted(unknown))}")
    return chosen or LANGUAGES


def command(language: str) -> list[str]:
    """How that language's driver is run."""
    replaced = os.environ.get(f"FREESMTP_DRIVER_{language.upper().replace('-', '_')}")
    if replaced:
        return shlex.split(replaced)
    target = Path(os.environ.get("CARGO_TARGET_DIR", ROOT / "target"))
    rust = str(target / os.environ.get("FREESMTP_PROFILE", "debug") / "freesmtp-driver-rust")
    return {
        "rust": [rust],
        "rust-tokio": [rust, "--tokio"],
        "c": [str(ROOT / "build/tests/driver-c")],
        "cpp": [str(ROOT / "build/tests/driver-cpp")],
        "python": [str(ROOT / ".venv/bin/python"), str(ROOT / "tests/drivers/python/driver.py")],
        "python-asyncio": [
            str(ROOT / ".venv/bin/python"),
            str(ROOT / "tests/drivers/python/driver.py"),
            "--asyncio",
        ],
        "node": ["node", str(ROOT / "tests/drivers/node/driver.mjs")],
    }[language]


def escape(value: str) -> str:
    """A value as it stands in a job."""
    for character, written in (("\\", "\\\\"), ("\n", "\\n"), ("\r", "\\r"), ("\t", "\\t"), ("\0", "\\0")):
        value = value.replace(character, written)
    return value


class Job:
    """The lines of a job; methods return the job itself."""

    def __init__(self) -> None:
        self._lines: list[str] = []

    def put(self, key: str, value: object = None) -> "Job":
        """Adds any line."""
        text = {True: "true", False: "false"}[value] if isinstance(value, bool) else value
        self._lines.append(key if text is None else f"{key} {escape(str(text))}")
        return self

    def server(self, host: str, port: int, **settings: object) -> "Job":
        """Adds a server; the settings are named as in the contract, without `server.`."""
        self.put("server.host", host).put("server.port", port)
        for key, value in {"timeout": 10, **settings}.items():
            self.put(f"server.{key}", value)
        return self.put("server.add")

    def message(
        self, *to: str, sender: str = "sender@domain.test", subject: str = "Hello", text: str = "Hello"
    ) -> "Job":
        """Fills in a plain message."""
        self.put("from.email", sender)
        for recipient in to:
            self.put("recipient.to", recipient)
        return self.put("subject", subject).put("text", text)

    def attach(self, name: str, data: bytes) -> "Job":
        """Attaches bytes under a name."""
        return self.put("attachment.name", name).put("attachment.bytes", base64.b64encode(data).decode())

    def send(self) -> "Job":
        """Adds `send`."""
        return self.put("send")

    def text(self) -> str:
        """What the driver reads."""
        return "".join(f"{line}\n" for line in self._lines)


def run(language: str, job: Job, timeout: float = 60, prefix: Iterable[str] = ()) -> list[Answer]:
    """The answers of the driver, their shape checked. `prefix` is put before the command.

    A driver that is still running after `timeout` seconds hangs, which is a failure in itself.
    """
    arguments = [*prefix, *command(language)]
    try:
        done = subprocess.run(arguments, input=job.text().encode(), capture_output=True, timeout=timeout)
    except FileNotFoundError as error:
        raise ContractError(f"the driver for {language} is not built: {error.filename}") from error
    except subprocess.TimeoutExpired as error:
        raise ContractError(f"{language}: no end after {timeout:g} s; printed so far: {error.stdout!r}") from error
    errors = done.stderr.decode("utf-8", "backslashreplace")
    if done.returncode != 0:
        raise ContractError(f"{language}: exit status {done.returncode}\n{errors}")
    return [read_answer(language, line) for line in done.stdout.splitlines()]


def read_answer(language: str, line: bytes) -> Answer:
    """A line that the driver printed, its shape checked."""
    try:
        answer: Answer = json.loads(line)
    except ValueError as error:
        raise ContractError(f"{language}: this is not JSON: {line!r}") from error
    if "unsupported" in answer:
        if language not in ("c", "cpp"):
            raise ContractError(f"{language}: may not leave out {answer['unsupported']}")
        raise Unsupported(f"{language} cannot express {answer['unsupported']}")
    if answer == {"ended": True} and language in ENDED:
        return answer
    check_shape(answer)
    return answer


def run_one(language: str, job: Job, timeout: float = 60, prefix: Iterable[str] = ()) -> Answer:
    """The same where one answer is expected."""
    answers = run(language, job, timeout, prefix)
    if len(answers) != 1:
        raise ContractError(f"{language}: one answer expected, got {answers}")
    return answers[0]


def _nullable(kind: type) -> tuple[type, ...]:
    return (kind, type(None))


DIAGNOSIS = {
    **dict.fromkeys(("cause", "who", "summary", "remedy", "evidence"), (str,)),
    "retry_after": (int, float, type(None)),
    "reference": _nullable(str),
}
RECIPIENT = {
    "email": (str,),
    "status": (str,),
    "stage": (str,),
    "reply_code": (int,),
    "enhanced_code": _nullable(str),
    "reply_text": (str,),
    "diagnosis": _nullable(dict),
}
TLS = {
    "version": _nullable(str),
    "cipher": _nullable(str),
    "certificate_subject": _nullable(str),
    "certificate_not_after": _nullable(int),
}
REPORT = {
    "recipients": (list,),
    "reply_code": (int,),
    "reply_text": (str,),
    "message_id": (str,),
    "size": (int,),
    "server": (str,),
    "tls": _nullable(dict),
    "auth_mechanism": _nullable(str),
    "warnings": (list,),
}
CHECK: dict[str, tuple[type, ...]] = {
    **dict.fromkeys(("server", "status", "summary", "text"), (str,)),
    "is_temporary": (bool,),
    **dict.fromkeys(("steps", "warnings", "transcript"), (list,)),
}
STEP: dict[str, tuple[type, ...]] = {
    **dict.fromkeys(("name", "status", "summary"), (str,)),
    "is_temporary": (bool,),
    "facts": (list,),
    "diagnosis": _nullable(dict),
}
ERROR = {
    "kind": (str,),
    "number": (int,),
    "stage": (str,),
    "field": _nullable(str),
    "message": (str,),
    "reply_code": (int,),
    "enhanced_code": _nullable(str),
    "reply_text": (str,),
    "server": _nullable(str),
    "is_temporary": (bool,),
    "message_id": _nullable(str),
    "recipients": (list,),
    "diagnosis": _nullable(dict),
    "transcript": (list,),
}


def check_shape(answer: Answer) -> None:
    """Raise `ContractError` unless the answer has exactly the keys and types of the contract."""
    if answer.get("at") == "check" and answer.get("ok") is True:
        _check(answer)
        return
    if answer.get("at") in ("submittospool", "submitbulk", "submitmerge") and answer.get("ok") is True:
        _fields(answer, {"ok": (bool,), "at": (str,), "sends": (int,), "ids": (list,)}, "answer")
        _strings(answer["ids"], "ids")
        return
    if "told" in answer and answer.get("ok") is True:
        _fields(answer, {"ok": (bool,), "at": (str,), "sends": (int,), "told": (list,)}, "answer")
        _strings(answer["told"], "told")
        return
    body = "report" if answer.get("ok") is True else "error"
    index = {"index": (int,)} if answer.get("at") == "sendbulk" and "index" in answer else {}
    _fields(answer, {"ok": (bool,), "at": (str,), "sends": (int,), body: (dict,), **index}, "answer")
    outcome = answer[body]
    _fields(outcome, REPORT if body == "report" else ERROR, body)
    if body == "error":
        _one_of(outcome["stage"], STAGES, "error.stage")
        _one_of(outcome["kind"], KINDS, "error.kind")
        if outcome["number"] != KINDS[outcome["kind"]]:
            raise ContractError(f"error.number {outcome['number']} does not belong to {outcome['kind']}")
        _diagnosis(outcome["diagnosis"], "error.diagnosis")
        _strings(outcome["transcript"], "error.transcript")
    else:
        _strings(outcome["warnings"], "report.warnings")
        if outcome["tls"] is not None:
            _fields(outcome["tls"], TLS, "report.tls")
    for recipient in outcome["recipients"]:
        _fields(recipient, RECIPIENT, "recipient")
        _one_of(recipient["status"], STATUSES, "recipient.status")
        _one_of(recipient["stage"], STAGES, "recipient.stage")
        _diagnosis(recipient["diagnosis"], "recipient.diagnosis")


def _check(answer: Answer) -> None:
    _fields(answer, {"ok": (bool,), "at": (str,), "sends": (int,), "check": (dict,)}, "answer")
    check = answer["check"]
    _fields(check, CHECK, "check")
    for name in ("warnings", "transcript"):
        _strings(check[name], f"check.{name}")
    for step in check["steps"]:
        _fields(step, STEP, "step")
        _diagnosis(step["diagnosis"], "step.diagnosis")
        for fact in step["facts"]:
            _fields(fact, {"name": (str,), "value": (str,)}, "fact")


def _diagnosis(diagnosis: Any, where: str) -> None:
    if diagnosis is not None:
        _fields(diagnosis, DIAGNOSIS, where)
        _one_of(diagnosis["who"], WHO, f"{where}.who")


def _fields(found: dict[str, Any], expected: dict[str, tuple[type, ...]], where: str) -> None:
    if set(found) != set(expected):
        missing, extra = set(expected) - set(found), set(found) - set(expected)
        raise ContractError(f"{where}: missing {sorted(missing)}, not in the contract {sorted(extra)}")
    for key, types in expected.items():
        value = found[key]
        # In Python a bool is an int; in the contract it is not.
        if not isinstance(value, types) or (isinstance(value, bool) and bool not in types):
            raise ContractError(f"{where}.{key} is {value!r}, which is not of its type")


def _one_of(value: str, names: Iterable[str], where: str) -> None:
    if value not in names:
        raise ContractError(f"{where} is {value!r}, which is no such name")


def _strings(values: list[Any], where: str) -> None:
    if not all(isinstance(value, str) for value in values):
        raise ContractError(f"{where} holds something that is not a string")
