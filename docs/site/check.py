"""Looks at the built site: every internal link leads somewhere, and no page asks another host for anything.

check.py FOLDER
"""

import re
import sys
from functools import cache
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote, urlsplit

# What a browser fetches by itself, by element; links that a person may follow are free.
FETCHED = {"script": "src", "img": "src", "iframe": "src", "source": "src", "video": "src", "audio": "src"}
STYLE_URL = re.compile(r"""(?:@import\s+|url\()\s*['"]?(?:https?:)?//[^)'"\s]+""")


class Page(HTMLParser):
    """The links, fetches and anchors of a page."""

    def __init__(self, path: Path) -> None:
        super().__init__()
        self.links: list[str] = []
        self.fetches: list[str] = []
        self.anchors: set[str] = set()
        self.feed(path.read_text())

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = {name: value or "" for name, value in attrs}
        self.anchors |= {given[name] for name in ("id", "name") if name in given}
        if tag == "a" and "href" in given:
            self.links.append(given["href"])
        if tag == "link" and given.get("rel") not in ("canonical", "prev", "next"):
            self.fetches.append(given.get("href", ""))
        if tag in FETCHED:
            self.fetches.append(given.get(FETCHED[tag], ""))


@cache
def page(path: Path) -> Page:
    """A page, read once."""
    return Page(path)


def faults(folder: Path) -> list[str]:
    """What is wrong with the site."""
    found = []
    for path in sorted(folder.rglob("*.html")):
        # The error page's links begin at the root of wherever the site is put. Rustdoc checks its own.
        if path.name == "404.html" or "reference/rust" in path.as_posix():
            continue
        for link in page(path).links + page(path).fetches:
            if problem := wrong(path, link):
                found.append(f"{path.relative_to(folder)}: {link}: {problem}")
        found += [
            f"{path.relative_to(folder)} fetches {url}"
            for url in page(path).fetches
            if urlsplit(url).netloc or urlsplit(url).scheme not in ("", "data")
        ]
    for path in sorted(folder.rglob("*.css")):
        found += [f"{path.relative_to(folder)}: {url}" for url in STYLE_URL.findall(path.read_text())]
    return found


def wrong(path: Path, link: str) -> str | None:
    """Why an internal link leads nowhere."""
    parts = urlsplit(link)
    if parts.scheme or parts.netloc:
        return None
    target = (path.parent / unquote(parts.path)).resolve() if parts.path else path
    if target.is_dir():
        target /= "index.html"
    if not target.exists():
        return "no such file"
    anchor = unquote(parts.fragment)
    if anchor and target.suffix == ".html" and not anchor.startswith("__") and anchor not in page(target).anchors:
        return "no such anchor"
    return None


if __name__ == "__main__":
    problems = faults(Path(sys.argv[1]))
    print("\n".join(problems), end="\n" if problems else "")
    sys.exit(1 if problems else 0)
