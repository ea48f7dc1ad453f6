"""The programs of the documentation: found in the pages, and run as they stand there.

A block with a title, ```` ```python title="first.py" ````, is a whole program. It is run in a folder of its own that
has a `report.txt`; it must end well, and print what stands in the block with the title "output" right after it (`…`
stands for anything). Programs inside `<div class="pair">` do the same with different clients; an output behind them is
that of all. Only the server's name is another one.
"""

import os
import re
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

from .driver import ROOT
from .sink import program

TARGET = Path(program()).parent
DOCS = ROOT / "docs"
BLOCK = re.compile(r"^```(\S+)(?: title=\"([^\"]+)\")?\n(.*?)^```$", re.M | re.S)
REPORT = "All is well.\n"


@dataclass(frozen=True)
class Program:
    """A program of a page."""

    page: str
    section: str
    language: str
    name: str
    source: str
    output: str | None

    def __str__(self) -> str:
        return f"{self.page}: {self.section}: {self.name}"


def pages() -> list[Path]:
    """The pages of docs/."""
    return sorted(path for path in DOCS.rglob("*.md") if "node_modules" not in path.parts)


def programs() -> list[Program]:
    """Every program of every page; those of Rust are rustdoc's to compile and to run."""
    found = []
    for path in pages():
        for section in re.split(r"^(?=## )", path.read_text(), flags=re.M):
            title = section.partition("\n")[0].lstrip("# ")
            for part in re.split(r"^(?=<div)|^</div>", section, flags=re.M):
                blocks = [(m[1], m[2], m[3]) for m in BLOCK.finditer(part)]
                for place, (language, name, source) in enumerate(blocks):
                    if name and name != "output" and not language.startswith("rust"):
                        after = blocks[place + 1 :] if part.startswith("<div") else blocks[place + 1 : place + 2]
                        output = next((text for _, what, text in after if what == "output"), None)
                        page = str(path.relative_to(DOCS))
                        found.append(Program(page, title, language, name, source, output))
    return found


def command(language: str, source: str, folder: Path, name: str = "example") -> list[str]:
    """Writes the program into the folder, builds it, and gives the command that runs it."""
    if language == "c":
        curl = "<curl/" in source
        return build(["cc", "-std=c11"], f"{name}.c", source, folder, ["-lcurl"] if curl else ["-lfreesmtp"])
    if language == "cpp":
        return build(["c++", "-std=c++17"], f"{name}.cpp", source, folder, ["-lfreesmtp"])
    if language == "python":
        (folder / f"{name}.py").write_text(source)
        return [str(ROOT / ".venv/bin/python"), f"{name}.py"]
    modules = folder / "node_modules"
    modules.mkdir()
    (modules / "freesmtp").symlink_to(ROOT / "node")
    if (peer := nodemailer()) is not None:
        (modules / "nodemailer").symlink_to(peer)
    file = f"{name}.cjs" if "require(" in source else f"{name}.mjs"
    (folder / file).write_text(source)
    node = shutil.which("node")
    assert node is not None
    return [node, file]


def build(compiler: list[str], file: str, source: str, folder: Path, libraries: list[str]) -> list[str]:
    """Compiles a program of C or C++ without a warning."""
    (folder / file).write_text(source)
    subprocess.run(
        [*compiler, "-Wall", "-Wextra", "-Werror", f"-I{ROOT / 'include'}", file, "-o", "program",
         f"-L{TARGET}", *libraries, f"-Wl,-rpath,{TARGET}"],
        check=True,
        cwd=folder,
    )  # fmt: skip
    return ["./program"]


def nodemailer() -> Path | None:
    """Where nodemailer is installed, if it is."""
    places = (ROOT / "node/node_modules/nodemailer", ROOT / "bench/peers/node/node_modules/nodemailer")
    return next((place for place in places if place.exists()), None)


def lacks(source: str) -> str | None:
    """What a program needs that is not here; only programs of other clients may lack something."""
    if "<curl/" in source and subprocess.run(["pkg-config", "--exists", "libcurl"], check=False).returncode != 0:
        return "libcurl's headers"
    if "from 'nodemailer'" in source and nodemailer() is None:
        return "nodemailer"
    return None


def run(language: str, source: str, folder: Path, **environment: str) -> subprocess.CompletedProcess[str]:
    """Runs a program of the documentation."""
    folder.mkdir(exist_ok=True)
    (folder / "report.txt").write_text(REPORT)
    return subprocess.run(
        command(language, source, folder),
        cwd=folder,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
        env={**os.environ, **environment},
    )


def matches(printed: str, expected: str) -> bool:
    """Whether that was printed; `…` stands for anything."""
    return re.fullmatch(re.escape(expected).replace("…", ".*"), printed, re.S) is not None
