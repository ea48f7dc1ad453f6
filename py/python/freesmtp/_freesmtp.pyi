# The native part, written by hand and checked against the built module by mypy's stubtest.
# Documentation is in the module itself. After each class come the original names of `_names.py`.

from collections.abc import AsyncGenerator, AsyncIterable, Callable, Coroutine, Generator, Iterable, Iterator, Mapping
from datetime import datetime
from email.message import Message
from ipaddress import IPv4Address, IPv6Address
from logging import Logger
from os import PathLike
from types import GenericAlias, TracebackType
from typing import Any, Generic, Protocol, SupportsIndex, TypeVar, final, overload

from typing_extensions import Buffer, Self, TypeAlias, TypedDict, Unpack, disjoint_base

from . import _agent, _enums
from ._check import CheckReport
from ._log import LogEvent, LogOptions
from ._report import BulkResult, Diagnosis, Explanation, Reply, Report

__all__ = [
    "Address",
    "Attachment",
    "BodyPart",
    "_panic",
    "_Bulk",
    "_SpoolEvents",
    "Calendar",
    "_Cancel",
    "Collection",
    "Attachments",
    "BodyParts",
    "CustomHeaders",
    "EmbeddedObjects",
    "Recipients",
    "CustomHeader",
    "diagnose",
    "explain",
    "DkimSigner",
    "DkimSigners",
    "_enum_numbers",
    "_inside",
    "EmailMessage",
    "MergeTemplate",
    "Recipient",
    "SMTPServer",
    "SMTPServers",
    "SMTP",
    "Timeouts",
    "__version__",
]

__version__: str

_T = TypeVar("_T")
_Path: TypeAlias = str | PathLike[str]

class _Readable(Protocol):
    def read(self, size: int, /) -> bytes: ...

_Standard: TypeAlias = Message[Any, Any]
_RecipientType: TypeAlias = _enums.RecipientType | int | str
_Format: TypeAlias = _enums.BodyPartFormat | int | str
_AutoSubmitted: TypeAlias = _enums.AutoSubmitted | int | str
_Canonicalization: TypeAlias = _enums.Canonicalization | int | str
_Encoding: TypeAlias = _enums.BodyPartEncoding | int | str
_AuthMode: TypeAlias = _enums.SMTPAuthMode | int | str
_Token: TypeAlias = str | Callable[[bool], str] | Callable[[], str] | None

class _ServerProperties(TypedDict, total=False):
    sasl: str
    token: _Token
    mail_auth: str | None
    lmtp: bool
    proxy: str | None
    local_end_point: str | IPv4Address | IPv6Address | None
    security: _enums.Security | int | str
    ca_file: _Path | None
    ca_pem: str | bytes | None
    client_certificate: _Path | None
    client_key: _Path | None
    client_certificate_password: str
    certificate_pins: Iterable[str]
    tls_server_name: str
    min_tls_version: str
    allow_plaintext_auth: bool
    disabled_extensions: Iterable[str]
    danger_accept_invalid_certs: bool
    danger_accept_invalid_hostnames: bool

@disjoint_base
class Address:
    def __new__(cls, email: str = "", name: str = "") -> Self: ...
    email: str
    name: str

    Email: str
    Name: str

@final
class MergeTemplate:
    def __new__(cls, message: EmailMessage) -> Self: ...
    def render(self, row: Mapping[str, object]) -> EmailMessage: ...
    Render = render

@disjoint_base
class Recipient:
    def __new__(cls, email: str, name: str | None = None, type: _RecipientType | None = None) -> Self: ...
    email: str
    name: str
    @property
    def type(self) -> _enums.RecipientType: ...
    @type.setter
    def type(self, value: _RecipientType) -> None: ...
    @property
    def notify(self) -> _enums.Notify: ...
    @notify.setter
    def notify(self, value: _enums.Notify | int | str) -> None: ...
    original_recipient: str | None
    valid_since: datetime | None
    @property
    def valid_since_action(self) -> _enums.ValidSinceAction: ...
    @valid_since_action.setter
    def valid_since_action(self, value: _enums.ValidSinceAction | int | str) -> None: ...

    Email: str
    Name: str
    Type = type
    Notify = notify
    OriginalRecipient: str | None
    ValidSince: datetime | None
    ValidSinceAction = valid_since_action

@disjoint_base
class BodyPart:
    def __new__(cls, body: str, format: _Format | None = None, encoding: _Encoding | None = None) -> Self: ...
    body: str
    @property
    def format(self) -> _enums.BodyPartFormat: ...
    @format.setter
    def format(self, value: _Format) -> None: ...
    @property
    def encoding(self) -> _enums.BodyPartEncoding: ...
    @encoding.setter
    def encoding(self, value: _Encoding) -> None: ...

    Body: str
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
    display_name: str | None
    content_type: str | None
    content_id: str | None

    Filename = filename
    DisplayName: str | None
    ContentType: str | None
    ContentID: str | None

_Source: TypeAlias = _Path | Buffer | _Readable | Iterable[bytes] | EmailMessage | _Standard

@disjoint_base
class CustomHeader:
    def __new__(cls, name: str, value: str) -> Self: ...
    name: str
    value: str

    Name: str
    Value: str

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

@disjoint_base
class Calendar:
    def __new__(cls, text: str, method: str | None = None) -> Self: ...
    text: str
    method: str
    file_name: str | None

    Text: str
    Method: str
    FileName: str | None

@disjoint_base
class DkimSigner:
    def __new__(cls, domain: str, selector: str, key: str) -> Self: ...
    @property
    def domain(self) -> str: ...
    @property
    def selector(self) -> str: ...
    @property
    def algorithm(self) -> str: ...
    identity: str | None
    @property
    def headers(self) -> list[str]: ...
    @headers.setter
    def headers(self, value: Iterable[str]) -> None: ...
    @property
    def oversigned(self) -> list[str]: ...
    @oversigned.setter
    def oversigned(self, value: Iterable[str]) -> None: ...
    @property
    def header_canonicalization(self) -> _enums.Canonicalization: ...
    @header_canonicalization.setter
    def header_canonicalization(self, value: _Canonicalization) -> None: ...
    @property
    def body_canonicalization(self) -> _enums.Canonicalization: ...
    @body_canonicalization.setter
    def body_canonicalization(self, value: _Canonicalization) -> None: ...
    expires_after: int | None

    Domain = domain
    Selector = selector
    Algorithm = algorithm
    Identity: str | None
    Headers = headers
    Oversigned = oversigned
    HeaderCanonicalization = header_canonicalization
    BodyCanonicalization = body_canonicalization
    ExpiresAfter: int | None

@final
class DkimSigners(Collection[DkimSigner]):
    @overload
    def add(self, domain: str, selector: str, key: str) -> DkimSigner: ...
    @overload
    def add(self, domain: DkimSigner, selector: None = None, key: None = None) -> DkimSigner: ...

    Add = add

# Inside `EmailMessage` and `SMTP` the original names of properties hide these classes.
_Recipients: TypeAlias = Recipients
_BodyParts: TypeAlias = BodyParts
_Calendar: TypeAlias = Calendar
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
    return_path: str | None
    subject: str
    @property
    def priority(self) -> _enums.Priority: ...
    @priority.setter
    def priority(self, value: _enums.Priority | int | str) -> None: ...
    message_id: str | None
    date: datetime | None
    charset_encoding: str
    @staticmethod
    def raw(source: _Path | Buffer | _Standard) -> EmailMessage: ...
    @property
    def in_reply_to(self) -> list[str]: ...
    @in_reply_to.setter
    def in_reply_to(self, value: Iterable[str]) -> None: ...
    @property
    def references(self) -> list[str]: ...
    @references.setter
    def references(self, value: Iterable[str]) -> None: ...
    @property
    def auto_submitted(self) -> _enums.AutoSubmitted: ...
    @auto_submitted.setter
    def auto_submitted(self, value: _AutoSubmitted) -> None: ...
    @property
    def list_unsubscribe(self) -> list[str]: ...
    @list_unsubscribe.setter
    def list_unsubscribe(self, value: Iterable[str]) -> None: ...
    list_unsubscribe_one_click: bool
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
    @property
    def calendar(self) -> _Calendar | None: ...
    @calendar.setter
    def calendar(self, value: _Calendar | str | None) -> None: ...
    @property
    def dkim(self) -> DkimSigners: ...
    @property
    def return_content(self) -> _enums.ReturnContent: ...
    @return_content.setter
    def return_content(self, value: _enums.ReturnContent | int | str) -> None: ...
    envelope_id: str | None
    require_tls: bool
    deliver_by: int | None
    @property
    def deliver_by_mode(self) -> _enums.DeliverByMode: ...
    @deliver_by_mode.setter
    def deliver_by_mode(self, value: _enums.DeliverByMode | int | str) -> None: ...
    deliver_by_trace: bool
    hold_for: int | None
    hold_until: datetime | None
    mt_priority: int | None
    @property
    def optional_extensions(self) -> list[str]: ...
    @optional_extensions.setter
    def optional_extensions(self, value: Iterable[str]) -> None: ...
    not_before: datetime | None
    expires: datetime | None
    spool_priority: int
    blast: str | None
    idempotency_key: str | None
    def reset(self) -> None: ...
    def to_bytes(self) -> bytes: ...
    def save_message(self, file_name: _Path) -> None: ...
    def __bytes__(self) -> bytes: ...

    From = from_
    ReplyTo = reply_to
    Sender = sender
    ReturnPath: str | None
    ReturnContent = return_content
    EnvelopeID: str | None
    RequireTls: bool
    DeliverBy: int | None
    DeliverByMode = deliver_by_mode
    DeliverByTrace: bool
    HoldFor: int | None
    HoldUntil: datetime | None
    MtPriority: int | None
    OptionalExtensions = optional_extensions
    NotBefore: datetime | None
    Expires: datetime | None
    SpoolPriority: int
    Blast: str | None
    IdempotencyKey: str | None
    Subject: str
    Priority = priority
    MessageID: str | None
    Date: datetime | None
    CharsetEncoding: str
    InReplyTo = in_reply_to
    References = references
    AutoSubmitted = auto_submitted
    ListUnsubscribe = list_unsubscribe
    ListUnsubscribeOneClick: bool
    Calendar = calendar
    DKIM = dkim
    Raw = raw
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
    name: str
    port: int
    timeout: float | None
    @property
    def auth_mode(self) -> _enums.SMTPAuthMode: ...
    @auth_mode.setter
    def auth_mode(self, value: _AuthMode) -> None: ...
    account: str
    password: str
    sasl: str
    token: _Token
    mail_auth: str | None
    lmtp: bool
    proxy: str | None
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
    def ca_pem(self) -> bytes | None: ...
    @ca_pem.setter
    def ca_pem(self, value: str | bytes | None) -> None: ...
    @property
    def client_certificate(self) -> str | None: ...
    @client_certificate.setter
    def client_certificate(self, value: _Path | None) -> None: ...
    @property
    def client_key(self) -> str | None: ...
    @client_key.setter
    def client_key(self, value: _Path | None) -> None: ...
    client_certificate_password: str
    @property
    def certificate_pins(self) -> list[str]: ...
    @certificate_pins.setter
    def certificate_pins(self, value: Iterable[str]) -> None: ...
    tls_server_name: str
    min_tls_version: str
    allow_plaintext_auth: bool
    @property
    def disabled_extensions(self) -> list[str]: ...
    @disabled_extensions.setter
    def disabled_extensions(self, value: Iterable[str]) -> None: ...
    danger_accept_invalid_certs: bool
    danger_accept_invalid_hostnames: bool

    Name: str
    Port: int
    Timeout: float | None
    AuthMode = auth_mode
    Account: str
    Password: str
    SASL: str
    Token: _Token
    MailAuth: str | None
    Lmtp: bool
    Proxy: str | None
    LocalEndPoint = local_end_point
    Security = security
    CaFile = ca_file
    CaPem = ca_pem
    ClientCertificate = client_certificate
    ClientKey = client_key
    ClientCertificatePassword: str
    CertificatePins = certificate_pins
    TlsServerName: str
    MinTlsVersion: str
    AllowPlaintextAuth: bool
    DisabledExtensions = disabled_extensions
    DangerAcceptInvalidCerts: bool
    DangerAcceptInvalidHostnames: bool

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
    connect: float
    greeting: float
    command: float
    data_block: float
    end_of_data: float
    operation: float | None

    Connect: float
    Greeting: float
    Command: float
    DataBlock: float
    EndOfData: float
    Operation: float | None

_SMTPServers: TypeAlias = SMTPServers
_LogOptions: TypeAlias = LogOptions
_ProtocolLog: TypeAlias = Callable[[LogEvent], object] | Logger
_Timeouts: TypeAlias = Timeouts

@final
class _Bulk:
    def wants_message(self) -> bool: ...
    def push(self, message: object) -> None: ...
    def close(self) -> None: ...
    def cancel(self) -> None: ...
    def ready(self) -> tuple[BulkResult, ...]: ...
    def next(self) -> tuple[BulkResult, ...] | None: ...
    def wait(self, done: Callable[[tuple[BulkResult, ...] | None, BaseException | None], object]) -> None: ...

@final
class _Cancel:
    def __new__(cls) -> _Cancel: ...
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
    log_options: _LogOptions
    @property
    def protocol_log(self) -> _ProtocolLog | None: ...
    @protocol_log.setter
    def protocol_log(self, value: _ProtocolLog | None) -> None: ...
    smtp_status: Callable[[int, int], object] | None
    smtp_recipient_failed: Callable[[str, str], object] | None
    smtp_bulk_status: Callable[[int, int, int], object] | None
    default_domain: str
    default_timeout: float | None
    @property
    def timeouts(self) -> _Timeouts: ...
    all_or_nothing: bool
    max_connections: int
    max_messages_per_connection: int
    rate_limit: float | None
    @property
    def connected(self) -> bool: ...
    @property
    def version(self) -> str: ...
    @property
    def spool_path(self) -> str | None: ...
    @spool_path.setter
    def spool_path(self, value: _Path | None) -> None: ...
    @property
    def spool_durability(self) -> _enums.Durability: ...
    @spool_durability.setter
    def spool_durability(self, value: _enums.Durability | int | str) -> None: ...
    def submit_to_spool(self, message: EmailMessage | Buffer | _Standard, path: _Path | None = None) -> str: ...
    def submit_bulk(
        self, messages: Iterable[EmailMessage | Buffer | _Standard], path: _Path | None = None
    ) -> list[str]: ...
    def submit_bulk_merge(
        self,
        template: EmailMessage | MergeTemplate,
        rows: Iterable[Mapping[str, object]],
        path: _Path | None = None,
    ) -> list[str]: ...
    def spool_status(self, id: str) -> _agent.SpoolStatus: ...
    def blast_status(self, name: str) -> _agent.BlastStatus: ...
    def pause_blast(self, name: str) -> _agent.BlastStatus: ...
    def resume_blast(self, name: str) -> _agent.BlastStatus: ...
    def cancel_blast(self, name: str) -> _agent.BlastStatus: ...
    def wait_for_blast(self, name: str, timeout: float | None = None) -> _agent.BlastStatus: ...
    def wait_for_message(self, id: str, timeout: float | None = None) -> _agent.SpoolStatus: ...
    async def spool_status_async(self, id: str) -> _agent.SpoolStatus: ...
    async def blast_status_async(self, name: str) -> _agent.BlastStatus: ...
    async def pause_blast_async(self, name: str) -> _agent.BlastStatus: ...
    async def resume_blast_async(self, name: str) -> _agent.BlastStatus: ...
    async def cancel_blast_async(self, name: str) -> _agent.BlastStatus: ...
    async def wait_for_blast_async(self, name: str, timeout: float | None = None) -> _agent.BlastStatus: ...
    async def wait_for_message_async(self, id: str, timeout: float | None = None) -> _agent.SpoolStatus: ...
    def _wait_for_blast(self, name: str, timeout: float | None, call: _Cancel) -> _agent.BlastStatus: ...
    def _wait_for_message(self, id: str, timeout: float | None, call: _Cancel) -> _agent.SpoolStatus: ...
    def spool_events(self, blast: str | None = None) -> _agent.SpoolEvents: ...
    async def spool_events_async(self, blast: str | None = None) -> _agent.SpoolEvents: ...
    def _spool_events(self, blast: str | None, call: _Cancel) -> _agent.SpoolEvents: ...
    def sync_spool(self) -> None: ...
    def send(self, message: EmailMessage | Buffer | _Standard) -> Report: ...
    def send_async(self, message: EmailMessage | Buffer | _Standard) -> Coroutine[Any, Any, Report]: ...
    def send_bulk(self, messages: Iterable[EmailMessage | Buffer | _Standard]) -> Generator[BulkResult]: ...
    def send_bulk_async(
        self,
        messages: Iterable[EmailMessage | Buffer | _Standard] | AsyncIterable[EmailMessage | Buffer | _Standard],
    ) -> AsyncGenerator[BulkResult]: ...
    def send_bulk_merge(
        self, template: EmailMessage | MergeTemplate, rows: Iterable[Mapping[str, object]]
    ) -> Generator[BulkResult]: ...
    def send_bulk_merge_async(
        self,
        template: EmailMessage | MergeTemplate,
        rows: Iterable[Mapping[str, object]] | AsyncIterable[Mapping[str, object]],
    ) -> AsyncGenerator[BulkResult]: ...
    def _open_bulk(self) -> _Bulk: ...
    def _start(
        self, message: EmailMessage | Buffer | _Standard, done: Callable[[Report | None, BaseException | None], object]
    ) -> _Cancel: ...
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
    async def connect_async(self) -> None: ...
    def _connect(self, call: _Cancel) -> None: ...
    def disconnect(self) -> None: ...
    async def disconnect_async(self) -> None: ...
    def _disconnect(self, call: _Cancel) -> None: ...
    def cancel(self) -> None: ...
    def send_smtp_command(self, command: str) -> Reply: ...
    async def send_smtp_command_async(self, command: str) -> Reply: ...
    def _send_smtp_command(self, command: str, call: _Cancel) -> Reply: ...
    def check(
        self,
        *,
        from_: str | None = None,
        to: Iterable[str] | None = None,
        dkim_selector: str | None = None,
        outgoing_ip: str | IPv4Address | IPv6Address | None = None,
        dns: str | None = None,
        timeout: float | None = None,
        server: int = 0,
    ) -> CheckReport: ...
    async def check_async(
        self,
        *,
        from_: str | None = None,
        to: Iterable[str] | None = None,
        dkim_selector: str | None = None,
        outgoing_ip: str | IPv4Address | IPv6Address | None = None,
        dns: str | None = None,
        timeout: float | None = None,
        server: int = 0,
    ) -> CheckReport: ...
    def _check(
        self,
        call: _Cancel,
        *,
        from_: str | None = None,
        to: Iterable[str] | None = None,
        dkim_selector: str | None = None,
        outgoing_ip: str | IPv4Address | IPv6Address | None = None,
        dns: str | None = None,
        timeout: float | None = None,
        server: int = 0,
    ) -> CheckReport: ...
    def reset(self) -> None: ...
    def __enter__(self) -> Self: ...
    def __exit__(
        self,
        exc_type: type[BaseException] | None = None,
        exc_value: BaseException | None = None,
        traceback: TracebackType | None = None,
        /,
    ) -> None: ...
    async def __aenter__(self) -> Self: ...
    async def __aexit__(
        self,
        kind: type[BaseException] | None = None,
        error: BaseException | None = None,
        traceback: TracebackType | None = None,
    ) -> None: ...

    SMTPServers = smtp_servers
    LogFile = log_file
    LogOptions: _LogOptions
    ProtocolLog = protocol_log
    SMTPStatus: Callable[[int, int], object] | None
    SMTPRecipientFailed: Callable[[str, str], object] | None
    SMTPBulkStatus: Callable[[int, int, int], object] | None
    DefaultDomain: str
    DefaultTimeout: float | None
    Timeouts = timeouts
    AllOrNothing: bool
    MaxConnections: int
    MaxMessagesPerConnection: int
    RateLimit: float | None
    SpoolPath = spool_path
    SpoolDurability = spool_durability
    Connected = connected
    Version = version
    SubmitToSpool = submit_to_spool
    SubmitToExpress = submit_to_spool
    SubmitBulk = submit_bulk
    SubmitBulkMerge = submit_bulk_merge
    SyncSpool = sync_spool
    SpoolStatus = spool_status
    BlastStatus = blast_status
    WaitForBlast = wait_for_blast
    WaitForBlastAsync = wait_for_blast_async
    WaitForMessage = wait_for_message
    WaitForMessageAsync = wait_for_message_async
    SpoolStatusAsync = spool_status_async
    BlastStatusAsync = blast_status_async
    PauseBlastAsync = pause_blast_async
    ResumeBlastAsync = resume_blast_async
    CancelBlastAsync = cancel_blast_async
    PauseBlast = pause_blast
    ResumeBlast = resume_blast
    CancelBlast = cancel_blast
    SpoolEvents = spool_events
    SpoolEventsAsync = spool_events_async
    Send = send
    SendAsync = send_async
    SendBulk = send_bulk
    SendBulkAsync = send_bulk_async
    SendBulkMerge = send_bulk_merge
    SendBulkMergeAsync = send_bulk_merge_async
    QuickSend = quick_send
    Connect = connect
    ConnectAsync = connect_async
    Disconnect = disconnect
    DisconnectAsync = disconnect_async
    Cancel = cancel
    SendSMTPCommand = send_smtp_command
    SendSMTPCommandAsync = send_smtp_command_async
    Check = check
    CheckAsync = check_async
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
    greeting_host: str | None = None,
    account: str | None = None,
    mechanism: str | None = None,
    local_address: str | IPv4Address | IPv6Address | None = None,
    ehlo_name: str | None = None,
    sender: str | None = None,
    recipient: str | None = None,
    message_size: int | None = None,
    recipient_count: int = 0,
    message_id: str | None = None,
) -> Diagnosis: ...
def explain(transcript: str) -> list[Explanation]: ...
def _inside() -> int: ...
def _panic(way: str) -> None: ...
def _enum_numbers() -> dict[str, dict[str, int]]: ...

@final
class _SpoolEvents:
    def next(self) -> _agent.SpoolEvent | None: ...
    def cancel(self) -> None: ...
