"""The configuration in docs/cluster.md is one that the server takes."""

import os
import re
import subprocess
from pathlib import Path

from harness.driver import ROOT
from harness.nats import program
from harness.pki import Pki


def test_the_configuration_in_the_documentation(pki: Pki, tmp_path: Path) -> None:
    page = (ROOT / "docs" / "cluster.md").read_text()
    blocks = re.findall(r"^```(\S*)\n(.*?)^```$", page, re.M | re.S)
    block = next(text for language, text in blocks if not language and "server_name" in text)
    files = {
        "/etc/nats/server.pem": pki["good"].chain,
        "/etc/nats/server.key": pki["good"].key,
        "/etc/nats/ca.pem": pki.ca_file,
        "/var/lib/nats": tmp_path / "store",
    }
    for stands, file in files.items():
        assert stands in block
        block = block.replace(stands, str(file))
    path = tmp_path / "nats.conf"
    path.write_text(block)
    passwords = {name: "secret" for name in re.findall(r"\$([A-Z_]+)", block)}
    done = subprocess.run(
        [program(), "-t", "-c", str(path)], capture_output=True, text=True, env={**os.environ, **passwords}, timeout=30
    )
    assert done.returncode == 0, done
    assert "configuration file" in done.stderr + done.stdout
