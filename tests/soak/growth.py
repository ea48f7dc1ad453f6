"""Sends a million messages in each language, and says how much memory that took.

`python tests/soak/growth.py [SENDS] [LANGUAGE…]`. Each program sends one message after the other over one connection,
with listeners for the events, and one that is not valid after each hundred; the server, a process of its own, takes all
and keeps none. What is resident after a tenth of the sends is compared with what is resident at the end. A program that
grew by more than 8 MB ends it with an error; a report or error lost with each send would be a hundred times that. The
programs take the release builds (`make drivers`).
"""

import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

HERE = Path(__file__).parent
ROOT = HERE.parent.parent
TARGET = Path(os.environ.get("CARGO_TARGET_DIR", ROOT / "target")) / "release"
MOST = 8 * 1024 * 1024


def commands(folder: Path) -> dict[str, list[str]]:
    """How the program of each language is run."""
    library = [f"-L{TARGET}", "-lfreesmtp", f"-Wl,-rpath,{TARGET}", f"-I{ROOT / 'include'}"]
    return {
        "c": [str(folder / "c")],
        "cpp": [str(folder / "cpp")],
        "python": [sys.executable, str(HERE / "growth/send.py")],
        "asyncio": [sys.executable, str(HERE / "growth/send_async.py")],
        "node": ["node", "--expose-gc", str(HERE / "growth/send.mjs")],
        "cc c": ["cc", "-O2", str(HERE / "growth/send.c"), "-o", str(folder / "c"), *library],
        "cc cpp": ["c++", "-O2", "-std=c++17", str(HERE / "growth/send.cpp"), "-o", str(folder / "cpp"), *library],
    }


def main() -> None:
    sends = int(sys.argv[1]) if len(sys.argv) > 1 else 1_000_000
    grown = []
    with tempfile.TemporaryDirectory() as folder:
        known = commands(Path(folder))
        for language in sys.argv[2:] or ["c", "cpp", "python", "asyncio", "node"]:
            if compile_ := known.get(f"cc {language}"):
                soname = TARGET / "libfreesmtp.so.0"
                if not soname.exists():
                    soname.symlink_to("libfreesmtp.so")
                subprocess.run(compile_, check=True)
            sink = [sys.executable, str(ROOT / "tests/python/sink.py")]
            with subprocess.Popen(sink, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as server:
                assert server.stdout is not None
                began = time.monotonic()
                command = [*known[language], f"127.0.0.1:{server.stdout.readline().strip()}", str(sends)]
                done = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True)
                seconds = time.monotonic() - began
            first, last = (int(words) for words in done.stdout.split())
            print(
                f"{language}: {sends} sends in {seconds:.0f} s, {first / 2**20:.1f} MB after a tenth of them, "
                f"{last / 2**20:.1f} MB at the end",
                flush=True,
            )
            if last - first > MOST:
                grown.append(language)
    if grown:
        sys.exit(f"grew: {', '.join(grown)}")


if __name__ == "__main__":
    main()
