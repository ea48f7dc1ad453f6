"""The enums of the object API, with their numbers; each argument also takes a number or a name as `str`.

A member answers to its Python name (`RecipientType.BCC`, `BodyPartFormat.PLAIN`) and to its original one
(`BodyPartFormat.Plain`; `None_` where that is a keyword).
"""

from enum import IntEnum


class RecipientType(IntEnum):
    """Which header names a recipient."""

    TO = 0
    CC = 1
    BCC = 2
    To = 0


class BodyPartFormat(IntEnum):
    """What kind of text it is: `text/plain` or `text/html`."""

    PLAIN = 0
    HTML = 1
    Plain = 0


class BodyPartEncoding(IntEnum):
    """How a text travels (RFC 2045 section 6). `AUTO`, the default, chooses by content."""

    NONE = 0
    QUOTED_PRINTABLE = 2
    BASE64 = 3
    AUTO = 4
    None_ = 0
    QuotedPrintable = 2
    Base64 = 3
    Auto = 4


class Priority(IntEnum):
    """How urgent the sender says a message is; the numbers are those of `X-Priority`."""

    HIGH = 1
    NORMAL = 3
    LOW = 5
    High = 1
    Normal = 3
    Low = 5


class Security(IntEnum):
    """How a connection is protected.

    `AUTO`, the default, is `IMPLICIT` on port 465; `REQUIRED` on 587 or when an account is set and the host is not
    loopback; else `OPPORTUNISTIC`; clear text on a loopback host without account.
    """

    NONE = 0
    OPPORTUNISTIC = 1
    REQUIRED = 2
    IMPLICIT = 3
    AUTO = 4
    None_ = 0
    Opportunistic = 1
    Required = 2
    Implicit = 3
    Auto = 4


class SMTPAuthMode(IntEnum):
    """How to log in (RFC 4954). `AUTO`, the default: the strongest offered, when an account or token is set."""

    NONE = 0
    AUTH_LOGIN = 1
    CRAM_MD5 = 2
    SASL = 4
    PLAIN = 16
    DIGEST_MD5 = 17
    SCRAM_SHA1 = 18
    SCRAM_SHA256 = 19
    SCRAM_SHA512 = 20
    SCRAM_MD5 = 21
    NTLM = 22
    XOAUTH2 = 23
    OAUTHBEARER = 24
    EXTERNAL = 25
    ANONYMOUS = 26
    AUTO = 27
    None_ = 0
    AuthLogin = 1
    CramMD5 = 2
    Plain = 16
    DigestMD5 = 17
    ScramSHA1 = 18
    ScramSHA256 = 19
    ScramSHA512 = 20
    ScramMD5 = 21
    XOAuth2 = 23
    OAuthBearer = 24
    External = 25
    Anonymous = 26
    Auto = 27
