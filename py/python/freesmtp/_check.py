"""What a check found: plain data, made by the native part. They compare by value, and pickle."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

from ._report import Diagnosis


@dataclass(frozen=True)
class CheckFact:
    """One thing that a step found."""

    name: str
    """Its stable name, such as `address`; a name may stand several times in a step."""
    value: str
    """Its value, as text."""


@dataclass(frozen=True)
class CheckStep:
    """One step of a check: how it ended, what was found, and on trouble why and what to do."""

    name: str
    """`dns`, `connect`, `greeting`, `ehlo`, `tls`, `auth`, `envelope`, `limits`, `mx`, `spf`, `dkim` or `dmarc`."""
    status: Literal["ok", "warning", "failed", "skipped"]
    """`ok`, `warning`, `failed` or `skipped`."""
    summary: str
    """One sentence for a person."""
    is_temporary: bool
    """Whether the same check may end better later."""
    facts: tuple[CheckFact, ...]
    """What was found, in order."""
    diagnosis: Diagnosis | None
    """Why, who must act, what to do; on warnings and failures."""

    def values(self, name: str) -> tuple[str, ...]:
        """The values of the facts of that name, in order."""
        return tuple(fact.value for fact in self.facts if fact.name == name)


@dataclass(frozen=True)
class CheckReport:
    """What a check found. `str()` gives it as a person reads it."""

    server: str
    """The server as it was named in the settings, and its port."""
    status: Literal["ok", "warning", "failed", "skipped"]
    """The worst of the steps: `ok`, `warning` or `failed`."""
    summary: str
    """What it comes to, in one sentence."""
    is_temporary: bool
    """Whether it failed, and the same check may end better later without a change."""
    steps: tuple[CheckStep, ...]
    """Every step in order, those that were skipped too."""
    elapsed: float
    """Seconds it took."""
    warnings: tuple[str, ...]
    """Trouble that is none of the server's: a log that could not be written."""
    transcript: tuple[str, ...]
    """The conversation, secrets removed, oldest line first."""
    text: str = field(repr=False, compare=False)
    """All of it as a person reads it, at most 80 columns wide."""

    def step(self, name: str) -> CheckStep:
        """The step of that name; `KeyError` for one that does not exist."""
        for step in self.steps:
            if step.name == name:
                return step
        raise KeyError(name)

    def __str__(self) -> str:
        return self.text
