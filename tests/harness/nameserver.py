"""A name server on loopback: zones as Python data, and the faults that name servers have."""

import contextlib
import selectors
import socket
import struct
import threading
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import dns.flags
import dns.message
import dns.name
import dns.rcode
import dns.rdatatype
import dns.rrset

from .process import LOOPBACK

ANSWERS_WITH = {"servfail": dns.rcode.SERVFAIL, "refused": dns.rcode.REFUSED}


@dataclass(frozen=True)
class Fault:
    """What a name does instead of answering: `servfail`, `refused`, `silent`, `formerr` to EDNS, `truncated` over
    UDP, `forged`: answers to other questions come before the right one."""

    kind: str
    records: tuple[str, ...] = ()


Zone = Mapping[tuple[str, str], Iterable[str] | Fault]


class NameServer:
    """Answers over UDP and TCP on one free port; use it with `with`. What is not in the zone does not exist."""

    def __init__(self, zone: Zone, host: str = LOOPBACK, port: int = 0) -> None:
        self._zone = {(name.lower().rstrip("."), kind): value for (name, kind), value in zone.items()}
        self.asked: list[tuple[str, str, str]] = []
        """Name, kind and `udp` or `tcp` of each question."""
        self._udp, self._tcp = self._bind(host, port)
        self._wake, self._woken = socket.socketpair()
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    @property
    def address(self) -> str:
        """For the option `--dns`."""
        host, port = self._udp.getsockname()
        return f"{host}:{port}"

    def __enter__(self) -> "NameServer":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Stop answering."""
        self._wake.send(b".")
        self._thread.join()
        for each in (self._udp, self._tcp, self._wake, self._woken):
            each.close()

    def now(self, name: str, kind: str, value: Iterable[str] | Fault) -> None:
        """Answer with that from now on."""
        self._zone[name, kind] = value

    @staticmethod
    def _bind(host: str, port: int) -> tuple[socket.socket, socket.socket]:
        while True:
            tcp = socket.create_server((host, port))
            udp = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
            try:
                udp.bind(tcp.getsockname())
            except OSError:  # another program has that port for UDP
                tcp.close()
                udp.close()
                if port:
                    raise
            else:
                return udp, tcp

    def _run(self) -> None:
        with selectors.DefaultSelector() as selector:
            for each in (self._udp, self._tcp, self._woken):
                selector.register(each, selectors.EVENT_READ)
            while True:
                for key, _ in selector.select():
                    if key.fileobj is self._woken:
                        return
                    if key.fileobj is self._udp:
                        self._datagram()
                    else:
                        with self._tcp.accept()[0] as connected:
                            self._connection(connected)

    def _datagram(self) -> None:
        data, client = self._udp.recvfrom(65535)
        for answer in self._answers(data, "udp"):
            self._udp.sendto(answer, client)

    def _connection(self, connected: socket.socket) -> None:
        connected.settimeout(10)
        with contextlib.suppress(OSError, struct.error), connected.makefile("rb") as stream:
            (length,) = struct.unpack("!H", stream.read(2))
            for answer in self._answers(stream.read(length), "tcp"):
                connected.sendall(struct.pack("!H", len(answer)) + answer)

    def _answers(self, data: bytes, transport: str) -> list[bytes]:
        query = dns.message.from_wire(data)
        question = query.question[0]
        name, kind = question.name.to_text(omit_final_dot=True), dns.rdatatype.to_text(question.rdtype)
        self.asked.append((name, kind, transport))
        response = dns.message.make_response(query, recursion_available=True)
        known = self._zone.get((name.lower(), kind))
        before: list[bytes] = []
        if isinstance(known, Fault):
            match known.kind:
                case "silent":
                    return []
                case "formerr" if query.edns >= 0:
                    response = dns.message.make_response(query)
                    response.use_edns(False)
                    response.set_rcode(dns.rcode.FORMERR)
                    return [response.to_wire()]
                case "truncated" if transport == "udp":
                    response.flags |= dns.flags.TC
                    return [response.to_wire()]
                case "forged":
                    other = dns.message.make_query(f"x.{name}", kind, id=query.id)
                    wrong_id = dns.message.make_response(query)
                    wrong_id.id = query.id ^ 1
                    before = [dns.message.make_response(other).to_wire(), wrong_id.to_wire(), b"noise"]
                case fault if fault in ANSWERS_WITH:
                    response.set_rcode(ANSWERS_WITH[fault])
                    return [response.to_wire()]
            known = known.records
        self._fill(response, question.name, name, kind, known)
        return [*before, response.to_wire(max_size=65535)]

    def _fill(
        self, response: dns.message.Message, owner: dns.name.Name, name: str, kind: str, known: Iterable[str] | None
    ) -> None:
        if known is not None:
            response.answer.append(dns.rrset.from_text_list(owner, 60, "IN", kind, list(known)))
        elif (alias := self._zone.get((name.lower(), "CNAME"))) is not None and not isinstance(alias, Fault):
            (target,) = alias
            response.answer.append(dns.rrset.from_text(owner, 60, "IN", "CNAME", f"{target}."))
            found = self._zone.get((target.lower(), kind))
            if found is not None and not isinstance(found, Fault):
                response.answer.append(dns.rrset.from_text_list(f"{target}.", 60, "IN", kind, list(found)))
        elif not any(existing == name.lower() for existing, _ in self._zone):
            response.set_rcode(dns.rcode.NXDOMAIN)
