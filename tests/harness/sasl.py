"""The server's side of logins that no server here offers, and the reference client that proves the others.

SCRAM (RFC 5802, 7677) with channel binding and with every lie a hostile server may tell; the challenges of the
mechanisms that need one, for servers that only want to see what the client says to it.
"""

import base64
import hashlib
import hmac
import secrets
import struct
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from .dovecot import Account
from .scripted import Respond, Step

HASHES = {"SCRAM-MD5": "md5", "SCRAM-SHA-1": "sha1", "SCRAM-SHA-256": "sha256", "SCRAM-SHA-512": "sha512"}
SALT = b"a salt of sixteen"
REFUSED = b"535 5.7.8 authentication failed\r\n"
Change = Callable[[str], str]


def encode(text: str | bytes) -> str:
    """Base64, as it goes over the wire."""
    return base64.b64encode(text.encode() if isinstance(text, str) else text).decode()


def challenge(text: str | bytes) -> bytes:
    """The reply that carries a challenge."""
    return f"334 {encode(text)}\r\n".encode()


@dataclass(frozen=True)
class Keys:
    """What both sides of SCRAM make of the password."""

    hash: str
    client: bytes
    stored: bytes
    server: bytes

    @classmethod
    def make(cls, mechanism: str, password: str, salt: bytes, iterations: int) -> "Keys":
        """The keys for a mechanism, with or without -PLUS."""
        name = HASHES[mechanism.removesuffix("-PLUS")]
        salted = hashlib.pbkdf2_hmac(name, password.encode(), salt, iterations)
        client = hmac.digest(salted, b"Client Key", name)
        return cls(name, client, hashlib.new(name, client).digest(), hmac.digest(salted, b"Server Key", name))

    def proof(self, signed: str) -> str:
        """What the client proves itself with."""
        signature = hmac.digest(self.stored, signed.encode(), self.hash)
        return encode(bytes(a ^ b for a, b in zip(self.client, signature, strict=True)))

    def signature(self, signed: str) -> str:
        """What the server proves itself with."""
        return encode(hmac.digest(self.server, signed.encode(), self.hash))


def same(text: str) -> str:
    """No change."""
    return text


@dataclass
class ScramServer:
    """A server that knows one account. `change_…` are what it does to its own messages before it sends them."""

    mechanism: str
    account: Account
    binding: bytes = b""
    """The `tls-server-end-point` of RFC 5929, for -PLUS."""
    change_first: Change = same
    change_final: Change = same
    iterations: int = 4096
    header: str = ""
    """The client's GS2 header, such as `n,,`."""
    accepted: bool = False
    _messages: list[str] = field(default_factory=list)
    _nonce: str = ""

    def steps(self) -> list[Step]:
        """The whole exchange: AUTH with an initial response, the proof, and the empty line after the signature."""
        return [Respond(self.first), Respond(self.final), Respond(self.last)]

    def first(self, line: str) -> bytes:
        """Answers the AUTH command."""
        command, mechanism, initial = line.split(" ")
        if (command, mechanism) != ("AUTH", self.mechanism):
            raise ValueError(f"expected AUTH {self.mechanism}, heard {line!r}")
        message = base64.b64decode(initial, validate=True).decode()
        flag, authzid, bare = message.split(",", 2)
        self.header = f"{flag},{authzid},"
        fields = _fields(bare)
        name = fields["n"].replace("=2C", ",").replace("=3D", "=")
        if name != self.account.user:
            raise ValueError(f"the user is {name!r}")
        self._nonce = fields["r"] + secrets.token_hex(8)
        self._messages = [bare, self.change_first(f"r={self._nonce},s={encode(SALT)},i={self.iterations}")]
        return challenge(self._messages[1])

    def final(self, line: str) -> bytes:
        """Answers the client's proof; the signature is sent, or the refusal."""
        message = base64.b64decode(line, validate=True).decode()
        unproven, proof = message.rsplit(",p=", 1)
        fields = _fields(unproven)
        bound = self.header.encode() + (self.binding if self.header.startswith("p=") else b"")
        signed = ",".join([*self._messages, unproven])
        keys = Keys.make(self.mechanism, self.account.password, SALT, self.iterations)
        self.accepted = (fields["c"], fields["r"], proof) == (encode(bound), self._nonce, keys.proof(signed))
        return challenge(self.change_final(f"v={keys.signature(signed)}")) if self.accepted else REFUSED

    def last(self, line: str) -> bytes:
        """The client has checked the signature, and has nothing to add."""
        if line:
            raise ValueError(f"an empty line should follow the signature, not {line!r}")
        return b"235 2.7.0 Authentication successful\r\n"


def scram_login(say: Callable[[str], tuple[int, str]], mechanism: str, account: Account) -> int:
    """The client's side, to prove a server with: `say` sends a line and returns the reply. The last code."""
    bare = f"n={account.user.replace('=', '=3D').replace(',', '=2C')},r={secrets.token_hex(12)}"
    code, text = say(f"AUTH {mechanism} {encode('n,,' + bare)}")
    if code != 334:
        return code
    first = base64.b64decode(text).decode()
    fields = _fields(first)
    keys = Keys.make(mechanism, account.password, base64.b64decode(fields["s"]), int(fields["i"]))
    unproven = f"c={encode('n,,')},r={fields['r']}"
    signed = f"{bare},{first},{unproven}"
    code, text = say(encode(f"{unproven},p={keys.proof(signed)}"))
    if code == 535:
        return code
    # The signature never comes with the 235 itself (RFC 4954 section 4): a server that skips it has not proven itself.
    assert code == 334
    assert base64.b64decode(text).decode() == f"v={keys.signature(signed)}"
    return say("")[0]


def _fields(message: str) -> dict[str, str]:
    return {part[0]: part[2:] for part in message.split(",")}


def ntlm_challenge() -> bytes:
    """A CHALLENGE_MESSAGE (MS-NLMP 2.2.1.2) with target information, as NTLMv2 needs it."""
    name = "DOMAIN".encode("utf-16-le")
    # The NetBIOS domain name, then the end of the list (MsvAvNbDomainName, MsvAvEOL).
    info = struct.pack("<HH", 2, len(name)) + name + struct.pack("<HH", 0, 0)
    unicode_ntlm_target_info = 0x0080_0000 | 0x0008_0000 | 0x0001_0000 | 0x0000_0200 | 0x0000_0005
    begin = 48
    return (
        b"NTLMSSP\0"
        + struct.pack("<I", 2)
        + struct.pack("<HHI", len(name), len(name), begin)
        + struct.pack("<I", unicode_ntlm_target_info)
        + bytes.fromhex("0123456789abcdef")
        + bytes(8)
        + struct.pack("<HHI", len(info), len(info), begin + len(name))
        + name
        + info
    )


DIGEST_CHALLENGE = 'realm="domain.test",nonce="OA6MG9tEQGm2hh",qop="auth",charset=utf-8,algorithm=md5-sess'
CRAM_CHALLENGE = "<1896.697170952@postoffice.domain.test>"


def ask(questions: Sequence[bytes], answer: Callable[[list[str]], bytes]) -> list[Step]:
    """Steps that hear AUTH and put the questions one by one; `answer` is made of all lines that were heard."""
    heard: list[str] = []

    def put(question: bytes) -> Callable[[str], bytes]:
        def reply(line: str) -> bytes:
            heard.append(line)
            return question

        return reply

    def conclude(line: str) -> bytes:
        heard.append(line)
        return answer(heard)

    return [*(Respond(put(question)) for question in questions), Respond(conclude)]
