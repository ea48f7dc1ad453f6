"""One version: what every package and every interface says is what Cargo.toml says."""

from __future__ import annotations

import json
import os
import re
import subprocess
import tomllib
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
TARGET = Path(os.environ.get("CARGO_TARGET_DIR", ROOT / "target")) / os.environ.get("FREESMTP_PROFILE", "debug")
VERSION = tomllib.loads((ROOT / "Cargo.toml").read_text())["workspace"]["package"]["version"]


def said_by(*command: str) -> str:
    return subprocess.run(command, capture_output=True, text=True, check=True, cwd=ROOT).stdout.strip()


def test_the_command() -> None:
    assert said_by(str(TARGET / "freesmtp"), "--version") == f"freesmtp {VERSION}"


def test_the_library_of_c(tmp_path: Path) -> None:
    source = tmp_path / "version.c"
    source.write_text(
        "#include <freesmtp.h>\n#include <stdio.h>\nint main(void) { puts(freesmtp_version()); return 0; }\n"
    )
    program = str(tmp_path / "version")
    subprocess.run(
        [
            "cc",
            f"-I{ROOT / 'include'}",
            str(source),
            "-o",
            program,
            f"-L{TARGET}",
            "-lfreesmtp",
            f"-Wl,-rpath,{TARGET}",
        ],
        check=True,
    )
    assert said_by(program) == VERSION


def test_python() -> None:
    code = "import freesmtp, importlib.metadata as m; print(freesmtp.__version__, m.version('freesmtp'))"
    assert said_by(str(ROOT / ".venv/bin/python"), "-c", code) == f"{VERSION} {VERSION}"


def test_node() -> None:
    package = json.loads((ROOT / "node/package.json").read_text())
    assert package["version"] == VERSION
    code = f"console.log(require({str(ROOT / 'node')!r}).SMTP.version ?? require({str(ROOT / 'node')!r}).version)"
    assert said_by("node", "-e", code) == VERSION


def test_the_workspace_names_it_once() -> None:
    manifest = (ROOT / "Cargo.toml").read_text()
    core = re.search(r'freesmtp-core = \{ path = "core", version = "([^"]+)" \}', manifest)
    assert core is not None
    assert core.group(1) == VERSION
    members = [ROOT / f / "Cargo.toml" for f in ("core", "ffi-c", "py", "node", "agent")]
    assert all("version.workspace = true" in member.read_text() for member in members)
