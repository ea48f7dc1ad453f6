"""The wheel, in a fresh environment that reaches no package index."""

import re
import subprocess
import tarfile
import tomllib
import zipfile
from collections.abc import Callable
from email import message_from_bytes, policy
from pathlib import Path

from harness.packages import ROOT, TAKES, the_one
from harness.pki import Pki
from harness.scripted import ScriptedServer

Serve = Callable[..., ScriptedServer]
WHEEL = "freesmtp-*.whl"
PROGRAM = """
import asyncio, sys
from freesmtp import SMTP, EmailMessage, SMTPError
url, ca = sys.argv[1:]
message = EmailMessage("to@a.test", "from@a.test", "Überschrift", "Grüße")
message.attachments.add(b"\\x00\\xff", "data.bin")
with SMTP(url) as smtp:
    smtp.smtp_servers[0].ca_file = ca
    print(asyncio.run(smtp.send_async(message)).reply_text)
try:
    SMTP("127.0.0.1:1").send(message)
except SMTPError as error:
    print(error.diagnosis.cause)
"""


def test_installed_it_sends(interpreter: str, serve: Serve, pki: Pki, tmp_path: Path) -> None:
    venv = tmp_path / "venv"
    subprocess.run([interpreter, "-m", "venv", str(venv)], check=True)
    pip = [
        str(venv / "bin/pip"),
        "install",
        "--quiet",
        "--no-index",
        "--disable-pip-version-check",
        "--only-binary=:all:",
    ]
    subprocess.run([*pip, str(the_one(WHEEL))], check=True)
    server = serve(TAKES)
    (tmp_path / "program.py").write_text(PROGRAM, encoding="utf-8")
    command = [str(venv / "bin/python"), "program.py", f"smtps://127.0.0.1:{server.port}", str(pki.ca_file)]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=60)
    assert (done.stdout, done.stderr) == ("taken\nconnect-refused\n", "")
    server.finish()
    arrived = message_from_bytes(server.messages[0], policy=policy.default)
    assert arrived["Subject"] == "Überschrift"
    assert [part.get_content() for part in arrived.iter_attachments()] == [b"\x00\xff"]
    shown = subprocess.run([str(venv / "bin/pip"), "check"], capture_output=True, text=True)
    assert shown.returncode == 0, shown.stdout


def test_what_is_in_it(tmp_path: Path) -> None:
    wheel = the_one(WHEEL)
    version = tomllib.loads((ROOT / "Cargo.toml").read_text())["workspace"]["package"]["version"]
    assert re.fullmatch(rf"freesmtp-{re.escape(version)}-cp39-abi3-manylinux_2_\d+_\w+\.whl", wheel.name), wheel.name
    with zipfile.ZipFile(wheel) as files:
        names = set(files.namelist())
        for name in ("__init__.py", "py.typed", "_freesmtp.pyi", "django.py", "_freesmtp.abi3.so"):
            assert f"freesmtp/{name}" in names
        for text in ("LICENSE-MIT", "LICENSE-APACHE"):
            assert any(name.endswith(f".dist-info/licenses/{text}") for name in names)
        files.extract("freesmtp/_freesmtp.abi3.so", tmp_path)
    library = str(tmp_path / "freesmtp/_freesmtp.abi3.so")
    needed = subprocess.run(["readelf", "--dynamic", library], capture_output=True, text=True, check=True).stdout
    found = set(re.findall(r"\(NEEDED\).*\[([^]]+?)(?:\.so.*)?]", needed))
    assert found <= {
        "libc",
        "libm",
        "libgcc_s",
        "libdl",
        "libpthread",
        "librt",
        "ld-linux-x86-64",
        "ld-linux-aarch64",
    }, found


def test_the_source_distribution_is_whole() -> None:
    with tarfile.open(the_one("freesmtp-*.tar.gz")) as files:
        inside = {path.partition("/")[2] for path in files.getnames()}
    assert {"PKG-INFO", "pyproject.toml", "Cargo.lock", "LICENSE-MIT", "core/Cargo.toml", "py/src/lib.rs"} <= inside
