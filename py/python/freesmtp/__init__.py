"""freesmtp: compose a message, send it to an SMTP server, and know why when it fails.

    from freesmtp import SMTP, EmailMessage

    message = EmailMessage("recipient@example.org", "sender@example.com", "Report", "The report is attached.")
    message.attachments.add("report.pdf")
    with SMTP("mail.example.com") as smtp:
        smtp.log_file = "smtp log.txt"
        report = smtp.send(message)

Every name of the original object API works too: `smtp.LogFile`, `message.From.Email`, `smtp.Send(message)`.
"""

from ._agent import BlastStatus, SpoolEvent, SpoolEvents, SpoolRecipient, SpoolStatus
from ._agent import apply as _apply_agent
from ._asyncio import apply as _apply_asyncio
from ._check import CheckFact, CheckReport, CheckStep
from ._delivery import apply as _apply_delivery
from ._enums import (
    AutoSubmitted,
    BodyPartEncoding,
    BodyPartFormat,
    Canonicalization,
    DeliverByMode,
    Durability,
    Notify,
    Priority,
    RecipientType,
    ReturnContent,
    Security,
    SMTPAuthMode,
    ValidSinceAction,
)
from ._errors import (
    Cancelled,
    FileIOError,
    FileIOException,
    InternalError,
    MessageError,
    SMTPAuthenticationError,
    SMTPAuthenticationException,
    SMTPConnectionError,
    SMTPConnectionException,
    SMTPError,
    SMTPOutcomeUnknown,
    SMTPProtocolError,
    SMTPProtocolException,
    SMTPRecipientsRefused,
    SMTPTimeoutError,
    SpoolError,
)
from ._freesmtp import (
    SMTP,
    Address,
    Attachment,
    Attachments,
    BodyPart,
    BodyParts,
    Calendar,
    Collection,
    CustomHeader,
    CustomHeaders,
    DkimSigner,
    DkimSigners,
    EmailMessage,
    EmbeddedObjects,
    MergeTemplate,
    Recipient,
    Recipients,
    SMTPServer,
    SMTPServers,
    Timeouts,
    __version__,
    diagnose,
    explain,
)
from ._log import LogEvent, LogOptions
from ._merge import merge
from ._names import apply as _apply
from ._report import BulkResult, Diagnosis, Explanation, RecipientResult, Reply, Report, TlsInfo

_apply_agent()
_apply_asyncio()
_apply_delivery()
_apply()

Diagnose = diagnose
Explain = explain

__all__ = [
    "SMTP",
    "Address",
    "Attachment",
    "Attachments",
    "AutoSubmitted",
    "BlastStatus",
    "BodyPart",
    "BodyPartEncoding",
    "BodyPartFormat",
    "BodyParts",
    "BulkResult",
    "Calendar",
    "Cancelled",
    "Canonicalization",
    "CheckFact",
    "CheckReport",
    "CheckStep",
    "Collection",
    "CustomHeader",
    "CustomHeaders",
    "DeliverByMode",
    "Diagnose",
    "Diagnosis",
    "DkimSigner",
    "DkimSigners",
    "Durability",
    "EmailMessage",
    "EmbeddedObjects",
    "Explain",
    "Explanation",
    "FileIOError",
    "FileIOException",
    "InternalError",
    "LogEvent",
    "LogOptions",
    "MergeTemplate",
    "MessageError",
    "Notify",
    "Priority",
    "Recipient",
    "RecipientResult",
    "RecipientType",
    "Recipients",
    "Reply",
    "Report",
    "ReturnContent",
    "SMTPAuthMode",
    "SMTPAuthenticationError",
    "SMTPAuthenticationException",
    "SMTPConnectionError",
    "SMTPConnectionException",
    "SMTPError",
    "SMTPOutcomeUnknown",
    "SMTPProtocolError",
    "SMTPProtocolException",
    "SMTPRecipientsRefused",
    "SMTPServer",
    "SMTPServers",
    "SMTPTimeoutError",
    "Security",
    "SpoolError",
    "SpoolEvent",
    "SpoolEvents",
    "SpoolRecipient",
    "SpoolStatus",
    "Timeouts",
    "TlsInfo",
    "ValidSinceAction",
    "__version__",
    "diagnose",
    "explain",
    "merge",
]
