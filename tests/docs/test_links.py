"""Every link between the pages of the repository leads to a page, and to a heading of it."""

import importlib.util
import re
from pathlib import Path

import pytest

from harness.driver import ROOT
from harness.programs import DOCS

SOURCES = sorted([*ROOT.glob("*.md"), *(path for path in DOCS.rglob("*.md"))])
# Pages that `make docs` makes: it checks the links to and from them itself.
GENERATED = {
    "diagnoses.md": "core/examples/diagnosis_catalogue.rs",
    "reference/c.md": "include/freesmtp.h",
    "reference/cpp.md": "include/freesmtp.hpp",
    "reference/python.md": "py/python/freesmtp/__init__.py",
    "reference/node.md": "node/types/freesmtp.d.ts",
    "reference/rust/freesmtp_core/index.html": "core/src/lib.rs",
    "reference/rust/freesmtp_core/protocol/index.html": "core/src/protocol/mod.rs",
}


def prose(path: Path) -> str:
    """A page without its programs."""
    return re.sub(r"^```.*?^```", "", path.read_text(), flags=re.M | re.S)


def anchors(path: Path) -> set[str]:
    """What its headings can be linked to as."""
    headings = re.findall(r"^#+ (.*)$", prose(path), re.M)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).strip().replace(" ", "-") for heading in headings}


@pytest.mark.parametrize("page", SOURCES, ids=lambda page: str(page.relative_to(ROOT)))
def test_links_lead_somewhere(page: Path) -> None:
    for link in re.findall(r"\]\(([^)\s]+)\)", prose(page)):
        if re.match(r"[a-z]+:", link):
            continue
        path, _, anchor = link.partition("#")
        target = (page.parent / path).resolve() if path else page
        if target.is_relative_to(DOCS) and (name := str(target.relative_to(DOCS))) in GENERATED:
            assert (ROOT / GENERATED[name]).exists(), link
            continue
        assert target.exists(), f"{link}: no such file"
        assert not anchor or anchor in anchors(target), f"{link}: no such heading"


def test_the_site_has_every_page() -> None:
    listed = re.findall(r"[\w/-]+\.(?:md|html)\b", (DOCS / "site/mkdocs.yml").read_text().split("nav:")[1])
    pages = {str(page.relative_to(DOCS)) for page in DOCS.rglob("*.md")}
    assert pages <= set(listed)
    assert set(listed) <= pages | set(GENERATED) | {"CHANGELOG.md", "CONTRIBUTING.md", "SECURITY.md"}


def test_the_check_of_the_site_finds_what_is_wrong(tmp_path: Path) -> None:
    spec = importlib.util.spec_from_file_location("check", DOCS / "site/check.py")
    assert spec is not None
    assert spec.loader is not None
    check = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(check)
    (tmp_path / "a.html").write_text('<a href="b.html#here">b</a><a href="https://example.com/">c</a><p id="top">')
    (tmp_path / "b.html").write_text('<h1 id="here">b</h1><a href="a.html#top">a</a><img src="data:image/png;base64,">')
    assert check.faults(tmp_path) == []
    (tmp_path / "b.html").write_text('<a href="c.html">c</a><script src="https://example.com/x.js"></script>')
    (tmp_path / "a.css").write_text("@import '//example.com/fonts.css';")
    check.page.cache_clear()
    assert check.faults(tmp_path) == [
        "a.html: b.html#here: no such anchor",
        "b.html: c.html: no such file",
        "b.html fetches https://example.com/x.js",
        "a.css: @import '//example.com/fonts.css",
    ]
