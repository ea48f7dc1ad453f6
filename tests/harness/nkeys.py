"""Keys and signed claims as NATS has them: nkeys (ed25519), and JWTs of an operator, its accounts and their users."""

import base64
import binascii
import json
import time
from pathlib import Path
from typing import Any

from nacl.signing import SigningKey

SEED = 18 << 3
OPERATOR, ACCOUNT, USER = 14 << 3, 0, 20 << 3

UNLIMITED = dict.fromkeys(("subs", "data", "payload"), -1)


def _text(octets: bytes) -> str:
    """Base 32 of octets and their check sum (CRC-16/XMODEM, low octet first)."""
    check = binascii.crc_hqx(octets, 0).to_bytes(2, "little")
    return base64.b32encode(octets + check).decode().rstrip("=")


def _part(octets: bytes) -> str:
    return base64.urlsafe_b64encode(octets).decode().rstrip("=")


class Nkey:
    """A new key of one of the kinds."""

    def __init__(self, kind: int = USER) -> None:
        self._kind = kind
        self._key = SigningKey.generate()
        self.public = _text(bytes([kind]) + bytes(self._key.verify_key))

    @property
    def seed(self) -> str:
        head = bytes([SEED | self._kind >> 5, (self._kind & 31) << 3])
        return _text(head + bytes(self._key))

    def claim(self, subject: str, name: str, claims: dict[str, Any]) -> str:
        """A JWT that this key signs."""
        head = {"typ": "JWT", "alg": "ed25519-nkey"}
        now = int(time.time())
        body = {"jti": f"{name}-{now}", "iat": now, "iss": self.public, "name": name, "sub": subject, "nats": claims}
        text = ".".join(_part(json.dumps(part).encode()) for part in (head, body))
        return f"{text}.{_part(self._key.sign(text.encode()).signature)}"


class Operator:
    """An operator with a system account and one that has JetStream."""

    def __init__(self) -> None:
        key, self._account, system = Nkey(OPERATOR), Nkey(ACCOUNT), Nkey(ACCOUNT)
        version = {"version": 2}
        operator = {"type": "operator", "system_account": system.public, **version}
        counts = ("imports", "exports", "conn", "leaf", "mem_storage", "disk_storage", "streams", "consumer")
        limits = UNLIMITED | dict.fromkeys(counts, -1) | {"wildcards": True}
        account = {"type": "account", "limits": limits, **version}
        none = {"type": "account", "limits": limits | {"mem_storage": 0, "disk_storage": 0}, **version}
        preload = {
            self._account.public: key.claim(self._account.public, "MAIL", account),
            system.public: key.claim(system.public, "SYS", none),
        }
        resolved = ", ".join(f"{public}: {claim}" for public, claim in preload.items())
        #: What the servers' configuration says of it.
        self.configuration = (
            f"operator: {key.claim(key.public, 'operator', operator)}\nsystem_account: {system.public}\n"
            f"resolver: MEMORY\nresolver_preload: {{ {resolved} }}\n"
        )

    def credentials(self, path: Path, account: Nkey | None = None) -> Path:
        """The file of a new user, as `nsc` writes it; of that account, or the one that the servers know."""
        user = Nkey()
        claims = {"type": "user", "version": 2, "pub": {}, "sub": {}, **UNLIMITED}
        claim = (account or self._account).claim(user.public, "agent", claims)
        path.write_text(
            f"-----BEGIN NATS USER JWT-----\n{claim}\n------END NATS USER JWT------\n\n"
            "************************* IMPORTANT *************************\n"
            "NKEY Seed printed below can be used to sign and prove identity.\n\n"
            f"-----BEGIN USER NKEY SEED-----\n{user.seed}\n------END USER NKEY SEED------\n"
        )
        return path
