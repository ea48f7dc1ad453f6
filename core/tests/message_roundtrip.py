"""Reads composed messages with Python's own parser and compares them with what went in.

Usage: message_roundtrip.py FOLDER, which holds NUMBER.eml and NUMBER.json. Prints one line for each difference.
"""

import base64
import email
import email.policy
import email.errors
import email.header
import email.utils
import json
import pathlib
import sys


def text_of(part):
    return part.get_content().replace("\r\n", "\n")


def defects_of(message):
    for part in message.walk():
        yield from part.defects
        for name, value in part.items():
            for defect in getattr(value, "defects", ()):
                # A plain file name stands beside the one of RFC 2231; a file name that came back says all.
                if name.startswith("Content-") and "duplicate parameter name" in str(defect):
                    continue
                # The policy has no way to say that the message is of RFC 6532.
                if isinstance(defect, email.errors.NonASCIILocalPartDefect):
                    continue
                yield f"{name}: {defect!r}"


def names_of(message, header):
    """Names by the older parser: the newer one puts spaces between adjacent encoded words."""
    for value in message.get_all(header, []):
        for name, _ in email.utils.getaddresses([str(value)]):
            yield str(email.header.make_header(email.header.decode_header(name)))


def differences(raw, expected):
    def compare(what, found, right):
        if found != right:
            yield f"{what}: {found!r} is not {right!r}"

    for line in raw.split(b"\r\n"):
        if b"\r" in line or b"\n" in line:
            yield f"bare line end in {line!r}"
        if len(line) > 998:
            yield f"line of {len(line)} octets"
    head = raw.split(b"\r\n\r\n", 1)[0]
    for line in head.split(b"\r\n"):
        # A word that software reads stays whole.
        if len(line) > 78 and len(line.split()) > 2:
            yield f"header line of {len(line)} octets: {line!r}"
        if not line.strip():
            yield "empty line in the head"
    if not expected["utf8"] and not raw.isascii() and not expected["eight_bit"]:
        yield "octets above 127"

    def parse(policy):
        if expected["utf8"]:
            return email.message_from_string(raw.decode(), policy=policy)
        return email.message_from_bytes(raw, policy=policy)

    message = parse(email.policy.default)
    plain_headers = parse(email.policy.compat32)
    for defect in defects_of(message):
        yield f"defect {defect!r}"
    yield from compare("Subject", str(message["Subject"]), expected["subject"])
    for header in ("From", "To", "Cc"):
        emails = [a.addr_spec for value in message.get_all(header, []) for a in value.addresses]
        yield from compare(header, emails, [email for _, email in expected[header.lower()]])
        names = list(names_of(plain_headers, header))
        yield from compare(header, names, [name if name.strip(" ") else "" for name, _ in expected[header.lower()]])
    for name, value in expected["headers"]:
        yield from compare(name, [str(v) for v in message.get_all(name, [])], [value])
    for kind in ("plain", "html"):
        part = message.get_body((kind,))
        right = expected[kind]
        found = None if part is None else text_of(part)
        if found is not None and right is not None and part is message:
            # A message ends with a line end, whether its text does or not.
            found, right = found.removesuffix("\n"), right.removesuffix("\n")
        yield from compare(kind, found, right)
    files = [
        [p.get_filename(), p.get_content_disposition(), p["Content-ID"], p.get_content_type(),
         base64.b64encode(p.get_payload(decode=True)).decode()]
        for p in message.walk()
        if p.get_content_disposition() is not None
    ]
    # get_filename strips white space.
    right = [[name.strip(), *others] for name, *others in expected["files"]]
    yield from compare("files", files, right)
    names = [
        p.get_content_type() and p["Content-Type"].params.get("name")
        for p in message.walk()
        if p.get_content_disposition() is not None
    ]
    yield from compare("name of Content-Type", names, [f[0] for f in expected["files"]])


def main(folder):
    count = 0
    for path in sorted(pathlib.Path(folder).glob("*.eml")):
        count += 1
        expected = json.loads(path.with_suffix(".json").read_text(encoding="utf-8"))
        for difference in differences(path.read_bytes(), expected):
            print(f"{path.stem}: {difference}")
    print(f"{count} messages read")


main(sys.argv[1])
