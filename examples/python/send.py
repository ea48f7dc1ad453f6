"""Sends a message with the original names of the object API, and keeps a log.

    python send.py [SERVER] [FROM] [TO] [FILE…]

SERVER is a host, `host:port` or a URL such as `smtps://user:password@mail.example.com`.
"""

import sys

from freesmtp import SMTP, EmailMessage, SMTPError


def main(
    server: str = "smtp://127.0.0.1:2525",
    sender: str = "sender@domain.example",
    recipient: str = "recipient@domain.example",
    *files: str,
) -> int:
    """Send, and say what came of it."""
    msg = EmailMessage()
    msg.From.Email = sender
    msg.From.Name = "A Sender"
    msg.Recipients.Add(recipient, "A Recipient")
    msg.Subject = "A message from Python"
    msg.BodyParts.Add("Hello!\n\nThis came from Python.\n")
    for file in files:
        msg.Attachments.Add(file)

    smtp = SMTP(server)
    # The line of the original documentation. Where a backslash is no separator, that is a file name like any other.
    smtp.LogFile="c:\\smtp log.txt"  # fmt: skip
    try:
        report = smtp.Send(msg)
    except SMTPError as error:
        print(error, file=sys.stderr)  # what failed, why, and what to do
        return 75 if error.is_temporary else 1
    print(f"{report.server} took {report.size} bytes: {report.reply_code} {report.reply_text}")
    for result in report.failed:
        print(f"but not for {result.email}: {result.diagnosis}")
    return 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
