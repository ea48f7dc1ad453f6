"""Hands a blast of messages over to the agent through the spool, and returns at once.

    python spool.py [MESSAGES] [BLAST] [SPOOL]

`freesmtp agent` delivers them in the background; `freesmtp blast status BLAST --watch` shows how far it is. Without
SPOOL it is `$FREESMTP_SPOOL`, or the usual folder.
"""

import sys
import time

from freesmtp import SMTP, EmailMessage, SMTPError


def letter(reader: int, blast: str) -> EmailMessage:
    """One message of the blast."""
    msg = EmailMessage(f"reader{reader}@example.org", "news@example.com", "News from Python", "Nothing happened.\n")
    msg.blast = blast
    return msg


def main(messages: str = "3", blast: str = "newsletter", spool: str = "") -> int:
    """Submit, and say what came of it."""
    smtp = SMTP()
    if spool:
        smtp.spool_path = spool
    begun = time.monotonic()
    try:
        # One sync of the disk for all: each of them is durable, or there is an error and none of them is delivered.
        ids = smtp.submit_bulk(letter(reader, blast) for reader in range(int(messages)))
    except SMTPError as error:
        print(error, file=sys.stderr)  # what failed, why, and what to do
        return 75 if error.is_temporary else 1
    print(f"{len(ids)} messages are in the spool after {time.monotonic() - begun:.2f} s; the first is {ids[0]}")
    return 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
