# The native part, written by hand and checked against the built module by mypy's stubtest.
# Documentation is in the module itself. After each class come the original names of `_names.py`.

from collections.abc import Callable, Coroutine, Iterable, Iterator
from datetime import datetime
from ipaddress import IPv4Address, IPv6Address
from os import PathLike
from types import GenericAlias, TracebackType
from typing import Any, Generic, Protocol, SupportsIndex, TypeVar, final, overload

from typing_extensions import Buffer, Self, TypeAlias, TypedDict, Unpack, disjoint_base

from . import _enums
from ._report import Diagnosis, Reply, Report

__all__ = [
    "Address",
    "Attachment",
    "BodyPart",
    "_panic",
    "Collection",
    "Attachments",
    "BodyParts",
    "CustomHeaders",
    "EmbeddedObjects",
    "Recipients",
    "CustomHeader",
    "diagnose",
    "_enum_numbers",
    "EmailMessage",
    "Recipient",
    "SMTPServer",
    "SMTPServers",
    "_Operation",
    "SMTP",
    "Timeouts",
    "__version__",
]

__version__: str

_T = TypeVar("_T")
_Path: TypeAlias = str | PathLike[str]

class _Readable(Protocol):
    def read(self) -> bytes: ...

_Source: TypeAlias = _Path | Buffer | _Readable
_RecipientType: TypeAlias = _enums.RecipientType | int | str
_Format: TypeAlias = _enums.BodyPartFormat | int | str
_Encoding: TypeAlias = _enums.BodyPartEncoding | int | str
_AuthMode: TypeAlias = _enums.SMTPAuthMode | int | str
_Token: TypeAlias = str | Callable[[bool], str] | Callable[[], str] | None

class _ServerProperties(TypedDict, total=False):
    sasl: str
    token: _Token
    mail_auth: str | None
    local_end_point: str | IPv4Address | IPv6Address | None
    security: _enums.Security | int | str
    ca_file: _Path | None
    client_certificate: _Path | None
    client_key: _Path | None
    tls_server_name: str
    min_tls_version: str
    allow_plaintext_auth: bool
    disabled_extensions: Iterable[str]
    danger_accept_invalid_certs: bool
    danger_accept_invalid_hostnames: bool

@disjoint_base
class Address:
    def __new__(cls, email: str = "", name: str = "") -> Self: ...
    @property
    def email(self) -> str: ...
    @email.setter
    def email(self, value: str) -> None: ...
    @property
    def name(self) -> str: ...
    @name.setter
    def name(self, value: str) -> None: ...

    Email = email
    Name = name

@disjoint_base
class Recipient:
    def __new__(cls, email: str, name: str | None = None, type: _RecipientType | None = None) -> Self: ...
    @property
    def email(self) -> str: ...
    @email.setter
    def email(self, value: str) -> None: ...
    @property
    def name(self) -> str: ...
    @name.setter
    def name(self, value: str) -> None: ...
    @property
    def type(self) -> _enums.RecipientType: ...
    @type.setter
    def type(self, value: _RecipientType) -> None: ...

    Email = email
    Name = name
    Type = type

@disjoint_base
class BodyPart:
    def __new__(cls, body: str, format: _Format | None = None, encoding: _Encoding | None = None) -> Self: ...
    @property
    def body(self) -> str: ...
    @body.setter
    def body(self, value: str) -> None: ...
    @property
    def format(self) -> _enums.BodyPartFormat: ...
    @format.setter
    def format(self, value: _Format) -> None: ...
    @property
    def encoding(self) -> _enums.BodyPartEncoding: ...
    @encoding.setter
    def encoding(self, value: _Encoding) -> None: ...

    Body = body
    Format = format
    Encoding = encoding

@disjoint_base
class Attachment:
    def __new__(
        cls,
        source: _Source,
        display_name: str | None = None,
        content_type: str | None = None,
        content_id: str | None = None,
    ) -> Self: ...
    @property
    def filename(self) -> str | None: ...
    @filename.setter
    def filename(self, value: _Path) -> None: ...
    @property
    def display_name(self) -> str | None: ...
    @display_name.setter
    def display_name(self, value: str | None) -> None: ...
    @property
    def content_type(self) -> str | None: ...
    @content_type.setter
    def content_type(self, value: str | None) -> None: ...
    @property
    def content_id(self) -> str | None: ...
    @content_id.setter
    def content_id(self, value: str | None) -> None: ...

    Filename = filename
    DisplayName = display_name
    ContentType = content_type
    ContentID = content_id

@disjoint_base
class CustomHeader:
    def __new__(cls, name: str, value: str) -> Self: ...
    @property
    def name(self) -> str: ...
    @name.setter
    def name(self, value: str) -> None: ...
    @property
    def value(self) -> str: ...
    @value.setter
    def value(self, value: str) -> None: ...

    Name = name
    Value = value

@disjoint_base
class Collection(Generic[_T]):
    def __class_getitem__(cls, item: Any, /) -> GenericAlias: ...
    @property
    def count(self) -> int: ...
    def remove(self, item: _T | int) -> None: ...
    def clear(self) -> None: ...
    def get_last_item(self) -> _T: ...
    def __len__(self) -> int: ...
    def __contains__(self, item: object, /) -> bool: ...
    def __iter__(self) -> Iterator[_T]: ...
    @overload
    def __getitem__(self, index: SupportsIndex, /) -> _T: ...
    @overload
    def __getitem__(self, index: slice, /) -> list[_T]: ...
    def __delitem__(self, index: SupportsIndex, /) -> None: ...

    Count = count
    Remove = remove
    Clear = clear
    GetLastItem = get_last_item

@final
class Recipients(Collection[Recipient]):
    @overload
    def add(self, email: str, name: str | None = None, type: _RecipientType | None = None) -> Recipient: ...
    @overload
    def add(self, email: Recipient) -> Recipient: ...

    Add = add

@final
class BodyParts(Collection[BodyPart]):
    @overload
    def add(self, body: str, format: _Format | None = None, encoding: _Encoding | None = None) -> BodyPart: ...
    @overload
    def add(self, body: BodyPart) -> BodyPart: ...

    Add = add

@final
class Attachments(Collection[Attachment]):
    @overload
    def add(self, source: _Source, display_name: str | None = None, content_type: str | None = None) -> Attachment: ...
    @overload
    def add(self, source: Attachment) -> Attachment: ...

    Add = add

@final
class EmbeddedObjects(Collection[Attachment]):
    @overload
    def add(
        self,
        source: _Source,
        content_id: str | None = None,
        display_name: str | None = None,
        content_type: str | None = None,
    ) -> Attachment: ...
    @overload
    def add(self, source: Attachment) -> Attachment: ...

    Add = add

@final
class CustomHeaders(Collection[CustomHeader]):
    @overload
    def add(self, name: str, value: str) -> CustomHeader: ...
    @overload
    def add(self, name: CustomHeader, value: None = None) -> CustomHeader: ...

    Add = add

# Inside `EmailMessage` and `SMTP` the original names of properties hide these classes.
_Recipients: TypeAlias = Recipients
_BodyParts: TypeAlias = BodyParts
_Attachments: TypeAlias = Attachments
_EmbeddedObjects: TypeAlias = EmbeddedObjects
_CustomHeaders: TypeAlias = CustomHeaders

@disjoint_base
class EmailMessage:
    def __new__(
        cls,
        recipient_email: str | None = None,
        from_email: str | None = None,
        subject: str | None = None,
        body_text: str | None = None,
        body_part_format: _Format | None = None,
    ) -> Self: ...
    @property
    def from_(self) -> Address: ...
    @from_.setter
    def from_(self, value: Address | str) -> None: ...
    @property
    def reply_to(self) -> Address: ...
    @reply_to.setter
    def reply_to(self, value: Address | str) -> None: ...
    @property
    def sender(self) -> Address: ...
    @sender.setter
    def sender(self, value: Address | str) -> None: ...
    @property
    def return_path(self) -> str | None: ...
    @return_path.setter
    def return_path(self, value: str | None) -> None: ...
    @property
    def subject(self) -> str: ...
    @subject.setter
    def subject(self, value: str) -> None: ...
    @property
    def priority(self) -> _enums.Priority: ...
    @priority.setter
    def priority(self, value: _enums.Priority | int | str) -> None: ...
    @property
    def message_id(self) -> str | None: ...
    @message_id.setter
    def message_id(self, value: str | None) -> None: ...
    @property
    def date(self) -> datetime | None: ...
    @date.setter
    def date(self, value: datetime | None) -> None: ...
    @property
    def charset_encoding(self) -> str: ...
    @charset_encoding.setter
    def charset_encoding(self, value: str) -> None: ...
    @property
    def recipients(self) -> _Recipients: ...
    @property
    def body_parts(self) -> _BodyParts: ...
    @property
    def attachments(self) -> _Attachments: ...
    @property
    def embedded_objects(self) -> _EmbeddedObjects: ...
    @property
    def custom_headers(self) -> _CustomHeaders: ...
    def reset(self) -> None: ...
    def to_bytes(self) -> bytes: ...
    def save_message(self, file_name: _Path) -> None: ...
    def __bytes__(self) -> bytes: ...

    From = from_
    ReplyTo = reply_to
    Sender = sender
    ReturnPath = return_path
    Subject = subject
    Priority = priority
    MessageID = message_id
    Date = date
    CharsetEncoding = charset_encoding
    Recipients = recipients
    BodyParts = body_parts
    Attachments = attachments
    EmbeddedObjects = embedded_objects
    CustomHeaders = custom_headers
    Reset = reset
    ToBytes = to_bytes
    SaveMessage = save_message

@disjoint_base
class SMTPServer:
    def __new__(
        cls,
        name: str | None = None,
        port: int | None = None,
        timeout: float | None = None,
        auth_mode: _AuthMode | None = None,
        account: str | None = None,
        password: str | None = None,
        **properties: Unpack[_ServerProperties],
    ) -> Self: ...
    @property
    def name(self) -> str: ...
    @name.setter
    def name(self, value: str) -> None: ...
    @property
    def port(self) -> int: ...
    @port.setter
    def port(self, value: int) -> None: ...
    @property
    def timeout(self) -> float | None: ...
    @timeout.setter
    def timeout(self, value: float | None) -> None: ...
    @property
    def auth_mode(self) -> _enums.SMTPAuthMode: ...
    @auth_mode.setter
    def auth_mode(self, value: _AuthMode) -> None: ...
    @property
    def account(self) -> str: ...
    @account.setter
    def account(self, value: str) -> None: ...
    @property
    def password(self) -> str: ...
    @password.setter
    def password(self, value: str) -> None: ...
    @property
    def sasl(self) -> str: ...
    @sasl.setter
    def sasl(self, value: str) -> None: ...
    @property
    def token(self) -> _Token: ...
    @token.setter
    def token(self, value: _Token) -> None: ...
    @property
    def mail_auth(self) -> str | None: ...
    @mail_auth.setter
    def mail_auth(self, value: str | None) -> None: ...
    @property
    def local_end_point(self) -> str | None: ...
    @local_end_point.setter
    def local_end_point(self, value: str | IPv4Address | IPv6Address | None) -> None: ...
    @property
    def security(self) -> _enums.Security: ...
    @security.setter
    def security(self, value: _enums.Security | int | str) -> None: ...
    @property
    def ca_file(self) -> str | None: ...
    @ca_file.setter
    def ca_file(self, value: _Path | None) -> None: ...
    @property
    def client_certificate(self) -> str | None: ...
    @client_certificate.setter
    def client_certificate(self, value: _Path | None) -> None: ...
    @property
    def client_key(self) -> str | None: ...
    @client_key.setter
    def client_key(self, value: _Path | None) -> None: ...
    @property
    def tls_server_name(self) -> str: ...
    @tls_server_name.setter
    def tls_server_name(self, value: str) -> None: ...
    @property
    def min_tls_version(self) -> str: ...
    @min_tls_version.setter
    def min_tls_version(self, value: str) -> None: ...
    @property
    def allow_plaintext_auth(self) -> bool: ...
    @allow_plaintext_auth.setter
    def allow_plaintext_auth(self, value: bool) -> None: ...
    @property
    def disabled_extensions(self) -> list[str]: ...
    @disabled_extensions.setter
    def disabled_extensions(self, value: Iterable[str]) -> None: ...
    @property
    def danger_accept_invalid_certs(self) -> bool: ...
    @danger_accept_invalid_certs.setter
    def danger_accept_invalid_certs(self, value: bool) -> None: ...
    @property
    def danger_accept_invalid_hostnames(self) -> bool: ...
    @danger_accept_invalid_hostnames.setter
    def danger_accept_invalid_hostnames(self, value: bool) -> None: ...

    Name = name
    Port = port
    Timeout = timeout
    AuthMode = auth_mode
    Account = account
    Password = password
    SASL = sasl
    Token = token
    MailAuth = mail_auth
    LocalEndPoint = local_end_point
    Security = security
    CaFile = ca_file
    ClientCertificate = client_certificate
    ClientKey = client_key
    TlsServerName = tls_server_name
    MinTlsVersion = min_tls_version
    AllowPlaintextAuth = allow_plaintext_auth
    DisabledExtensions = disabled_extensions
    DangerAcceptInvalidCerts = danger_accept_invalid_certs
    DangerAcceptInvalidHostnames = danger_accept_invalid_hostnames

@final
class SMTPServers(Collection[SMTPServer]):
    @overload
    def add(
        self,
        name: str,
        port: int | None = None,
        timeout: float | None = None,
        auth_mode: _AuthMode | None = None,
        account: str | None = None,
        password: str | None = None,
        **properties: Unpack[_ServerProperties],
    ) -> SMTPServer: ...
    @overload
    def add(self, name: SMTPServer) -> SMTPServer: ...

    Add = add

@final
class Timeouts:
    @property
    def connect(self) -> float: ...
    @connect.setter
    def connect(self, value: float) -> None: ...
    @property
    def greeting(self) -> float: ...
    @greeting.setter
    def greeting(self, value: float) -> None: ...
    @property
    def command(self) -> float: ...
    @command.setter
    def command(self, value: float) -> None: ...
    @property
    def data_block(self) -> float: ...
    @data_block.setter
    def data_block(self, value: float) -> None: ...
    @property
    def end_of_data(self) -> float: ...
    @end_of_data.setter
    def end_of_data(self, value: float) -> None: ...

    Connect = connect
    Greeting = greeting
    Command = command
    DataBlock = data_block
    EndOfData = end_of_data

_SMTPServers: TypeAlias = SMTPServers
_Timeouts: TypeAlias = Timeouts

@final
class _Operation:
    def cancel(self) -> None: ...

@disjoint_base
class SMTP:
    def __new__(cls, server: str | SMTPServer | None = None) -> Self: ...
    @property
    def smtp_servers(self) -> _SMTPServers: ...
    @property
    def log_file(self) -> str | None: ...
    @log_file.setter
    def log_file(self, value: _Path | None) -> None: ...
    @property
    def default_domain(self) -> str: ...
    @default_domain.setter
    def default_domain(self, value: str) -> None: ...
    @property
    def default_timeout(self) -> float | None: ...
    @default_timeout.setter
    def default_timeout(self, value: float | None) -> None: ...
    @property
    def timeouts(self) -> _Timeouts: ...
    @property
    def all_or_nothing(self) -> bool: ...
    @all_or_nothing.setter
    def all_or_nothing(self, value: bool) -> None: ...
    @property
    def connected(self) -> bool: ...
    @property
    def version(self) -> str: ...
    def send(self, message: EmailMessage) -> Report: ...
    def send_async(self, message: EmailMessage) -> Coroutine[Any, Any, Report]: ...
    def _start(
        self, message: EmailMessage, done: Callable[[Report | None, BaseException | None], object]
    ) -> _Operation: ...
    @staticmethod
    def quick_send(
        smtp_server_name: str,
        recipient_email: str,
        from_email: str,
        subject: str,
        body_text: str,
        body_part_format: _Format | None = None,
    ) -> Report: ...
    def connect(self) -> None: ...
    def disconnect(self) -> None: ...
    def cancel(self) -> None: ...
    def send_smtp_command(self, command: str) -> Reply: ...
    def reset(self) -> None: ...
    def __enter__(self) -> Self: ...
    def __exit__(
        self,
        exc_type: type[BaseException] | None = None,
        exc_value: BaseException | None = None,
        traceback: TracebackType | None = None,
        /,
    ) -> None: ...

    SMTPServers = smtp_servers
    LogFile = log_file
    DefaultDomain = default_domain
    DefaultTimeout = default_timeout
    Timeouts = timeouts
    AllOrNothing = all_or_nothing
    Connected = connected
    Version = version
    Send = send
    SendAsync = send_async
    QuickSend = quick_send
    Connect = connect
    Disconnect = disconnect
    Cancel = cancel
    SendSMTPCommand = send_smtp_command
    Reset = reset

def diagnose(
    reply: str,
    stage: str | None = None,
    *,
    offered: Iterable[str] | None = None,
    authenticated: bool = False,
    tls: bool = False,
    host: str = "",
    port: int = 0,
    account: str | None = None,
    mechanism: str | None = None,
    ehlo_name: str | None = None,
    sender: str | None = None,
    recipient: str | None = None,
    message_size: int | None = None,
    recipient_count: int = 0,
    message_id: str | None = None,
) -> Diagnosis: ...
def _panic(way: str) -> None: ...
def _enum_numbers() -> dict[str, dict[str, int]]: ...
