"""`unsafe` stands where an ABI asks for it and nowhere else, each time with its reason.

That a reason stands at each block is clippy's to see (`undocumented_unsafe_blocks`, `missing_safety_doc`), which
`make lint` runs over every package that takes the workspace's lints.
"""

import re
import subprocess
import tomllib
from pathlib import Path

ROOT = Path(__file__).parents[2]
WORKSPACE = tomllib.loads((ROOT / "Cargo.toml").read_text())["workspace"]
#: Packages that may have any, and why; the places are those of files or folders in them.
MAY = {
    "ffi-c": ("pointers of C programs", ["src"]),
    "node": ("what the macros of Node-API expand to; nothing of its own", ["src/lib.rs"]),
    "fuzz": ("calls of the C interface, as a C program makes them", ["src/c"]),
    "bench/freesmtp/rust": ("an allocator that counts, and a clock", ["src/allocations.rs", "src/meter.rs"]),
}
#: Packages of which each root says that nothing in it may allow it. In the others the workspace's `deny` does, as long
#: as nobody allows it again.
FORBID = ["core", "agent", "tests/drivers/rust"]


def code(path: Path) -> str:
    """A source without its comments and texts."""
    text = re.sub(r'r#".*?"#|"(?:[^"\\]|\\.)*"', '""', path.read_text(), flags=re.DOTALL)
    return re.sub(r"//.*", "", text)


def sources(package: str) -> list[Path]:
    done = subprocess.run(["git", "ls-files", package], cwd=ROOT, capture_output=True, text=True, check=True)
    inner = [other for other in WORKSPACE["members"] if other.startswith(f"{package}/")]
    return [
        ROOT / name
        for name in done.stdout.splitlines()
        if name.endswith(".rs") and not any(name.startswith(f"{other}/") for other in inner)
    ]


def roots(package: str) -> list[Path]:
    """The roots of what a package gives to others: its library and its programs."""
    folder = ROOT / package / "src"
    return [path for path in (folder / "lib.rs", folder / "main.rs", *folder.glob("bin/*.rs")) if path.exists()]


def test_each_package_takes_the_lints() -> None:
    lints = WORKSPACE["lints"]
    assert lints["rust"]["unsafe_code"] == "deny"
    assert lints["clippy"]["undocumented_unsafe_blocks"] == "warn"
    for package in WORKSPACE["members"]:
        assert tomllib.loads((ROOT / package / "Cargo.toml").read_text())["lints"] == {"workspace": True}, package


def test_it_stands_where_it_may() -> None:
    for package in WORKSPACE["members"]:
        _, places = MAY.get(package, ("", []))
        may = tuple(str(ROOT / package / place) for place in places)
        for path in sources(package):
            if not str(path).startswith(may or ("nowhere",)):
                assert not re.search(r"\bunsafe\b|allow\(unsafe_code", code(path)), path
            elif package == "node":
                assert not re.search(r"\bunsafe\b", code(path)), path


def test_it_is_forbidden_where_none_is_needed() -> None:
    for package in FORBID:
        assert roots(package), package
        for path in roots(package):
            assert "#![forbid(unsafe_code)]" in path.read_text(), path


def test_the_reasons_are_asked_for() -> None:
    """Nobody turns off the lints; what the pointers of the C interface must be stands at the head of its header."""
    off = {"undocumented_unsafe_blocks", "missing_safety_doc", "unsafe_op_in_unsafe_fn"}
    found = {
        (package, lint)
        for package in WORKSPACE["members"]
        for path in sources(package)
        for lint in off
        if lint in code(path)
    }
    assert found == {("ffi-c", "missing_safety_doc")}
    assert "missing_safety_doc" in (ROOT / "ffi-c/src/lib.rs").read_text()
