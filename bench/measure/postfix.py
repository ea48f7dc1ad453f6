"""A real Postfix on this machine, for as long as it takes: it syncs its queue as any does, and holds what it takes."""

import grp
import os
import pwd
import shutil
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from .server import SINK_PLACES, free_port

MAIN = """\
compatibility_level = 3.6
queue_directory = {folder}/queue
data_directory = {folder}/data
maillog_file = {folder}/maillog
maillog_file_prefixes = {folder}
myhostname = mail.example.test
mydestination =
mynetworks = 127.0.0.0/8
inet_interfaces = loopback-only
inet_protocols = ipv4
alias_maps =
alias_database =
smtp_dns_support_level = disabled
smtpd_peername_lookup = no
smtpd_tls_security_level = none
default_transport = discard:
smtpd_relay_restrictions = permit_mynetworks, reject
smtpd_client_restrictions = static:HOLD
smtpd_client_connection_count_limit = 0
smtpd_client_connection_rate_limit = 0
"""

MASTER = """\
127.0.0.1:{port} inet n - n - 200 smtpd
pickup     unix  n - n 60 1 pickup
cleanup    unix  n - n -  0 cleanup
qmgr       unix  n - n 300 1 qmgr
rewrite    unix  - - n -  - trivial-rewrite
bounce     unix  - - n -  0 bounce
defer      unix  - - n -  0 bounce
trace      unix  - - n -  0 bounce
proxymap   unix  - - n -  - proxymap
error      unix  - - n -  - error
retry      unix  - - n -  - error
discard    unix  - - n -  - discard
anvil      unix  - - n -  1 anvil
postlog    unix-dgram n - n - 1 postlogd
"""


#: What lets it deliver to one server as fast as it can, with so many sessions; later lines go before earlier ones.
DELIVERING = """\
default_transport = smtp:
relayhost = [127.0.0.1]:{port}
default_process_limit = {sessions}
default_destination_concurrency_limit = {sessions}
initial_destination_concurrency = {sessions}
qmgr_message_active_limit = 100000
smtp_tls_security_level = none
"""


@contextmanager
def running(folder: Path, relay: int | None = None, sessions: int = 256) -> Iterator[int | None]:
    """Its port; ``None`` where it cannot run. Its queue is in the folder; ``relay`` gets what is released."""
    path = f"{os.environ.get('PATH', '')}:{SINK_PLACES}"
    if os.geteuid() != 0 or not shutil.which("postfix", path=path):
        yield None
        return
    port = free_port()
    owner, group = pwd.getpwnam("postfix").pw_uid, grp.getgrnam("postdrop").gr_gid
    config = folder / "config"
    config.mkdir()
    (folder / "queue").mkdir(mode=0o755)
    (folder / "queue/public").mkdir(mode=0o710)
    os.chown(folder / "queue/public", owner, group)
    (folder / "data").mkdir(mode=0o700)
    os.chown(folder / "data", owner, -1)
    delivering = DELIVERING.format(port=relay, sessions=sessions) if relay else ""
    (config / "main.cf").write_text(MAIN.format(folder=folder) + delivering)
    client = f"smtp unix - - n - {sessions} smtp\n" if relay else ""
    (config / "master.cf").write_text(MASTER.format(port=port) + client)
    subprocess.run(
        ["postfix", "-c", config, "check"],
        check=True,
        capture_output=True,
        env=os.environ | {"PATH": path},
    )
    daemons = subprocess.run(
        ["postconf", "-c", config, "-h", "daemon_directory"],
        check=True,
        capture_output=True,
        text=True,
        env=os.environ | {"PATH": path},
    ).stdout.strip()
    master = subprocess.Popen(
        [f"{daemons}/master", "-c", config, "-d"],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        _wait(port, master)
        yield port
    finally:
        master.terminate()
        master.wait(timeout=30)


def _wait(port: int, process: subprocess.Popen[bytes]) -> None:
    for _ in range(1000):
        if process.poll() is not None:
            raise RuntimeError("Postfix ended at once")
        try:
            socket.create_connection(("127.0.0.1", port), timeout=1).close()
            return
        except OSError:
            time.sleep(0.01)
    raise RuntimeError(f"Postfix does not listen on port {port}")
