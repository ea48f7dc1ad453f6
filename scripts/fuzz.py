#!/usr/bin/env python3
"""Runs targets of fuzz/ under libFuzzer, each for so many seconds of processor time, and tells what came of it.

    scripts/fuzz.py --seconds 60 [--keep] [--built] [TARGET …]

It begins with fuzz/corpus and with what somebody wrote into fuzz/seeds: texts, whose lines get CRLF, and calls of the C
interface.
What it finds on the way stays in build/fuzz: `corpus/` and `crashes/` by target, `record.tsv` with a line for each
round. With `--keep`, what covers the most with the fewest bytes becomes fuzz/corpus, which every `cargo test` replays.
"""

import argparse
import ast
import hashlib
import os
import re
import resource
import shutil
import signal
import subprocess
import sys
import time
from collections import defaultdict
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
BUILD = ROOT / "build/fuzz"
#: The longest round, in seconds: after it there is a line in the record.
ROUND = 300
#: How much longer than its processor time a round may take: threads wait for each other, and on a busy machine for it.
PATIENCE = 4
#: A target that was broken so often is broken enough.
MOST_CRASHES = 5
#: What is kept of a corpus.
MOST_KEPT, LONGEST_KEPT = 60, 4096


def targets() -> dict[str, str]:
    """Every target, and the feature that it needs: `core` for none."""
    source = (ROOT / "fuzz/src/lib.rs").read_text()
    rows = re.findall(r'(?:#\[cfg\(feature = "(\w+)"\)\]\s*)?\("(\w+)", \w+::\w+\)', source)
    return {name: feature or "core" for feature, name in rows}


def build(feature: str) -> Path:
    """The program with the targets of a feature. The C interface has AddressSanitizer; the rest of the code is safe."""
    sanitizer = "address" if feature == "c" else "none"
    folder = BUILD / f"target-{sanitizer}"
    arguments = ["cargo", "fuzz", "build", "--fuzz-dir", "fuzz/libfuzzer", "--sanitizer", sanitizer]
    arguments += [] if feature == "core" else ["--features", feature]
    environment = os.environ | {
        "PATH": f"{BUILD}/bin:{os.environ['PATH']}",
        # Nightly features, which the instrumentation is, are unlocked in the stable compiler.
        "RUSTC_BOOTSTRAP": "1",
        "CARGO_TARGET_DIR": str(folder),
    }
    subprocess.run([*arguments, "target"], cwd=ROOT, env=environment, check=True)
    (built,) = folder.glob("*/release/target")
    program = BUILD / f"fuzz-{feature}"
    shutil.copy2(built, program)
    return program


def seeds(target: str) -> Path:
    """The folder with what somebody wrote for the target, in the bytes that the target reads."""
    written, made = ROOT / "fuzz/seeds" / target, BUILD / "seeds" / target
    shutil.rmtree(made, ignore_errors=True)
    made.mkdir(parents=True)
    for path in sorted(written.glob("*")):
        text = path.read_text(encoding="utf-8")
        data = calls(text) if target == "c" else text.replace("\n", "\r\n").encode()
        (made / path.stem).write_bytes(data)
    return made


def calls(text: str) -> bytes:
    """A line for each call: the function's name without its prefix, and what its arguments draw. A number is one octet
    (the place of a handle, a small number, room for a result), with an `i` before it any number; a text stands in
    quotation marks."""
    drawn = bytearray()
    for line in text.splitlines():
        name, _, arguments = line.partition(" ")
        if not name or name == "#":
            continue
        drawn += place(f"freesmtp_{name}").to_bytes(2, "little")
        for argument in re.findall(r'"(?:[^"\\]|\\.)*"|\S+', arguments):
            if argument.startswith('"'):
                value = ast.literal_eval(argument).encode()
                drawn += bytes((200, len(value))) + value
            elif argument.startswith("i"):
                drawn += b"\xf0" + int(argument[1:]).to_bytes(8, "little", signed=True)
            else:
                drawn.append(int(argument))
    return bytes(drawn)


def place(name: str) -> int:
    """Where `fuzz/src/c` has a function (FNV-1a, folded)."""
    number = 0x811C9DC5
    for octet in name.encode():
        number = (number ^ octet) * 0x01000193 & 0xFFFFFFFF
    return number >> 16 ^ number & 0xFFFF


def run(program: Path, target: str, seconds: float) -> dict[str, float | str]:
    """One round: what it came to."""
    own, crashes = BUILD / "corpus" / target, BUILD / "crashes" / target
    for folder in (own, crashes):
        folder.mkdir(parents=True, exist_ok=True)
    before = set(crashes.iterdir())
    arguments = [
        str(program), str(own), str(ROOT / "fuzz/corpus" / target), str(seeds(target)),
        "-timeout=60", "-rss_limit_mb=3072", "-print_final_stats=1", f"-dict={ROOT}/fuzz/smtp.dict",
        f"-artifact_prefix={crashes}/",
    ]  # fmt: skip
    log = BUILD / f"{target}.log"
    with log.open("wb") as out:
        process = subprocess.Popen(
            arguments, stdout=out, stderr=out, env=os.environ | {"FREESMTP_FUZZ": target}, cwd=BUILD
        )
        status, usage = waited(process.pid, seconds)
        process.returncode = os.waitstatus_to_exitcode(status)
    text = log.read_text(errors="replace")

    def last(pattern: str) -> int:
        found = re.findall(pattern, text)
        return int(found[-1]) if found else 0

    found = sorted(path.name for path in set(crashes.iterdir()) - before if not path.name.startswith("slow-unit"))
    if process.returncode and not found:
        found = [f"exit status {process.returncode}, see {log.relative_to(ROOT)}"]
    return {
        "target": target,
        "seconds": round(usage.ru_utime + usage.ru_stime, 1),
        "executions": last(r"stat::number_of_executed_units: (\d+)") or last(r"#(\d+)\s"),
        "edges": last(r"cov: (\d+)"),
        "features": last(r" ft: (\d+)"),
        "found": ", ".join(found),
    }


def waited(pid: int, seconds: float) -> tuple[int, resource.struct_rusage]:
    """Waits for the end of a fuzzer, and asks it to end when it has had so many seconds of processor time, or has been
    waiting too long for more of it."""
    asked, begun = False, time.monotonic()
    while True:
        ended, status, usage = os.wait4(pid, os.WNOHANG)
        if ended:
            return status, usage
        time.sleep(1)
        used = subprocess.run(["ps", "-o", "time=", "-p", str(pid)], capture_output=True, text=True).stdout
        # [DD-]HH:MM:SS, or MM:SS with fractions.
        parts = [float(part) for part in re.findall(r"[\d.]+", used)]
        scales = (1, 60, 3600, 86400)
        had = sum(part * scale for part, scale in zip(reversed(parts), scales, strict=False))
        if not asked and (had >= seconds or time.monotonic() - begun >= PATIENCE * seconds):
            os.kill(pid, signal.SIGUSR1)
            asked = True


def keep(program: Path, target: str) -> None:
    """Makes fuzz/corpus anew of what was found and of what stands there."""
    kept, merged = ROOT / "fuzz/corpus" / target, BUILD / "merged" / target
    shutil.rmtree(merged, ignore_errors=True)
    merged.mkdir(parents=True)
    arguments = [
        str(program), "-merge=1", str(merged), str(BUILD / "corpus" / target), str(kept), str(seeds(target)),
    ]  # fmt: skip
    subprocess.run(arguments, env=os.environ | {"FREESMTP_FUZZ": target}, cwd=BUILD, check=True, capture_output=True)
    inputs = sorted((path.read_bytes() for path in merged.iterdir()), key=len)
    inputs = [data for data in inputs if 0 < len(data) <= LONGEST_KEPT]
    step = max(1.0, len(inputs) / MOST_KEPT)
    chosen = [inputs[int(place * step)] for place in range(min(len(inputs), MOST_KEPT))]
    shutil.rmtree(kept, ignore_errors=True)
    kept.mkdir()
    for data in chosen:
        (kept / hashlib.sha1(data).hexdigest()[:12]).write_bytes(data)


def table() -> str:
    """All that the record has, a line for each target."""
    sums: dict[str, dict[str, float]] = defaultdict(lambda: defaultdict(float))
    crashes: dict[str, list[str]] = defaultdict(list)
    for line in (BUILD / "record.tsv").read_text().splitlines():
        target, seconds, executions, edges, features, found = line.split("\t")
        own = sums[target]
        own["seconds"] += float(seconds)
        own["executions"] += int(executions)
        own["edges"], own["features"] = int(edges), int(features)
        crashes[target] += [found] if found else []
    rows = ["| target | minutes of CPU | executions | edges | features | found |", "|---|---|---|---|---|---|"]
    for target, own in sums.items():
        numbers = f"{own['seconds'] / 60:.1f} | {own['executions']:,.0f} | {own['edges']:,.0f} | {own['features']:,.0f}"
        rows.append(f"| `{target}` | {numbers} | {'; '.join(crashes[target])} |")
    return "\n".join(rows)


def main() -> int:
    """Builds, runs, tells."""
    known = targets()
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=float, default=60, help="of processor time, for each target")
    parser.add_argument("--keep", action="store_true", help="make fuzz/corpus anew")
    parser.add_argument("--built", action="store_true", help="run the programs as they were built before")
    parser.add_argument("targets", nargs="*", metavar="TARGET", help=", ".join(known))
    asked = parser.parse_args()
    unknown = set(asked.targets) - set(known)
    if unknown:
        parser.error(f"no such target: {', '.join(sorted(unknown))}")
    programs: dict[str, Path] = {}
    broken = False
    for target in asked.targets or known:
        feature = known[target]
        if feature not in programs:
            programs[feature] = BUILD / f"fuzz-{feature}" if asked.built else build(feature)
        program = programs[feature]
        left, crashes = asked.seconds, 0
        while left > 0 and crashes < MOST_CRASHES:
            begun = time.monotonic()
            came = run(program, target, min(left, ROUND))
            with (BUILD / "record.tsv").open("a") as record:
                record.write("\t".join(str(value) for value in came.values()) + "\n")
            print("  ".join(f"{name}={value}" for name, value in came.items() if value != ""), flush=True)
            left -= max(float(came["seconds"]), (time.monotonic() - begun) / PATIENCE, 1)
            crashes += came["found"] != ""
        broken |= crashes > 0
        if asked.keep:
            keep(program, target)
    print(table())
    return int(broken)


if __name__ == "__main__":
    sys.exit(main())
