"""The names of the original object API: each answers beside the Python one.

This is the only table. It is applied to the classes when the package is imported, and spelled again only in the
stubs, which are checked against the classes.
"""

from __future__ import annotations

from ._freesmtp import (
    SMTP,
    Address,
    Attachment,
    Attachments,
    BodyPart,
    BodyParts,
    Collection,
    CustomHeader,
    CustomHeaders,
    EmailMessage,
    EmbeddedObjects,
    Recipient,
    Recipients,
    SMTPServer,
    SMTPServers,
    Timeouts,
)

ORIGINAL_NAMES: dict[type, dict[str, str]] = {
    SMTP: {
        "SMTPServers": "smtp_servers",
        "LogFile": "log_file",
        "DefaultDomain": "default_domain",
        "DefaultTimeout": "default_timeout",
        "Timeouts": "timeouts",
        "AllOrNothing": "all_or_nothing",
        "Connected": "connected",
        "Version": "version",
        "Send": "send",
        "SendAsync": "send_async",
        "QuickSend": "quick_send",
        "Connect": "connect",
        "Disconnect": "disconnect",
        "Cancel": "cancel",
        "SendSMTPCommand": "send_smtp_command",
        "Reset": "reset",
    },
    SMTPServer: {
        "Name": "name",
        "Port": "port",
        "Timeout": "timeout",
        "AuthMode": "auth_mode",
        "Account": "account",
        "Password": "password",
        "SASL": "sasl",
        "Token": "token",
        "MailAuth": "mail_auth",
        "LocalEndPoint": "local_end_point",
        "Security": "security",
        "CaFile": "ca_file",
        "ClientCertificate": "client_certificate",
        "ClientKey": "client_key",
        "TlsServerName": "tls_server_name",
        "MinTlsVersion": "min_tls_version",
        "AllowPlaintextAuth": "allow_plaintext_auth",
        "DisabledExtensions": "disabled_extensions",
        "DangerAcceptInvalidCerts": "danger_accept_invalid_certs",
        "DangerAcceptInvalidHostnames": "danger_accept_invalid_hostnames",
    },
    Timeouts: {
        "Connect": "connect",
        "Greeting": "greeting",
        "Command": "command",
        "DataBlock": "data_block",
        "EndOfData": "end_of_data",
    },
    EmailMessage: {
        "From": "from_",
        "ReplyTo": "reply_to",
        "Sender": "sender",
        "ReturnPath": "return_path",
        "Subject": "subject",
        "Priority": "priority",
        "MessageID": "message_id",
        "Date": "date",
        "CharsetEncoding": "charset_encoding",
        "Recipients": "recipients",
        "BodyParts": "body_parts",
        "Attachments": "attachments",
        "EmbeddedObjects": "embedded_objects",
        "CustomHeaders": "custom_headers",
        "Reset": "reset",
        "SaveMessage": "save_message",
        "ToBytes": "to_bytes",
    },
    Address: {"Email": "email", "Name": "name"},
    Recipient: {"Email": "email", "Name": "name", "Type": "type"},
    BodyPart: {"Body": "body", "Format": "format", "Encoding": "encoding"},
    Attachment: {
        "Filename": "filename",
        "DisplayName": "display_name",
        "ContentType": "content_type",
        "ContentID": "content_id",
    },
    CustomHeader: {"Name": "name", "Value": "value"},
    Collection: {"Count": "count", "Remove": "remove", "GetLastItem": "get_last_item", "Clear": "clear"},
    SMTPServers: {"Add": "add"},
    Recipients: {"Add": "add"},
    BodyParts: {"Add": "add"},
    Attachments: {"Add": "add"},
    EmbeddedObjects: {"Add": "add"},
    CustomHeaders: {"Add": "add"},
}


def apply() -> None:
    """Gives each class its original names: the very same property or method, under a second name."""
    for cls, names in ORIGINAL_NAMES.items():
        for original, name in names.items():
            setattr(cls, original, cls.__dict__[name])
