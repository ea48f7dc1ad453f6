"""Sends many messages over one connection, each made when it is wanted, and says what came of each.

    python bulk.py [SERVER] [MESSAGES]

SERVER is a host, `host:port` or a URL such as `smtps://user:password@mail.example.com`.
"""

import sys
from collections.abc import Iterator

from freesmtp import SMTP, EmailMessage


def newsletter(readers: int) -> Iterator[EmailMessage]:
    """A cursor of a database would do as well: the next row is read when there is room for its message."""
    for reader in range(readers):
        yield EmailMessage(f"reader{reader}@example.org", "news@example.com", "News from Python", "Nothing happened.\n")


def main(server: str = "127.0.0.1:2525", messages: str = "3") -> int:
    """Send, and say what came of each."""
    failed = 0
    with SMTP(server) as smtp:
        smtp.max_connections = 1  # as it is at first; with more, the messages are shared out
        for result in smtp.send_bulk(newsletter(int(messages))):
            if result.report is not None:
                print(f"{result.index}: {result.report.reply_text}")
            else:
                failed += 1
                print(f"{result.index}: {result.error}")  # what failed, why, and what to do
    print(f"{failed} of {messages} failed")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
