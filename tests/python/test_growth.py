"""A long life: a hundred thousand messages over one connection cost no memory."""

import os
import subprocess
import sys

import pytest

SENDS = """
import sys
from freesmtp import SMTP, EmailMessage, SMTPError

def resident():
    with open("/proc/self/statm") as file:
        return int(file.read().split()[1]) * int(sys.argv[2])

def send(times):
    for number in range(times):
        message.subject = f"Number {number}"
        report = smtp.send(message)
    assert report.reply_code == 250
    for _ in range(times // 100):
        try:
            smtp.send(bad)
        except SMTPError as error:
            assert error.field == "Subject"

smtp = SMTP("127.0.0.1:" + sys.argv[1])
message = EmailMessage("a@b.test", "c@d.test", "s", "text")
message.attachments.add(b"x" * 1000, "data.bin")
bad = EmailMessage("a@b.test", "c@d.test", "a\\nb", "text")
send(20_000)
before = resident()
send(80_000)
print(resident() - before)
"""


@pytest.mark.skipif(not os.path.exists("/proc/self/statm"), reason="the system does not tell the resident size so")
def test_a_hundred_thousand_sends_do_not_grow(sink: int) -> None:
    arguments = [sys.executable, "-c", SENDS, str(sink), str(os.sysconf("SC_PAGE_SIZE"))]
    done = subprocess.run(arguments, capture_output=True, text=True, timeout=600)
    assert done.returncode == 0, done.stderr
    # One leaked `Report` or error per send would be far over ten million bytes.
    assert int(done.stdout) < 2_000_000
