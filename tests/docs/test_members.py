"""Every member of the object API is there in every language, under each of its names.

C++ carries the original names, Python and Node both; C has a function for each, Rust what is usual there.
"""

import re
from functools import cache

import freesmtp
import pytest

from harness.driver import ROOT

TABLE = (ROOT / "tests/docs/members.tsv").read_text().splitlines()
ROWS = [row.split("\t") for row in TABLE if not row.startswith("#")]


@cache
def text(pattern: str) -> str:
    return "\n".join(path.read_text() for path in sorted(ROOT.glob(pattern)))


@cache
def body(source: str, opening: str) -> str:
    """What is declared inside a class."""
    found = re.search(rf"^{opening}\b.*?^}}", source, re.M | re.S)
    assert found is not None
    return found[0]


@pytest.mark.parametrize(("owner", "original", "python", "node", "c", "rust"), ROWS)
def test_it_is_there(owner: str, original: str, python: str, node: str, c: str, rust: str) -> None:
    cls = getattr(freesmtp, owner)
    assert hasattr(cls, python)
    assert hasattr(cls, original)
    # What is a function elsewhere may be an event in Node.
    kinds = (f"export declare class {owner}", f"export interface {owner}Events")
    declared = "".join(body(text("node/index.d.ts"), kind) for kind in kinds[: 2 if owner == "SMTP" else 1])
    for name in (node, original):
        assert re.search(rf"^  (?:static |get )?{name}[(:?]", declared, re.M), name
    cpp = body(text("include/freesmtp/*.hpp"), f"class {owner}(?= [:{{])")
    assert re.search(rf"\b{original}\b", cpp)
    if c != "-":
        assert re.search(rf"\b{c}\(", text("include/freesmtp.h"))
    if rust != "-":
        assert re.search(rf"\bpub (?:async )?(?:fn|struct|const)? ?{rust}\b", text("core/src/**/*.rs"))
