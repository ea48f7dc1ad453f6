"""Every name of the original object API answers beside the Python one, and is the very same thing."""

import freesmtp
import pytest
from freesmtp import _freesmtp
from freesmtp._names import ORIGINAL_NAMES

CLASSES = [value for name, value in vars(_freesmtp).items() if isinstance(value, type) and not name.startswith("_")]

# As the interface is described, not as it is built: what a program of the original may say.
DESCRIBED = {
    "SMTP": "SMTPServers LogFile LogOptions ProtocolLog DefaultDomain DefaultTimeout Connected Version AllOrNothing"
    " Timeouts Send QuickSend"
    " SMTPStatus SMTPRecipientFailed SMTPBulkStatus SubmitBulkMerge"
    " SpoolPath SpoolDurability SubmitToSpool SubmitToExpress SubmitBulk SyncSpool"
    " SpoolStatus BlastStatus WaitForBlast WaitForBlastAsync PauseBlast ResumeBlast CancelBlast SpoolEvents"
    " MaxConnections MaxMessagesPerConnection RateLimit Reset Connect Disconnect Cancel SendSMTPCommand",
    "SMTPServer": "Name Port Timeout AuthMode Account Password SASL Token MailAuth LocalEndPoint Security CaFile"
    " ClientCertificate ClientKey MinTlsVersion TlsServerName Lmtp AllowPlaintextAuth DisabledExtensions"
    " DangerAcceptInvalidCerts DangerAcceptInvalidHostnames",
    "EmailMessage": "From ReplyTo ReturnPath Sender Subject Priority MessageID Date CharsetEncoding InReplyTo"
    " References Calendar DKIM AutoSubmitted ListUnsubscribe ListUnsubscribeOneClick Raw Recipients BodyParts"
    " Attachments EmbeddedObjects CustomHeaders ReturnContent EnvelopeID RequireTls DeliverBy DeliverByMode"
    " DeliverByTrace HoldFor HoldUntil MtPriority OptionalExtensions NotBefore Expires SpoolPriority Blast"
    " IdempotencyKey Reset SaveMessage ToBytes",
    "Address": "Email Name",
    "Recipient": "Email Name Type Notify OriginalRecipient ValidSince ValidSinceAction",
    "BodyPart": "Body Format Encoding",
    "Attachment": "Filename DisplayName ContentID",
    "CustomHeader": "Name Value",
    **{
        name: "Add Count Remove GetLastItem"
        for name in ("SMTPServers", "Recipients", "BodyParts", "Attachments", "EmbeddedObjects", "CustomHeaders")
    },
}


@pytest.mark.parametrize("cls", CLASSES, ids=lambda cls: cls.__name__)
def test_every_public_member_has_both_names(cls: type) -> None:
    own = {name for name in vars(cls) if not name.startswith("_")}
    table = ORIGINAL_NAMES[cls]
    assert own == set(table) | set(table.values())
    # What the original called SubmitToExpress has a name of our own beside it.
    assert len(set(table.values())) == len(set(table) - {"SubmitToExpress"})
    for original, name in table.items():
        assert vars(cls)[original] is vars(cls)[name]
        assert original[0].isupper()
        assert name.islower()
        # `SMTPServers` is `smtp_servers`, `MessageID` is `message_id`, `From` is `from_`.
        assert original == "SubmitToExpress" or original.lower() == name.replace("_", "")


@pytest.mark.parametrize("name", DESCRIBED)
def test_what_the_description_names_is_there(name: str) -> None:
    cls = getattr(freesmtp, name)
    missing = [member for member in DESCRIBED[name].split() if not hasattr(cls, member)]
    assert not missing


def test_enums_are_those_of_the_core() -> None:
    for name, members in _freesmtp._enum_numbers().items():
        enum = getattr(freesmtp, name)
        assert {member.value for member in enum} == set(members.values()), name
        # A member is found by its original name too: `Plain` beside `PLAIN`, `None_` because of the keyword.
        assert all(member.name.isupper() for member in enum)
        for alias, member in enum.__members__.items():
            assert alias.replace("_", "").lower() == member.name.replace("_", "").lower()


def test_notify_is_a_set() -> None:
    notify = freesmtp.Notify
    members = {"DEFAULT": 0, "SUCCESS": 1, "FAILURE": 2, "DELAY": 4, "NEVER": 8}
    assert {name: int(value) for name, value in notify.__members__.items() if name.isupper()} == members
    assert notify.Success | notify.Delay == 5
    recipient = freesmtp.Recipient("a@b.test")
    recipient.notify = "Success, failure"
    assert recipient.notify == notify.SUCCESS | notify.FAILURE
    recipient.notify = notify.NEVER
    assert recipient.Notify is notify.NEVER


def test_every_way_to_log_in_has_its_number() -> None:
    modes = "None_=0 AuthLogin=1 CramMD5=2 SASL=4 Plain=16 DigestMD5=17 ScramSHA1=18 ScramSHA256=19 ScramSHA512=20"
    modes += " ScramMD5=21 NTLM=22 XOAuth2=23 OAuthBearer=24 External=25 Anonymous=26 Auto=27"
    for name, number in (mode.split("=") for mode in modes.split()):
        assert freesmtp.SMTPAuthMode[name] == int(number)


def test_original_names_of_errors() -> None:
    assert freesmtp.SMTPProtocolException is freesmtp.SMTPProtocolError
    assert freesmtp.SMTPConnectionException is freesmtp.SMTPConnectionError
    assert freesmtp.SMTPAuthenticationException is freesmtp.SMTPAuthenticationError
    assert freesmtp.FileIOException is freesmtp.FileIOError


def test_everything_public_is_exported() -> None:
    assert set(freesmtp.__all__) >= {name for name in _freesmtp.__all__ if not name.startswith("_")}
    assert all(hasattr(freesmtp, name) for name in freesmtp.__all__)
