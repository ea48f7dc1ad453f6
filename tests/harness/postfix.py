"""A private Postfix on loopback: every kind of service that a client may meet, and mail boxes to look into.

It has its own configuration, queue and data folders and free ports; the distribution's own service is not touched.
Nothing leaves the machine: DNS is off, and mail for other domains is taken (when relaying is allowed) and discarded.
"""

import grp
import os
import pwd
import subprocess
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from . import cyrus
from .dovecot import ACCOUNTS, Dovecot
from .maildir import Maildir
from .pki import Pki
from .process import Folder, Server, free_port, has_ipv6, listening, require_root_and, wait_until

DOMAIN = "example.test"
MAILBOXES = ("user", "other", "third")
SMALL_LIMIT = 102_400
ADDRESSES = {"inet": "127.0.0.1", "inet6": "[::1]"}

MAIN_CF = """\
compatibility_level = 3.6
queue_directory = {folder}/queue
data_directory = {folder}/data
maillog_file = {folder}/maillog
maillog_file_prefixes = {folder}
myhostname = mail.{domain}
mydestination =
mynetworks =
inet_interfaces = loopback-only
inet_protocols = {protocols}
alias_maps =
alias_database =
local_recipient_maps =
biff = no
append_dot_mydomain = no
smtp_dns_support_level = disabled
smtp_host_lookup = native
smtpd_peername_lookup = no
default_transport = discard:
relay_transport = error:this server keeps all mail
virtual_mailbox_domains = {domain}
virtual_mailbox_base = {folder}/maildirs
virtual_mailbox_maps = texthash:{folder}/config/mailboxes
virtual_mailbox_limit = 0
virtual_uid_maps = static:{uid}
virtual_gid_maps = static:{gid}
message_size_limit = 83886080
mailbox_size_limit = 0
smtputf8_enable = yes
smtpd_relay_restrictions = permit_sasl_authenticated, reject_unauth_destination
smtpd_sasl_type = dovecot
smtpd_sasl_path = private/auth
cyrus_sasl_config_path = {folder}/config/sasl
smtpd_sasl_security_options = noanonymous
smtpd_sasl_mechanism_filter = plain, login
smtpd_tls_chain_files = {folder}/tls.pem
smtpd_tls_loglevel = 1
smtpd_tls_received_header = yes
smtpd_sasl_authenticated_header = yes
# Tests refuse often and on purpose: no limits and no delays against them.
smtpd_error_sleep_time = 0
smtpd_soft_error_limit = 1000
smtpd_hard_error_limit = 1000
smtpd_client_connection_count_limit = 0
smtpd_client_connection_rate_limit = 0
"""

MASTER_CF = """\
pickup     unix  n - n 60 1 pickup
cleanup    unix  n - n -  0 cleanup
qmgr       unix  n - n 300 1 qmgr
tlsmgr     unix  - - n 1000? 1 tlsmgr
rewrite    unix  - - n -  - trivial-rewrite
bounce     unix  - - n -  0 bounce
defer      unix  - - n -  0 bounce
trace      unix  - - n -  0 bounce
verify     unix  - - n -  1 verify
flush      unix  n - n 1000? 0 flush
proxymap   unix  - - n -  - proxymap
showq      unix  n - n -  - showq
error      unix  - - n -  - error
retry      unix  - - n -  - error
discard    unix  - - n -  - discard
virtual    unix  - n n -  - virtual
anvil      unix  - - n -  1 anvil
scache     unix  - - n -  1 scache
postlog    unix-dgram n - n - 1 postlogd
"""


@dataclass(frozen=True)
class Service:
    """One listener: its name and the options that make it what it is."""

    name: str
    options: tuple[str, ...]


SERVICES = (
    Service("relay", ("smtpd_tls_security_level=may",)),
    Service(
        "submission",
        ("smtpd_tls_security_level=encrypt", "smtpd_sasl_auth_enable=yes", "smtpd_tls_auth_only=yes"),
    ),
    Service("smtps", ("smtpd_tls_wrappermode=yes", "smtpd_sasl_auth_enable=yes")),
    Service("plain", ("smtpd_tls_security_level=none",)),
    Service("plain-auth", ("smtpd_tls_security_level=none", "smtpd_sasl_auth_enable=yes")),
    Service(
        "auth-required",
        (
            "smtpd_tls_security_level=may",
            "smtpd_sasl_auth_enable=yes",
            "smtpd_recipient_restrictions=permit_sasl_authenticated,reject",
        ),
    ),
    # Every mechanism that Dovecot has, and those of Cyrus SASL.
    Service(
        "auth",
        (
            "smtpd_tls_security_level=may",
            "smtpd_sasl_auth_enable=yes",
            "smtpd_sasl_mechanism_filter=static:all",
            "smtpd_sasl_security_options=",
        ),
    ),
    Service(
        "cyrus",
        (
            "smtpd_tls_security_level=may",
            "smtpd_sasl_auth_enable=yes",
            "smtpd_sasl_mechanism_filter=static:all",
            "smtpd_sasl_type=cyrus",
            "smtpd_sasl_path=smtpd",
            f"smtpd_sasl_local_domain={cyrus.REALM}",
        ),
    ),
    Service("small", ("smtpd_tls_security_level=none", f"message_size_limit={SMALL_LIMIT}")),
)


class Postfix:
    """A running Postfix; `port` names its listeners, `mailbox` opens what was delivered."""

    def __init__(self, pki: Pki) -> None:
        require_root_and("postfix", "dovecot", "saslpasswd2")
        self.pki = pki
        self.families = ("inet", "inet6") if has_ipv6() else ("inet",)
        self.ports = {service.name: free_port() for service in SERVICES}
        self._folder = Folder("postfix")
        self.folder = self._folder.path
        self._dovecot: Dovecot | None = None
        self._server: Server | None = None
        try:
            self._configure()
            self._dovecot = Dovecot(self.folder / "queue/private/auth")
            # `check` makes the queue's folders. Then the master itself rather than `postfix start-fg`: that one begins
            # a session of its own, out of reach of whoever must end it.
            self._command("postfix", "check")
            master = self._command("postconf", "-h", "daemon_directory").strip() + "/master"
            self._server = Server([master, "-c", str(self.config), "-d"], self.folder)
            for name, port in self.ports.items():
                wait_until(partial(listening, port), f"postfix {name}", self._server.alive)
        except BaseException as error:
            said = self.said()
            self.close()
            error.add_note(said)
            raise

    @property
    def config(self) -> Path:
        """The configuration folder, for `postconf -c` and the like."""
        return self.folder / "config"

    def port(self, service: str) -> int:
        """The port of the listener: `relay`, `submission`, `smtps`, `plain`, `plain-auth`, `auth-required`,
        `auth`, `cyrus`, `small`."""
        return self.ports[service]

    def mailbox(self, user: str = "user") -> Maildir:
        """What was delivered to `user@example.test`."""
        return Maildir(self.folder / "maildirs" / user)

    def said(self) -> str:
        """The logs of Postfix and Dovecot, to show when a test fails."""
        logs = [self.folder / "out.txt", self.folder / "maillog"]
        text = "".join(f.read_text(errors="replace") for f in logs if f.exists())
        return text + (self._dovecot.said() if self._dovecot else "")

    def close(self) -> None:
        """Stop both servers and remove the folder."""
        if self._server is not None:
            self._server.stop()
        if self._dovecot is not None:
            self._dovecot.close()
        self._folder.remove()

    def _command(self, name: str, *arguments: str) -> str:
        done = subprocess.run([name, "-c", str(self.config), *arguments], capture_output=True, text=True, timeout=30)
        if done.returncode != 0:
            raise RuntimeError(f"{name}: {done.stdout}{done.stderr}")
        return done.stdout

    def _configure(self) -> None:
        postfix, nobody = pwd.getpwnam("postfix"), pwd.getpwnam("nobody")
        _make(self.folder / "config", 0, 0, 0o755)
        # Postfix makes what is inside the queue; `private` must exist before, for Dovecot's socket.
        _make(self.folder / "queue", 0, 0, 0o755)
        _make(self.folder / "queue/private", postfix.pw_uid, 0, 0o700)
        _make(self.folder / "queue/public", postfix.pw_uid, grp.getgrnam("postdrop").gr_gid, 0o710)
        _make(self.folder / "data", postfix.pw_uid, postfix.pw_gid, 0o700)
        _make(self.folder / "maildirs", nobody.pw_uid, nobody.pw_gid, 0o755)

        # Postfix wants the key before its certificate when both are in one file.
        good = self.pki["good"]
        (self.folder / "tls.pem").write_bytes(good.key.read_bytes() + good.chain.read_bytes())
        (self.folder / "tls.pem").chmod(0o600)
        boxes = "".join(f"{name}@{DOMAIN} {name}/\n" for name in MAILBOXES)
        (self.config / "mailboxes").write_text(boxes)
        protocols = "all" if "inet6" in self.families else "ipv4"
        (self.config / "main.cf").write_text(
            MAIN_CF.format(folder=self.folder, domain=DOMAIN, protocols=protocols, uid=nobody.pw_uid, gid=nobody.pw_gid)
        )
        # Where Debian looks, whatever `cyrus_sasl_config_path` says.
        cyrus.configure(self.config / "sasl", ACCOUNTS)
        (self.config / "master.cf").write_text(MASTER_CF + "".join(self._listeners()))

    def _listeners(self) -> list[str]:
        lines = []
        for service in SERVICES:
            for family in self.families:
                lines.append(f"{ADDRESSES[family]}:{self.ports[service.name]} inet n - n - - smtpd\n")
                lines += [f"  -o {option}\n" for option in service.options]
        return lines


def _make(path: Path, uid: int, gid: int, mode: int) -> None:
    path.mkdir()
    path.chmod(mode)
    os.chown(path, uid, gid)
