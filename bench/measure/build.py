"""Builds what is measured, all of it optimised, and gives the senders.

Our own bindings are put together under ``build/bench`` from the release libraries, so that no debug build that a
developer left in the tree is measured by mistake.
"""

import os
import platform
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

from .sender import Sender

BENCH = Path(__file__).resolve().parent.parent
ROOT = BENCH.parent
BUILD = ROOT / "build" / "bench"
TARGET = (ROOT / os.environ.get("CARGO_TARGET_DIR", "target")).resolve()
RELEASE = TARGET / "release"
PEERS = BUILD / "rust" / "release"


@dataclass(frozen=True)
class Built:
    """Everything that is run."""

    senders: list[Sender]
    integrations: list[Sender]
    """What other packages send with: ours, and beside each what its users have now."""
    composers: list[Sender]
    """They take the same command line, and connect to nobody: freesmtp and mail-builder that use again what they can,
    both with everything anew, and lettre."""
    allocations: Sender
    delay_proxy: Path
    bulk: Sender
    smtp_source: Sender
    chunking_sink: Path
    encoders: list[Path]
    """They print a name and megabytes a second in each line, ours first."""
    spool: Path
    """It takes a command line of its own: ``WORK FOLDER N SIZE THREADS``."""


def build() -> Built:
    """Builds everything; what is up to date already costs nothing."""
    BUILD.mkdir(parents=True, exist_ok=True)
    packages = ["freesmtp-ffi", "freesmtp-py", "freesmtp-node", "freesmtp-bench"]
    _run("cargo", "build", "--quiet", "--release", "--locked", *(f"-p{name}" for name in packages))
    _run("cargo", "build", "--quiet", "--release", "--locked", "-p", "freesmtp-agent", "--bins", "--examples")
    environment = {"CARGO_TARGET_DIR": str(BUILD / "rust")}
    manifest = str(BENCH / "peers" / "rust" / "Cargo.toml")
    _run("cargo", "build", "--quiet", "--release", "--locked", "--manifest-path", manifest, environment=environment)
    ours = _composers("freesmtp", "message kept, one buffer", RELEASE / "freesmtp-bench-compose", ours=True)
    peers = _composers(f"mail-builder {_crate('mail-builder')}", "one buffer", PEERS / "mail_builder")
    lettre = Sender(f"lettre {_crate('lettre')}, all anew", "Rust", (str(PEERS / "lettre_compose"),), native=True)
    return Built(
        [*_rust(), *_c(), *_python(), *_node()],
        _integrations(),
        # Those that are compared run one after the other.
        [ours[0], peers[0], ours[1], peers[1], lettre],
        Sender("freesmtp, Rust", "Rust", (str(RELEASE / "freesmtp-bench-allocations"),), ours=True, native=True),
        PEERS / "delay_proxy",
        Sender("freesmtp SendBulk, Rust", "Rust", (str(RELEASE / "freesmtp-bench-bulk"),), ours=True, native=True),
        Sender("smtp-source", "C", (sys.executable, str(BENCH / "peers" / "smtp_source.py")), native=True),
        RELEASE / "freesmtp-bench-sink",
        [RELEASE / "freesmtp-bench-encode", PEERS / "encode"],
        RELEASE / "freesmtp-bench-spool",
    )


def _composers(name: str, kept: str, program: Path, ours: bool = False) -> list[Sender]:
    """The program twice: it uses again what it can, and it makes everything anew."""
    anew = {"FREESMTP_BENCH": "anew"}
    return [
        Sender(f"{name}, {kept}", "Rust", (str(program),), ours=ours, native=True),
        Sender(f"{name}, all anew", "Rust", (str(program),), ours=ours, native=True, environment=anew),
    ]


def _rust() -> list[Sender]:
    return [
        Sender("freesmtp, Rust", "Rust", (str(RELEASE / "freesmtp-bench-send"),), ours=True, native=True),
        Sender(f"lettre {_crate('lettre')}", "Rust", (str(PEERS / "lettre"),), native=True),
        Sender(f"mail-send {_crate('mail-send')}", "Rust", (str(PEERS / "mail_send"),), native=True),
    ]


def _c() -> list[Sender]:
    compiler = os.environ.get("CC", "cc")
    flags = ["-std=gnu11", "-O2", "-Wall", "-Wextra", "-pthread"]
    ours, peer = BUILD / "freesmtp-c", BUILD / "libcurl-c"
    include = f"-I{ROOT / 'include'}"
    library = _library()
    _run(compiler, *flags, include, str(BENCH / "freesmtp/c/send.c"), *library, "-o", str(ours))
    curl = _output("pkg-config", "--cflags", "--libs", "libcurl").split()
    _run(compiler, *flags, str(BENCH / "peers/c/libcurl.c"), *curl, "-o", str(peer))
    version = _output("pkg-config", "--modversion", "libcurl")
    return [
        Sender("freesmtp, C", "C", (str(ours),), ours=True, native=True),
        Sender(f"libcurl {version}", "C", (str(peer),), native=True),
    ]


def _library() -> list[str]:
    """Puts the library where the linker and, under its SONAME, the loader find it; gives the linker's options."""
    folder = BUILD / "lib"
    folder.mkdir(exist_ok=True)
    library = folder / "libfreesmtp.so"
    shutil.copyfile(RELEASE / "libfreesmtp.so", library)
    words = _output("objdump", "-p", str(library)).split()
    loaded = folder / words[words.index("SONAME") + 1]
    loaded.unlink(missing_ok=True)
    loaded.symlink_to(library.name)
    return [f"-L{folder}", "-lfreesmtp", f"-Wl,-rpath,{folder}"]


def _python() -> list[Sender]:
    package = BUILD / "python" / "freesmtp"
    _copy(ROOT / "py" / "python" / "freesmtp", package)
    shutil.copyfile(RELEASE / "libfreesmtp_py.so", package / "_freesmtp.abi3.so")

    requirements = BENCH / "peers" / "python" / "requirements.txt"
    environment = BUILD / "venv"
    installed = environment / "requirements.txt"
    if not installed.exists() or installed.read_text() != requirements.read_text():
        _run(sys.executable, "-m", "venv", str(environment))
        pip = [str(environment / "bin/pip"), "install", "--quiet", "--disable-pip-version-check"]
        _run(*pip, "-r", str(requirements))
        shutil.copyfile(requirements, installed)
    python = str(environment / "bin/python")
    version = _output(python, "-c", "import importlib.metadata as m; print(m.version('aiosmtplib'))")

    shared = str(BENCH / "freesmtp/python")
    peers = {"PYTHONPATH": shared}
    ours = {"PYTHONPATH": str(package.parent)}
    scripts = BENCH / "peers" / "python"
    release = platform.python_version()
    return [
        Sender("freesmtp, Python", "Python", (python, f"{shared}/send.py"), ours=True, environment=ours),
        Sender("freesmtp, Python, asyncio", "Python", (python, f"{shared}/send_async.py"), ours=True, environment=ours),
        Sender(f"smtplib {release}", "Python", (python, str(scripts / "smtplib_send.py")), environment=peers),
        Sender(f"aiosmtplib {version}", "Python", (python, str(scripts / "aiosmtplib_send.py")), environment=peers),
    ]


def _node() -> list[Sender]:
    package = BUILD / "node"
    _copy(ROOT / "node" / "lib", package / "lib")
    for name in ["package.json", "index.cjs", "index.mjs", "nodemailer.mjs"]:
        shutil.copyfile(ROOT / "node" / name, package / name)
    machine = {"x86_64": "x64", "aarch64": "arm64"}.get(platform.machine(), platform.machine())
    shutil.copyfile(RELEASE / "libfreesmtp_node.so", package / f"freesmtp.linux-{machine}-gnu.node")

    peers = BENCH / "peers" / "node"
    lock, installed = peers / "package-lock.json", peers / "node_modules" / ".package-lock.json"
    if not installed.exists() or installed.stat().st_mtime < lock.stat().st_mtime:
        _run("npm", "ci", "--no-audit", "--no-fund", "--loglevel=error", cwd=peers)
    # The transport finds nodemailer beside its own package, as it does when both are installed.
    modules = package / "node_modules"
    modules.unlink(missing_ok=True)
    modules.symlink_to(peers / "node_modules")
    version = _output("node", "-p", "require('nodemailer/package.json').version", cwd=peers)
    ours = {"FREESMTP_BENCH_PACKAGE": str(package / "index.mjs")}
    return [
        Sender("freesmtp, Node", "Node", ("node", str(BENCH / "freesmtp/node/send.mjs")), ours=True, environment=ours),
        Sender(f"nodemailer {version}", "Node", ("node", str(peers / "nodemailer_send.mjs"))),
    ]


def _integrations() -> list[Sender]:
    """Django's mail and nodemailer, each with ours and with its own; everything is built already."""
    python = str(BUILD / "venv" / "bin/python")
    shared, package = BENCH / "freesmtp/python", BUILD / "python"
    version = _output(python, "-c", "import django; print(django.__version__)")
    backends = {
        "Django, freesmtp": "freesmtp.django.EmailBackend",
        f"Django {version}": "django.core.mail.backends.smtp.EmailBackend",
    }
    djangos = [
        Sender(
            name,
            "Django",
            (python, f"{shared}/django_send.py"),
            ours="freesmtp" in backend,
            environment={"PYTHONPATH": f"{shared}:{package}", "FREESMTP_BENCH_BACKEND": backend},
        )
        for name, backend in backends.items()
    ]
    transport = {"FREESMTP_BENCH_TRANSPORT": str(BUILD / "node" / "nodemailer.mjs")}
    ours = ("node", str(BENCH / "freesmtp/node/transport_send.mjs"))
    theirs = next(sender for sender in _node() if not sender.ours)
    return [
        *djangos,
        Sender("nodemailer, freesmtp's transport", "nodemailer", ours, ours=True, environment=transport),
        Sender(theirs.name, "nodemailer", theirs.command),
    ]


def _copy(source: Path, target: Path) -> None:
    shutil.rmtree(target, ignore_errors=True)
    shutil.copytree(source, target, ignore=shutil.ignore_patterns("__pycache__", "*.so", "*.node"))


def _crate(name: str) -> str:
    """The version that the peers' lock file pins."""
    lines = (BENCH / "peers" / "rust" / "Cargo.lock").read_text().splitlines()
    return lines[lines.index(f'name = "{name}"') + 1].split('"')[1]


def _run(*command: str, cwd: Path = ROOT, environment: dict[str, str] | None = None) -> None:
    subprocess.run(command, cwd=cwd, env=os.environ | (environment or {}), check=True)


def _output(*command: str, cwd: Path = ROOT) -> str:
    return subprocess.run(command, cwd=cwd, check=True, capture_output=True, text=True).stdout.strip()
