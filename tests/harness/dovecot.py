"""Dovecot as the SASL server behind Postfix: users, passwords, tokens and mechanisms, in a folder of its own."""

import base64
import hashlib
import hmac
import json
import re
import secrets
import time
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
SPACED = Account("user with spaces", "pass word with spaces")
QUOTED = Account('the "quoted" user', "a 'b\" c")
LONG = Account("l0ng." + "user-name" * 20 + "-the-end", "Lo0ng-" * 32)
ACCOUNTS = (USER, UMLAUT, SPACED, QUOTED, LONG)
TOKEN_MECHANISMS = ("XOAUTH2", "OAUTHBEARER")
MECHANISMS = (
    *("PLAIN", "LOGIN", "CRAM-MD5", "DIGEST-MD5", "SCRAM-SHA-1", "SCRAM-SHA-256", "ANONYMOUS"),
    *TOKEN_MECHANISMS,
)
TOKEN_KEY = secrets.token_bytes(32)

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
# Each attempt is logged, so that a test can count them.
auth_verbose = yes
# A wrong password is answered at once; the default waits two seconds.
auth_failure_delay = 0 secs
# Tokens are JWTs, checked with a key on disk: nobody is asked over a network.
passdb {{
  driver = oauth2
  mechanisms = xoauth2 oauthbearer
  args = {folder}/oauth2.conf
}}
passdb {{
  driver = passwd-file
  mechanisms = {password_mechanisms}
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

OAUTH2 = """\
introspection_mode = local
local_validation_key_dict = fs:posix:prefix={folder}/keys/
username_attribute = sub
username_format = %u
"""


class Dovecot:
    """A running Dovecot that answers on the auth socket named."""

    def __init__(
        self, socket: Path, mechanisms: tuple[str, ...] = MECHANISMS, accounts: tuple[Account, ...] = ACCOUNTS
    ) -> None:
        require_root_and("dovecot")
        self._folder = Folder("dovecot")
        folder = self._folder.path
        self.log = folder / "dovecot.log"
        (folder / "state").mkdir()
        (folder / "users").write_text("".join(f"{_looked_up(a.user)}:{{PLAIN}}{a.password}\n" for a in accounts))
        (folder / "users").chmod(0o644)
        (folder / "oauth2.conf").write_text(OAUTH2.format(folder=folder))
        # The path is what Dovecot looks up for a token without `azp` and `kid`.
        key = folder / "keys/default/HS256/default"
        key.parent.mkdir(parents=True)
        key.write_bytes(base64.b64encode(TOKEN_KEY))
        configuration = folder / "dovecot.conf"
        configuration.write_text(
            CONFIGURATION.format(
                folder=folder,
                socket=socket,
                mechanisms=" ".join(mechanisms),
                password_mechanisms=" ".join(m for m in mechanisms if m not in TOKEN_MECHANISMS),
            )
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


def token(user: str, *, key: bytes = TOKEN_KEY, length: int = 0) -> str:
    """A token that lets the user in (a JWT, RFC 7519, signed with HS256), exactly `length` characters when given."""

    now = int(time.time())

    def signed(padding: int) -> str:
        claims = {"sub": user, "iat": now - 60, "exp": now + 3600, "pad": "p" * padding}
        parts = [_base64url(json.dumps(part).encode()) for part in ({"alg": "HS256", "typ": "JWT"}, claims)]
        text = ".".join(parts)
        return f"{text}.{_base64url(hmac.digest(key, text.encode(), hashlib.sha256))}"

    # Base64 has lengths that do not occur: the next longer one is taken then.
    padding = 0
    while len(made := signed(padding)) < length:
        padding += max(1, (length - len(made)) * 3 // 4)
    return made


def _base64url(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).decode().rstrip("=")


def _looked_up(user: str) -> str:
    """The name as Dovecot looks it up: expanding `%u` escapes quotes and backslashes."""
    return re.sub(r"([\\'\"])", r"\\\1", user)
