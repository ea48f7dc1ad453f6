"""A server that takes every message and forgets it, in a process of its own: as little work as the protocol allows.

It prints its port, and ends when its standard input does.
"""

import contextlib
import socket
import threading

OFFERED = b"250-sink.test\r\n250-8BITMIME\r\n250-SMTPUTF8\r\n250 ENHANCEDSTATUSCODES\r\n"


def serve(client: socket.socket) -> None:
    """Answer one client to its end."""
    client.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    client.sendall(b"220 sink.test ESMTP\r\n")
    buffer = b""
    in_message = False
    while True:
        end = b"\r\n.\r\n" if in_message else b"\r\n"
        while end not in buffer:
            read = client.recv(65536)
            if not read:
                return
            buffer += read
        line, _, buffer = buffer.partition(end)
        verb = line[:4].upper()
        if in_message:
            in_message = False
            client.sendall(b"250 2.0.0 taken\r\n")
        elif verb == b"EHLO":
            client.sendall(OFFERED)
        elif verb == b"DATA":
            in_message = True
            client.sendall(b"354 go on\r\n")
        elif verb == b"QUIT":
            client.sendall(b"221 2.0.0 bye\r\n")
            return
        else:
            client.sendall(b"250 2.0.0 ok\r\n")


def accept(listener: socket.socket) -> None:
    """Take clients for ever."""
    while True:
        client, _ = listener.accept()

        def answer(client: socket.socket = client) -> None:
            with client:
                serve(client)

        threading.Thread(target=answer, daemon=True).start()


if __name__ == "__main__":
    server = socket.create_server(("127.0.0.1", 0))
    print(server.getsockname()[1], flush=True)
    threading.Thread(target=accept, args=(server,), daemon=True).start()
    with contextlib.suppress(EOFError):
        input()
