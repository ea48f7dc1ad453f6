"""How much of what was sent the other end of a loopback connection has not read yet: Linux tells (sock_diag(7)).

So a scripted server can send the next byte exactly when the client has read the one before, without sleeping for luck.
"""

import contextlib
import socket
import struct

NETLINK_SOCK_DIAG = 4
SOCK_DIAG_BY_FAMILY = 20
NLM_F_REQUEST = 1
EVERY_STATE = NO_COOKIE = 0xFFFF_FFFF
HEADER = struct.Struct("=IHHII")
# family, protocol, extensions, padding, states | ports, addresses, interface, cookie
REQUEST = struct.Struct("=BBBxI")
SOCKET_ID = struct.Struct("!HH16s16s4xII")
# Behind the header: four bytes of state, the socket's identity, the timer.
QUEUE_OFFSET = HEADER.size + 4 + SOCKET_ID.size + 4


def unread(connected: socket.socket) -> int:
    """Bytes that wait in the peer's receive buffer; 0 where the system does not tell."""
    me, peer = connected.getsockname(), connected.getpeername()
    identity = SOCKET_ID.pack(
        peer[1], me[1], _address(connected, peer[0]), _address(connected, me[0]), NO_COOKIE, NO_COOKIE
    )
    request = REQUEST.pack(connected.family, socket.IPPROTO_TCP, 0, EVERY_STATE) + identity
    header = HEADER.pack(HEADER.size + len(request), SOCK_DIAG_BY_FAMILY, NLM_F_REQUEST, 0, 0)
    with contextlib.suppress(OSError, AttributeError):
        with socket.socket(socket.AF_NETLINK, socket.SOCK_DGRAM, NETLINK_SOCK_DIAG) as kernel:
            kernel.settimeout(1)
            kernel.send(header + request)
            answer = kernel.recv(4096)
        if struct.unpack_from("=H", answer, 4)[0] == SOCK_DIAG_BY_FAMILY:
            return int(struct.unpack_from("=I", answer, QUEUE_OFFSET)[0])
    return 0


def _address(connected: socket.socket, text: str) -> bytes:
    return socket.inet_pton(connected.family, text).ljust(16, b"\0")
