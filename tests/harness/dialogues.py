"""The parts of a conversation that most scripts share."""

from .scripted import Hear, Message, Say, Step

GREETING: list[Step] = [Say(b"220 a.test\r\n"), Hear("EHLO .*", pattern=True), Say(b"250 a.test\r\n")]
"""A server that offers nothing."""

TRANSACTION: list[Step] = [
    Hear("MAIL FROM:.*", pattern=True),
    Say(b"250 ok\r\n"),
    Hear("RCPT TO:.*", pattern=True),
    Say(b"250 ok\r\n"),
    Hear("DATA"),
    Say(b"354 go on\r\n"),
    Message(),
    Say(b"250 taken\r\n"),
]
"""A message to one recipient, which is taken."""

QUIT: list[Step] = [Hear("QUIT"), Say(b"221 bye\r\n")]
