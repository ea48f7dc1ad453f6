"""TLS that no honest peer speaks: OpenSSL by its own functions, for what Python's `ssl` does not do.

KeyUpdate (RFC 8446 section 4.6.3) and HelloRequest (RFC 5246 section 7.4.1.1) come as often as one likes.
"""

import contextlib
import ctypes
import ctypes.util
import socket
from pathlib import Path

WANT_READ = 2
MINIMUM, MAXIMUM = 123, 124
VERSIONS = {"1.2": 0x0303, "1.3": 0x0304}
#: What is sent at once.
BURST = 500


def _library() -> ctypes.CDLL:
    ssl = ctypes.CDLL(ctypes.util.find_library("ssl") or "libssl.so.3")
    pointers = ("TLS_server_method", "TLS_client_method", "SSL_CTX_new", "SSL_new", "BIO_new", "BIO_s_mem")
    for name in pointers:
        getattr(ssl, name).restype = ctypes.c_void_p
    return ssl


class Peer:
    """One end of a connection over TLS: a server with a certificate, a client without."""

    def __init__(
        self, peer: socket.socket, version: str, certificate: Path | None = None, key: Path | None = None
    ) -> None:
        self.socket = peer
        self._ssl = ssl = _library()
        method = ssl.TLS_client_method() if certificate is None else ssl.TLS_server_method()
        context = ctypes.c_void_p(ssl.SSL_CTX_new(ctypes.c_void_p(method)))
        for control in (MINIMUM, MAXIMUM):
            ssl.SSL_CTX_ctrl(context, control, ctypes.c_long(VERSIONS[version]), None)
        if certificate is not None:
            assert ssl.SSL_CTX_use_certificate_chain_file(context, str(certificate).encode()) == 1
            assert ssl.SSL_CTX_use_PrivateKey_file(context, str(key).encode(), 1) == 1
        self._session = ctypes.c_void_p(ssl.SSL_new(context))
        kind = ctypes.c_void_p(ssl.BIO_s_mem())
        self._heard, self._said = (ctypes.c_void_p(ssl.BIO_new(kind)) for _ in range(2))
        ssl.SSL_set_bio(self._session, self._heard, self._said)
        if certificate is None:
            ssl.SSL_set_connect_state(self._session)
        else:
            ssl.SSL_set_accept_state(self._session)

    def handshake(self) -> None:
        """Does the handshake, the first one or another."""
        # What failed in this thread before is not about this connection.
        self._ssl.ERR_clear_error()
        while (done := self._ssl.SSL_do_handshake(self._session)) != 1:
            error = self._ssl.SSL_get_error(self._session, done)
            assert error == WANT_READ, f"the handshake failed: {error}, {self._ssl.ERR_get_error():x}"
            self._send()
            self._hear()
        self._send()

    def say(self, data: bytes) -> None:
        """Sends data."""
        assert self._ssl.SSL_write(self._session, data, len(data)) == len(data)
        self._send()

    def hear(self) -> bytes:
        """The next data, whatever handshakes stand before them; nothing at the end."""
        buffer = ctypes.create_string_buffer(1 << 14)
        self._ssl.ERR_clear_error()
        while (count := self._ssl.SSL_read(self._session, buffer, len(buffer))) <= 0:
            self._send()
            if self._ssl.SSL_get_error(self._session, count) != WANT_READ or not self._hear():
                return b""
        return buffer.raw[:count]

    def update_keys(self, times: int = 1) -> None:
        """Says so often that its keys change, and asks for the same."""
        for _ in range(times):
            self._ssl.SSL_key_update(self._session, 1)
            self._ssl.SSL_do_handshake(self._session)
        self._send()

    def renegotiate(self, times: int = 1) -> int:
        """Asks so often for another handshake, and goes on with none of them; whether the library does so."""
        done = 0
        for _ in range(times):
            done = self._ssl.SSL_renegotiate(self._session)
            self._ssl.SSL_do_handshake(self._session)
        self._send()
        return int(done)

    def flood(self, kind: str, most: int = 1 << 26) -> int:
        """Nothing but handshakes, until the other end has enough; how many octets it took."""
        octets = 0
        with contextlib.suppress(OSError):
            while octets < most:
                for _ in range(BURST):
                    self._one(kind)
                octets += self._send()
        return octets

    def _one(self, kind: str) -> None:
        if kind == "key-updates":
            self._ssl.SSL_key_update(self._session, 0)
        else:
            self._ssl.SSL_renegotiate(self._session)
        self._ssl.SSL_do_handshake(self._session)

    def _send(self) -> int:
        octets = 0
        buffer = ctypes.create_string_buffer(1 << 16)
        while (count := self._ssl.BIO_read(self._said, buffer, len(buffer))) > 0:
            self.socket.sendall(buffer.raw[:count])
            octets += count
        return octets

    def _hear(self) -> bool:
        data = self.socket.recv(1 << 16)
        self._ssl.BIO_write(self._heard, data, len(data))
        return bool(data)
