"""Everything public says what it is: in the headers of C and C++, in Python, and in the declarations of Node.

Values of an enum of C++ and of Node need no words besides those of the enum: `Plain`, `HTML`.
"""

import inspect
import re
from collections.abc import Iterator
from itertools import pairwise

import freesmtp
import pytest

from harness.driver import ROOT

HEADERS = sorted((ROOT / "include/freesmtp").glob("*.hpp"))


def test_the_header_of_c() -> None:
    lines = (ROOT / "include/freesmtp.h").read_text().splitlines()
    bare = []
    for before, line in pairwise(lines):
        declared = re.match(r"(?:typedef|enum) .*|(?!typedef|[ /#}]).*?\bfreesmtp_\w+\(|  FREESMTP_\w+ = ", line)
        if declared and not before.strip().startswith("///"):
            bare.append(line)
    assert not bare


def public_of_cpp(lines: list[str]) -> Iterator[tuple[str, str]]:
    """The declarations that a program may use, each with the line before it."""
    public, inside, detail = True, "", False
    for before, line in zip(["", *lines], lines, strict=False):
        if "namespace detail" in line:
            detail = line.startswith("namespace")
        elif detail:
            continue
        elif opened := re.match(r"(class|struct) (\w+).*\{$", line):
            public, inside = opened[1] != "class", opened[2]
            yield before, line
        elif line in ("public:", "private:", "protected:"):
            public = line == "public:"
        elif line.startswith("};"):
            public, inside = True, ""
        elif inside and public and re.match(r"    [\w~].*[;{](?:\s*//.*)?$", line):
            yield before, line


@pytest.mark.parametrize("header", HEADERS, ids=lambda header: header.name)
def test_the_headers_of_cpp(header: object) -> None:
    assert header in HEADERS
    lines = header.read_text().splitlines()  # type: ignore[attr-defined]
    # What nobody calls by name needs no words: assignment, moves, conversions, `begin` and `end` of a loop.
    plain = re.compile(r"operator\b|\b(begin|end)\(|&&|= (default|delete);|\bfriend\b|using |\bfreesmtp_message \*to\)")
    bare = [
        line
        for before, line in public_of_cpp(lines)
        if "///" not in line and not re.match(r"\s*(///|template <)", before) and not plain.search(line)
    ]
    assert not bare


def test_the_reference_has_every_header_of_cpp() -> None:
    parts = (ROOT / "docs/site/headers.py").read_text().split("PARTS = [")[1].split("]")[0]
    # What only the headers themselves use is in one of them.
    assert {header.stem for header in HEADERS} - {"handle"} == set(re.findall(r'"(\w+)"', parts))


def test_python() -> None:
    bare = []
    for name in freesmtp.__all__:
        value = getattr(freesmtp, name)
        if name.startswith("__"):
            continue
        if not inspect.getdoc(value):
            bare.append(name)
        if inspect.isclass(value):
            source = inspect.getsource(value) if value.__module__ != "freesmtp" else ""
            for member, what in vars(value).items():
                if member.startswith("_") or getattr(what, "__doc__", None):
                    continue
                # A field of a dataclass has its words on the line after it.
                if not re.search(rf'^    {member}: .*\n    """', source, re.M):
                    bare.append(f"{name}.{member}")
    assert not bare


def test_node() -> None:
    lines = (ROOT / "node/index.d.ts").read_text().splitlines()
    bare, owner, one = [], None, ""
    for before, line in pairwise(lines):
        said = before.rstrip().endswith("*/")
        if declared := re.match(r"export (?:declare )?(?:class|interface|const|function|type) (\w+)", line):
            one = declared[1]
            owner = one if line.endswith("{") and " const " not in line else None
            if not said and not re.match(rf"export declare \w+ {one}\b", before):
                bare.append(one)
        elif line.startswith("}"):
            owner = None
        elif owner and (member := re.match(r"  (?:static |get |readonly )*(\w+)[?(:<]", line)):
            again = re.match(rf"  (get |set )?{member[1]}\b", before)
            if not said and not again and member[1] != "constructor":
                bare.append(f"{owner}.{member[1]}")
    assert not bare
