"""Django's mail through freesmtp: a backend that sends, and one that hands over to the spool.

    EMAIL_BACKEND = "freesmtp.django.EmailBackend"  # or "freesmtp.django.SpoolBackend"

`EMAIL_HOST`, `EMAIL_PORT`, `EMAIL_HOST_USER`, `EMAIL_HOST_PASSWORD`, `EMAIL_USE_TLS`, `EMAIL_USE_SSL`,
`EMAIL_TIMEOUT`, `EMAIL_SSL_CERTFILE` and `EMAIL_SSL_KEYFILE` mean what they mean to Django's own backend. The setting
`FREESMTP` holds what Django has no name for, by the names of `SMTPServer` and `SMTP`:

    FREESMTP = {"log_file": "/var/log/app/smtp.log", "token": get_token, "spool_path": "/var/spool/freesmtp"}

With `MAILERS` of Django 6.1 all of it is in `OPTIONS`. A message may carry properties of `EmailMessage` for its
delivery:

    message.freesmtp = {"blast": "newsletter", "envelope_id": "order-4711"}

After it was sent it has `message.freesmtp_report`, after it was handed over `message.freesmtp_id`.

With neither `EMAIL_USE_TLS` nor `EMAIL_USE_SSL` the server's `Security` is `Auto`: a password leaves no machine in
clear text, unless `FREESMTP` says `"allow_plaintext_auth": True` and `"security": "none"`.
"""

from __future__ import annotations

import email.policy
import re
import threading
from collections.abc import Iterable, Mapping, Sequence
from email.headerregistry import AddressHeader
from typing import Any

import django  # type: ignore[import-untyped]
from django import conf  # type: ignore[import-untyped]
from django.core.exceptions import ImproperlyConfigured  # type: ignore[import-untyped]
from django.core.mail.backends.base import BaseEmailBackend  # type: ignore[import-untyped]

from . import SMTP, EmailMessage, MessageError, Security, SMTPError, SMTPServer, SpoolError
from ._names import ORIGINAL_NAMES

__all__ = ["EmailBackend", "SpoolBackend"]

_DJANGOS = frozenset({"name", "port", "timeout", "account", "password", "client_certificate", "client_key"})
"""Properties of a server that have a name of Django's."""
_SERVER = frozenset(ORIGINAL_NAMES[SMTPServer].values()) - _DJANGOS
_SENDING = frozenset(
    {
        "log_file",
        "log_options",
        "protocol_log",
        "default_domain",
        "all_or_nothing",
        "max_messages_per_connection",
        "rate_limit",
    }
)
_SPOOL = frozenset({"spool_path", "spool_durability"})
_PLAIN = re.compile(r"[\w.+=-]+@[\w.-]+", re.ASCII)
"""A mailbox alone, as most addresses are: `email` takes a quarter of a millisecond to read one."""


class EmailBackend(BaseEmailBackend):  # type: ignore[misc]
    """Sends each message to the server, over one connection for each call, or for as long as it is open."""

    def __init__(
        self,
        host: str | None = None,
        port: int | None = None,
        username: str | None = None,
        password: str | None = None,
        use_tls: bool | None = None,
        fail_silently: bool = False,
        use_ssl: bool | None = None,
        timeout: float | None = None,
        ssl_keyfile: str | None = None,
        ssl_certfile: str | None = None,
        **options: Any,
    ) -> None:
        own = _take(options, _SERVER | _SENDING)
        super().__init__(**options)
        self.fail_silently = fail_silently
        mailer = options.get("alias")
        if mailer is None:
            host = host or conf.settings.EMAIL_HOST
            port = port or conf.settings.EMAIL_PORT
            username = conf.settings.EMAIL_HOST_USER if username is None else username
            password = conf.settings.EMAIL_HOST_PASSWORD if password is None else password
            use_tls = conf.settings.EMAIL_USE_TLS if use_tls is None else use_tls
            use_ssl = conf.settings.EMAIL_USE_SSL if use_ssl is None else use_ssl
            timeout = conf.settings.EMAIL_TIMEOUT if timeout is None else timeout
            ssl_keyfile = conf.settings.EMAIL_SSL_KEYFILE if ssl_keyfile is None else ssl_keyfile
            ssl_certfile = conf.settings.EMAIL_SSL_CERTFILE if ssl_certfile is None else ssl_certfile
            own = {**_from_settings(_SERVER | _SENDING), **own}
        if not host:
            raise _invalid("OPTIONS must define 'host'.", mailer)
        if use_ssl and use_tls:
            raise _invalid("EMAIL_USE_TLS/EMAIL_USE_SSL (use_tls/use_ssl) exclude each other: set one to True.", mailer)

        self.host, self.port, self.timeout = host, port or (465 if use_ssl else 587 if use_tls else 25), timeout
        self.username, self.password = username or "", password or ""
        self.use_tls, self.use_ssl = bool(use_tls), bool(use_ssl)
        self.ssl_keyfile, self.ssl_certfile = ssl_keyfile, ssl_certfile
        self.connection: SMTP | None = None
        """While it is open."""
        self._lock = threading.RLock()
        self._smtp = SMTP(self._server({name: value for name, value in own.items() if name in _SERVER}))
        _set(self._smtp, {name: value for name, value in own.items() if name in _SENDING})

    def _server(self, properties: Mapping[str, Any]) -> SMTPServer:
        server = SMTPServer(self.host, self.port, self.timeout)
        if self.use_ssl or self.use_tls:
            server.security = Security.IMPLICIT if self.use_ssl else Security.REQUIRED
        # As Django does: a name without a password is no login.
        if self.username and (self.password or "token" in properties):
            server.account, server.password = self.username, self.password
        server.client_certificate, server.client_key = self.ssl_certfile, self.ssl_keyfile
        _set(server, properties)
        return server

    def open(self) -> bool | None:
        """Open the connection. Whether that was needed; `None` when it failed silently."""
        with self._lock:
            if self.connection is not None:
                return False
            try:
                self._smtp.connect()
            except SMTPError as error:
                if not self.fail_silently or isinstance(error, MessageError):
                    raise
                return None
            self.connection = self._smtp
            return True

    def close(self) -> None:
        """Close the connection."""
        with self._lock:
            self.connection = None
            self._smtp.disconnect()

    def send_messages(self, email_messages: Iterable[Any]) -> int:
        """Send the messages in order; how many were sent. The first that is not raises, unless it fails silently."""
        if not email_messages:
            return 0
        with self._lock:
            opened = self.open()
            if opened is None:
                return 0
            try:
                return sum(self._send(message) for message in email_messages)
            finally:
                if opened:
                    self.close()

    def _send(self, message: Any) -> bool:
        own = _message(message)
        if own is None:
            return False
        try:
            message.freesmtp_report = self._smtp.send(own)
        except SMTPError as error:
            if not self.fail_silently or isinstance(error, MessageError):
                raise
            return False
        return True


class SpoolBackend(BaseEmailBackend):  # type: ignore[misc]
    """Hands the messages of each call over to the agent of the spool: all of them with one sync, or none."""

    def __init__(self, fail_silently: bool = False, **options: Any) -> None:
        own = _take(options, _SPOOL)
        super().__init__(**options)
        self.fail_silently = fail_silently
        if options.get("alias") is None:
            own = {**_from_settings(_SPOOL), **own}
        self._smtp = SMTP()
        _set(self._smtp, own)

    def send_messages(self, email_messages: Iterable[Any]) -> int:
        """Hand them over; how many there were."""
        pairs = [(message, own) for message in email_messages or () if (own := _message(message)) is not None]
        try:
            ids = self._smtp.submit_bulk(own for _, own in pairs)
        except SpoolError:
            if not self.fail_silently:
                raise
            return 0
        for (message, _), id_ in zip(pairs, ids):
            message.freesmtp_id = id_
        return len(ids)


def _message(message: Any) -> EmailMessage | None:
    """A message of Django's as it travels, with its envelope; `None` when it is for nobody."""
    recipients: Sequence[Any] = message.recipients()
    if not recipients:
        return None
    # Django composes with the modern classes of `email` since 6.0, and lets each backend say how.
    modern = django.VERSION >= (6, 0)
    own = EmailMessage.raw(message.message(policy=email.policy.SMTP) if modern else message.message())
    own.return_path = _mailbox(message.from_email)
    for recipient in recipients:
        own.recipients.add(_mailbox(recipient))
    _set(own, getattr(message, "freesmtp", {}))
    return own


def _mailbox(address: object) -> str:
    """The mailbox of `A Name <mailbox>`. Whether it is one that can be written to is checked when it is sent."""
    text = str(address)
    if _PLAIN.fullmatch(text):
        return text
    parsed = AddressHeader.value_parser(text)
    mailboxes = parsed.all_mailboxes
    if len(mailboxes) != 1 or "\r" in text or "\n" in text:
        raise MessageError(f"Invalid address {text!r}: it must be one mailbox, such as 'A Name <user@example.com>'")
    return str(mailboxes[0].addr_spec or text)


def _set(target: object, properties: Mapping[str, Any]) -> None:
    for name, value in properties.items():
        setattr(target, name, value)


def _take(options: dict[str, Any], names: frozenset[str]) -> dict[str, Any]:
    """Those of the options that are ours; Django says of the others that it does not know them."""
    return {name: options.pop(name) for name in names & options.keys()}


def _from_settings(names: frozenset[str]) -> dict[str, Any]:
    found: Mapping[str, Any] = getattr(conf.settings, "FREESMTP", {})
    unknown = found.keys() - _SERVER - _SENDING - _SPOOL
    if unknown:
        raise ImproperlyConfigured(
            f"FREESMTP has no {', '.join(sorted(unknown))}; it has {', '.join(sorted(_SERVER | _SENDING | _SPOOL))}"
        )
    return {name: found[name] for name in names & found.keys()}


def _invalid(problem: str, mailer: str | None) -> Exception:
    if mailer is None:
        return ValueError(problem)
    from django.core.mail import InvalidMailer  # type: ignore[import-untyped]

    invalid: Exception = InvalidMailer(problem, alias=mailer)
    return invalid
