"""Every setting of the agent is described, and in one place."""

import re
import subprocess
from pathlib import Path

import pytest

from harness.driver import ROOT
from harness.sink import program

#: Where each section is described.
SECTIONS = {
    "": "operations.md",
    "destination": "operations.md",
    "retry": "operations.md",
    "route": "routes.md",
    "mx": "routes.md",
    "smtp": "entrances.md",
    "http": "entrances.md",
    "http.health": "entrances.md",
    "cluster": "cluster.md",
    "events": "events.md",
    "events.webhook": "events.md",
}
LISTS = ("route", "events.webhook")


def fields(section: str, folder: Path) -> list[str]:
    """The fields that the agent knows there: it names them when it is given another."""
    head = f"[[{section}]]" if section in LISTS else f"[{section}]" if section else ""
    config = folder / "agent.toml"
    config.write_text(f"{head}\nnonsense = 1\n")
    arguments = [program(), "agent", "--spool", str(folder / "spool"), "--config", str(config)]
    said = subprocess.run(arguments, capture_output=True, text=True, timeout=30, check=False).stderr
    assert "unknown field `nonsense`" in said
    return re.findall(r"`(\w+)`", said.partition("expected")[2])


def described(text: str) -> set[str]:
    """Names in the first column of tables, and those that settings in examples begin with."""
    rows = [line.split("|")[1] for line in text.splitlines() if line.startswith("| ")]
    names = {name for row in rows for name in re.findall(r"`\[*([\w.]+)\]*`", row)}
    for example in re.findall(r"```toml\n(.*?)```", text, re.S):
        names |= {name.rsplit(".")[-1] for name in re.findall(r"^([\w.]+) *=", example, re.M)}
        names |= {name for head in re.findall(r"^\[+([\w.]+)\]+", example, re.M) for name in head.split(".")}
        names |= {part for name in re.findall(r"^([\w.]+) *=", example, re.M) for part in name.split(".")}
    return names


@pytest.mark.parametrize("section", SECTIONS)
def test_every_field_is_described(section: str, tmp_path: Path) -> None:
    found = fields(section, tmp_path)
    assert len(found) > 1
    text = (ROOT / "docs" / SECTIONS[section]).read_text()
    known = described(text) | {name.split(".")[0] for name in SECTIONS if section == ""}
    assert [name for name in found if name not in known] == []
