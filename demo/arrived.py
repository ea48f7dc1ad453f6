"""Shows what a capture server keeps, and checks that every language's message is there, its files intact.

python arrived.py FOLDER ATTACHMENT IMAGE LANGUAGE…
"""

import email.policy
import sys
from email.message import EmailMessage
from email.parser import BytesParser
from pathlib import Path


def read(path: Path) -> EmailMessage:
    """The message in a file."""
    message = BytesParser(policy=email.policy.default).parsebytes(path.read_bytes())
    assert isinstance(message, EmailMessage)
    return message


def files(message: EmailMessage) -> list[tuple[str, bytes]]:
    """The named parts of a message; two may have the same name."""
    named = ((part.get_filename(), part.get_payload(decode=True)) for part in message.walk())
    return [(name, data) for name, data in named if name is not None and isinstance(data, bytes)]


def main(folder: str, attachment: str, image: str, *languages: str) -> int:
    """Show each message in the order of arrival; the names of the files sort so."""
    expected = [(path.name, path.read_bytes()) for path in (Path(attachment), Path(image))]
    messages = [read(path) for path in sorted(Path(folder).glob("*.eml"))]
    missing = len(languages) - len(messages)
    for language, message in zip(languages, messages, strict=False):
        found = files(message)
        print(f"{language:8}{message['Subject']}")
        for name, data in found:
            same = " as sent" if (name, data) in expected else ""
            print(f"        {name}, {len(data):,} bytes{same}")
        if not all(file in found for file in expected):
            print("        not what was sent")
            missing += 1
    if missing == 0:
        count = "The message" if len(messages) == 1 else f"All {len(messages)} messages"
        print(f"\n{count} arrived, the files as they were sent.")
    return 1 if missing else 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
