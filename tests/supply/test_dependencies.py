"""What is depended on: from the registries alone, by checksum, under licences that deny.toml allows.

`make audit` has cargo-deny look at the same and at more; this needs no tool, so that every test run asks.
"""

import json
import re
import subprocess
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
DENY = tomllib.loads((ROOT / "deny.toml").read_text())
REGISTRY = "registry+https://github.com/rust-lang/crates.io-index"
CARGO_LOCKS = [
    "Cargo.lock",
    "fuzz/libfuzzer/Cargo.lock",
    "bench/peers/rust/Cargo.lock",
    "tests/verifiers/dkim/Cargo.lock",
]
NPM_LOCKS = ["node/package-lock.json", "monitor/package-lock.json", "bench/peers/node/package-lock.json"]
REQUIREMENTS = ["requirements-dev.txt", "docs/site/requirements.txt", "bench/peers/python/requirements.txt"]
#: Packages whose installation runs a program of theirs, each with its reason.
INSTALL_SCRIPTS = {"node_modules/esbuild": "puts the program for this machine in place, which is a package too"}


def allows(expression: str, allowed: set[str]) -> bool:
    """Whether an SPDX expression can be met; crates of old write `/` for OR."""
    tokens = re.findall(r"[()]|[^\s()]+", expression.replace("/", " OR "))

    def either() -> bool:
        met = both()
        while tokens and tokens[0] == "OR":
            tokens.pop(0)
            met = both() or met
        return met

    def both() -> bool:
        met = one()
        while tokens and tokens[0] == "AND":
            tokens.pop(0)
            met = one() and met
        return met

    def one() -> bool:
        token = tokens.pop(0)
        if token == "(":
            met = either()
            assert tokens.pop(0) == ")", expression
            return met
        if tokens and tokens[0] == "WITH":
            tokens.pop(0)
            token = f"{token} WITH {tokens.pop(0)}"
        return token in allowed

    met = either()
    assert not tokens, f"{expression!r} is not understood"
    return met


@pytest.mark.parametrize(
    ("expression", "right"),
    [
        ("MIT", True),
        ("GPL-3.0", False),
        ("MIT OR GPL-3.0", True),
        ("GPL-3.0/MIT", True),
        ("MIT AND GPL-3.0", False),
        ("(MIT OR GPL-3.0) AND ISC", True),
        ("(MIT OR ISC) AND GPL-3.0", False),
        ("MIT AND ISC OR GPL-3.0", True),
        ("ISC WITH LLVM-exception", False),
        ("ISC WITH LLVM-exception OR MIT", True),
    ],
)
def test_expressions(expression: str, right: bool) -> None:
    assert allows(expression, {"MIT", "ISC"}) == right


def test_the_licences_of_crates() -> None:
    done = subprocess.run(
        ["cargo", "metadata", "--locked", "--all-features", "--format-version", "1"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    )
    crates = json.loads(done.stdout)["packages"]
    assert len(crates) > 300
    exceptions = {one["crate"]: set(one["allow"]) for one in DENY["licenses"]["exceptions"]}
    wrong = {
        crate["name"]: crate["license"]
        for crate in crates
        if not allows(crate["license"] or "none", {*DENY["licenses"]["allow"], *exceptions.get(crate["name"], set())})
    }
    assert wrong == {}
    assert exceptions.keys() <= {crate["name"] for crate in crates}, "an exception for a crate that is not there"


@pytest.mark.parametrize("lock", CARGO_LOCKS)
def test_crates_come_from_the_registry(lock: str) -> None:
    own = {"bench-peers", "dkim-verifier"}
    for package in tomllib.loads((ROOT / lock).read_text())["package"]:
        if "source" in package:
            assert package["source"] == REGISTRY, package["name"]
            assert re.fullmatch("[0-9a-f]{64}", package["checksum"]), package["name"]
        else:
            assert package["name"] in own or package["name"].startswith("freesmtp-"), package["name"]


def test_no_lock_is_forgotten() -> None:
    done = subprocess.run(["git", "ls-files"], cwd=ROOT, capture_output=True, text=True, check=True)
    files = done.stdout.splitlines()
    assert {name for name in files if name.endswith("Cargo.lock")} == set(CARGO_LOCKS)
    assert {name for name in files if name.endswith("package-lock.json")} == set(NPM_LOCKS)
    assert {name for name in files if re.search(r"requirements[^/]*\.txt$", name)} == set(REQUIREMENTS)
    # Each package.json that asks for something has its lock.
    for name in (name for name in files if name.endswith("package.json")):
        asked = json.loads((ROOT / name).read_text())
        if asked.keys() & {"dependencies", "devDependencies"}:
            assert str(Path(name).with_name("package-lock.json")) in NPM_LOCKS, name


@pytest.mark.parametrize("lock", NPM_LOCKS)
def test_npm_packages_come_from_the_registry(lock: str) -> None:
    found = json.loads((ROOT / lock).read_text())["packages"]
    scripts = set()
    for name, package in found.items():
        if not name:
            continue
        # An address would be that of the registry that somebody had set; without one npm asks its own.
        assert "resolved" not in package, name
        assert package["integrity"].startswith("sha512-"), name
        if package.get("hasInstallScript"):
            scripts.add(name)
    assert scripts <= INSTALL_SCRIPTS.keys()


@pytest.mark.parametrize("file", REQUIREMENTS)
def test_python_packages_are_exact(file: str) -> None:
    lines = [line.split("#")[0].strip() for line in (ROOT / file).read_text().splitlines()]
    for line in filter(None, lines):
        assert re.match(r"[A-Za-z0-9_.\[\]-]+==[0-9][0-9.]*( ;|;|$)", line), line


def test_python_packages_of_the_tests_have_checksums() -> None:
    lock = (ROOT / "requirements-dev.lock").read_text()
    entries = re.findall(r"^([a-z0-9._-]+)(?:\[[a-z0-9,]+\])?==(\S+)(.*(?:\n    --hash=.*)+)", lock, flags=re.MULTILINE)
    names = re.findall(r"^([a-z0-9._-]+)", lock, flags=re.MULTILINE)
    assert [name for name, _, _ in entries] == names, "one has no checksum"
    assert all(re.fullmatch(r"(?:.*\\\n    --hash=sha256:[0-9a-f]{64})+.*", text) for _, _, text in entries)
    locked = {(name, version) for name, version, _ in entries}
    wanted = re.findall(
        r"^([a-z0-9-]+)(?:\[.*?\])?==([0-9.]+)", (ROOT / "requirements-dev.txt").read_text(), re.MULTILINE
    )
    assert len(wanted) > 5
    assert set(wanted) <= locked, "uv pip compile was not run"
