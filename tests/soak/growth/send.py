"""Sends as many messages as it is told, one by one, and prints what is resident after a tenth and at the end."""

import os
import sys
from pathlib import Path

from freesmtp import SMTP, EmailMessage, MessageError


def resident() -> int:
    return int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")


def main() -> None:
    whole = 0

    def hear(sent: int, size: int) -> None:
        nonlocal whole
        whole += sent == size

    sends = int(sys.argv[2])
    with SMTP(sys.argv[1]) as smtp:
        smtp.smtp_status = hear
        smtp.smtp_recipient_failed = print
        for number in range(1, sends + 1):
            message = EmailMessage("c@d.test", "a@b.test", f"Number {number}", "text")
            assert smtp.send(message).reply_code == 250
            if number == sends // 10:
                print(resident())
            if number % 100 == 0:
                message.subject = "a\nb"
                try:
                    smtp.send(message)
                except MessageError:
                    continue
                raise AssertionError("sent")
        print(resident())
    assert whole == sends


main()
