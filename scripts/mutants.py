#!/usr/bin/env python3
"""Changes one thing after another in files of `message`, `protocol` and `spool`, and tells what no test notices.

    scripts/mutants.py [--shard 0/3] core/src/message/lines.rs core/src/spool/*.rs …

The whole core takes too long to build for that, most of it what knows sockets. So there is a crate for each of the
three in build/mutants: the modules that it needs, copied, and as modules of its own those tests of core/tests that need
no more, so that a change is one build of one program. What only other tests notice counts as not noticed. Needs
cargo-mutants on the PATH. Results are in build/mutants/results by file. `--shard 0/3` makes every third change.
"""

import argparse
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
CORE = ROOT / "core"
BUILD = ROOT / "build/mutants"
#: Modules, those of `os` that know nothing of sockets, and the suites with what they ask for.
CRATES = {
    "message": (
        "message",
        "entropy file folder",
        "message_compose message_memory message_parties message_parts message_raw_head message_size",
    ),
    "dkim": ("message", "entropy file folder", "dkim message_parts"),
    "protocol": (
        "message protocol",
        "",
        "auth auth_replies auth_shown engine engine_login engine_random engine_replies engine_run engine_silence"
        " engine_unasked parameters",
    ),
    "spool": ("message spool", "entropy file folder local", "spool spool_damage"),
}
#: What the tests of another crate than its folder's ask for.
ELSEWHERE = {"message/delivery.rs": "protocol", "message/notify.rs": "protocol"}
#: What takes seconds, measures time, or asks for explanations.
SKIPPED = [
    "a_gibibyte_takes",
    "linear_time",
    "a_bit_that_flipped",
    "a_segment_that_is_cut_",
    "what_is_no_key_no_domain",
]
#: What of `smtp` these tests use, without its explanations of failures and the name of this machine.
STAND_IN = """mod smtp {
    mod save;
    mod signer;
    mod outcome { pub(super) fn explain_input(error: crate::Error) -> crate::Error { error } }
    mod send {
        use crate::{message::{Date, Stamp}, os::entropy};
        pub(super) fn stamp(_: &str) -> Stamp {
            let (seconds, nanoseconds) = entropy::unix_time();
            Stamp { date: Date::utc(seconds), random: entropy::unique(nanoseconds), host: String::new() }
        }
    }
}"""
#: Seconds for all tests of a crate, which take about one: what is endless ends then; and for a build, which computes
#: constants, endless ones too.
LONGEST, LONGEST_BUILD = 15, 120


def root(modules: list[str], system: list[str], suites: list[str]) -> str:
    """src/lib.rs with what is there of it, and the suites as modules."""
    named = [
        re.match(r"(?:pub )?mod (\w+);|pub use (\w+)::", line)
        for line in (CORE / "src/lib.rs").read_text().splitlines()
    ]
    lines = [found.string for found in named if found and (found[1] or found[2]) in modules]
    if system:
        lines += ["mod os {", *(f"pub(crate) mod {name};" for name in system), "}"]
    if "file" in system:
        lines += [STAND_IN]
    lines += ["extern crate self as freesmtp_core;", '#[cfg(test)] #[path = "../tests"]', "mod suites {"]
    lines += [f'#[path = "{name}.rs"] mod {name};' for name in suites]
    return "\n".join([*lines, "}\n"])


def manifest(name: str) -> str:
    """The core's dependencies without those that know sockets, built once and well."""
    dependencies = (CORE / "Cargo.toml").read_text().partition("[dependencies]")[2].partition("[[example]]")[0]
    dependencies = re.sub(r"(?m)^(native-tls|tracing|x509-cert)\b.*\n", "", dependencies)
    workspace = (ROOT / "Cargo.toml").read_text()
    versions = workspace.partition("[workspace.dependencies]")[2].partition("[workspace.lints")[0]
    versions = re.sub(r"(?m)^freesmtp-core.*\n", "", versions)
    return f"""[package]
name = "mutants-of-{name}"
version = "0.1.0"
edition = "2024"
autotests = false
[lib]
doctest = false
[workspace]
[profile.dev]
debug = false
incremental = true
[profile.dev.package."*"]
opt-level = 2
[dependencies]{dependencies}
[workspace.dependencies]{versions}"""


def crate(name: str) -> Path:
    """The crate, made anew from the sources, with the Python that its tests use beside it."""
    modules, system, suites = (words.split() for words in CRATES[name])
    folder = BUILD / name
    for part in ("src", "tests"):
        shutil.rmtree(folder / part, ignore_errors=True)
        shutil.copytree(CORE / part, folder / part)
    (folder / "src/lib.rs").write_text(root(["types", "error", *modules], system, suites))
    (folder / "Cargo.toml").write_text(manifest(name))
    shutil.copy2(ROOT / "Cargo.lock", folder)
    python = BUILD / ".venv"
    if not python.is_symlink():
        python.symlink_to(ROOT / ".venv")
    return folder


def run(folder: Path, name: str, file: Path, shard: list[str]) -> None:
    """Changes one file; what came of it is told and kept."""
    results = BUILD / "results" / str(file).removesuffix(".rs").replace("/", "-")
    shutil.rmtree(results, ignore_errors=True)
    results.mkdir(parents=True)
    command = ["cargo", "mutants", "--in-place", "--timeout", str(LONGEST), "--build-timeout", str(LONGEST_BUILD)]
    command += ["--cap-lints", "true", "--no-times", "--output", str(results), "--file", f"src/{file}"]
    command += [*shard, "--", "--offline", "--"]
    others = [f"{other}::" for other in ("types", *CRATES) if other != name and other not in file.parts]
    command += [word for test in SKIPPED + others for word in ("--skip", test)]
    environment = os.environ | {
        "CARGO_TARGET_DIR": str(BUILD / "target"),
        "PROPTEST_CASES": "64",
        "PROPTEST_MAX_SHRINK_ITERS": "0",
        "RUST_BACKTRACE": "0",
    }
    # What proptest keeps of a change would help to notice the next one.
    shutil.rmtree(folder / "proptest-regressions", ignore_errors=True)
    print(f"== {file}", flush=True)
    # It ends with 2 or 3 where something was not noticed or endless.
    if subprocess.run(command, cwd=folder, env=environment, check=False).returncode not in (0, 2, 3):
        sys.exit(f"{file}: see {results}")


def main() -> None:
    os.nice(5)
    crates: dict[str, Path] = {}
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--shard")
    parser.add_argument("files", nargs="+")
    arguments = parser.parse_args()
    shard = ["--sharding", "round-robin", "--shard", arguments.shard] if arguments.shard else []
    for argument in arguments.files:
        file = Path(argument).resolve().relative_to(CORE / "src")
        # The tests of DKIM ask another program, which takes long.
        name = "dkim" if "dkim" in file.parts else ELSEWHERE.get(file.as_posix(), file.parts[0])
        if name not in CRATES:
            sys.exit(f"{argument}: only {', '.join(CRATES)} are built small")
        if name not in crates:
            crates[name] = crate(name)
        run(crates[name], name, file, shard)


if __name__ == "__main__":
    main()
