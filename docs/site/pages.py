"""What mkdocs puts into the site besides the pages of docs/: what is generated, and what lies elsewhere."""

import re
import sys
from pathlib import Path

from mkdocs.config.defaults import MkDocsConfig
from mkdocs.structure.files import File, Files
from mkdocs.structure.pages import Page

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(Path(__file__).parent))

import declarations  # noqa: E402  the folder is known only now
import headers  # noqa: E402

BUILT = ROOT / "build/docs-parts"
# Pages of the repository that are pages of the site too.
ELSEWHERE = ("CHANGELOG.md", "CONTRIBUTING.md", "SECURITY.md")


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """Adds the generated pages."""

    def add(path: str, content: str) -> None:
        files.append(File.generated(config, path, content=content))

    add("assets/site.css", (ROOT / "docs/site/site.css").read_text())
    add("reference/c.md", headers.c_reference())
    add("reference/cpp.md", headers.cpp_reference())
    add("diagnoses.md", (BUILT / "diagnoses.md").read_text())
    add("reference/node.md", declarations.node_reference())
    add("reference/python.md", python_reference())
    for name in ELSEWHERE:
        if (ROOT / name).exists():
            add(name, (ROOT / name).read_text().replace("](docs/", "]("))
    for path in sorted((BUILT / "rust").rglob("*")):
        if path.is_file():
            files.append(
                File.generated(config, f"reference/rust/{path.relative_to(BUILT / 'rust')}", abs_src_path=str(path))
            )
    return files


def python_reference() -> str:
    """The page of the Python interface: mkdocstrings fills in each class and function that the package exports."""
    _, listed = (ROOT / "py/python/freesmtp/__init__.py").read_text().split("__all__ = [")
    exported = re.findall(r'^    "([a-zA-Z]\w+)",$', listed, re.M)
    head = "# Reference: Python\n\nEvery member answers to its original name too: `smtp.LogFile` is `smtp.log_file`.\n"
    known = [name for name in exported if not name.endswith("Exception") and name not in ("Diagnose", "Explain")]
    return head + "".join(f"\n::: freesmtp.{name}\n" for name in known)


def on_page_markdown(markdown: str, page: Page, config: MkDocsConfig, files: Files) -> str:
    """GitHub's Markdown as the site's: links that leave docs/, and what only rustdoc reads of a program."""
    for name in ELSEWHERE:
        markdown = markdown.replace(f"](../{name}", f"]({name}")
    return re.sub(r"^```rust(?:,[\w,]+)?\n(.*?)^```", shown_rust, markdown, flags=re.M | re.S)


def shown_rust(block: re.Match[str]) -> str:
    """A program of Rust without the lines that rustdoc compiles and does not show."""
    return "```rust\n" + re.sub(r"^# .*\n", "", block[1], flags=re.M) + "```"
