"""The messages of the Python peers, composed with the standard library."""

from email.message import EmailMessage
from pathlib import Path

from meter import Work


def compose(work: Work, i: int) -> EmailMessage:
    message = EmailMessage()
    message["From"] = "sender@example.test"
    message["To"] = f"r{i}@example.test"
    message["Subject"] = f"Message {i}"
    message.set_content(work.text)
    if work.attachment:
        message.add_attachment(
            Path(work.attachment).read_bytes(),
            maintype="application",
            subtype="octet-stream",
            filename="attachment.bin",
        )
    return message
