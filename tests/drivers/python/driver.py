"""The Python driver of the test suite: the contract is `tests/drivers/README.md`."""

from __future__ import annotations

import base64
import functools
import gc
import sys
from collections.abc import Callable, Iterable
from datetime import datetime, timedelta, timezone
from typing import Any

from answers import check_data, error_data, report_data, say, say_sent, submitted, tell, tell_blast, tell_message
from calls import Calls
from freesmtp import (
    SMTP,
    BodyPartFormat,
    Calendar,
    DkimSigner,
    EmailMessage,
    RecipientType,
    SMTPError,
    SMTPServer,
)
from operations import Awaited, Blocking, Ended, beside, hears

ESCAPES = {"n": "\n", "r": "\r", "t": "\t", "0": "\0", "\\": "\\"}


class JobFault(Exception):
    """The job is not one of the contract."""


def unescape(value: str) -> str:
    """The value that an escaped one stands for."""
    pieces = iter(value)
    out = []
    for piece in pieces:
        if piece == "\\":
            escaped = next(pieces, "")
            if escaped not in ESCAPES:
                raise JobFault(f"unknown escape in {value!r}")
            piece = ESCAPES[escaped]
        out.append(piece)
    return "".join(out)


def truth(value: str) -> bool:
    """`true` or `false`."""
    if value not in ("true", "false"):
        raise JobFault(f"{value!r} is no truth value")
    return value == "true"


def number(value: str) -> int:
    """A decimal number."""
    try:
        return int(value, 10)
    except ValueError:
        raise JobFault(f"{value!r} is no number") from None


def moment(value: str) -> datetime:
    """So many seconds after 1970 UTC."""
    return datetime(1970, 1, 1, tzinfo=timezone.utc) + timedelta(seconds=number(value))


def words(value: str) -> list[str]:
    """Texts between commas; none of nothing."""
    return value.split(",") if value else []


def one_by_one(tokens: list[str]) -> Callable[[bool], str]:
    """A callback that gives one token per call, whatever it is called for."""
    left = iter(tokens)

    def get(refresh: bool) -> str:
        token = next(left, None)
        if token is None:
            raise LookupError("no more tokens")
        return token

    return get


class Driver:
    """Carries out the lines of a job."""

    def __init__(self, operations: Blocking | Awaited) -> None:
        self.operations = operations
        self.smtp = SMTP()
        self.message = EmailMessage()
        self.server = SMTPServer()
        self.repeat = 1
        self.bulk: list[EmailMessage] = []
        self.pending: dict[str, str] = {}
        self.checking: dict[str, Any] = {}
        self.fifo = ""
        ask = functools.partial(operations.ask, self.smtp)
        self.keys: dict[str, Callable[[str], object]] = {
            "server.host": self.new_server,
            "server.port": lambda v: setattr(self.server, "port", number(v)),
            "server.security": lambda v: setattr(self.server, "security", v),
            "server.timeout": lambda v: setattr(self.server, "timeout", number(v)),
            "server.account": lambda v: setattr(self.server, "account", v),
            "server.password": lambda v: setattr(self.server, "password", v),
            "server.authmode": lambda v: setattr(self.server, "auth_mode", v),
            "server.sasl": lambda v: setattr(self.server, "sasl", v),
            "server.token": lambda v: setattr(self.server, "token", v),
            "server.tokens": lambda v: setattr(self.server, "token", one_by_one(v.split(","))),
            "server.disabledextensions": lambda v: setattr(self.server, "disabled_extensions", v.split(",")),
            "server.lmtp": lambda v: setattr(self.server, "lmtp", truth(v)),
            "server.proxy": lambda v: setattr(self.server, "proxy", v),
            "server.localendpoint": lambda v: setattr(self.server, "local_end_point", v),
            "server.capem": lambda v: setattr(self.server, "ca_pem", v),
            "server.clientcertificatepassword": lambda v: setattr(self.server, "client_certificate_password", v),
            "server.certificatepins": lambda v: setattr(self.server, "certificate_pins", v.split(",")),
            "server.mintlsversion": lambda v: setattr(self.server, "min_tls_version", v),
            "server.mailauth": lambda v: setattr(self.server, "mail_auth", v),
            "server.clientcertificate": lambda v: setattr(self.server, "client_certificate", v),
            "server.clientkey": lambda v: setattr(self.server, "client_key", v),
            "server.cafile": lambda v: setattr(self.server, "ca_file", v),
            "server.tlsservername": lambda v: setattr(self.server, "tls_server_name", v),
            "server.allowplaintextauth": lambda v: setattr(self.server, "allow_plaintext_auth", truth(v)),
            "server.dangeracceptinvalidcerts": lambda v: setattr(self.server, "danger_accept_invalid_certs", truth(v)),
            "server.dangeracceptinvalidhostnames": lambda v: setattr(
                self.server, "danger_accept_invalid_hostnames", truth(v)
            ),
            "server.add": lambda _: self.smtp.smtp_servers.add(self.server),
            "smtp.defaultdomain": lambda v: setattr(self.smtp, "default_domain", v),
            "smtp.logfile": lambda v: setattr(self.smtp, "log_file", v),
            "smtp.allornothing": lambda v: setattr(self.smtp, "all_or_nothing", truth(v)),
            "smtp.maxconnections": lambda v: setattr(self.smtp, "max_connections", number(v)),
            "smtp.maxmessagesperconnection": lambda v: setattr(self.smtp, "max_messages_per_connection", number(v)),
            "smtp.ratelimit": lambda v: setattr(self.smtp, "rate_limit", float(v)),
            "smtp.spoolpath": lambda v: setattr(self.smtp, "spool_path", v),
            "smtp.spooldurability": lambda v: setattr(self.smtp, "spool_durability", number(v)),
            "smtp.connect": lambda _: self.ending(self.connect),
            "smtp.command": lambda v: self.ending(lambda: self.command(v)),
            "smtp.disconnect": lambda _: self.ending(lambda: operations.disconnect(self.smtp)),
            "cancel.own": lambda v: setattr(operations, "fifo", v),
            "cancel.object": lambda v: setattr(self, "fifo", v),
            "wait": hears,
            "message.new": self.new_message,
            "raw": lambda v: setattr(self, "message", EmailMessage.raw(v.encode())),
            "raw.file": lambda v: setattr(self, "message", EmailMessage.raw(v)),
            "from.email": lambda v: setattr(self.message.from_, "email", v),
            "from.name": lambda v: setattr(self.message.from_, "name", v),
            "sender.email": lambda v: setattr(self.message.sender, "email", v),
            "sender.name": lambda v: setattr(self.message.sender, "name", v),
            "replyto.email": lambda v: setattr(self.message.reply_to, "email", v),
            "replyto.name": lambda v: setattr(self.message.reply_to, "name", v),
            "returnpath": lambda v: setattr(self.message, "return_path", v),
            "subject": lambda v: setattr(self.message, "subject", v),
            "messageid": lambda v: setattr(self.message, "message_id", v),
            "charset": lambda v: setattr(self.message, "charset_encoding", v),
            "inreplyto": lambda v: setattr(self.message, "in_reply_to", [*self.message.in_reply_to, v]),
            "reference": lambda v: setattr(self.message, "references", [*self.message.references, v]),
            "autosubmitted": lambda v: setattr(self.message, "auto_submitted", number(v)),
            "listunsubscribe": lambda v: setattr(self.message, "list_unsubscribe", [*self.message.list_unsubscribe, v]),
            "listunsubscribe.oneclick": lambda v: setattr(self.message, "list_unsubscribe_one_click", truth(v)),
            "dkim.domain": lambda v: self.keep("dkim.domain", v),
            "dkim.selector": lambda v: self.keep("dkim.selector", v),
            "dkim.identity": lambda v: self.keep("dkim.identity", v),
            "dkim.headers": lambda v: self.keep("dkim.headers", v),
            "dkim.oversigned": lambda v: self.keep("dkim.oversigned", v),
            "dkim.key": self.add_signer,
            "calendar.method": lambda v: self.keep("calendar.method", v),
            "calendar.filename": lambda v: self.keep("calendar.filename", v),
            "calendar.text": self.set_calendar,
            "priority": lambda v: setattr(self.message, "priority", number(v)),
            "returncontent": lambda v: setattr(self.message, "return_content", number(v)),
            "envelopeid": lambda v: setattr(self.message, "envelope_id", v),
            "requiretls": lambda v: setattr(self.message, "require_tls", truth(v)),
            "deliverby": lambda v: setattr(self.message, "deliver_by", number(v)),
            "deliverbymode": lambda v: setattr(self.message, "deliver_by_mode", number(v)),
            "deliverbytrace": lambda v: setattr(self.message, "deliver_by_trace", truth(v)),
            "holdfor": lambda v: setattr(self.message, "hold_for", number(v)),
            "holduntil": lambda v: setattr(self.message, "hold_until", moment(v)),
            "mtpriority": lambda v: setattr(self.message, "mt_priority", number(v)),
            "notbefore": lambda v: setattr(self.message, "not_before", moment(v)),
            "expires": lambda v: setattr(self.message, "expires", moment(v)),
            "spoolpriority": lambda v: setattr(self.message, "spool_priority", number(v)),
            "blast": lambda v: setattr(self.message, "blast", v),
            "idempotencykey": lambda v: setattr(self.message, "idempotency_key", v),
            "optionalextensions": lambda v: setattr(self.message, "optional_extensions", words(v)),
            "recipient.notify": lambda v: setattr(self.message.recipients[-1], "notify", number(v)),
            "recipient.originalrecipient": lambda v: setattr(self.message.recipients[-1], "original_recipient", v),
            "recipient.validsince": lambda v: setattr(self.message.recipients[-1], "valid_since", moment(v)),
            "recipient.validsinceaction": lambda v: setattr(
                self.message.recipients[-1], "valid_since_action", number(v)
            ),
            "recipient.name": lambda v: self.keep("recipient.name", v),
            "recipient.to": lambda v: self.add_recipient(v, RecipientType.TO),
            "recipient.cc": lambda v: self.add_recipient(v, RecipientType.CC),
            "recipient.bcc": lambda v: self.add_recipient(v, RecipientType.BCC),
            "text": lambda v: self.message.body_parts.add(v, BodyPartFormat.PLAIN),
            "html": lambda v: self.message.body_parts.add(v, BodyPartFormat.HTML),
            "attachment.name": lambda v: self.keep("attachment.name", v),
            "attachment.file": self.attach_file,
            "attachment.stream": self.attach_stream,
            "attachment.bytes": self.attach_bytes,
            "attachment.contenttype": lambda v: setattr(self.message.attachments[-1], "content_type", v),
            "embedded.contenttype": lambda v: setattr(self.message.embedded_objects[-1], "content_type", v),
            "embedded.cid": lambda v: self.keep("embedded.cid", v),
            "embedded.file": lambda v: self.message.embedded_objects.add(v, self.kept("embedded.cid")),
            "header.name": lambda v: self.keep("header.name", v),
            "header.value": lambda v: self.message.custom_headers.add(self.kept("header.name"), v),
            "repeat": lambda v: setattr(self, "repeat", number(v)),
            "bulk.add": lambda _: self.bulk.append(self.message),
            "bulk.repeat": lambda v: self.bulk.extend([self.message] * number(v)),
            "sendbulk": lambda _: self.send_bulk(),
            "spoolstatus": lambda v: tell_message("spoolstatus", ask("spool_status", v)),
            "waitformessage": lambda v: tell_message("waitformessage", ask("wait_for_message", v, 20)),
            "blaststatus": lambda v: tell_blast("blaststatus", ask("blast_status", v)),
            "pauseblast": lambda v: tell_blast("pauseblast", ask("pause_blast", v)),
            "resumeblast": lambda v: tell_blast("resumeblast", ask("resume_blast", v)),
            "cancelblast": lambda v: tell_blast("cancelblast", ask("cancel_blast", v)),
            "waitforblast": lambda v: tell_blast("waitforblast", ask("wait_for_blast", v, 20)),
            "spoolevents": self.spool_events,
            "submittospool": lambda _: submitted("submittospool", [self.smtp.submit_to_spool(self.message)]),
            "submitbulk": lambda _: self.submit_bulk(),
            "check.from": lambda v: self.checking.update(from_=v),
            "check.to": lambda v: self.checking.setdefault("to", []).append(v),
            "check.dkimselector": lambda v: self.checking.update(dkim_selector=v),
            "check.outgoingip": lambda v: self.checking.update(outgoing_ip=v),
            "check.dns": lambda v: self.checking.update(dns=v),
            "check.timeout": lambda v: self.checking.update(timeout=number(v)),
            "check.server": lambda v: self.checking.update(server=number(v)),
            "check": lambda _: self.check(),
            **Calls(operations, self.smtp, lambda: self.message).keys,
        }

    def keep(self, key: str, value: str) -> None:
        """Keeps an optional part for the line that uses it."""
        self.pending[key] = value

    def kept(self, key: str) -> str:
        """The part that was kept; it is forgotten."""
        if key not in self.pending:
            raise JobFault(f"{key} is missing")
        return self.pending.pop(key)

    def new_server(self, host: str) -> None:
        """Begins a server."""
        self.server = SMTPServer()
        self.server.name = host

    def new_message(self, _: str) -> None:
        """Begins a message."""
        self.message = EmailMessage()

    def add_recipient(self, email: str, kind: RecipientType) -> None:
        """Adds a recipient with the name that was kept, if any."""
        if "recipient.name" in self.pending:
            self.message.recipients.add(email, self.kept("recipient.name"), kind)
        elif kind == RecipientType.TO:
            self.message.recipients.add(email)
        else:
            self.message.recipients.add(email, type=kind)

    def attach_file(self, path: str) -> None:
        """Attaches a file with the name that was kept, if any."""
        if "attachment.name" in self.pending:
            self.message.attachments.add(path, self.kept("attachment.name"))
        else:
            self.message.attachments.add(path)

    def attach_stream(self, path: str) -> None:
        """Attaches what a file object reads."""
        # The message closes it, or leaves it to the end of the program.
        self.message.attachments.add(open(path, "rb"), self.kept("attachment.name"))  # noqa: SIM115

    def attach_bytes(self, value: str) -> None:
        """Attaches bytes."""
        try:
            data = base64.b64decode(value, validate=True)
        except ValueError as error:
            raise JobFault(f"attachment.bytes: {error}") from error
        self.message.attachments.add(data, self.kept("attachment.name"))

    def add_signer(self, key: str) -> None:
        """Signs with that key for the domain and selector that were kept."""
        signer = DkimSigner(self.kept("dkim.domain"), self.kept("dkim.selector"), key)
        if "dkim.identity" in self.pending:
            signer.identity = self.kept("dkim.identity")
        if "dkim.headers" in self.pending:
            signer.headers = words(self.kept("dkim.headers"))
        if "dkim.oversigned" in self.pending:
            signer.oversigned = words(self.kept("dkim.oversigned"))
        self.message.dkim.add(signer)

    def set_calendar(self, text: str) -> None:
        """Makes it an invitation, with the method and the file name that were kept, if any."""
        calendar = Calendar(text)
        if "calendar.method" in self.pending:
            calendar.method = self.kept("calendar.method")
        if "calendar.filename" in self.pending:
            calendar.file_name = self.kept("calendar.filename")
        self.message.calendar = calendar

    def check(self) -> None:
        """Checks with the options that were kept, and prints the answer."""
        options, self.checking = self.checking, {}
        report = self.operations.check(self.smtp, **options)
        say({"ok": True, "at": "check", "sends": 0, "check": check_data(report)})

    def send(self) -> None:
        """Sends, and prints the answer."""
        times, self.repeat = self.repeat, 1
        sends = 0
        try:
            for _ in range(times):
                report = self.operations.send(self.smtp, self.message)
                sends += 1
        except SMTPError as error:
            say({"ok": False, "at": "send", "sends": sends, "error": error_data(error)})
            return
        say({"ok": True, "at": "send", "sends": sends, "report": report_data(report)})

    def connect(self) -> None:
        """Connects, and prints the answer."""
        try:
            self.operations.connect(self.smtp)
        except SMTPError as error:
            say({"ok": False, "at": "smtp.connect", "sends": 0, "error": error_data(error)})
            return
        tell("smtp.connect", [])

    def command(self, line: str) -> None:
        """Sends a command, and prints the answer."""
        try:
            reply = self.operations.command(self.smtp, line)
        except SMTPError as error:
            say({"ok": False, "at": "smtp.command", "sends": 0, "error": error_data(error)})
            return
        tell("smtp.command", [str(reply.code), reply.text])

    def ending(self, call: Callable[[], object]) -> None:
        """Makes a call that may be cancelled."""
        fifo, self.fifo = self.fifo, ""
        canceller = beside(fifo, self.smtp.cancel) if fifo else None
        try:
            call()
        except Ended:
            say({"ended": True})
        finally:
            if canceller:
                canceller.join()

    def send_bulk(self) -> None:
        """Sends the list, and prints the answers."""
        messages, self.bulk = self.bulk, []
        say_sent(self.operations.send_bulk(self.smtp, messages))

    def spool_events(self, count: str) -> None:
        """Tells so many events of the blast `news`."""

        def tell_events() -> None:
            events = self.operations.spool_events(self.smtp, "news", number(count))
            told = [f"{event.event} {event.recipient} {event.blast} {event.reply_code}" for event in events]
            tell("spoolevents", told)

        self.ending(tell_events)

    def submit_bulk(self) -> None:
        """Submits the list, and prints the ids."""
        messages, self.bulk = self.bulk, []
        submitted("submitbulk", self.smtp.submit_bulk(messages))

    def carry_out(self, key: str, value: str) -> bool:
        """Carries out one line; false when the job ends with it."""
        if key == "send":
            self.ending(self.send)
            return True
        if key not in self.keys:
            raise JobFault(f"unknown key {key!r}")
        try:
            self.keys[key](unescape(value))
        except SMTPError as error:
            say({"ok": False, "at": key, "sends": 0, "error": error_data(error)})
            return False
        return True


def run(operations: Blocking | Awaited, jobs: Iterable[bytes]) -> None:
    """Carries out the jobs, one after the other."""
    driver, failed = Driver(operations), False
    for line in jobs:
        key, _, value = line.decode("utf-8").removesuffix("\n").partition(" ")
        if key == "job.end":
            # The objects refer to each other, so that only the collector lets go of them now.
            del driver
            operations.settle()
            gc.collect()
            driver, failed = Driver(operations), False
            say({"end": True})
        elif key and not key.startswith("#") and not failed:
            failed = not driver.carry_out(key, value)


def main() -> int:
    """Runs the jobs on standard input."""
    try:
        run(Awaited() if sys.argv[1:] == ["--asyncio"] else Blocking(), sys.stdin.buffer)
    except (JobFault, UnicodeDecodeError) as error:
        print(error, file=sys.stderr)
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main())
