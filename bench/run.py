"""`make bench`: freesmtp beside what a user would pick instead, on the same work, in one run.

It builds everything, sends to a sink on this machine, and prints Markdown on standard output; README.md says how to
read it. Progress goes to standard error.
"""

import argparse
import os
import platform
import random
import shutil
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from measure import backlog, bulk, cluster, counts, drain, handover, monitor, server
from measure.build import BUILD, Built, build
from measure.sender import Failed, Sender
from measure.table import beside_rust, figure, section, table
from measure.work import Measured, Work, advantage, measure

ROUND_TRIP_MS = 40
ATTACHMENT_MB = 25
#: What packages that send with ours are written in.
LANGUAGE_OF = {"Django": "Python", "nodemailer": "Node"}


def works(quick: bool) -> list[Work]:
    """What is measured, and for how long in each run."""
    part = 0.25 if quick else 1.0
    return [
        Work("1 KB, 1 connection", seconds=0.7 * part),
        Work("1 KB, 64 connections", seconds=0.7 * part, connections=64),
        Work(
            f"1 KB, 1 connection, {ROUND_TRIP_MS} ms round trip",
            seconds=part,
            least=4,
            most=8,
            round_trip_ms=ROUND_TRIP_MS,
        ),
        Work(f"{ATTACHMENT_MB} MB attachment, 1 connection", seconds=part, least=2, most=8, attachment=attachment()),
    ]


def attachment() -> Path:
    """A file that does not compress, the same bytes each time."""
    path = BUILD / f"attachment-{ATTACHMENT_MB}.bin"
    size = ATTACHMENT_MB * 1024 * 1024
    if not path.exists() or path.stat().st_size != size:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(random.Random(1).randbytes(size))
    return path


def counted(built: Built, senders: list[Sender], near: int, far: int, said: Callable[[str], None]) -> str:
    """The table of what is counted and not timed."""
    strace, valgrind = counts.strace_works(), shutil.which("valgrind")
    rows = []
    for sender in senders:
        said(f"counting: {sender.name}")
        rows.append(
            [
                sender.name,
                figure(counts.system_calls(sender, near)) if strace else "–",
                figure(counts.round_trips(sender, far, ROUND_TRIP_MS)),
                figure(counts.instructions(sender, near)) if valgrind and sender.native else "–",
            ]
        )
    text = table(["client", "system calls", "round trips", "instructions"], rows)
    if any(sender.ours and sender.language == "Rust" for sender in senders):
        times, octets = counts.allocations(built.allocations, near)
        text += f"\n\nfreesmtp, Rust: {figure(times)} allocations of {figure(octets)} bytes in all for each message.\n"
    if not strace:
        text += "\nSystem calls were not counted: strace is missing, or may not trace here.\n"
    if not valgrind:
        text += "\nInstructions were not counted: valgrind is missing.\n"
    return f"## For each message of 1 KB, counted\n\n{text}"


def composed(built: Built, rounds: int, quick: bool, said: Callable[[str], None]) -> str:
    """What a text of 1 KB costs until its bytes are there: building the message, its date, its identifier."""
    work = Work("1 KB composed, not sent", seconds=0.2 if quick else 0.5, least=2000, most=1_000_000)
    measured = measure(work, built.composers, 0, rounds, said)
    valgrind = shutil.which("valgrind")
    kept, kept_peer, anew, anew_peer, _ = measured

    def beside(m: Measured) -> str:
        """Its time in that of mail-builder, which does the same; runs that were neighbours are compared."""
        if m in (kept_peer, anew_peer):
            return "1"
        peer = kept_peer if m is kept else anew_peer
        return f"{advantage(m, peer, lambda cost: cost.cpu_ms, more_is_better=True):.2f}"

    rows = [
        [
            m.sender.name,
            figure(m.median(lambda cost: cost.cpu_ms) * 1e3),
            beside(m),
            figure(counts.instructions(m.sender, 0)) if valgrind else "–",
        ]
        for m in measured
    ]
    times, octets = counts.allocations(replace(built.allocations, environment=anew.sender.environment), 0)
    text = table(["composer", "CPU µs/message", "mail-builder's time ×", "instructions"], rows)
    return (
        f"## {work.title}\n\n{text}\n\nfreesmtp, all anew: {figure(times)} allocations of {figure(octets)} bytes in "
        "all for each message, the message itself included.\n"
    )


def encoded(built: Built) -> str:
    """How fast contents take their form on the wire, beside what only encodes, and what only copies."""
    rows = []
    for program in built.encoders:
        for line in subprocess.run([program], check=True, capture_output=True, text=True).stdout.splitlines():
            name, megabytes = line.split("=")
            who = "freesmtp, " if program == built.encoders[0] else ""
            rows.append([f"{who}{name}", figure(float(megabytes))])
    text = table(["encoder", "MB/s of content"], rows)
    return (
        f"## Encoding 4 MB\n\n{text}\n\nfreesmtp's are whole messages: looked at, encoded in lines, with their heads.\n"
    )


def bulk_section(built: Built, near: int, far: int, part: float, rounds: int, said: Callable[[str], None]) -> str:
    """SendBulk beside smtp-source and libcurl."""
    curl = next(sender for sender in built.senders if sender.name.startswith("libcurl"))
    with (
        server.chunking_sink(built.chunking_sink) as chunked,
        server.delayed(built.delay_proxy, chunked, ROUND_TRIP_MS) as far_chunked,
    ):
        ports = {(False, False): near, (True, False): far, (True, True): far_chunked}
        return bulk.section(part, ROUND_TRIP_MS, rounds, (built.bulk, built.smtp_source, curl), ports, said)


def load() -> str:
    """How busy the machine is."""
    return ", ".join(f"{average:.1f}" for average in os.getloadavg())


def main() -> int:
    """Builds, measures, prints."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="one round of short runs: about a minute")
    parser.add_argument("--rounds", type=int, help="how often each work is repeated (3; 1 when quick)")
    parser.add_argument("--languages", default="Rust,C,Python,Node", help="only these")
    options = parser.parse_args()
    rounds = options.rounds or (1 if options.quick else 3)

    def said(text: str) -> None:
        if sys.stderr.isatty():
            print(f"\r\x1b[K{text}", end="", file=sys.stderr, flush=True)

    said("building")
    built = build()
    languages = options.languages.split(",")
    senders = [sender for sender in built.senders if sender.language in languages]
    started = time.monotonic()
    machine = f"{platform.machine()}, {os.cpu_count()} CPUs, load {load()} at the start"
    print(f"# freesmtp beside other clients\n\n{machine}; medians of {rounds} rounds by turns.\n", flush=True)
    with server.sink() as near, server.delayed(built.delay_proxy, near, ROUND_TRIP_MS) as far:
        done: list[tuple[Work, list[Measured]]] = []
        for work in works(options.quick):
            measured = measure(work, senders, far if work.round_trip_ms else near, rounds, said)
            said("")
            print(section(work, measured), flush=True)
            done.append((work, measured))
        if any(sender.ours and sender.language == "Rust" for sender in senders):
            print(beside_rust(done), flush=True)
        integrations = [sender for sender in built.integrations if LANGUAGE_OF[sender.language] in languages]
        if integrations:
            work = Work("1 KB, 1 connection, from other packages", seconds=0.7 * (0.25 if options.quick else 1.0))
            print(section(work, measure(work, integrations, near, rounds, said)), flush=True)
        if {"Rust", "C"} <= set(languages):
            print(bulk_section(built, near, far, 0.25 if options.quick else 1.0, rounds, said), flush=True)
        print(counted(built, senders, near, far, said))
    if {"Rust", "C"} <= set(languages):
        print(handover.section(built, rounds, options.quick, said), flush=True)
        print(drain.section(1, options.quick, said), flush=True)
        print(cluster.section(options.quick, said), flush=True)
        print(backlog.section(options.quick, said), flush=True)
        print(monitor.section(options.quick, said), flush=True)
    if any(sender.language == "Rust" for sender in senders):
        print(composed(built, rounds, options.quick, said))
        print(encoded(built))
    said("")
    print(f"Measured in {time.monotonic() - started:.0f} s; load {load()} at the end.")
    return 0


if __name__ == "__main__":
    try:
        sys.exit(main())
    except Failed as failed:
        sys.exit(f"\n{failed}")
