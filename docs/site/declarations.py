"""The reference of Node as Markdown: the declarations of node/types, each with its comment."""

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
# Not index.d.ts, which declares every member a second time under its original name.
SOURCES = ("node/types/freesmtp.d.ts", "node/types/message.d.ts")
OWNER = re.compile(r"export (?:declare )?(class|interface|function|const|type) (\w+)")
MEMBER = re.compile(r"  (?:static |get |set |readonly )*(\w+|\[[\w.]+\])[?(:<]")
TITLES = {
    "class": "Classes",
    "interface": "What is told and given",
    "function": "Functions",
    "const": "Values",
    "type": "Types",
}


@dataclass
class Declared:
    """A declaration, its comment, and its members."""

    kind: str
    name: str
    lines: list[str]
    said: str
    members: list["Declared"] = field(default_factory=list)


def node_reference() -> str:
    """The page of the Node interface."""
    found = [one for source in SOURCES for one in declarations((ROOT / source).read_text().splitlines())]
    page = [
        "# Reference: Node",
        "",
        "Every member answers to its original name too: `smtp.LogFile` is `smtp.logFile`.",
        "",
    ]
    for kind, title in TITLES.items():
        page += [f"## {title}", ""]
        for one in found:
            if one.kind == kind:
                page += section(one, "###")
                for member in one.members:
                    page += section(member, "####", f"{one.name}.")
    return "\n".join(page)


def section(one: Declared, mark: str, owner: str = "") -> Iterator[str]:
    """One declaration with its words."""
    yield from (f"{mark} {owner}{one.name}", "", "```ts", *one.lines, "```", "")
    if one.said:
        yield from (one.said, "")


def declarations(lines: list[str]) -> Iterator[Declared]:
    """What the file exports."""
    comment: list[str] = []
    rest = iter(lines)
    for line in rest:
        if line.startswith("/**"):
            comment = list(until(line, rest, lambda text: text.rstrip().endswith("*/")))
        elif opened := OWNER.match(line):
            one = Declared(opened[1], opened[2], [], words(comment))
            comment = []
            if one.kind in ("class", "interface") and line.endswith("{"):
                one.lines = [line.removeprefix("export ").removesuffix(" {")]
                one.members = list(members(until("", rest, lambda text: text == "}")))
            else:
                taken = until(line, rest, complete())
                one.lines = [text.removeprefix("export ").removesuffix(" {}") for text in taken]
            yield one


def members(lines: Iterator[str]) -> Iterator[Declared]:
    """The members of a class; a getter and its setter are one, and so are the forms of a method."""
    found: dict[str, Declared] = {}
    comment: list[str] = []
    rest = iter(list(lines))
    for line in rest:
        if line.startswith("  /**"):
            comment = list(until(line, rest, lambda text: text.rstrip().endswith("*/")))
        elif named := MEMBER.match(line):
            one = found.setdefault(named[1], Declared("member", named[1], [], ""))
            one.lines += [text[2:] for text in until(line, rest, complete())]
            one.said = "\n\n".join(filter(None, (one.said, words(comment))))
            comment = []
    yield from found.values()


def until(line: str, rest: Iterator[str], last: Callable[[str], bool]) -> Iterator[str]:
    """The line and those after it, up to the last one."""
    while True:
        yield line
        if last(line):
            return
        line = next(rest)


def complete() -> Callable[[str], bool]:
    """Whether a declaration ends with this line: its brackets are closed."""
    depth = 0

    def ends(line: str) -> bool:
        nonlocal depth
        bare = line.replace("=>", "")
        depth += sum(bare.count(one) for one in "({[<") - sum(bare.count(one) for one in ")}]>")
        return depth == 0 and line.endswith((";", "{}"))

    return ends


def words(comment: list[str]) -> str:
    """What a comment says."""
    said = [re.sub(r"^\s*(/\*\*|\*/|\*)? ?", "", line).removesuffix("*/").rstrip() for line in comment]
    return re.sub(r"\{@link (\w+)\}", r"`\1`", "\n".join(said)).strip()
