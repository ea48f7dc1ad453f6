"""Dovecot's LMTP service: mail boxes that are delivered to without a queue, one of them full."""

from .maildir import Maildir
from .process import Folder, Server, free_port, listening, require_root_and, wait_until

PROGRAM = "/usr/lib/dovecot/lmtp"
DOMAIN = "lmtp.test"

CONFIGURATION = """\
base_dir = {folder}/run
state_dir = {folder}/state
instance_name = freesmtp-lmtp
log_path = {folder}/dovecot.log
protocols = lmtp
listen = 127.0.0.1
hostname = mail.lmtp.test
postmaster_address = postmaster@lmtp.test
ssl = no
disable_plaintext_auth = no
auth_username_format = %n
mail_location = maildir:~/mail
mail_uid = nobody
mail_gid = nogroup
first_valid_uid = 1
mail_plugins = quota
plugin {{
  quota = count:User quota
  quota_vsizes = yes
  quota_grace = 0
}}
passdb {{
  driver = passwd-file
  args = scheme=PLAIN username_format=%n {folder}/users
}}
userdb {{
  driver = passwd-file
  args = username_format=%n {folder}/users
}}
service lmtp {{
  inet_listener lmtp {{
    port = {port}
  }}
  unix_listener {folder}/lmtp.sock {{
    mode = 0666
  }}
}}
"""


class Lmtp:
    """A running service: `user` and `other` take mail, `full` takes none of more than a kilobyte."""

    def __init__(self) -> None:
        require_root_and("dovecot", PROGRAM)
        self.port = free_port()
        self._folder = Folder("lmtp")
        folder = self._folder.path
        self.socket = folder / "lmtp.sock"
        users = {"user": "", "other": "", "full": "userdb_quota_rule=*:bytes=1000"}
        for name in ("state", *users):
            (folder / name).mkdir()
            (folder / name).chmod(0o777)
        lines = [f"{name}:x::::{folder / name}::{more}" for name, more in users.items()]
        (folder / "users").write_text("\n".join(lines) + "\n")
        (folder / "users").chmod(0o644)
        configuration = folder / "dovecot.conf"
        configuration.write_text(CONFIGURATION.format(folder=folder, port=self.port))
        self._server = Server(["dovecot", "-F", "-c", str(configuration)], folder)
        try:
            wait_until(lambda: listening(self.port), "dovecot lmtp", self._server.alive)
        except BaseException as error:
            error.add_note(self.said())
            self.close()
            raise

    def mailbox(self, user: str) -> Maildir:
        """What was delivered to `user@lmtp.test`."""
        return Maildir(self._folder.path / user / "mail")

    def said(self) -> str:
        """Everything it logged, to show when a test fails."""
        files = [self._folder.path / "out.txt", self._folder.path / "dovecot.log"]
        return "".join(f.read_text(errors="replace") for f in files if f.exists())

    def close(self) -> None:
        """Stop it and remove its folder."""
        self._server.stop()
        self._folder.remove()
