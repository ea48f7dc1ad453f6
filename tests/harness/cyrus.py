"""Cyrus SASL inside Postfix: a private smtpd.conf and a private database of users."""

import grp
import os
import subprocess
from pathlib import Path

from .dovecot import Account

REALM = "cyrus.test"
MECHANISMS = ("SCRAM-SHA-512", "SCRAM-SHA-256", "SCRAM-SHA-1", "DIGEST-MD5", "CRAM-MD5", "NTLM", "PLAIN", "LOGIN")

CONFIGURATION = """\
pwcheck_method: auxprop
auxprop_plugin: sasldb
sasldb_path: {folder}/sasldb2
mech_list: {mechanisms}
"""


def configure(folder: Path, accounts: tuple[Account, ...]) -> None:
    """Writes what Postfix needs into the folder, to which `cyrus_sasl_config_path` must point."""
    folder.mkdir()
    folder.chmod(0o755)
    (folder / "smtpd.conf").write_text(CONFIGURATION.format(folder=folder, mechanisms=" ".join(MECHANISMS)))
    database = folder / "sasldb2"
    for account in accounts:
        subprocess.run(
            ["saslpasswd2", "-p", "-c", "-f", str(database), "-u", REALM, account.user],
            input=account.password.encode(),
            check=True,
            capture_output=True,
        )
    os.chown(database, 0, grp.getgrnam("postfix").gr_gid)
