"""Scenario files: a server's script, a job, and what must come of it (format: `tests/scenarios/README.md`)."""

import base64
import itertools
import re
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from .driver import LANGUAGES, Answer, Job
from .scripted import (
    SPLITS,
    Chunk,
    Chunks,
    Close,
    Enough,
    Hear,
    Message,
    Part,
    Say,
    ScriptedServer,
    Silence,
    Step,
    Tls,
    Waits,
)

DEFAULTS: dict[str, tuple[str, ...]] = {
    "smtp.defaultdomain": ("smtp.defaultdomain client.test",),
    "from.email": ("from.email sender@domain.test",),
    "recipient": ("recipient.to recipient@domain.test",),
    "subject": ("subject Hello",),
    "text": ("text Hello",),
}
SERVER_DEFAULTS = {"host": "{host}", "port": "{port}", "security": "none", "timeout": "10"}
VARIABLES = ("host", "port", "closed", "log", "ca", "big", "message")
OPERATORS = ("=", "!=", "~", "!~", "has", "!has")


class Malformed(Exception):
    """The scenario file cannot be read."""


@dataclass(frozen=True)
class Expectation:
    """One line of an `[expect]` section: a path into the answer, an operator, a value."""

    path: str
    operator: str
    value: str

    def complaint(self, answer: Any) -> str | None:
        """What is wrong, or `None` when the answer is as expected."""
        found = look_up(answer, self.path)
        text = as_text(found)
        negated, operator = self.operator.startswith("!"), self.operator.removeprefix("!")
        if operator == "=":
            holds = text == self.value
        elif operator == "has":
            holds = self.value in text
        else:
            holds = re.search(self.value, text) is not None
        return None if holds != negated else f"{self.path} {self.operator} {self.value!r}, but it is {text!r}"


@dataclass
class Scenario:
    """One file."""

    name: str
    splits: tuple[str, ...] = SPLITS
    languages: tuple[str, ...] = LANGUAGES
    scripts: list[list[Step]] = field(default_factory=list)
    job: list[tuple[str, str]] = field(default_factory=list)
    expectations: list[list[Expectation]] = field(default_factory=list)
    wire: list[Expectation] = field(default_factory=list)
    logged: list[Expectation] = field(default_factory=list)
    log: list[str] | None = None
    secrets: list[str] = field(default_factory=list)

    def make_job(self, variables: dict[str, str]) -> Job:
        """The job with the scenario's defaults filled in and the variables in braces replaced."""
        given = {key for key, _ in self.job}
        job = Job()
        for server in self._servers():
            for key, value in server.items():
                job.put(f"server.{key}", fill(value, variables))
            job.put("server.add")
        job.put("smtp.logfile", variables["log"])
        # A raw message holds all of that itself.
        is_raw = bool(given & {"raw", "raw.file"})
        for needed, lines in DEFAULTS.items():
            if is_raw and not needed.startswith("smtp."):
                continue
            # "recipient" is there when any of recipient.to, .cc, .bcc is; text also when only html is given.
            prefixes = (needed, "html") if needed == "text" else (needed,)
            if not any(key == p or key.startswith(f"{p}.") for key in given for p in prefixes):
                for line in lines:
                    key, _, value = line.partition(" ")
                    job.put(key, value)
        for key, value in self.job:
            if not key.startswith("server."):
                job.put(key, fill(value, variables))
        if not given & {"send", "sendbulk"}:
            job.put("send")
        return job

    def _servers(self) -> list[dict[str, str]]:
        """The properties of each server; `server.add` ends one, and need not be said of the last."""
        servers = [dict(SERVER_DEFAULTS)]
        for key, value in self.job:
            if key == "server.add":
                servers.append(dict(SERVER_DEFAULTS))
            elif key.startswith("server."):
                servers[-1][key.removeprefix("server.")] = value
        last_is_empty = len(servers) > 1 and servers[-1] == SERVER_DEFAULTS
        return servers[:-1] if last_is_empty else servers

    def complaints(
        self, answers: list[Answer], server: ScriptedServer, log: str, variables: dict[str, str]
    ) -> list[str]:
        """Everything that is not as the scenario says."""
        wrong = []
        if len(answers) != len(self.expectations):
            wrong.append(f"{len(self.expectations)} answer(s) expected, {len(answers)} came")
        for number, (expectations, answer) in enumerate(zip(self.expectations, answers, strict=False), 1):
            wrong += [f"answer {number}: {c}" for e in expectations if (c := e.complaint(answer))]
        heard = {
            "connections": len(server.connections),
            "lines": [line for connection in server.connections for line in connection.lines],
            "messages": [message.decode("utf-8", "backslashreplace") for message in server.messages],
        }
        wrong += [f"wire: {c}" for e in self.wire if (c := e.complaint(heard))]
        wrong += [f"log: {c}" for e in self.logged if (c := e.complaint({"text": log}))]
        if self.log is not None:
            expected = [fill(line, variables) for line in self.log]
            if expected != log.splitlines():
                wrong.append("the log is\n" + log + "but should be\n" + "\n".join(expected))
        for secret in self.secrets:
            for form in disguises(secret):
                if form in log or any(form in str(answer) for answer in answers):
                    wrong.append(f"{form!r} (of the secret {secret!r}) is shown in the log or in an answer")
        return wrong


def disguises(secret: str) -> list[str]:
    """The secret as it is, and in base64."""
    return [secret, base64.b64encode(secret.encode()).decode()]


def look_up(answer: Any, path: str) -> Any:
    """The value at a dotted path; `#` at its end is the number of entries. What is not there is `None`."""
    found = answer
    for name in path.split("."):
        if name == "#":
            return len(found)
        try:
            found = found[int(name)] if isinstance(found, list) else found[name]
        except (KeyError, IndexError, TypeError, ValueError):
            return None
    return found


def as_text(value: Any) -> str:
    """A value as it is written in an expectation."""
    if value is None or isinstance(value, bool):
        return {None: "null", True: "true", False: "false"}[value]
    return str(value)


def fill(text: str, variables: dict[str, str]) -> str:
    """`{name}` replaced by the variable of that name; other braces stay."""
    return re.sub(r"\{([a-z]+)\}", lambda m: variables.get(m[1], m[0]), text)


def read(path: Path) -> Scenario:
    """Reads a scenario file that is one case."""
    cases = read_cases(path)
    if len(cases) != 1:
        raise Malformed(f"{path.name}: {len(cases)} cases")
    return cases[0]


def read_cases(path: Path) -> list[Scenario]:
    """Reads a scenario file: one case, or one for each combination of rows of its tables."""
    lines = list(enumerate(path.read_text(encoding="utf-8").splitlines(), 1))
    tables: list[list[dict[str, str]]] = []
    rest: list[tuple[int, str]] = []
    columns: list[str] | None = None
    in_table = False
    for number, line in lines:
        if re.fullmatch(r"\[[a-z]+\]", line):
            in_table, columns = line == "[vary]", None
            if in_table:
                tables.append([])
        if not in_table:
            rest.append((number, line))
        elif line and not line.startswith(("#", "[")):
            cells = [cell.strip() for cell in line.split("|")]
            if columns is None:
                columns = cells
            elif len(cells) != len(columns):
                raise Malformed(f"{path.name}:{number}: {len(columns)} columns, but here are {len(cells)}")
            else:
                tables[-1].append(dict(zip(columns, cells, strict=True)))
    if not all(tables):
        raise Malformed(f"{path.name}: a table without rows")
    rest = _repeated(path, rest)
    return [_read_case(path, rows, rest) for rows in itertools.product(*tables)]


def _repeated(path: Path, lines: list[tuple[int, str]]) -> list[tuple[int, str]]:
    """The lines with what stands between `@repeat` and `@end` repeated, `{n}` replaced by the number of the time."""
    out: list[tuple[int, str]] = []
    block: list[tuple[int, str]] = []
    times: range | None = None
    for number, line in lines:
        if found := re.fullmatch(r"@repeat (\d+) (\d+)", line):
            times, block = range(int(found[1]), int(found[2]) + 1), []
        elif line == "@end" and times is not None:
            out += [(at, text.replace("{n}", str(n))) for n in times for at, text in block]
            times = None
        elif times is not None:
            block.append((number, line))
        else:
            out.append((number, line))
    if times is not None:
        raise Malformed(f"{path.name}: @repeat without @end")
    return out


def _read_case(path: Path, rows: tuple[dict[str, str], ...], lines: list[tuple[int, str]]) -> Scenario:
    """One case: the names of the tables' columns replaced by what the rows have there."""
    varied = {name: value for row in rows for name, value in row.items()}
    name = "-".join([path.stem, *(next(iter(row.values())) for row in rows)])
    scenario = Scenario(name)
    section, used = "", set()
    for number, template in lines:
        line = template
        try:
            if re.fullmatch(r"\[[a-z]+\]", line):
                section = line[1:-1]
                _begin(scenario, section)
                continue
            if line.startswith("#"):
                continue
            names = set(re.findall(r"\{([a-z]+)\}", line))
            if unknown := names - {*varied, *VARIABLES}:
                raise Malformed(f"nothing is named {', '.join(sorted(unknown))}")
            used |= names
            line = fill(line, varied)
            if section == "log":
                if line:
                    scenario.log = [*(scenario.log or []), line]
            elif line:
                _take(scenario, section, line)
        except (Malformed, ValueError, IndexError) as error:
            raise Malformed(f"{path.name}:{number}: {error}: {line!r}") from error
    if not scenario.expectations:
        raise Malformed(f"{path.name}: an [expect] section is missing")
    # The first column may be no more than the name of the case.
    if unused := {name for row in rows for name in list(row)[1:]} - used:
        raise Malformed(f"{path.name}: used nowhere: {', '.join(sorted(unused))}")
    return scenario


def _begin(scenario: Scenario, section: str) -> None:
    if section == "server":
        scenario.scripts.append([])
    elif section == "expect":
        scenario.expectations.append([])
    elif section == "log":
        scenario.log = []
    elif section not in ("job", "wire", "logged", "secrets"):
        raise Malformed("no such section")


def _take(scenario: Scenario, section: str, line: str) -> None:
    match section:
        case "":
            key, _, value = line.partition(" ")
            some = {"splits": SPLITS, "languages": LANGUAGES}.get(key, ())
            chosen = tuple(value.split())
            if not chosen or not set(chosen) <= set(some):
                raise Malformed("before the first section only `splits` or `languages` with some of them")
            setattr(scenario, key, chosen)
        case "server":
            _add_step(scenario.scripts[-1], line)
        case "job":
            key, _, value = line.partition(" ")
            scenario.job.append((key, unescape(value)))
        case "expect":
            scenario.expectations[-1].append(_expectation(line))
        case "wire":
            scenario.wire.append(_expectation(line))
        case "logged":
            scenario.logged.append(_expectation(line))
        case "secrets":
            scenario.secrets.append(line)


def _expectation(line: str) -> Expectation:
    path, operator, *value = line.split(" ", 2)
    if operator not in OPERATORS:
        raise Malformed(f"the operator is one of {' '.join(OPERATORS)}")
    return Expectation(path, operator, value[0] if value else "")


def _add_step(script: list[Step], line: str) -> None:
    mark, _, text = line.partition(" ")
    match mark:
        case "S:" | "S=" | "S?" | "S*":
            said = Say(_said(mark, text), mark == "S?")
            # Lines that follow one another are one write, as a server's reply is.
            if script and isinstance(last := script[-1], Say) and last.conditional == said.conditional:
                script[-1] = Say(last.data + said.data, said.conditional)
            else:
                script.append(said)
        case "C:" | "C~" | "C?":
            script.append(Hear(text, pattern=mark == "C~", optional=mark == "C?"))
        case "@message":
            script.append(Message())
        case "@bdat":
            script.append(_chunk(text))
        case "@tls":
            script.append(Tls(text or "good"))
        case "@close":
            script.append(Close())
        case "@reset":
            script.append(Close(reset=True))
        case "@chunks":
            script.append(Chunks(text or Chunks.answer))
        case "@part":
            script.append(Part(int(text)))
        case "@waits":
            script.append(Waits())
        case "@enough":
            script.append(Enough())
        case "@silent":
            script.append(Silence())
        case _:
            raise Malformed("no such step")


def _said(mark: str, text: str) -> bytes:
    if mark == "S*":
        times, _, text = text.partition(" ")
        return unescape(text).encode("latin-1") * int(times)
    return unescape(text).encode("latin-1") if mark == "S=" else text.encode() + b"\r\n"


def _chunk(text: str) -> Chunk:
    words = text.split()
    last = words[-1:] == ["LAST"]
    sizes = words[:-1] if last else words
    if len(sizes) > 1:
        raise Malformed("@bdat takes the number of octets, or none, and LAST")
    return Chunk(int(sizes[0]) if sizes else None, last)


def unescape(text: str) -> str:
    r"""`\n`, `\r`, `\t`, `\0`, `\\` and `\xHH` (in `S=` a byte, elsewhere a character) replaced."""

    def one(m: re.Match[str]) -> str:
        simple = {"n": "\n", "r": "\r", "t": "\t", "0": "\0", "\\": "\\"}
        return chr(int(m[1][1:], 16)) if m[1].startswith("x") and len(m[1]) == 3 else simple[m[1]]

    try:
        return re.sub(r"\\(x[0-9a-fA-F]{2}|.)", one, text)
    except KeyError as error:
        raise Malformed(f"no such escape: \\{error.args[0]}") from error
