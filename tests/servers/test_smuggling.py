"""Bytes that some servers take for the end of a message (SMTP smuggling, CVE-2023-51764).

Sent by us to a real Postfix they are text, and one message arrives.
"""

import uuid

import pytest

from harness.driver import Job
from harness.postfix import DOMAIN, Postfix

HIDDEN = (
    "MAIL FROM:<evil@foreign.test>\r\nRCPT TO:<other@example.test>\r\nDATA\r\nSubject: {forged}\r\n\r\nforged\r\n.\r\n"
)
ENDS = {
    "lf-dot-lf": "\n.\n",
    "cr-dot-cr": "\r.\r",
    "lf-dot-crlf": "\n.\r\n",
    "cr-dot-crlf": "\r.\r\n",
    "crlf-dot-lf": "\r\n.\n",
    "crlf-dot-cr": "\r\n.\r",
    "crlf-dot-crlf": "\r\n.\r\n",
    "nul": "\r\n\0.\r\n",
    "dot-nul": "\r\n.\0\r\n",
    "two-dots": "\r\n..\r\n",
}


@pytest.mark.parametrize("end", ENDS)
def test_no_text_ends_its_message(end: str, language: str, postfix: Postfix, send) -> None:
    forged = uuid.uuid4().hex
    text = "before" + ENDS[end] + HIDDEN.format(forged=forged) + "behind"
    job = Job().server("127.0.0.1", postfix.port("plain"), security="none")
    answer = send(job.message(f"user@{DOMAIN}", subject=f"{end} {language}", text=text).send())
    assert answer["ok"], answer
    arrived = postfix.mailbox().wait_for(answer["report"]["message_id"])
    # Whatever took a part of it for commands would have delivered the other message too, and not the rest of this one.
    lines = [line for line in (arrived.text or "").splitlines() if line]
    assert lines[-1].endswith("behind")
    assert f"Subject: {forged}" in lines
    assert not any(forged.encode() in raw for raw in postfix.mailbox("other").raw())
