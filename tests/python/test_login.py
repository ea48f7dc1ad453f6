"""Tokens: a `str` or a function of the program, called in whatever thread sends; shown nowhere."""

import asyncio
import base64
import functools
import gc
import threading
import weakref
from collections.abc import Callable
from typing import Any

import pytest
from freesmtp import SMTP, EmailMessage, SMTPAuthenticationError, SMTPServer

from harness.dialogues import TRANSACTION
from harness.scripted import Hear, Respond, Say, ScriptedServer, Step

Serve = Callable[..., ScriptedServer]
GREETING: list[Step] = [
    Say(b"220 a.test\r\n"),
    Hear("EHLO .*", pattern=True),
    Say(b"250-a.test\r\n250 AUTH XOAUTH2\r\n"),
]


def login(token: str) -> list[Step]:
    """A login that takes that token only."""

    def check(line: str) -> bytes:
        said = base64.b64decode(line.removeprefix("AUTH XOAUTH2 ")).decode()
        return b"235 welcome\r\n" if said == f"user=user\1auth=Bearer {token}\1\1" else b"535 no\r\n"

    return [Respond(check)]


REFUSED: list[Step] = [Respond(lambda _: b"334 e30=\r\n"), Hear(""), Say(b"535 5.7.8 no\r\n")]


def smtp_for(server: ScriptedServer, token: Any) -> SMTP:
    """An object that logs in with that token."""
    smtp = SMTP()
    smtp.smtp_servers.add(f"127.0.0.1:{server.port}", account="user", token=token, allow_plaintext_auth=True)
    smtp.default_timeout = 30
    return smtp


class Partner:
    """An object that is called."""

    def __call__(self) -> str:
        return "t0ken"


def positional(refresh: bool, /) -> str:
    return "renewed" if refresh else "t0ken"


def scoped(scope: str = "mail") -> str:
    assert scope == "mail"
    return "t0ken"


@pytest.mark.parametrize(
    "token",
    [
        "t0ken",
        lambda: "t0ken",
        lambda _: "t0ken",
        lambda refresh=None: {False: "t0ken"}[refresh],
        lambda *scopes, **_: "t0ken" if not scopes else "another",
        positional,
        scoped,
        functools.partial(scoped, "mail"),
        Partner(),
        "T0KEN".lower,
    ],
)
def test_every_kind_of_token(token: Any, serve: Serve, message: EmailMessage) -> None:
    server = serve([*GREETING, *login("t0ken"), *TRANSACTION])
    with smtp_for(server, token) as smtp:
        assert smtp.send(message).auth_mechanism == "XOAUTH2"
    server.finish()


def test_a_refused_token_is_asked_for_anew(serve: Serve, message: EmailMessage) -> None:
    asked: list[bool] = []

    def token(refresh: bool) -> str:
        asked.append(refresh)
        return "second" if refresh else "first"

    server = serve([*GREETING, *REFUSED, *login("second"), *TRANSACTION])
    with smtp_for(server, token) as smtp:
        smtp.send(message)
    server.finish()
    assert asked == [False, True]


def test_a_kept_connection_asks_for_no_token(serve: Serve, message: EmailMessage) -> None:
    asked: list[int] = []

    def token() -> str:
        asked.append(threading.get_ident())
        return "t0ken"

    server = serve([*GREETING, *login("t0ken"), *TRANSACTION, *TRANSACTION])
    with smtp_for(server, token) as smtp:
        smtp.send(message)
        smtp.send(message)
    server.finish()
    assert len(asked) == 1


class NoTokenError(Exception):
    """What a program raises."""


def failing(error: BaseException) -> Callable[[], str]:
    def token() -> str:
        raise error

    return token


def in_main_thread(smtp: SMTP, message: EmailMessage) -> None:
    smtp.send(message)


def in_another_thread(smtp: SMTP, message: EmailMessage) -> None:
    raised: list[BaseException] = []

    def work() -> None:
        try:
            smtp.send(message)
        except BaseException as error:
            raised.append(error)

    thread = threading.Thread(target=work)
    thread.start()
    thread.join()
    for error in raised:
        raise error


def in_a_loop(smtp: SMTP, message: EmailMessage) -> None:
    asyncio.run(smtp.send_async(message))


WAYS = pytest.mark.parametrize("send", [in_main_thread, in_another_thread, in_a_loop])


@WAYS
def test_what_a_token_function_raises_is_the_cause(send: Any, serve: Serve, message: EmailMessage) -> None:
    cause = NoTokenError("the vault is closed")
    smtp = smtp_for(serve(GREETING), failing(cause))
    with pytest.raises(SMTPAuthenticationError) as caught:
        send(smtp, message)
    assert caught.value.__cause__ is cause
    assert "NoTokenError: the vault is closed" in str(caught.value)
    assert caught.value.diagnosis is not None


@WAYS
def test_a_token_function_runs_where_the_send_does_not_hold_python(
    send: Any, serve: Serve, message: EmailMessage
) -> None:
    seen = threading.Event()

    def token() -> str:
        # Another thread of Python must be able to run meanwhile.
        other = threading.Thread(target=seen.set)
        other.start()
        other.join()
        return "t0ken"

    server = serve([*GREETING, *login("t0ken"), *TRANSACTION])
    with smtp_for(server, token) as smtp:
        send(smtp, message)
    server.finish()
    assert seen.is_set()


def test_each_cause_is_that_of_its_own_error(serve: Serve, message: EmailMessage) -> None:
    first, second = NoTokenError("first"), NoTokenError("second")

    def inner() -> str:
        with pytest.raises(SMTPAuthenticationError) as caught:
            smtp_for(serve(GREETING), failing(first)).send(message)
        assert caught.value.__cause__ is first
        raise second

    with pytest.raises(SMTPAuthenticationError) as caught:
        smtp_for(serve(GREETING), inner).send(message)
    assert caught.value.__cause__ is second


def test_a_refused_login_has_no_cause_of_an_earlier_one(serve: Serve, message: EmailMessage) -> None:
    answers = iter([NoTokenError("not yet"), None])

    def token() -> str:
        error = next(answers, None)
        if error is not None:
            raise error
        return "t0ken"

    server = serve(GREETING, [*GREETING, *REFUSED])
    smtp = smtp_for(server, token)
    for cause in (NoTokenError, type(None)):
        with pytest.raises(SMTPAuthenticationError) as caught:
            smtp.send(message)
        assert isinstance(caught.value.__cause__, cause)


@pytest.mark.parametrize("given", [None, b"t0ken", 7])
def test_a_token_function_that_gives_something_else(given: Any, serve: Serve, message: EmailMessage) -> None:
    with pytest.raises(SMTPAuthenticationError) as caught:
        smtp_for(serve(GREETING), lambda: given).send(message)
    assert isinstance(caught.value.__cause__, TypeError)
    assert "Token must be str" in caught.value.message


@pytest.mark.parametrize("token", [7, b"t0ken", ["t0ken"]])
def test_what_is_no_token_is_a_type_error(token: Any) -> None:
    server = SMTPServer("a.test", token="t0ken-before")
    with pytest.raises(TypeError, match="Token"):
        server.token = token
    assert server.token == "t0ken-before"


def test_a_token_is_set_read_and_taken_back() -> None:
    server = SMTPServer("a.test")
    assert server.token is None
    for none in (None, ""):
        for token in ("t0ken", scoped):
            server.token = token
            assert server.token == server.Token == token
            server.Token = none
            assert server.token is None


def test_a_token_is_shown_nowhere(serve: Serve, message: EmailMessage) -> None:
    scripted = serve([*GREETING, Respond(lambda line: b"535 5.7.8 " + line.encode() + b"\r\n")])
    smtp = smtp_for(scripted, "t0ken-s3cret")
    shown = [repr(smtp), str(smtp), repr(smtp.smtp_servers), repr(smtp.smtp_servers[0])]
    with pytest.raises(SMTPAuthenticationError) as caught:
        smtp.send(message)
    shown += [str(caught.value), repr(caught.value), repr(vars(caught.value))]
    for secret in ("t0ken-s3cret", base64.b64encode(b"user=user\1auth=Bearer t0ken-s3cret\1\1").decode()):
        assert not [text for text in shown if secret in text]


class Mailer:
    """A program's own object: its server's token function leads back to it."""

    def __init__(self) -> None:
        self.smtp = SMTP()
        self.smtp.smtp_servers.add("a.test", token=self.token)

    def token(self) -> str:
        return "t0ken"


def test_an_object_whose_method_gives_the_token_is_let_go() -> None:
    mailer = Mailer()
    gone = weakref.ref(mailer)
    del mailer
    gc.collect()
    assert gone() is None
