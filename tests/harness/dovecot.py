"""Dovecot as the SASL server behind Postfix: users, passwords and mechanisms, in a folder of its own."""

import re
from dataclasses import dataclass
from pathlib import Path

from .process import Folder, Server, require_root_and, wait_until


@dataclass(frozen=True)
class Account:
    """A user name and the password that lets it in."""

    user: str
    password: str


USER = Account("user", "secret")
UMLAUT = Account("jürgen", "pässwörd")
QUOTED = Account('the "quoted" user', "a 'b\" c")
LONG = Account("long", "Lo0ng-" * 32)
ACCOUNTS = (USER, UMLAUT, QUOTED, LONG)

CONFIGURATION = """\
base_dir = {folder}/run
state_dir = {folder}/state
instance_name = freesmtp-tests
log_path = {folder}/dovecot.log
protocols =
listen = 127.0.0.1
ssl = no
disable_plaintext_auth = no
auth_mechanisms = {mechanisms}
auth_username_format = %u
# Empty: every character is allowed. The default would refuse spaces, quotes and letters beyond ASCII.
auth_username_chars =
# A wrong password is answered at once; the default waits two seconds.
auth_failure_delay = 0 secs
passdb {{
  driver = passwd-file
  args = scheme=PLAIN username_format=%u {folder}/users
}}
userdb {{
  driver = static
  args = uid=nobody gid=nogroup home={folder}/state
}}
# No waiting after wrong passwords, which here all come from one address (auth_penalty).
service anvil {{
  unix_listener anvil-auth-penalty {{
    mode = 0
  }}
}}
service auth {{
  unix_listener {socket} {{
    mode = 0660
    user = postfix
    group = postfix
  }}
}}
"""


class Dovecot:
    """A running Dovecot that answers on the auth socket named."""

    def __init__(
        self, socket: Path, mechanisms: tuple[str, ...] = ("plain", "login"), accounts: tuple[Account, ...] = ACCOUNTS
    ) -> None:
        require_root_and("dovecot")
        self._folder = Folder("dovecot")
        folder = self._folder.path
        self.log = folder / "dovecot.log"
        (folder / "state").mkdir()
        (folder / "users").write_text("".join(f"{_looked_up(a.user)}:{{PLAIN}}{a.password}\n" for a in accounts))
        (folder / "users").chmod(0o644)
        configuration = folder / "dovecot.conf"
        configuration.write_text(
            CONFIGURATION.format(folder=folder, socket=socket, mechanisms=" ".join(mechanisms)), encoding="utf-8"
        )
        self._server = Server(["dovecot", "-F", "-c", str(configuration)], folder)
        try:
            wait_until(socket.is_socket, "dovecot", self._server.alive)
        except Exception as error:
            said = self.said()
            self.close()
            raise RuntimeError(f"{error}\n{said}") from error

    def said(self) -> str:
        """Everything it logged, to show when a test fails."""
        files = [self._folder.path / "out.txt", self.log]
        return "".join(f.read_text(errors="replace") for f in files if f.exists())

    def close(self) -> None:
        """Stop it and remove its folder."""
        self._server.stop()
        self._folder.remove()


def _looked_up(user: str) -> str:
    """The name as Dovecot looks it up: expanding `%u` escapes quotes and backslashes."""
    return re.sub(r"([\\'\"])", r"\\\1", user)
