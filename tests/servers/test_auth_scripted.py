"""Logins no real server here offers: channel binding, hostile challenges, refreshed tokens, echoed secrets."""

import base64
import hashlib
import hmac
import json
from collections.abc import Callable
from pathlib import Path

import pytest

from harness.dovecot import UMLAUT, USER, Account
from harness.driver import Answer, Job
from harness.pki import Pki
from harness.sasl import CRAM_CHALLENGE, DIGEST_CHALLENGE, REFUSED, ScramServer, ask, challenge, encode, ntlm_challenge
from harness.scenario import disguises
from harness.scripted import Hear, Message, Respond, Say, ScriptedServer, Step, Tls

SECRET = Account("user", "s3cret-pass-w0rd")
TRANSACTION: list[Step] = [
    Hear("MAIL FROM:<sender@domain.test>"),
    Say(b"250 ok\r\n"),
    Hear("RCPT TO:<recipient@domain.test>"),
    Say(b"250 ok\r\n"),
    Hear("DATA"),
    Say(b"354 go\r\n"),
    Message(),
    Say(b"250 queued\r\n"),
]
CANCELLED: list[Step] = [
    Hear(r"\*", pattern=True, optional=True),
    Say(b"501 5.7.0 Authentication aborted\r\n", conditional=True),
]


def greeting(*mechanisms: str, certificate: str = "") -> list[Step]:
    """Up to the EHLO reply, with implicit TLS when a certificate is named."""
    return [
        *([Tls(certificate)] if certificate else []),
        Say(b"220 mail.test ESMTP\r\n"),
        Hear("EHLO client.test"),
        Say(f"250-mail.test\r\n250 AUTH {' '.join(mechanisms)}\r\n".encode()),
    ]


def begin(mechanism: str, text: bytes) -> list[Step]:
    """AUTH, and a first challenge; one who speaks first and waits to be asked is asked before."""

    def ask_first(line: str) -> bytes:
        return b"334 \r\n" if line == "AUTH NTLM" else text

    auth = Respond(ask_first)
    message = [Hear("TlRMTVNTUAAB.*", pattern=True, optional=True), Say(text, conditional=True)]
    return [auth, *message] if mechanism == "NTLM" else [auth]


def job_for(server: ScriptedServer, log_file: Path, ca: Path | None = None, **settings: object) -> Job:
    job = Job().put("smtp.logfile", log_file).put("smtp.defaultdomain", "client.test")
    transport = {"security": "implicit", "cafile": ca} if ca else {"security": "none", "allowplaintextauth": True}
    job.server("127.0.0.1", server.port, **transport, **settings)
    return job.message("recipient@domain.test").send()


def login(account: Account, mechanism: str = "", **more: object) -> dict[str, object]:
    """The settings that log in with a password, and the mechanism when it is named."""
    named = {"authmode": "sasl", "sasl": mechanism} if mechanism else {}
    return {"account": account.user, "password": account.password, **named, **more}


def failed(answer: Answer, log_file: Path, *secrets: str) -> Answer:
    """The error of a login that must have failed; the secrets are nowhere."""
    assert not answer["ok"], answer
    assert_hidden(answer, log_file, *secrets)
    error = answer["error"]
    assert (error["kind"], error["stage"]) == ("authentication", "AUTH"), error
    return error


def assert_hidden(answer: Answer, log_file: Path, *secrets: str) -> None:
    """Neither LogFile nor answer (report, error, transcript) shows a secret or its base64."""
    for place in (log_file.read_text(encoding="utf-8"), str(answer), json.dumps(answer, ensure_ascii=False)):
        for secret in secrets:
            for form in (f.rstrip("=") for f in disguises(secret)):
                assert form not in place, f"{form!r} is shown"


class TestScram:
    @pytest.mark.parametrize("account", [USER, UMLAUT, Account("a=b,c", "p,=w")], ids=["simple", "umlaut", "escaped"])
    @pytest.mark.parametrize("mechanism", ["SCRAM-MD5", "SCRAM-SHA-1", "SCRAM-SHA-256", "SCRAM-SHA-512"])
    def test_without_binding(
        self, mechanism: str, account: Account, language: str, serve, send, log_file: Path
    ) -> None:
        scram = ScramServer(mechanism, account)
        server = serve([*greeting(mechanism), *scram.steps(), *TRANSACTION])
        answer = send(job_for(server, log_file, account=account.user, password=account.password,
                              authmode=mechanism.lower()))  # fmt: skip
        server.finish()
        assert answer["ok"], answer
        assert answer["report"]["auth_mechanism"] == mechanism
        assert scram.header == "n,,"

    @pytest.mark.parametrize(("certificate", "digest"), [("good", "sha256"), ("sha384", "sha384")])
    @pytest.mark.parametrize("mechanism", ["SCRAM-SHA-1-PLUS", "SCRAM-SHA-256-PLUS", "SCRAM-SHA-512-PLUS"])
    @pytest.mark.parametrize("named", [True, False], ids=["named", "chosen"])
    def test_with_binding(
        self, named: bool, mechanism: str, certificate: str, digest: str, language: str, serve, send, pki: Pki,
        log_file: Path,
    ) -> None:  # fmt: skip
        # RFC 5929 section 4.1: the hash of the certificate, by the hash of its own signature.
        binding = hashlib.new(digest, pki[certificate].der()).digest()
        scram = ScramServer(mechanism, SECRET, binding)
        offered = (mechanism.removesuffix("-PLUS"), mechanism, "PLAIN")
        server = serve([*greeting(*offered, certificate=certificate), *scram.steps(), *TRANSACTION])
        answer = send(job_for(server, log_file, pki.ca_file, **login(SECRET, mechanism if named else "")))
        server.finish()
        assert answer["ok"], answer
        assert answer["report"]["auth_mechanism"] == mechanism
        assert scram.header == "p=tls-server-end-point,,"

    def test_man_in_the_middle(self, language: str, serve, send, pki: Pki, log_file: Path) -> None:
        # The server behind the man sees the binding of another certificate than its own.
        scram = ScramServer("SCRAM-SHA-256-PLUS", SECRET, hashlib.sha256(pki["wrong-name"].der()).digest())
        server = serve([*greeting("SCRAM-SHA-256-PLUS", certificate="good"), *scram.steps()[:2]])
        error = failed(send(job_for(server, log_file, pki.ca_file, **login(SECRET))), log_file, SECRET.password)
        server.finish()
        assert error["reply_code"] == 535
        assert not scram.accepted

    def test_binding_taken_from_the_offer_is_noticed(
        self, language: str, serve, send, pki: Pki, log_file: Path
    ) -> None:
        # RFC 5802 section 6: `y` says that the client could, and thinks that the server can't.
        scram = ScramServer("SCRAM-SHA-256", SECRET)
        server = serve([*greeting("SCRAM-SHA-256", certificate="good"), *scram.steps(), *TRANSACTION])
        assert send(job_for(server, log_file, pki.ca_file, **login(SECRET)))["ok"]
        server.finish()
        assert scram.header == "y,,"

    def test_binding_needs_tls(self, language: str, serve, send, log_file: Path) -> None:
        server = serve(greeting("SCRAM-SHA-256-PLUS"))
        error = failed(send(job_for(server, log_file, **login(SECRET, "SCRAM-SHA-256-PLUS"))), log_file)
        server.finish()
        assert error["diagnosis"]["cause"] in ("tls-required", "auth-mechanism-unavailable")

    def test_md5_only_when_asked_for(self, language: str, serve, send, log_file: Path) -> None:
        server = serve(greeting("SCRAM-MD5"))
        error = failed(send(job_for(server, log_file, **login(SECRET))), log_file)
        server.finish()
        assert error["diagnosis"]["cause"] == "auth-mechanism-unavailable"


HOSTILE_FIRST = {
    "nonce-replaced": lambda text: "r=abcdefgh" + text[text.index(",") :],
    "nonce-not-extended": lambda text: text[: text.index(",") - 16] + text[text.index(",") :],
    "2^31-iterations": lambda text: text.replace("i=4096", "i=2147483648"),
    "2^64-iterations": lambda text: text.replace("i=4096", "i=18446744073709551616"),
    "0-iterations": lambda text: text.replace("i=4096", "i=0"),
    "negative-iterations": lambda text: text.replace("i=4096", "i=-1"),
    "no-salt": lambda text: text.replace("s=", "x="),
    "bad-salt": lambda text: text.replace("s=", "s=*"),
    "mandatory-extension": lambda text: f"m=critical,{text}",
    "empty": lambda text: "",
    "not-text": lambda text: "\0\1\2",
}
HOSTILE_FINAL = {
    "wrong-signature": lambda text: "v=" + encode(bytes(32)),
    "no-signature": lambda text: "",
    "bad-base64": lambda text: "v=%%%",
}


class TestHostileScram:
    """The client gives up, tries nothing else with the password, sends no mail, and says what it saw."""

    def play(self, scram: ScramServer, steps: list[Step], serve, send, log_file: Path) -> tuple[Answer, ScriptedServer]:
        server = serve([*greeting(scram.mechanism), *steps, *CANCELLED])
        answer = send(job_for(server, log_file, **login(SECRET, scram.mechanism)))
        server.finish()
        return failed(answer, log_file, SECRET.password), server

    @pytest.mark.parametrize("name", HOSTILE_FIRST)
    def test_challenge(self, name: str, language: str, serve, send, log_file: Path) -> None:
        scram = ScramServer("SCRAM-SHA-256", SECRET, change_first=HOSTILE_FIRST[name])
        error, server = self.play(scram, [Respond(scram.first)], serve, send, log_file)
        assert error["diagnosis"]["cause"] == "protocol-error"
        after_auth = server.connections[0].lines[2:]
        assert set(after_auth) <= {"*", "QUIT"}, "no proof was sent"

    @pytest.mark.parametrize("name", HOSTILE_FINAL)
    def test_signature(self, name: str, language: str, serve, send, log_file: Path) -> None:
        scram = ScramServer("SCRAM-SHA-256", SECRET, change_final=HOSTILE_FINAL[name])
        error, _ = self.play(scram, [Respond(scram.first), Respond(scram.final)], serve, send, log_file)
        # "Check your password" would send the user the wrong way: it is the server that could not prove itself.
        assert error["diagnosis"]["cause"] == "protocol-error"

    def test_error_in_place_of_a_signature(self, language: str, serve, send, log_file: Path) -> None:
        # RFC 5802 section 7: e= is the server's refusal. The client acknowledges it or gives up.
        scram = ScramServer("SCRAM-SHA-256", SECRET, change_final=lambda text: "e=invalid-proof")
        end: list[Step] = [Hear(r"\*?", pattern=True), Say(REFUSED)]
        server = serve([*greeting("SCRAM-SHA-256", "PLAIN"), *scram.steps()[:2], *end])
        error = failed(send(job_for(server, log_file, **login(SECRET))), log_file, SECRET.password)
        server.finish()
        assert error["diagnosis"]["cause"] == "auth-failed"

    def test_wrong_signature_is_fatal(self, language: str, serve, send, log_file: Path) -> None:
        # Another mechanism is offered: a server that is not who it says must not get the password in clear.
        scram = ScramServer("SCRAM-SHA-256", SECRET, change_final=HOSTILE_FINAL["wrong-signature"])
        server = serve([*greeting("SCRAM-SHA-256", "PLAIN"), *scram.steps()[:2], *CANCELLED])
        error = failed(send(job_for(server, log_file, **login(SECRET))), log_file, SECRET.password)
        server.finish()
        assert not error["is_temporary"]

    def test_success_without_a_signature(self, language: str, serve, send, log_file: Path) -> None:
        # A server that says 235 and never proved itself does not know the password.
        scram = ScramServer("SCRAM-SHA-256", SECRET)
        server = serve([*greeting("SCRAM-SHA-256"), Respond(scram.first), Respond(lambda line: b"235 welcome\r\n")])
        failed(send(job_for(server, log_file, **login(SECRET))), log_file, SECRET.password)
        server.finish()

    def test_next_mechanism_after_a_malformed_challenge(self, language: str, serve, send, log_file: Path) -> None:
        scram = ScramServer("SCRAM-SHA-1", SECRET)
        broken: list[Step] = [
            Hear("AUTH SCRAM-SHA-256 .*", pattern=True),
            Say(b"334 %%%\r\n"),
            Hear("*"),
            Say(b"501 aborted\r\n"),
        ]
        server = serve([*greeting("SCRAM-SHA-256", "SCRAM-SHA-1"), *broken, *scram.steps(), *TRANSACTION])
        answer = send(job_for(server, log_file, **login(SECRET)))
        server.finish()
        assert answer["ok"], answer
        assert answer["report"]["auth_mechanism"] == "SCRAM-SHA-1"


class TestHostileChallenges:
    @pytest.mark.parametrize("mechanism", ["LOGIN", "CRAM-MD5", "DIGEST-MD5", "SCRAM-SHA-256", "NTLM", "OAUTHBEARER"])
    @pytest.mark.parametrize(
        "text", [b"334 ?not base64?\r\n", b"334 A\r\n", b"334 " + b"QUFB" * 250_000 + b"\r\n"],
        ids=["bad-alphabet", "bad-length", "huge"],
    )  # fmt: skip
    def test_bad_challenge(self, text: bytes, mechanism: str, language: str, serve, send, log_file: Path) -> None:
        secret = {"token": "t0ken-of-the-user"} if mechanism == "OAUTHBEARER" else {"password": SECRET.password}
        huge = len(text) > 64 * 1024
        server = serve([*greeting(mechanism), *begin(mechanism, text), *CANCELLED], may_hang_up=huge)
        named = {"account": "user", "authmode": mechanism.lower(), **secret}
        answer = send(job_for(server, log_file, **named))
        server.finish()
        assert not answer["ok"], answer
        assert_hidden(answer, log_file, *secret.values())
        assert answer["error"]["stage"] == "AUTH"
        assert answer["error"]["kind"] in ("authentication", "protocol")

    @pytest.mark.parametrize("changed", ["algorithm=md5-sess", 'qop="auth"', 'nonce="OA6MG9tEQGm2hh"'])
    def test_digest_that_can_not_be_answered(self, changed: str, language: str, serve, send, log_file: Path) -> None:
        replaced = {"algorithm=md5-sess": "algorithm=md4", 'qop="auth"': 'qop="auth-conf"'}
        text = DIGEST_CHALLENGE.replace(changed, replaced.get(changed, 'x="y"'))
        server = serve([*greeting("DIGEST-MD5"), Hear("AUTH DIGEST-MD5"), Say(challenge(text)), *CANCELLED])
        failed(send(job_for(server, log_file, **login(SECRET, "DIGEST-MD5"))), log_file, SECRET.password)
        server.finish()

    def test_digest_with_a_wrong_rspauth(self, language: str, serve, send, log_file: Path) -> None:
        exchange: list[Step] = [
            Hear("AUTH DIGEST-MD5"),
            Say(challenge(DIGEST_CHALLENGE)),
            Respond(lambda line: challenge("rspauth=" + "0" * 32)),
        ]
        server = serve([*greeting("DIGEST-MD5"), *exchange, *CANCELLED])
        failed(send(job_for(server, log_file, **login(SECRET))), log_file, SECRET.password)
        server.finish()

    @pytest.mark.parametrize("cut", [0, 7, 8, 12, 31, 60])
    def test_ntlm_cut_short(self, cut: int, language: str, serve, send, log_file: Path) -> None:
        text = challenge(ntlm_challenge()[:cut])
        hello = begin("NTLM", text)
        server = serve([*greeting("NTLM"), *hello, *CANCELLED])
        failed(send(job_for(server, log_file, **login(SECRET, "NTLM"))), log_file, SECRET.password)
        server.finish()

    def test_challenges_without_end(self, language: str, serve, send, log_file: Path) -> None:
        again = Respond(lambda line: challenge("again"))
        server = serve([*greeting("PLAIN"), again, *CANCELLED])
        failed(send(job_for(server, log_file, **login(SECRET))), log_file, SECRET.password)
        server.finish()


class TestFallback:
    @pytest.mark.parametrize(
        "refusal", [b"504 5.5.4 unrecognized\r\n", b"534 5.7.9 too weak\r\n", b"535 5.7.4 not supported\r\n"]
    )
    def test_next_mechanism(self, refusal: bytes, language: str, serve, send, log_file: Path) -> None:
        exchange: list[Step] = [Hear("AUTH CRAM-MD5"), Say(refusal)]
        response = encode(f"\0{SECRET.user}\0{SECRET.password}")
        plain: list[Step] = [Hear(f"AUTH PLAIN {response}"), Say(b"235 ok\r\n")]
        server = serve([*greeting("PLAIN", "CRAM-MD5"), *exchange, *plain, *TRANSACTION])
        answer = send(job_for(server, log_file, **login(SECRET)))
        server.finish()
        assert answer["ok"], answer
        assert answer["report"]["auth_mechanism"] == "PLAIN"

    def test_refused_mechanism_with_nothing_left(self, language: str, serve, send, log_file: Path) -> None:
        server = serve([*greeting("CRAM-MD5"), Hear("AUTH CRAM-MD5"), Say(b"504 5.5.4 mechanism unknown\r\n")])
        error = failed(send(job_for(server, log_file, **login(SECRET))), log_file)
        server.finish()
        assert error["reply_code"] == 504
        assert error["diagnosis"]["cause"] == "auth-mechanism-unavailable"

    def test_bad_password_is_tried_once(self, language: str, serve, send, log_file: Path) -> None:
        exchange: list[Step] = [Hear("AUTH CRAM-MD5"), Say(challenge(CRAM_CHALLENGE)), Respond(lambda _: REFUSED)]
        server = serve([*greeting("PLAIN", "LOGIN", "CRAM-MD5"), *exchange])
        error = failed(send(job_for(server, log_file, **login(SECRET))), log_file, SECRET.password)
        server.finish()
        assert error["diagnosis"]["cause"] == "auth-failed"

    def test_old_form_of_the_offer(self, language: str, serve, send, log_file: Path) -> None:
        hello: list[Step] = [
            Say(b"220 x\r\n"),
            Hear("EHLO client.test"),
            Say(b"250-mail.test\r\n250 AUTH=CRAM-MD5\r\n"),
        ]
        right = hmac.new(SECRET.password.encode(), CRAM_CHALLENGE.encode(), "md5").hexdigest()
        exchange: list[Step] = [
            Hear("AUTH CRAM-MD5"),
            Say(challenge(CRAM_CHALLENGE)),
            Hear(encode(f"user {right}")),
            Say(b"235 ok\r\n"),
        ]
        server = serve([*hello, *exchange, *TRANSACTION])
        assert send(job_for(server, log_file, **login(SECRET)))["ok"]
        server.finish()


class TestTokens:
    """The callback is asked once more after a refusal, and no more than that."""

    REFUSAL = json.dumps({"status": "401", "schemes": "bearer", "scope": "mail"})

    def exchange(self, mechanism: str, token: str, *, accepted: bool) -> list[Step]:
        def check(line: str) -> bytes:
            message = base64.b64decode(line.split(" ")[-1], validate=True).decode()
            if f"auth=Bearer {token}\1" not in message:
                raise ValueError(message)
            return b"235 ok\r\n" if accepted else challenge(self.REFUSAL)

        # RFC 7628 section 3.2.3: a lone 0x01 ends the failed exchange; XOAUTH2 takes an empty line.
        end = {"OAUTHBEARER": "AQ==", "XOAUTH2": ""}[mechanism]
        return [Respond(check)] if accepted else [Respond(check), Hear(end), Say(REFUSED)]

    @pytest.mark.parametrize("mechanism", ["XOAUTH2", "OAUTHBEARER"])
    def test_renewed_once(self, mechanism: str, language: str, serve, send, log_file: Path) -> None:
        steps = [
            *self.exchange(mechanism, "t0ken-the-first", accepted=False),
            *self.exchange(mechanism, "t0ken-the-second", accepted=True),
        ]
        server = serve([*greeting(mechanism), *steps, *TRANSACTION])
        tokens = "t0ken-the-first,t0ken-the-second,t0ken-the-third"
        answer = send(job_for(server, log_file, account="user", tokens=tokens, authmode=mechanism.lower()))
        server.finish()
        assert answer["ok"], answer
        assert answer["report"]["auth_mechanism"] == mechanism
        assert_hidden(answer, log_file, *tokens.split(","))

    @pytest.mark.parametrize("mechanism", ["XOAUTH2", "OAUTHBEARER"])
    def test_not_a_third_time(self, mechanism: str, language: str, serve, send, log_file: Path) -> None:
        tokens = ("t0ken-the-first", "t0ken-the-second", "t0ken-the-third")
        steps = [step for t in tokens[:2] for step in self.exchange(mechanism, t, accepted=False)]
        server = serve([*greeting(mechanism), *steps])
        job = job_for(server, log_file, account="user", tokens=",".join(tokens), authmode=mechanism.lower())
        error = failed(send(job), log_file, *tokens)
        server.finish()
        assert error["diagnosis"]["cause"] == "auth-failed"
        assert "401" in error["message"] + error["diagnosis"]["evidence"]

    @pytest.mark.parametrize("mechanism", ["XOAUTH2", "OAUTHBEARER"])
    def test_fixed_token_is_not_tried_again(self, mechanism: str, language: str, serve, send, log_file: Path) -> None:
        server = serve([*greeting(mechanism), *self.exchange(mechanism, "t0ken-the-only", accepted=False)])
        job = job_for(server, log_file, account="user", token="t0ken-the-only", authmode=mechanism.lower())
        error = failed(send(job), log_file, "t0ken-the-only")
        server.finish()
        assert error["reply_code"] == 535

    def test_callback_that_fails(self, language: str, serve, send, log_file: Path) -> None:
        server = serve([*greeting("XOAUTH2"), *self.exchange("XOAUTH2", "t0ken-the-only", accepted=False)])
        job = job_for(server, log_file, account="user", tokens="t0ken-the-only", authmode="xoauth2")
        error = failed(send(job), log_file, "t0ken-the-only")
        server.finish()
        assert "no more tokens" in error["message"]


PASSWORD = {"password": SECRET.password}
TOKEN = {"token": "t0ken." + "x" * 60}
ECHOED = {
    "PLAIN": ([], PASSWORD),
    "LOGIN": ([b"334 VXNlcm5hbWU6\r\n", b"334 UGFzc3dvcmQ6\r\n"], PASSWORD),
    "CRAM-MD5": ([challenge(CRAM_CHALLENGE)], PASSWORD),
    "DIGEST-MD5": ([challenge(DIGEST_CHALLENGE)], PASSWORD),
    "NTLM": ([challenge(ntlm_challenge())], PASSWORD),
    "XOAUTH2": ([], TOKEN),
    "OAUTHBEARER": ([], TOKEN),
}


def echo(secret: str, heard: list[str]) -> bytes:
    """A refusal that repeats all that the client said, and the secret itself in every form."""
    lines = [*heard, *(line.split(" ")[-1] for line in heard), secret, encode(secret), f"Password={secret};", secret]
    text = "".join(f"535-5.7.8 you said {line}\r\n" for line in lines)
    return f"{text}535 5.7.8 {secret} is wrong\r\n".encode()


@pytest.mark.parametrize("split", ["whole", "bytes"])
@pytest.mark.parametrize("mechanism", ECHOED)
def test_echoed_secrets_are_hidden(
    mechanism: str, split: str, language: str, serve: Callable, send: Callable, log_file: Path
) -> None:
    questions, secret = ECHOED[mechanism]
    heard: list[str] = []
    steps = ask(questions, lambda lines: (heard.extend(lines), echo(next(iter(secret.values())), lines))[1])
    server = serve([*greeting(mechanism), *steps], split=split)
    answer = send(job_for(server, log_file, account="user", authmode=mechanism.lower(), **secret))
    server.finish()
    said = [line.split(" ")[-1] for line in heard if not line.endswith(mechanism)]
    assert said, "the secret, or what was made of it, was sent"
    error = failed(answer, log_file, *secret.values(), *said)
    assert error["reply_code"] == 535
    assert error["transcript"]


@pytest.mark.parametrize("mechanism", ["SCRAM-SHA-1", "SCRAM-SHA-256", "SCRAM-SHA-512", "SCRAM-MD5"])
def test_echoed_secrets_are_hidden_in_scram(
    mechanism: str, language: str, serve: Callable, send: Callable, log_file: Path
) -> None:
    scram = ScramServer(mechanism, SECRET)
    heard: list[str] = []

    def first(line: str) -> bytes:
        heard.append(line)
        return scram.first(line)

    def refuse(line: str) -> bytes:
        return echo(SECRET.password, [*heard, line])

    server = serve([*greeting(mechanism), Respond(first), Respond(refuse)])
    answer = send(job_for(server, log_file, **login(SECRET, mechanism)))
    server.finish()
    sent = [line.split(" ")[-1] for line in server.connections[0].lines if len(line) > 40]
    assert len(sent) == 2
    failed(answer, log_file, SECRET.password, *sent)
