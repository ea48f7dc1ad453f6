"""Reads reports on delivery with Python's email, and prints what it understood as JSON."""

import email
import email.policy
import json
import sys
from email.message import Message
from pathlib import Path
from typing import Any


def read(path: Path) -> dict[str, Any]:
    """What a program sees in a report."""
    message = email.message_from_bytes(path.read_bytes(), policy=email.policy.default)
    defects = [repr(defect) for part in message.walk() for defect in part.defects]
    parts = list(message.iter_parts())
    blocks = [dict(block.items()) for block in parts[1].get_payload() if isinstance(block, Message)]
    status = parts[1].as_bytes().decode()
    last = parts[2] if len(parts) > 2 else None
    returned = None
    if last is not None and last.get_content_type() == "message/rfc822":
        inner = last.get_content()
        returned = {"subject": inner["Subject"], "body": inner.get_content()}
    elif last is not None and not last.is_multipart():
        text = last.get_payload(decode=True)
        assert isinstance(text, bytes)
        returned = {"text": text.decode()}
    return {
        "defects": defects,
        "type": message.get_content_type(),
        "report_type": message.get_param("report-type"),
        "from": message["From"].addresses[0].addr_spec,
        # UTF-8 in a header comes as octets that could not be decoded.
        "to": message["To"].addresses[0].addr_spec.encode(errors="surrogateescape").decode(),
        "subject": message["Subject"],
        "auto_submitted": message["Auto-Submitted"],
        "in_reply_to": message["In-Reply-To"],
        "date": message["Date"].datetime.isoformat(),
        "message_id": message["Message-ID"],
        "types": [part.get_content_type() for part in parts],
        "text": parts[0].get_content(),
        "status": status,
        "blocks": blocks,
        "returned": returned,
    }


if __name__ == "__main__":
    folder = Path(sys.argv[1])
    print(json.dumps({path.stem: read(path) for path in sorted(folder.glob("*.eml"))}))
