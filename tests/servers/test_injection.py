"""A line that hides in any text that can be set, settings included, reaches neither a server nor the spool nor a log.

The texts are those of `tests/docs/members.tsv`: a member that is new has its row here, or a reason why it has none.
"""

import base64
import re
import socket
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from harness.driver import ROOT, ContractError, Job, Unsupported
from harness.running import RunningDriver

MARK = "EVIL-7f3a"
#: Each is a whole text, and stands in the middle and at the end of one that is right, too.
HIDDEN = {
    "crlf": f"\r\nRCPT TO:<{MARK}@foreign.test>\r\n",
    "lf": f"\nX-{MARK}: 1\n",
    "cr": f"\rRSET {MARK}\r",
    "nul": f"\0\r\nNOOP {MARK}",
    "crlf-dot": f"\r\n.\r\nMAIL FROM:<{MARK}@foreign.test>\r\nDATA\r\n",
    "unicode": f"\u2028RCPT TO:<{MARK}@foreign.test>\u2029\x85",
}

#: member: the keys of the drivers that set it, with a value that is right.
MEMBERS: dict[str, dict[str, str]] = {
    "SMTP.LogFile": {"smtp.logfile": "{folder}/log"},
    "SMTP.DefaultDomain": {"smtp.defaultdomain": "client.test"},
    "SMTP.SpoolPath": {"smtp.spoolpath": "{folder}/spool"},
    "SMTPServer.Name": {"server.host": "127.0.0.1"},
    "SMTPServer.Account": {"server.account": "user"},
    "SMTPServer.Password": {"server.password": "secret"},
    "SMTPServer.SASL": {"server.sasl": "PLAIN"},
    "SMTPServer.LocalEndPoint": {"server.localendpoint": "127.0.0.1"},
    "SMTPServer.Token": {"server.token": "token"},
    "SMTPServer.CaFile": {"server.cafile": "{folder}/ca.pem"},
    "SMTPServer.ClientCertificate": {"server.clientcertificate": "{folder}/client.pem"},
    "SMTPServer.ClientKey": {"server.clientkey": "{folder}/client.key"},
    "SMTPServer.CertificatePins": {"server.certificatepins": "sha256:" + "00" * 32},
    "SMTPServer.TlsServerName": {"server.tlsservername": "mail.test"},
    "SMTPServer.Proxy": {"server.proxy": "socks5://127.0.0.1:9"},
    "SMTPServer.DisabledExtensions": {"server.disabledextensions": "SIZE"},
    "EmailMessage.From": {"from.email": "sender@domain.test", "from.name": "Sender"},
    "EmailMessage.ReplyTo": {"replyto.email": "reply@domain.test", "replyto.name": "Reply"},
    "EmailMessage.ReturnPath": {"returnpath": "return@domain.test"},
    "EmailMessage.Sender": {"sender.email": "secretary@domain.test", "sender.name": "Secretary"},
    "EmailMessage.Subject": {"subject": "Hello"},
    "EmailMessage.MessageID": {"messageid": "<id@domain.test>"},
    "EmailMessage.CharsetEncoding": {"charset": "utf-8"},
    "EmailMessage.Recipients": {"recipient.to": "recipient@domain.test", "recipient.name": "Recipient"},
    "EmailMessage.Attachments": {"attachment.name": "a.txt", "attachment.contenttype": "text/plain"},
    "EmailMessage.EmbeddedObjects": {"embedded.cid": "logo", "embedded.contenttype": "image/png"},
    "EmailMessage.CustomHeaders": {"header.name": "X-Mine", "header.value": "value"},
    "DkimSigner.Domain": {"dkim.domain": "domain.test"},
    "DkimSigner.Selector": {"dkim.selector": "mail"},
    "DkimSigner.Identity": {"dkim.identity": "@domain.test"},
    "DkimSigner.Headers": {"dkim.headers": "From,Subject"},
    "DkimSigner.Oversigned": {"dkim.oversigned": "From,Subject"},
}
#: What the objects of a list or an address hold; the keys of the list's row set it.
PARTS = {
    "Address.Email", "Address.Name", "Recipient.Email", "Recipient.Name", "CustomHeader.Name", "CustomHeader.Value",
    "Attachment.DisplayName", "EmbeddedObject.ContentID",
}  # fmt: skip
#: Keys of what is no member of the table, or a part of one: mostly what was added to the original's.
MORE = {
    "server.mailauth": "mailbox@domain.test",
    "server.clientcertificatepassword": "secret",
    "server.capem": "-----BEGIN CERTIFICATE-----",
    "server.tokens": "one,two",
    "recipient.cc": "copy@domain.test",
    "recipient.bcc": "blind@domain.test",
    "recipient.originalrecipient": "rfc822;o@domain.test",
    "inreplyto": "<a@domain.test>",
    "reference": "<a@domain.test>",
    "listunsubscribe": "https://domain.test/u",
    "calendar.method": "REQUEST",
    "calendar.filename": "invite.ics",
    "dkim.key": "nWGxne/9WmC6hEr0kuwsxERJxWl7MmkZcDusAxyuf2A=",
    "envelopeid": "envelope",
    "optionalextensions": "DSN",
    "blast": "news",
    "idempotencykey": "key",
}
#: Bodies are lines, and whatever they hold arrives as it was: `test_smuggling.py`, `test_arrival.py`.
LINES = {
    "raw",
    "raw.file",
    "text",
    "html",
    "calendar.text",
    "attachment.file",
    "attachment.stream",
    "attachment.bytes",
    "embedded.file",
}
#: Bodies, and files that are named: `test_hostile_values.py`.
BODIES = {"EmailMessage.BodyParts", "BodyPart.Body", "Attachment.Filename"}
#: What a row of a merge fills in, with a value that is right; a text is a body.
FIELDS = {
    "from": "sender@domain.test", "sender": "Sender", "email": "recipient@domain.test", "name": "Recipient",
    "subject": "Hello", "header": "value", "link": "https://domain.test/u", "file": "a.txt",
}  # fmt: skip
#: Texts of a call, likewise: of a merge those of its row.
CALLS: dict[str, dict[str, str]] = {
    "SMTP.QuickSend": {
        "quick.server": "smtp://127.0.0.1:{port}",
        "quick.from": "sender@domain.test",
        "quick.subject": "Hello",
        "quicksend": "recipient@domain.test",
    },
    "SMTP.SendSMTPCommand": {"smtp.command": "VRFY user"},
    "SMTP.SendBulkMerge": {f"sendmerge {field}": value for field, value in FIELDS.items()},
    "SMTP.SubmitBulkMerge": {f"submitmerge {field}": value for field, value in FIELDS.items()},
    "-.Diagnose": {
        "diagnose.stage": "RCPT",
        "diagnose.host": "mail.test",
        "diagnose.offered": "AUTH PLAIN",
        "diagnose.account": "user",
        "diagnose.sender": "sender@domain.test",
        "diagnose.recipient": "recipient@domain.test",
        "diagnose": "550 5.7.1 Relaying denied",
    },
    "-.Explain": {"explain": "C: RCPT TO:<recipient@domain.test>\nS: 550 5.7.1 Relaying denied"},
}
#: What is told of lines is told in lines.
OF_LINES = {"diagnose", "explain"}
#: They take an object whose texts are members themselves, numbers, truth values, callbacks or nothing.
NO_TEXT = {
    "SMTP.SMTPServers", "SMTP.LogOptions", "SMTP.DefaultTimeout", "SMTP.Timeouts", "SMTP.Connected", "SMTP.Version",
    "SMTP.AllOrNothing", "SMTP.MaxConnections", "SMTP.MaxMessagesPerConnection", "SMTP.RateLimit", "SMTP.Send",
    "SMTP.SendBulk", "SMTP.SubmitToSpool", "SMTP.SubmitToExpress", "SMTP.SubmitBulk", "SMTP.Check", "SMTP.Reset",
    "SMTP.Connect", "SMTP.Disconnect", "SMTP.Cancel", "SMTP.ProtocolLog", "SMTP.SMTPStatus", "SMTP.SMTPRecipientFailed",
    "SMTP.SMTPBulkStatus", "SMTPServer.Port", "SMTPServer.Timeout", "SMTPServer.AuthMode", "SMTPServer.Security",
    "SMTPServer.MinTlsVersion", "SMTPServer.Lmtp", "SMTPServer.AllowPlaintextAuth",
    "SMTPServer.DangerAcceptInvalidCerts", "SMTPServer.DangerAcceptInvalidHostnames", "EmailMessage.Priority",
    "EmailMessage.Date", "EmailMessage.Reset", "EmailMessage.SaveMessage", "EmailMessage.ToBytes",
    "DkimSigner.Algorithm", "DkimSigner.HeaderCanonicalization", "DkimSigner.BodyCanonicalization",
    "DkimSigner.ExpiresAfter", "BodyPart.Encoding", "BodyPart.Format", "Recipient.Type", "Timeouts.Command",
    "Timeouts.Connect", "Timeouts.DataBlock", "Timeouts.EndOfData", "Timeouts.Greeting", "Timeouts.Operation",
    *(f"{listed}.{call}" for listed in ("Attachments", "BodyParts", "CustomHeaders", "EmbeddedObjects", "Recipients",
                                        "SMTPServers") for call in ("Add", "Count", "GetLastItem", "Remove")),
}  # fmt: skip
#: What may hold line ends: they never stand in a line.
FREE = {"smtp.logfile", "smtp.spoolpath", "server.password", "server.disabledextensions"}
#: What is looked at for the spool alone.
SPOOLED = {"blast", "idempotencykey"}
KEYS = {key: value for keys in MEMBERS.values() for key, value in keys.items()} | MORE


def test_every_member_is_looked_at() -> None:
    rows = (ROOT / "tests/docs/members.tsv").read_text().splitlines()
    members = {".".join(row.split("\t")[:2]) for row in rows if not row.startswith("#")}
    assert members == set(MEMBERS) | PARTS | BODIES | set(CALLS) | NO_TEXT


def test_every_text_of_the_drivers_is_looked_at() -> None:
    """A key that sets a text in the contract of the drivers stands above; numbers and truth values say so there."""
    contract = (ROOT / "tests/drivers/README.md").read_text(encoding="utf-8")
    tables = contract.partition("`server.host` makes a new")[2].partition("### Sending")[0]
    keys: set[str] = set()
    for row in tables.splitlines():
        name, _, rest = row.partition(" | ")
        if name.startswith("| `") and not re.search(
            r"number|truth value|moment|seconds\b|\| no value|`none` `|`1\.0`|calls `Disc", rest
        ):
            keys |= set(re.findall(r"`([a-z.]+)`", name))
    assert keys - LINES - {"message.new", "smtp.connect", "smtp.command"} == set(KEYS)
    calls = contract.partition("### Calls whose texts are arguments")[2].partition("\n### ")[0]
    named = {key for row in calls.splitlines() for key in re.findall(r"`([a-z.]+)`", row.partition(" | ")[0])}
    looked_at = {key.partition(" ")[0] for texts in CALLS.values() for key in texts}
    # A body, and what a row is made of.
    assert named - {"quick.body", "row.name", "row.value"} == looked_at - {"smtp.command"}


class Listening:
    """Takes everything of everyone, logins too, and keeps every octet."""

    def __init__(self) -> None:
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.port: int = self.listener.getsockname()[1]
        self.heard = bytearray()
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self) -> None:
        while True:
            try:
                client, _ = self.listener.accept()
            except OSError:
                return
            threading.Thread(target=self._serve, args=(client,), daemon=True).start()

    def _serve(self, client: socket.socket) -> None:
        with client, client.makefile("rb") as lines:
            try:
                client.sendall(b"220 listening.test\r\n")
                in_message = False
                for line in lines:
                    self.heard += line
                    if in_message:
                        in_message = line != b".\r\n"
                        answer = b"" if in_message else b"250 ok\r\n"
                    elif line[:4] == b"EHLO":
                        offers = b"AUTH PLAIN LOGIN XOAUTH2 OAUTHBEARER", b"SIZE", b"DSN", b"SMTPUTF8"
                        answer = (
                            b"250-listening.test\r\n"
                            + b"".join(b"250-%s\r\n" % one for one in offers)
                            + b"250 8BITMIME\r\n"
                        )
                    else:
                        in_message = line == b"DATA\r\n"
                        answer = {b"DATA": b"354 go\r\n", b"AUTH": b"235 in\r\n"}.get(line[:4], b"250 ok\r\n")
                    client.sendall(answer)
                    if line == b"QUIT\r\n":
                        return
            except ConnectionError:
                return


@pytest.fixture(scope="module")
def listening() -> Iterator[Listening]:
    server = Listening()
    yield server
    server.listener.close()


def job(server: Listening, folder: Path, key: str, value: str, *, spool: bool) -> Job:
    """A message with everything that the key needs around it."""
    lines = Job()
    settings = {"server.host": "127.0.0.1", "server.port": str(server.port), "server.security": "none",
                "server.timeout": "5", "server.allowplaintextauth": "true"}  # fmt: skip
    if key in ("server.account", "server.password", "server.sasl", "server.mailauth"):
        settings |= {"server.account": "user", "server.password": "secret"}
    if key in ("server.token", "server.tokens"):
        settings |= {"server.account": "user", "server.authmode": "xoauth2"}
    if key == "server.clientcertificatepassword":
        settings |= {"server.clientcertificate": str(folder / "client.p12")}
    if key.startswith("server."):
        settings[key] = value
    for name, text in settings.items():
        lines.put(name, text)
    lines.put("server.add")
    smtp = {
        "smtp.defaultdomain": "client.test",
        "smtp.spoolpath": str(folder / "spool"),
        "smtp.logfile": str(folder / "log"),
    }
    smtp |= {key: value} if key in smtp else {}
    for name, text in smtp.items():
        lines.put(name, text)
    message = [("from.email", "sender@domain.test"), ("recipient.to", "recipient@domain.test"), ("subject", "Hello"),
               ("text", "Hello")]  # fmt: skip
    optional = "dkim.identity", "dkim.headers", "dkim.oversigned"
    domain, signed = (("dkim.domain", "domain.test"),), (("dkim.key", MORE["dkim.key"]),)
    before = {"from.name": (), "sender.name": (("sender.email", "a@domain.test"),),
              "replyto.name": (("replyto.email", "a@domain.test"),), "header.value": (("header.name", "X-Mine"),),
              "attachment.contenttype": (("attachment.name", "a"), ("attachment.bytes", "ZGF0YQ==")),
              "embedded.contenttype": (("embedded.cid", "a"), ("embedded.file", __file__)),
              "dkim.selector": domain,
              **dict.fromkeys(("dkim.key", *optional), (*domain, ("dkim.selector", "mail")))}  # fmt: skip
    after = {"recipient.name": (("recipient.to", "other@domain.test"),), "header.name": (("header.value", "value"),),
             "attachment.name": (("attachment.bytes", "ZGF0YQ=="),), "embedded.cid": (("embedded.file", __file__),),
             "dkim.domain": (("dkim.selector", "mail"), *signed),
             **dict.fromkeys(("dkim.selector", *optional), signed),
             "calendar.method": (("calendar.text", "BEGIN:VCALENDAR\r\nEND:VCALENDAR\r\n"),),
             "calendar.filename": (("calendar.text", "BEGIN:VCALENDAR\r\nEND:VCALENDAR\r\n"),)}  # fmt: skip
    own = [] if key.startswith(("server.", "smtp.")) else [*before.get(key, ()), (key, value), *after.get(key, ())]
    for name, text in [(name, text) for name, text in message if name != key] + own:
        lines.put(name, text)
    return lines.put("submittospool") if spool else lines.send()


def values(right: str, folder: Path) -> Iterator[str]:
    """The hidden lines at every place of what would be right."""
    right = right.format(folder=folder)
    for hidden in HIDDEN.values():
        middle = len(right) // 2
        yield from (right + hidden, right[:middle] + hidden + right[middle:], hidden + right)


def lines_of(data: bytes) -> list[bytes]:
    """As somebody reads who takes anything for the end of a line."""
    return re.split(rb"[\r\n\0\x85]|\xe2\x80[\xa8\xa9]|\xc2\x85", data)


def injected(data: bytes) -> list[bytes]:
    """Lines that begin as a hidden one does."""
    begins = re.compile(rb"\s*(RCPT TO:<|X-|RSET |NOOP |MAIL FROM:<)" + MARK.encode())
    return [line for line in lines_of(data) if begins.match(line)]


@pytest.mark.parametrize("spool", [False, True], ids=["server", "spool"])
@pytest.mark.parametrize("key", KEYS)
def test_no_hidden_line_comes_out(
    key: str, spool: bool, running: RunningDriver, listening: Listening, tmp_path: Path
) -> None:
    refused = 0
    for number, value in enumerate(values(KEYS[key], tmp_path)):
        folder = tmp_path / str(number)
        folder.mkdir()
        listening.heard.clear()
        try:
            (answer,) = running.run(job(listening, folder, key, value, spool=spool))
        except (ContractError, Unsupported):
            # An address of Rust is no text; a text of C ends at NUL.
            assert key == "server.localendpoint" or "\0" in value, value
            refused += 1
            continue
        refused += not answer["ok"]
        if not answer["ok"]:
            assert not injected(answer["error"]["message"].encode()), (value, answer)
        assert not injected(bytes(listening.heard)), (value, bytes(listening.heard))
        # Nor in base64: what is logged in with is one line too.
        for word in re.findall(rb"[A-Za-z0-9+/]{16,}={0,2}", bytes(listening.heard)):
            text = base64.b64decode(word + b"=" * (-len(word) % 4))
            assert not (key.startswith("server.token") and injected(text)), (value, text)
        for path in folder.rglob("*"):
            # What the spool holds is told by its length: no line but those of the message.
            if path.is_file() and (path.name == "log" or "\u2028" not in value):
                assert not injected(path.read_bytes()), (value, path)
    # Of a server, nothing is looked at for the spool; a password and a path may hold what they like.
    unseen = key.startswith("server.") if spool else key in SPOOLED
    if not unseen and key not in FREE:
        assert refused, "a text with line ends is refused"


def call(server: Listening, folder: Path, key: str, value: str) -> Job:
    """The call that the key belongs to, with everything else right."""
    lines = Job()
    if key.startswith("diagnose") or key == "explain":
        for name, text in {**CALLS["-.Diagnose"], key: value}.items() if key != "explain" else [(key, value)]:
            lines.put(name, text)
        return lines
    if key.startswith("quick"):
        for name, text in {**CALLS["SMTP.QuickSend"], "quick.body": "Hello", key: value}.items():
            if name != "quicksend":
                lines.put(name, text.replace("{port}", str(server.port)))
        return lines.put("quicksend", value if key == "quicksend" else CALLS["SMTP.QuickSend"]["quicksend"])
    lines.server("127.0.0.1", server.port, security="none", timeout=5)
    lines.put("smtp.defaultdomain", "client.test").put("smtp.spoolpath", str(folder / "spool"))
    lines.put("smtp.logfile", str(folder / "log"))
    if key == "smtp.command":
        return lines.put(key, value)
    merge, _, own = key.partition(" ")
    for name, field in (
        ("from.email", "from"), ("from.name", "sender"), ("recipient.name", "name"), ("recipient.to", "email"),
        ("subject", "subject"), ("listunsubscribe", "link"),
    ):  # fmt: skip
        lines.put(name, f"{{{{ {field} }}}}")
    lines.put("header.name", "X-Mine").put("header.value", "{{ header }}").put("text", "Hello")
    lines.put("attachment.name", "{{ file }}").put("attachment.bytes", "ZGF0YQ==")
    for field, text in {**FIELDS, own: value}.items():
        lines.put("row.name", field).put("row.value", text)
    return lines.put(merge)


def texts_of(answer: dict[str, Any]) -> list[str]:
    """What a call says to its program."""
    if "told" in answer:
        return list(answer["told"])
    return [answer["error"]["message"]] if not answer["ok"] else []


@pytest.mark.parametrize("key", [key for keys in CALLS.values() for key in keys])
def test_no_hidden_line_comes_out_of_a_call(
    key: str, running: RunningDriver, listening: Listening, tmp_path: Path
) -> None:
    right = next(keys[key] for keys in CALLS.values() if key in keys).replace("{port}", str(listening.port))
    refused = 0
    for number, value in enumerate(values(right, tmp_path)):
        folder = tmp_path / str(number)
        folder.mkdir()
        listening.heard.clear()
        try:
            answers = running.run(call(listening, folder, key, value))
        except (ContractError, Unsupported):
            # A stage of Rust is no text; a text of C ends at NUL.
            assert key == "diagnose.stage" or "\0" in value, value
            continue
        for answer in answers:
            refused += not answer["ok"]
            for text in texts_of(answer):
                assert key in OF_LINES or key == "smtp.command" or not injected(text.encode()), (value, text)
                assert not re.search("[\\x00-\\x09\\x0b-\\x1f\\x7f-\\x9f\u2028\u2029]", text), (value, text)
        assert not injected(bytes(listening.heard)), (value, bytes(listening.heard))
        for path in folder.rglob("*"):
            if path.is_file() and (path.name == "log" or "\u2028" not in value):
                assert not injected(path.read_bytes()), (value, path)
    if not key.startswith(("diagnose", "explain")):
        assert refused, "a text with line ends is refused"
