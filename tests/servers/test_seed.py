"""The original conversation on port 25, with the original server's name: the log is the original's, line for line."""

import subprocess
from pathlib import Path

import pytest

from harness import driver, scenario

SEED = scenario.read(Path(__file__).parents[1] / "scenarios/seed.scn")
NAME = "mail.quiksoft.com"
# A mount namespace lets the driver alone see another hosts file; nothing outside is changed.
OWN_HOSTS = ["unshare", "--mount", "sh", "-c", 'mount --bind "$0" /etc/hosts && exec "$@"']


def test_original_log(language: str, serve, tmp_path: Path, log_file: Path) -> None:
    try:
        server = serve(*SEED.scripts, port=25)
    except OSError as reason:
        pytest.skip(f"port 25 of loopback: {reason}; the scenario `seed` shows the same with another port")
    hosts = tmp_path / "hosts"
    hosts.write_text(f"127.0.0.1 localhost {NAME}\n")
    prefix = [*OWN_HOSTS, str(hosts)]
    possible = subprocess.run([*prefix, "true"], capture_output=True).returncode == 0
    host = NAME if possible else server.host
    variables = {"host": host, "port": "25", "log": str(log_file), "ca": ""}
    driver.run_one(language, SEED.make_job(variables), prefix=prefix if possible else ())
    server.finish()
    assert SEED.log is not None
    expected = [f"Connect to server. {host}", *SEED.log[1:]]
    assert log_file.read_text().splitlines() == expected
