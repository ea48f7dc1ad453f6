"""`explain`: a transcript goes in, each failure comes out with its reason."""

import pickle
from typing import Any

import freesmtp
import pytest
from freesmtp import Explanation, explain

TRANSCRIPT = """\
S: 220 mx.domain.test ESMTP
C: EHLO client.test
S: 250-mx.domain.test
S: 250 AUTH LOGIN
C: MAIL FROM:<jürgen@domain.test>
S: 250 ok
C: RCPT TO:<one@other.test>
S: 550 5.1.1 No such user
"""


def test_a_failure_is_found_where_it_stands() -> None:
    assert freesmtp.Explain is explain
    (found,) = explain(TRANSCRIPT)
    assert isinstance(found, Explanation)
    assert (found.line, found.stage, found.sender) == (8, "RCPT", "jürgen@domain.test")
    assert found.recipient == "one@other.test"
    assert found.reply is not None
    assert (found.reply.code, found.reply.enhanced_code) == (550, "5.1.1")
    assert found.diagnosis.cause == "recipient-unknown"
    assert found.diagnosis.summary in str(found)
    assert pickle.loads(pickle.dumps(found)) == found


def test_nothing_failed() -> None:
    assert explain("") == []
    assert explain(TRANSCRIPT.replace("550 5.1.1 No such user", "250 ok")) == []


@pytest.mark.parametrize("given", [None, b"550 no", 550])
def test_what_is_no_transcript_is_a_type_error(given: Any) -> None:
    with pytest.raises(TypeError, match="transcript"):
        explain(given)
