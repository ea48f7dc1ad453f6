"""The npm packages, in an empty project that reaches no registry: ESM, CommonJS, TypeScript, nodemailer."""

import json
import os
import subprocess
import tarfile
from collections.abc import Callable
from email import message_from_bytes, policy
from pathlib import Path

import pytest

from harness.packages import ROOT, TAKES, the_one
from harness.pki import Pki
from harness.scripted import ScriptedServer

Serve = Callable[..., ScriptedServer]
MODULES = ROOT / "node/node_modules"
MAIN = "freesmtp-[0-9]*.tgz"
PLATFORM = "freesmtp-linux-*.tgz"

SENDS = """
const message = new EmailMessage('to@a.test', 'from@a.test', 'Überschrift', 'Grüße');
message.attachments.add(Buffer.from([0, 255]), 'data.bin');
const smtp = new SMTP(process.env['URL']);
smtp.smtpServers[0]!.caFile = process.env['CA'] ?? null;
async function main() {
  const report = await smtp.send(message);
  await smtp.disconnect();
  console.log(report.replyText);
  await new SMTP('127.0.0.1:1').send(message).catch((error) => console.log(error.diagnosis.cause));
}
void main();
"""
PLAIN = SENDS.replace("]!", "]")
OVER_NODEMAILER = """
import { createTransport } from 'nodemailer';
import { FreeSmtpTransport } from 'freesmtp/nodemailer';
const transporter = createTransport(new FreeSmtpTransport({ url: process.env.URL, caFile: process.env.CA }));
const attachments = [{ filename: 'data.bin', content: Buffer.from([0, 255]) }];
const mail = { from: 'from@a.test', to: 'to@a.test', subject: 'Überschrift', text: 'x', attachments };
console.log((await transporter.sendMail(mail)).response.slice(4));
transporter.close();
const nowhere = createTransport(new FreeSmtpTransport({ host: '127.0.0.1', port: 1 }));
await nowhere.sendMail(mail).catch((error) => console.log(error.diagnosis.cause));
"""
PROGRAMS = {
    "program.mjs": f"import {{ EmailMessage, SMTP }} from 'freesmtp';{PLAIN}",
    "program.cjs": f"const {{ EmailMessage, SMTP }} = require('freesmtp');{PLAIN}",
    "typed.mts": f"import {{ EmailMessage, SMTP }} from 'freesmtp';{SENDS}",
    "typed.cts": f"import freesmtp = require('freesmtp');\nconst {{ EmailMessage, SMTP }} = freesmtp;{SENDS}",
    "mailer.mjs": OVER_NODEMAILER,
}


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A project that installed the packages."""
    place = tmp_path_factory.mktemp("project")
    (place / "package.json").write_text('{ "private": true }')
    # What only the compiler and nodemailer's test need comes from our own modules.
    others = [str(MODULES / name) for name in ("@types/node", "undici-types", "nodemailer")]
    packages = [str(the_one(PLATFORM)), str(the_one(MAIN)), *others]
    command = [
        "npm",
        "install",
        "--offline",
        "--no-audit",
        "--no-fund",
        "--ignore-scripts",
        "--install-links",
        *packages,
    ]
    done = subprocess.run(command, cwd=place, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr
    return place


@pytest.mark.parametrize("name", PROGRAMS)
def test_installed_it_sends(name: str, project: Path, serve: Serve, pki: Pki) -> None:
    (project / name).write_text(PROGRAMS[name], encoding="utf-8")
    if name.startswith("typed"):
        options = [
            "--strict",
            "--exactOptionalPropertyTypes",
            "--module",
            "nodenext",
            "--target",
            "es2022",
            "--types",
            "node",
        ]
        compiler = [str(MODULES / ".bin/tsc"), *options, name]
        compiled = subprocess.run(compiler, cwd=project, capture_output=True, text=True, timeout=120)
        assert compiled.returncode == 0, compiled.stdout
        name = name.replace("ts", "js")
    server = serve(TAKES)
    environment = {**os.environ, "URL": f"smtps://127.0.0.1:{server.port}", "CA": str(pki.ca_file)}
    done = subprocess.run(["node", name], cwd=project, env=environment, capture_output=True, text=True, timeout=60)
    assert (done.stdout, done.stderr) == ("taken\nconnect-refused\n", "")
    server.finish()
    arrived = message_from_bytes(server.messages[0], policy=policy.default)
    assert arrived["Subject"] == "Überschrift"
    assert [part.get_payload(decode=True) for part in arrived.iter_attachments()] == [b"\x00\xff"]


def test_what_is_in_them() -> None:
    with tarfile.open(the_one(MAIN)) as files:
        names = {name.removeprefix("package/") for name in files.getnames()}
        manifest = json.load(files.extractfile("package/package.json"))  # type: ignore[arg-type]
    assert {"index.cjs", "index.mjs", "index.d.ts", "README.md", "LICENSE-MIT", "lib/nodemailer/transport.cjs"} <= names
    assert not any(name.endswith((".node", ".rs")) for name in names), "the library is in the package of the platform"
    assert not manifest.keys() & {"devDependencies", "dependencies", "scripts", "napi"}
    with tarfile.open(the_one(PLATFORM)) as files:
        platform = json.load(files.extractfile("package/package.json"))  # type: ignore[arg-type]
    assert manifest["optionalDependencies"] == {platform["name"]: platform["version"]}
    assert manifest["version"] == platform["version"]
    assert (platform["os"], platform["libc"]) == (["linux"], ["glibc"])


def test_without_its_platform_it_says_what_is_missing(tmp_path: Path) -> None:
    (tmp_path / "package.json").write_text('{ "private": true }')
    command = ["npm", "install", "--offline", "--no-audit", "--omit=optional", str(the_one(MAIN))]
    subprocess.run(command, cwd=tmp_path, capture_output=True, check=True, timeout=120)
    done = subprocess.run(["node", "-e", "require('freesmtp')"], cwd=tmp_path, capture_output=True, text=True)
    assert done.returncode == 1
    assert "freesmtp has no native library for linux-" in done.stderr
