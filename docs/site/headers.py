"""The references of C and C++ as Markdown: the comments of the headers, as doxygen reads them."""

import re
import subprocess
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from xml.etree import ElementTree
from xml.etree.ElementTree import Element

ROOT = Path(__file__).resolve().parents[2]
HEADER = ROOT / "include/freesmtp.h"
XML = ROOT / "build/doxygen/xml"
SETTINGS = {
    "INPUT": "include",
    "FILE_PATTERNS": "*.h *.hpp",
    "RECURSIVE": "YES",
    "OUTPUT_DIRECTORY": "build/doxygen",
    "GENERATE_HTML": "NO",
    "GENERATE_LATEX": "NO",
    "GENERATE_XML": "YES",
    "XML_PROGRAMLISTING": "NO",
    "AUTOLINK_SUPPORT": "NO",
    "EXCLUDE_SYMBOLS": "freesmtp::detail detail",
    "QUIET": "YES",
    "WARNINGS": "NO",
    "WARN_IF_UNDOCUMENTED": "NO",
}
UNCALLED = ("operator=", "smtp_", "SetDeliveryOptions", "SetSpoolOptions")
# The functions of C go by the noun in their names; the first that fits.
NOUNS = {
    "smtp": "The SMTP object",
    "server": "Servers",
    "token": "Servers",
    "message": "Messages",
    "template": "Merge",
    "signer": "DKIM",
    "report": "Reports",
    "recipient": "Results of recipients",
    "error": "Errors",
    "diagnos": "Diagnosis",
    "expla": "Diagnosis",
    "check": "Check",
    "spool": "Status of what was submitted",
    "blast": "Blasts",
    "cancel": "Cancelling",
    "": "The rest",
}
# C++: the headers in the order in which a reader wants them.
PARTS = [
    *("smtp", "server", "token", "log", "observers", "message", "stream", "delivery", "dkim", "merge", "spool"),
    *("agent", "bulk", "report", "error", "diagnosis", "context", "explain", "check", "collection", "property"),
]


@cache
def read() -> dict[str, Element]:
    """Runs doxygen; the compounds by their id."""
    settings = "".join(f"{name} = {value}\n" for name, value in SETTINGS.items())
    (ROOT / "build/doxygen").mkdir(parents=True, exist_ok=True)
    subprocess.run(["doxygen", "-"], input=settings, text=True, check=True, cwd=ROOT)
    found = {}
    for path in XML.glob("*.xml"):
        for compound in ElementTree.parse(path).getroot().iter("compounddef"):
            found[compound.get("id", "")] = compound
    return found


def text(node: Element | None) -> str:
    """A description as Markdown."""
    if node is None:
        return ""
    return re.sub(r"\n{3,}", "\n\n", "".join(pieces(node))).strip()


def pieces(node: Element) -> Iterator[str]:
    """The Markdown of what is inside an element."""
    if node.text and node.tag not in ("briefdescription", "detaileddescription", "itemizedlist", "orderedlist"):
        yield escaped(node.text)
    for child in node:
        inside = "".join(pieces(child))
        match child.tag:
            case "para":
                yield f"\n\n{inside.strip()}\n\n"
            case "computeroutput":
                yield f"`{''.join(child.itertext())}`"
            case "verbatim" | "programlisting":
                yield f"\n\n```cpp\n{''.join(child.itertext()).rstrip()}\n```\n\n"
            case "listitem":
                yield "- " + inside.strip().replace("\n", "\n  ") + "\n"
            case "sp":
                yield " "
            case _:
                yield inside
        yield escaped(child.tail or "") if node.tag == "para" else ""


def escaped(words: str) -> str:
    """Words in which Markdown finds nothing to do."""
    return re.sub(r"([\\`*_<\[])", r"\\\1", words)


def described(member: Element) -> str:
    """All that is said of a member."""
    both = (text(member.find("briefdescription")), text(member.find("detaileddescription")))
    return "\n\n".join(one for one in both if one)


def c_reference() -> str:
    """The page of the C interface."""
    header = HEADER.read_text()
    lines = header.splitlines()
    head = header.split("*/", 1)[0].splitlines()[1:]
    page = ["# Reference: C", "", *markdown_of(line.removeprefix(" *").removeprefix(" ") for line in head), ""]
    file = read()["freesmtp_8h"]
    members = [m for m in file.iter("memberdef") if m.get("kind") in ("typedef", "function", "enum")]
    sections: dict[str, list[str]] = {title: [] for title in NOUNS.values()}
    sections["Values"] = []
    for member in members:
        name = member.findtext("name", "")
        if name.endswith("_n"):
            continue
        part = next(title for noun, title in NOUNS.items() if name.removeprefix("freesmtp_").startswith(noun))
        if member.get("kind") == "enum":
            sections["Values"] += [f"### {name}", "", described(member), "", *values(member, "FREESMTP_")]
            continue
        said = described(member)
        declared = declaration(lines, member)
        if fields := read().get(f"struct{name.replace('_', '__')}"):
            declared = "\n".join(whole(lines, fields))
            said = said or described(fields)
        twin = next((m for m in members if m.findtext("name") == f"{name}_n"), None)
        if twin is not None:
            declared += "\n" + declaration(lines, twin)
        sections[part] += [f"### {name}", "", "```c", declared, "```", "", said, ""]
    for title, parts in sections.items():
        if parts:
            page += [f"## {title}", "", *parts]
    return "\n".join(page)


def markdown_of(head: Iterator[str]) -> Iterator[str]:
    """The comment at the top of the header: a program, and a list whose items go on by four blanks."""
    code = False
    for line in head:
        if line.startswith("    #include") and not code:
            code = True
            yield "```c"
        elif code and line and not line.startswith("    "):
            code = False
            yield "```\n"
        if code:
            yield line.removeprefix("    ")
        else:
            yield re.sub(r"^   (?=[\w`])", "    ", re.sub(r"^ {5}(- | {2})", r"\n    \1", line))


def declaration(lines: list[str], member: Element) -> str:
    """A declaration of the header as it stands there."""
    place = member.find("location")
    assert place is not None
    first = int(place.get("declline") or place.get("line") or 0) - 1
    taken = []
    for line in lines[first:]:
        taken.append(line)
        if line.endswith((";", "{")):
            break
    return "\n".join(taken)


def whole(lines: list[str], struct: Element) -> Iterator[str]:
    """A struct of the header with its comments."""
    place = struct.find("location")
    assert place is not None
    for line in lines[int(place.get("line", "0")) - 1 :]:
        yield line
        if line.startswith("}"):
            return


def values(enum: Element, prefix: str) -> Iterator[str]:
    """The table of an enum's values."""
    yield from ("| value | number | meaning |", "|---|---|---|")
    for value in enum.findall("enumvalue"):
        number = value.findtext("initializer", "").removeprefix("=").strip().replace(prefix, "")
        yield f"| `{value.findtext('name')}` | {escaped(number)} | {' '.join(described(value).split())} |"
    yield ""


def cpp_reference() -> str:
    """The page of the C++ interface."""
    found = read()
    page = ["# Reference: C++", "", *top(ROOT / "include/freesmtp.hpp"), ""]
    namespace = found["namespacefreesmtp"]
    for part in PARTS:
        path = f"include/freesmtp/{part}.hpp"
        page += [f"## {part}.hpp", "", *top(ROOT / path), ""]
        compounds = [c for c in found.values() if c.get("kind") in ("class", "struct") and within(c, path)]
        for compound in sorted(compounds, key=line_of):
            page += cpp_class(compound)
        free = [m for m in namespace.iter("memberdef") if within(m, path)]
        for name, same in by_name(free):
            page += [f"### {escaped(name)}", "", *cpp_members(same)]
    return "\n".join(page)


def top(path: Path) -> Iterator[str]:
    """The comment at the top of a header, which is Markdown as it is."""
    for line in path.read_text().splitlines():
        if not line.startswith("///"):
            return
        yield line.removeprefix("///").removeprefix(" ")


def cpp_class(compound: Element) -> Iterator[str]:
    """A class: what it is, and its public members."""
    name = compound.findtext("compoundname", "").removeprefix("freesmtp::")
    bases = [base.text for base in compound.findall("basecompoundref") if base.get("prot") == "public"]
    derived = f" : public {', '.join(str(base) for base in bases)}" if bases else ""
    yield from (f"### {escaped(name)}", "")
    yield from ("```cpp", f"{compound.get('kind')} {name}{derived}", "```", "", described(compound), "")
    members = [m for m in compound.iter("memberdef") if m.get("prot") == "public" and m.get("kind") != "friend"]
    for member, same in by_name(members):
        yield from (f"#### {escaped(name)}::{escaped(member)}", "")
        yield from cpp_members(same)


def cpp_members(members: list[Element]) -> Iterator[str]:
    """The members of one name, each with what is said of it."""
    for member in members:
        said = described(member)
        if member.get("kind") == "enum":
            yield from (f"```cpp\nenum class {member.findtext('name')}\n```", "", said, "")
            yield from values(member, "FREESMTP_")
            continue
        signature = " ".join((member.findtext("definition", "") + member.findtext("argsstring", "")).split())
        # A property is what it can be used as; how it reaches the library is its own affair.
        signature = re.sub(r"\b(ReadOnly)?Property< ?([^,]+),[^>]*>", r"\1Property<\2>", signature)
        signature = re.sub(r"freesmtp::(?:\w+(?:< ?\w+ ?>)?::)*", "", signature)
        yield from (f"```cpp\n{signature}\n```", "", said, "")


def by_name(members: list[Element]) -> list[tuple[str, list[Element]]]:
    """Members in the order of the header, those of the same name together, without what nobody calls by name."""
    groups: dict[str, list[Element]] = {}
    for member in sorted(members, key=line_of):
        if member.findtext("name") not in UNCALLED:
            groups.setdefault(member.findtext("name", ""), []).append(member)
    return list(groups.items())


def within(node: Element, path: str) -> bool:
    """Whether it stands in that header."""
    place = node.find("location")
    return place is not None and place.get("file") == path


def line_of(node: Element) -> int:
    """Where it stands."""
    place = node.find("location")
    return int(place.get("line", "0")) if place is not None else 0
