"""A cancel in each phase of a send: it ends at once, says so, and the object goes on with the next message.

From the listener that hears the line. Ctrl-C and `cancel` from another thread, while a name is looked up, a connection
is made, TLS is agreed on or QUIT is answered, and of `connect`, `disconnect` and `send_smtp_command`:
tests/servers/test_cancel.py.
"""

import asyncio
import gc
from collections.abc import Callable
from typing import Any

import pytest
from freesmtp import SMTP, Cancelled, EmailMessage, SMTPError, SMTPOutcomeUnknown

from harness.dialogues import GREETING, TRANSACTION
from harness.scripted import Hear, Say, ScriptedServer, Silence, Step

Serve = Callable[..., ScriptedServer]

EHLO = GREETING[:2]
MAIL, RCPT, DATA, END = (TRANSACTION[:steps] for steps in (1, 3, 5, 7))
TAKES = [*GREETING, *TRANSACTION]

# The line that is seen when it is cancelled, what the server has done until then, and what the server is like.
PHASES: dict[str, tuple[str, list[Step], dict[str, Any]]] = {
    "connect": ("Connect to server.", [], {}),
    "ehlo": ("EHLO", EHLO, {}),
    "starttls": (
        "STARTTLS",
        [*EHLO, Say(b"250-a.test\r\n250 STARTTLS\r\n"), Hear("STARTTLS")],
        {"security": "required"},
    ),
    "auth": (
        "AUTH",
        [*EHLO, Say(b"250-a.test\r\n250 AUTH PLAIN\r\n"), Hear("AUTH PLAIN .*", pattern=True)],
        {"account": "u", "password": "p", "allow_plaintext_auth": True},
    ),
    "mail": ("MAIL", [*GREETING, *MAIL], {}),
    "rcpt": ("RCPT", [*GREETING, *RCPT], {}),
    "data": ("DATA", [*GREETING, *DATA], {}),
    "end": ("Message sent.", [*GREETING, *END], {}),
}


@pytest.mark.parametrize("phase", PHASES)
def test_cancel(phase: str, serve: Serve, message: EmailMessage) -> None:
    line, script, settings = PHASES[phase]
    # Whether a connection is made that is cancelled before, the server does not mind.
    server = serve([*script, Silence()] if script else TAKES, TAKES)
    smtp = SMTP()
    smtp.smtp_servers.add("127.0.0.1", server.port, **settings)
    smtp.protocol_log = lambda event: event.line.startswith(line) and smtp.cancel()
    with pytest.raises(SMTPError) as caught:
        smtp.send(message)
    assert type(caught.value) is (SMTPOutcomeUnknown if phase == "end" else Cancelled)
    assert not smtp.connected
    # The next one is another operation.
    smtp.protocol_log = None
    smtp.smtp_servers.remove(0)
    smtp.smtp_servers.add("127.0.0.1", server.port)
    assert smtp.send(message).reply_code == 250


def test_cancel_in_the_middle_of_the_message(serve: Serve, message: EmailMessage) -> None:
    server = serve([*GREETING, *END[:6], Silence()], TAKES)
    message.attachments.add(bytes(2_000_000), "zeros.bin")
    smtp = SMTP(f"127.0.0.1:{server.port}")
    smtp.smtp_status = lambda sent, size: size > sent > 200_000 and smtp.cancel()
    with pytest.raises(Cancelled):
        smtp.send(message)
    smtp.smtp_status = None
    assert smtp.send(message).reply_code == 250


def test_what_is_let_go_of_while_it_is_sent(serve: Serve) -> None:
    """The names of the object, the message and the listener go while the server is silent; the mail arrives."""
    reached = asyncio.Event()
    told: list[tuple[int, int]] = []

    async def main() -> int | None:
        loop = asyncio.get_running_loop()

        class Listener:
            def hear(self, event: Any) -> None:
                if event.line.startswith("MAIL"):
                    loop.call_soon_threadsafe(reached.set)

        smtp, letter = SMTP(f"127.0.0.1:{server.port}"), EmailMessage("a@b.test", "c@d.test", "s", "text")
        letter.attachments.add(bytes(300_000), "zeros.bin")
        listener = Listener()
        smtp.protocol_log = listener.hear
        smtp.smtp_status = lambda sent, size: told.append((sent, size))
        sending = asyncio.ensure_future(smtp.send_async(letter))
        await reached.wait()
        del smtp, letter, listener
        gc.collect()
        report = await sending
        return report.reply_code

    server = serve(TAKES)
    assert asyncio.run(main()) == 250
    assert told[-1][0] == told[-1][1] > 400_000
