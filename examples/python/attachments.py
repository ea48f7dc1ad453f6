"""Sends HTML with an inline image, the same as plain text, and attachments from a file, bytes and a stream.

python attachments.py [SERVER [FILE [IMAGE [LOGFILE]]]]
"""

import base64
import io
import sys
from pathlib import Path

from freesmtp import SMTP, BodyPartFormat, EmailMessage, SMTPError

# One red pixel, for those who name no image.
PIXEL = base64.b64decode(
    "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mP8z8BQDwAEhQGAhKmMIQAAAABJRU5ErkJggg=="
)


def main(
    server: str = "smtp://127.0.0.1:2525",
    file: str = __file__,
    image: str = "",
    log_file: str = "smtp log.txt",
) -> int:
    """Compose and send."""
    message = EmailMessage()
    message.from_ = "sender@domain.example"
    message.recipients.add("recipient@domain.example")
    message.subject = "Übersicht – 概要"

    message.body_parts.add("The overview is attached.")
    message.body_parts.add(
        '<p>The <b>overview</b> is attached.</p><img src="cid:logo" alt="logo">', BodyPartFormat.HTML
    )
    if image:
        message.embedded_objects.add(image, "logo")
    else:
        message.embedded_objects.add(PIXEL, "logo", "pixel.png")

    message.attachments.add(Path(file))
    message.attachments.add(b"name;amount\nA;1\n", "Übersicht.csv")
    message.attachments.add(io.BytesIO(b"from a stream\n"), "stream.txt", "text/plain")

    try:
        with SMTP(server) as smtp:
            smtp.log_file = log_file
            report = smtp.send(message)
    except SMTPError as error:
        print(error, file=sys.stderr)
        return 75 if error.is_temporary else 1
    print(f"{report.server} took {report.size} bytes: {report.reply_code} {report.reply_text}")
    return 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
