"""Every member of the object API is there in every language, under each of its names.

C++ carries the original names, Python and Node both; C has a function for each, Rust what is usual there.
"""

import re
from functools import cache

import freesmtp
import pytest

from harness.driver import ROOT

TABLE = (ROOT / "tests/docs/members.tsv").read_text().splitlines()
ROWS = [row.split("\t") for row in TABLE if not row.startswith("#")]

# What is a class of that name in Python and Node, or part of another one.
PYTHON_CLASSES = {"EmbeddedObject": "Attachment"}
NODE_CLASSES = {"EmbeddedObject": "Attachment"}
CPP_CLASSES = {
    "LogOptions": "SMTPLogOptions",
    "Timeouts": "SMTPTimeouts",
    "SMTPServers": "SMTPServerCollection",
    **{f"{one}s": f"{one}Collection" for one in ("Recipient", "BodyPart", "Attachment", "EmbeddedObject")},
    "CustomHeaders": "CustomHeaderCollection",
}
COLLECTIONS = [owner for owner in CPP_CLASSES if owner.endswith("s") and owner not in ("LogOptions", "Timeouts")]

ENUMS = {
    "RecipientType": "To=0 CC=1 BCC=2",
    "BodyPartFormat": "Plain=0 HTML=1",
    "BodyPartEncoding": "None=0 QuotedPrintable=2 Base64=3 Auto=4",
    "SMTPAuthMode": "None=0 AuthLogin=1 CramMD5=2 SASL=4 Plain=16 DigestMD5=17 ScramSHA1=18 ScramSHA256=19"
    " ScramSHA512=20 ScramMD5=21 NTLM=22 XOAuth2=23 OAuthBearer=24 External=25 Anonymous=26 Auto=27",
    "Security": "None=0 Opportunistic=1 Required=2 Implicit=3 Auto=4",
}
ERRORS = "SMTPConnection SMTPAuthentication SMTPProtocol Message FileIO Spool"
NAMED_ERRORS = "SMTPRecipientsRefused SMTPOutcomeUnknown Cancelled"
ORIGINAL_ERRORS = "SMTPProtocol SMTPConnection SMTPAuthentication FileIO"
FIELDS = "kind stage reply_code enhanced_code reply_text recipients server is_temporary diagnosis transcript"


@cache
def text(pattern: str) -> str:
    return "\n".join(path.read_text() for path in sorted(ROOT.glob(pattern)))


@cache
def body(source: str, opening: str) -> str:
    """What is declared inside a class."""
    found = re.search(rf"^{opening}\b.*?^}}", source, re.M | re.S)
    assert found is not None, opening
    return found[0]


def node_declares(owner: str, name: str) -> bool:
    declarations = text("node/index.d.ts")
    if owner == "-":
        return bool(re.search(rf"^export declare (?:const|function) {name}\b", declarations, re.M))
    kinds = [f"export declare class {NODE_CLASSES.get(owner, owner)}"]
    if owner == "SMTP":
        # What is a function elsewhere may be an event in Node.
        kinds.append("export interface SMTPEvents")
    if owner in COLLECTIONS:
        kinds = ["export declare class Collection"]
    declared = "".join(body(declarations, kind) for kind in kinds)
    return bool(re.search(rf"^  (?:static |get )?{name}[(:?]", declared, re.M))


def cpp_declares(owner: str, name: str) -> bool:
    headers = text("include/freesmtp/*.hpp")
    if owner == "-":
        return bool(re.search(rf"^inline .*\b{name}\(", headers, re.M))
    classes = [CPP_CLASSES.get(owner, owner)] + ["Collection"] * (owner in COLLECTIONS)
    return any(re.search(rf"\b{name}\b", body(headers, f"(?:class|struct) {one}(?= [:{{])")) for one in classes)


@pytest.mark.parametrize(("owner", "original", "python", "node", "c", "rust"), ROWS)
def test_it_is_there(owner: str, original: str, python: str, node: str, c: str, rust: str) -> None:
    scope = freesmtp if owner == "-" else getattr(freesmtp, PYTHON_CLASSES.get(owner, owner))
    assert hasattr(scope, python)
    assert hasattr(scope, original)
    assert node_declares(owner, node)
    assert node_declares(owner, original)
    assert cpp_declares(owner, original)
    if c != "-":
        assert re.search(rf"\b{c}\(", text("include/freesmtp.h"))
    if rust != "-":
        assert re.search(rf"\bpub (?:async )?(?:fn|struct|const)? ?{rust}\b", text("core/src/**/*.rs"))


# What is given and never given back: secrets, where a server's password is; and what is asked of whoever listens.
C_WRITES_ONLY = {
    "freesmtp_server_set_password",
    "freesmtp_server_set_token",
    "freesmtp_server_set_token_callback",
    "freesmtp_server_set_client_certificate_password",
    "freesmtp_smtp_set_protocol_log",
}
# What is read in several parts.
C_READS_AS = {
    "freesmtp_signer_set_canonicalization": "header_canonicalization body_canonicalization",
    "freesmtp_signer_set_headers": "header_count header",
    "freesmtp_signer_set_oversigned": "oversigned_count oversigned",
    "freesmtp_smtp_set_log_options": "log_timestamps log_body log_json",
}

# What is added to and no collection of the table.
C_LISTS = (
    "message_in_reply_to message_reference message_list_unsubscribe message_optional_extension message_signer"
    " server_certificate_pin server_disabled_extension"
)


def test_what_is_set_in_c_can_be_read() -> None:
    functions = set(re.findall(r"\bfreesmtp_\w+(?=\()", text("include/freesmtp.h")))
    setters = {one for one in functions if re.match(r"freesmtp_\w+?_set_", one) and not one.endswith("_n")}
    assert len(setters) > 60
    for setter in sorted(setters - C_WRITES_ONLY):
        owner, name = setter.split("_set_", 1)
        for getter in C_READS_AS.get(setter, name).split():
            assert f"{owner}_{getter}" in functions, setter
    for listed in C_LISTS.split():
        assert {f"freesmtp_{listed}", f"freesmtp_{listed}_count"} <= functions, listed


def screaming(name: str) -> str:
    """`ScramSHA256` is `SCRAM_SHA256`, `QuotedPrintable` is `QUOTED_PRINTABLE`."""
    return re.sub(r"(?<=[a-z])(?=[A-Z])", "_", name).upper()


@pytest.mark.parametrize("enum", ENUMS)
def test_enums_have_their_numbers(enum: str) -> None:
    python = getattr(freesmtp, enum)
    node = re.search(rf"^  {enum}: Object.freeze\(\{{(.*?)\}}\)", text("node/lib/enums.cjs"), re.M | re.S)
    cpp = body(text("include/freesmtp/*.hpp"), f"enum class (?:SMTP)?{enum}")
    prefix = "FREESMTP_" + screaming(enum).replace("SMTPAUTH_MODE", "AUTH_MODE")
    assert node is not None
    for name, number in (value.split("=") for value in ENUMS[enum].split()):
        assert python["None_" if name == "None" else name] == int(number)
        assert re.search(rf"\b{name}: {number}\b", node[1]), name
        c = re.search(rf"^  ({prefix}_\w+) = {number},", text("include/freesmtp.h"), re.M)
        assert c is not None, name
        assert c[1].replace("_", "").endswith(name.upper())
        assert re.search(rf"\b{name} = {c[1]}\b", cpp), name


def test_errors_have_their_classes() -> None:
    names = [f"{name}Error" for name in ERRORS.split()] + NAMED_ERRORS.split()
    for name in names:
        # Whoever catches what a server refuses catches this too.
        base = "SMTPProtocolError" if name == "SMTPRecipientsRefused" else "SMTPError"
        assert issubclass(getattr(freesmtp, name), getattr(freesmtp, base))
        assert re.search(rf"^export declare class {name} extends {base} ", text("node/index.d.ts"), re.M)
        assert re.search(rf"^class {name} : public {base} ", text("include/freesmtp/error.hpp"), re.M)
    for name in ORIGINAL_ERRORS.split():
        assert getattr(freesmtp, f"{name}Exception") is getattr(freesmtp, f"{name}Error")
        assert f"export declare const {name}Exception: typeof {name}Error;" in text("node/index.d.ts")
        assert f"using {name}Exception = {name}Error;" in text("include/freesmtp/error.hpp")


def test_errors_have_every_field() -> None:
    with pytest.raises(freesmtp.SMTPError) as caught:
        freesmtp.EmailMessage("a@b.test", "c@d.test", "a\nb", "").to_bytes()
    for field in FIELDS.split():
        first, *rest = field.split("_")
        camel = first + "".join(word.capitalize() for word in rest)
        assert hasattr(caught.value, field)
        assert re.search(rf"^  {camel}: ", body(text("node/index.d.ts"), "export declare class SMTPError"), re.M), camel
        assert re.search(rf"\bfreesmtp_error_{field.removesuffix('s')}", text("include/freesmtp.h")), field
        pascal = camel[0].upper() + camel[1:]
        assert re.search(rf"\b{pascal}\(\) const", body(text("include/freesmtp/error.hpp"), "class SMTPError")), pascal
        assert re.search(rf"^    pub fn {field}\(&self\)", text("core/src/error.rs"), re.M), field
