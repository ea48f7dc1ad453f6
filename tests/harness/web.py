"""A client of the agent's web server."""

import http.client
import json
import re
import socket
from collections.abc import Iterator
from typing import Any
from urllib.parse import quote

from harness.agent import Agent


class Web:
    """Asks an agent."""

    def __init__(self, agent: Agent) -> None:
        self.agent = agent
        self.port = int(re.findall(r"HTTP on \S+:(\d+)", agent.log())[-1])
        self.token = (agent.spool / "queue" / "token").read_text().strip()

    def raw(
        self, method: str, path: str, body: bytes = b"", **headers: str
    ) -> tuple[int, bytes, http.client.HTTPResponse]:
        """Status, body and response; `_` in the name of a header stands for `-`."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=60)
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        connection.request(method, path, body=body, headers=named)
        response = connection.getresponse()
        text = response.read()
        connection.close()
        return response.status, text, response

    def ask(
        self, method: str, path: str, body: bytes = b"", **headers: str
    ) -> tuple[int, dict[str, Any], http.client.HTTPResponse]:
        """The same with the body as JSON."""
        status, text, response = self.raw(method, path, body, **headers)
        return status, json.loads(text) if text else {}, response

    def post(
        self, body: object, query: str = "", content_type: str = "application/json", **headers: str
    ) -> tuple[int, dict[str, Any]]:
        """Submits a message."""
        text = body if isinstance(body, bytes) else json.dumps(body).encode()
        headers.setdefault("Authorization", f"Bearer {self.token}")
        status, answer, _ = self.ask("POST", f"/api/messages{query}", text, Content_Type=content_type, **headers)
        return status, answer

    def get(self, path: str, **query: object) -> dict[str, Any]:
        """The answer to a question that has one."""
        members = "&".join(f"{name}={quote(str(value))}" for name, value in query.items())
        status, answer, _ = self.ask("GET", f"/api/{path}" + (f"?{members}" if members else ""))
        assert status == 200, answer
        return answer

    def order(self, path: str, body: object = None, code: int = 200) -> dict[str, Any]:
        """What an order with the token did."""
        text = b"" if body is None else json.dumps(body).encode()
        headers = {"Authorization": f"Bearer {self.token}", "Content_Type": "application/json"}
        status, answer, _ = self.ask("POST", f"/api/{path}", text, **headers)
        assert status == code, answer
        return answer

    def events(self, **headers: str) -> "Events":
        """The stream of `/api/events`."""
        return Events(self.port, **headers)


class Events:
    """A stream of server-sent events, as a browser reads them."""

    def __init__(self, port: int, **headers: str) -> None:
        self.socket = socket.create_connection(("127.0.0.1", port), timeout=60)
        lines = [f"{name.replace('_', '-')}: {value}\r\n" for name, value in headers.items()]
        request = f"GET /api/events HTTP/1.0\r\nHost: 127.0.0.1\r\n{''.join(lines)}\r\n"
        self.socket.sendall(request.encode())
        self.file = self.socket.makefile("rb")
        self.status = int(self.file.readline().split()[1])
        while self.file.readline().strip():
            pass
        self.retry = 0

    def __iter__(self) -> Iterator[tuple[str, Any]]:
        """Each event's name and data, until the stream ends."""
        name = ""
        data: list[str] = []
        for line in self.file:
            text = line.decode().rstrip("\r\n")
            if not text:
                if data:
                    yield name, json.loads("\n".join(data))
                name, data = "", []
            elif text.startswith("retry:"):
                self.retry = int(text[6:])
            elif text.startswith("event:"):
                name = text[6:].strip()
            elif text.startswith("data:"):
                data.append(text[5:].removeprefix(" "))

    def until(self, name: str) -> Any:
        """The data of the next event of that name."""
        return next(data for own, data in self if own == name)

    def close(self) -> None:
        self.file.close()
        self.socket.close()
