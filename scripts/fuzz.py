#!/usr/bin/env python3
"""Runs targets of fuzz/ under libFuzzer, each for so many seconds of processor time, and tells what came of it.

    scripts/fuzz.py --seconds 60 [--keep] [--built] [TARGET …]

What it finds on the way stays in build/fuzz: `corpus/` and `crashes/` by target, `record.tsv` with a line for each round.
With `--keep`, what covers the most with the fewest bytes becomes fuzz/corpus, which every `cargo test` replays.
"""

import argparse
import hashlib
import os
import re
import shutil
import subprocess
import sys
from collections import defaultdict
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
BUILD = ROOT / "build/fuzz"
#: The longest round, in seconds: after it there is a line in the record.
ROUND = 300
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


def run(program: Path, target: str, seconds: float) -> dict[str, float | str]:
    """One round: what it came to."""
    own, crashes = BUILD / "corpus" / target, BUILD / "crashes" / target
    for folder in (own, crashes):
        folder.mkdir(parents=True, exist_ok=True)
    before = set(crashes.iterdir())
    arguments = [
        str(program), str(own), str(ROOT / "fuzz/corpus" / target), f"-max_total_time={max(int(seconds), 1)}",
        "-timeout=60", "-rss_limit_mb=3072", "-print_final_stats=1", f"-dict={ROOT}/fuzz/smtp.dict",
        f"-artifact_prefix={crashes}/",
    ]  # fmt: skip
    log = BUILD / f"{target}.log"
    with log.open("wb") as out:
        process = subprocess.Popen(
            arguments, stdout=out, stderr=out, env=os.environ | {"FREESMTP_FUZZ": target}, cwd=BUILD
        )
        _, status, usage = os.wait4(process.pid, 0)
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


def keep(program: Path, target: str) -> None:
    """Makes fuzz/corpus anew of what was found and of what stands there."""
    kept, merged = ROOT / "fuzz/corpus" / target, BUILD / "merged" / target
    shutil.rmtree(merged, ignore_errors=True)
    merged.mkdir(parents=True)
    arguments = [str(program), "-set_cover_merge=1", str(merged), str(BUILD / "corpus" / target), str(kept)]
    subprocess.run(
        arguments, env=os.environ | {"FREESMTP_FUZZ": target}, cwd=BUILD, check=True, capture_output=True
    )
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
            came = run(program, target, min(left, ROUND))
            with (BUILD / "record.tsv").open("a") as record:
                record.write("\t".join(str(value) for value in came.values()) + "\n")
            print("  ".join(f"{name}={value}" for name, value in came.items() if value != ""), flush=True)
            left -= max(float(came["seconds"]), 1)
            crashes += came["found"] != ""
        broken |= crashes > 0
        if asked.keep:
            keep(program, target)
    print(table())
    return int(broken)


if __name__ == "__main__":
    sys.exit(main())
