"""Shows what an error tells: bad input, a server that refuses, and a refusal read from somebody's log.

python errors.py [SERVER] [FROM] [TO]
"""

import sys

import freesmtp
from freesmtp import SMTP, EmailMessage, MessageError, SMTPError, SMTPRecipientsRefused


def main(
    server: str = "smtp://127.0.0.1:2525",
    sender: str = "sender@domain.example",
    recipient: str = "recipient@elsewhere.example",
) -> int:
    """Fail in several ways, and tell."""
    smtp = SMTP(server)

    # Bad input names the property. Nothing is sent, not even a connection is opened.
    bad = EmailMessage("recipient@example.org\r\nRCPT TO:<victim@example.org>", sender, "Hello", "Hello")
    try:
        smtp.send(bad)
    except MessageError as error:
        print(f"{error.field} is not valid: {error.message}\n")

    # A refusal says why, who must act, and what to do.
    try:
        report = smtp.send(EmailMessage(recipient, sender, "Hello", "Hello"))
        print(f"{report.server} took it: {report.reply_text}\n")
    except SMTPRecipientsRefused as error:
        for result in error.recipients:
            print(f"{result.email}: {result.reply_code} {result.reply_text}")
            print(f"{result.diagnosis}\n")
    except SMTPError as error:
        cause = error.diagnosis.cause if error.diagnosis else "unknown"
        print(f"{error.kind} in {error.stage}, cause {cause}\n{error}\n")

    # The same explanation for a reply that stands in a log.
    diagnosis = freesmtp.diagnose(
        "550 5.7.1 Unable to relay", stage="RCPT", offered=["AUTH LOGIN"], authenticated=False, tls=True
    )
    print(diagnosis)
    return 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
