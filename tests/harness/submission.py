"""Dovecot's submission service: logs in by client certificate (EXTERNAL) and hands the mail to a Postfix."""

from .pki import Pki
from .process import Folder, Server, free_port, listening, require_root_and, wait_until

PROGRAM = "/usr/lib/dovecot/submission-login"

CONFIGURATION = """\
base_dir = {folder}/run
state_dir = {folder}/state
instance_name = freesmtp-submission
log_path = {folder}/dovecot.log
protocols = submission
listen = 127.0.0.1
hostname = mail.example.test
ssl = required
ssl_cert = <{certificate.chain}
ssl_key = <{certificate.key}
# Whoever has a certificate of this authority is who it says.
ssl_ca = <{authority}
ssl_require_crl = no
ssl_verify_client_cert = yes
auth_ssl_username_from_cert = yes
auth_mechanisms = external plain
auth_verbose = yes
auth_failure_delay = 0 secs
mail_location = maildir:{folder}/state/mail
mail_uid = nobody
mail_gid = nogroup
first_valid_uid = 1
passdb {{
  driver = static
  mechanisms = external
  args = nopassword
}}
userdb {{
  driver = static
  args = uid=nobody gid=nogroup home={folder}/state
}}
# No waiting after refused logins, which here all come from one address (auth_penalty).
service anvil {{
  unix_listener anvil-auth-penalty {{
    mode = 0
  }}
}}
service submission-login {{
  inet_listener submission {{
    port = {port}
  }}
}}
submission_relay_host = 127.0.0.1
submission_relay_port = {relay}
submission_relay_ssl = no
"""


class Submission:
    """A running submission service; `relay` is the port of the server that takes its mail."""

    def __init__(self, pki: Pki, relay: int) -> None:
        require_root_and("dovecot", PROGRAM)
        self.port = free_port()
        self._folder = Folder("submission")
        folder = self._folder.path
        (folder / "state").mkdir()
        (folder / "state").chmod(0o777)
        configuration = folder / "dovecot.conf"
        configuration.write_text(
            CONFIGURATION.format(
                folder=folder, certificate=pki["good"], authority=pki.ca_file, port=self.port, relay=relay
            )
        )
        self._server = Server(["dovecot", "-F", "-c", str(configuration)], folder)
        try:
            wait_until(lambda: listening(self.port), "dovecot submission", self._server.alive)
        except BaseException as error:
            error.add_note(self.said())
            self.close()
            raise

    def said(self) -> str:
        """Everything it logged, to show when a test fails."""
        files = [self._folder.path / "out.txt", self._folder.path / "dovecot.log"]
        return "".join(f.read_text(errors="replace") for f in files if f.exists())

    def close(self) -> None:
        """Stop it and remove its folder."""
        self._server.stop()
        self._folder.remove()
