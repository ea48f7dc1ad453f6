"""NATS servers with JetStream on loopback, one or several as a cluster, which tests kill and start again."""

import contextlib
import json
import os
import shutil
import socket
import subprocess
import sysconfig
import time
import urllib.request
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from harness.driver import ROOT
from harness.process import LOOPBACK, Folder, Server, Unavailable, free_ports, wait_until

# Debian 12's own, which is too old: taken out of its package, for the package starts a service.
OLD_VERSION = "2.9.10"


def program() -> str:
    """The pinned server of requirements-dev.txt: the wheel puts it among the environment's programs."""
    for folder in (Path(sysconfig.get_path("scripts")), ROOT / ".venv" / "bin"):
        if os.access(folder / "nats-server", os.X_OK):
            return str(folder / "nats-server")
    raise Unavailable("nats-server is missing: pip install -r requirements-dev.txt")


def old_program() -> str:
    """Debian's server, unpacked into `build/` and not installed."""
    folder = ROOT / "build" / "nats-debian"
    path = folder / "usr" / "sbin" / "nats-server"
    if not path.exists():
        if shutil.which("apt-get") is None or shutil.which("dpkg") is None:
            raise Unavailable("no apt-get and dpkg to fetch Debian's nats-server with")
        folder.mkdir(parents=True, exist_ok=True)
        fetched = subprocess.run(["apt-get", "download", "nats-server"], cwd=folder, capture_output=True, text=True)
        packages = list(folder.glob("nats-server_*.deb"))
        if fetched.returncode != 0 or not packages:
            raise Unavailable(f"Debian's nats-server cannot be fetched: {fetched.stderr.strip()}")
        subprocess.run(["dpkg", "-x", str(packages[0]), str(folder)], check=True)
    version = subprocess.run([str(path), "--version"], capture_output=True, text=True, check=True).stdout
    if f"v{OLD_VERSION}" not in version:
        raise Unavailable(f"Debian's nats-server is not {OLD_VERSION}: {version.strip()}")
    return str(path)


class Node:
    """One server: its configuration, its store, and the process while it runs."""

    def __init__(self, index: int, executable: str, configuration: str, port: int, monitor: int) -> None:
        self.name = f"n{index + 1}"
        self.port = port
        self.folder = Folder(f"nats-{self.name}")
        self._executable = executable
        self._monitor = monitor
        self._server: Server | None = None
        self._path = self.folder.path / "nats.conf"
        self._path.write_text(configuration.replace("@STORE@", str(self.folder.path / "store")))

    @property
    def address(self) -> str:
        return f"{LOOPBACK}:{self.port}"

    @property
    def pid(self) -> int:
        assert self._server is not None
        return self._server.pid

    def is_traced(self) -> bool:
        """Whether each of its threads has a tracer."""
        threads = Path(f"/proc/{self.pid}/task").glob("*/status")
        try:
            return all("TracerPid:\t0\n" not in thread.read_text() for thread in threads)
        except (FileNotFoundError, ProcessLookupError):
            # One has just ended.
            return False

    def alive(self) -> bool:
        return self._server is not None and self._server.alive()

    def log(self) -> str:
        path = self.folder.path / "out.txt"
        return path.read_text() if path.exists() else ""

    def start(self) -> None:
        """Starts it with the store it had."""
        assert not self.alive(), f"{self.name} runs"
        # A keeper removes the folder when the test run dies; that of an earlier start is gone with its server.
        self._server = Server([self._executable, "-c", str(self._path)], self.folder.path)

    def kill(self) -> None:
        """SIGKILL; the store stays."""
        if self._server is not None:
            self._server.kill()
            self._server = None

    def stop(self) -> None:
        """SIGTERM: it hands its leaderships over."""
        if self._server is not None:
            self._server.stop()
            self._server = None

    def request(self, subject: str, payload: bytes = b"", headers: dict[str, str] | None = None) -> dict[str, Any]:
        """What somebody answers to a message, in JSON; an error in it fails."""
        head = "".join(f"{name}: {value}\r\n" for name, value in (headers or {}).items())
        block = f"NATS/1.0\r\n{head}\r\n".encode() if head else b""
        verb, lengths = ("HPUB", f"{len(block)} {len(block + payload)}") if head else ("PUB", str(len(payload)))
        with socket.create_connection((LOOPBACK, self.port), timeout=20) as connection:
            stream = connection.makefile("rwb")
            stream.readline()
            stream.write(b'CONNECT {"verbose":false,"headers":true,"no_responders":true}\r\nSUB answer 1\r\n')
            stream.write(f"{verb} {subject} answer {lengths}\r\n".encode() + block + payload + b"\r\n")
            stream.flush()
            while not (line := stream.readline()).startswith((b"MSG ", b"HMSG ")):
                assert line, "the server closed the connection"
                assert not line.startswith(b"-ERR"), line
            assert line.startswith(b"MSG "), "nobody answers"
            answer = json.loads(stream.read(int(line.split()[-1])))
        assert "error" not in answer, answer
        return dict(answer)

    def answers(self) -> bool:
        """Whether it can be asked."""
        return bool(self.ask("/varz"))

    def ask(self, path: str) -> dict[str, Any]:
        """What its monitoring port says, or nothing while it says nothing."""
        try:
            with urllib.request.urlopen(f"http://{LOOPBACK}:{self._monitor}{path}", timeout=5) as answer:
                return dict(json.load(answer))
        except (OSError, ValueError):
            return {}


class Nats:
    """One server, or several as a cluster."""

    def __init__(
        self,
        count: int = 1,
        *,
        executable: str = "",
        jetstream: bool = True,
        sync: str = "always",
        more: str = "",
        tls: str = "",
    ) -> None:
        """`more` is put into each configuration: authorization, accounts; `tls` is the block of that name."""
        executable = executable or program()
        ports = free_ports(3 * count)
        clients, routes, monitors = ports[:count], ports[count : 2 * count], ports[2 * count :]
        self.nodes: list[Node] = []
        for index in range(count):
            lines = [
                f"server_name: n{index + 1}",
                f"listen: {LOOPBACK}:{clients[index]}",
                f"http: {LOOPBACK}:{monitors[index]}",
            ]
            if jetstream:
                interval = f", sync_interval: {sync}" if sync else ""
                lines.append(f'jetstream {{ store_dir: "@STORE@", max_file: 20GB{interval} }}')
            if tls:
                lines.append(f"tls {{ {tls} }}")
            if count > 1:
                others = ", ".join(f'"nats://{LOOPBACK}:{port}"' for port in routes)
                lines.append(f"cluster {{ name: test, listen: {LOOPBACK}:{routes[index]}, routes: [{others}] }}")
            self.nodes.append(Node(index, executable, "\n".join([*lines, more, ""]), clients[index], monitors[index]))
        self._jetstream = jetstream
        try:
            self.start()
        except BaseException:
            self.close()
            raise

    @property
    def url(self) -> str:
        """All servers, as `--cluster` takes them."""
        return "nats://" + ",".join(node.address for node in self.nodes)

    @property
    def urls(self) -> list[str]:
        return [f"nats://{node.address}" for node in self.nodes]

    def start(self, which: Iterable[int] | None = None) -> None:
        """Starts those that do not run, or some of them, and waits until they can be used."""
        for index in range(len(self.nodes)) if which is None else which:
            if not self.nodes[index].alive():
                self.nodes[index].start()
        self.wait_until_ready()

    def wait_until_ready(self) -> None:
        """Until each that runs answers and, where most of them run, knows the leader of all."""
        up = [node for node in self.nodes if node.alive()]
        has_quorum = 2 * len(up) > len(self.nodes)
        for node in up:
            try:
                wait_until(node.answers, node.name, node.alive)
            except RuntimeError as ended:
                raise RuntimeError(f"{ended}: {node.log()[-2000:]}") from None
        if self._jetstream and has_quorum:
            alive = up[0].alive
            wait_until(lambda: all(self._is_current(node) for node in up), "no leader of JetStream", alive, 60)

    def _is_current(self, node: Node) -> bool:
        if len(self.nodes) == 1:
            return node.ask("/healthz?js-server-only=true").get("status") == "ok"
        names = [other.name for other in self.nodes if other.alive()]
        return node.ask("/jsz").get("meta_cluster", {}).get("leader") in names

    def leader(self, stream: str = "") -> int:
        """The index of the leader of a stream, or of all, as soon as there is one."""
        end = time.monotonic() + 60
        while (found := self._leader(stream)) is None:
            if time.monotonic() > end:
                raise LookupError(f"no leader of {stream or 'JetStream'}")
            time.sleep(0.1)
        return found

    def _leader(self, stream: str) -> int | None:
        for node in self.nodes:
            if not node.alive():
                continue
            found = node.ask("/jsz?streams=true")
            name = found.get("meta_cluster", {}).get("leader", "")
            if stream:
                details = [s for account in found.get("account_details", []) for s in account.get("stream_detail", [])]
                name = next((s.get("cluster", {}).get("leader", "") for s in details if s["name"] == stream), "")
            for index, other in enumerate(self.nodes):
                if other.name == name and other.alive():
                    return index
        return None

    def api(self, subject: str, body: object = None) -> dict[str, Any]:
        """What JetStream answers to a request, such as `STREAM.INFO.MAILQ`."""
        return self.request(f"$JS.API.{subject}", b"" if body is None else json.dumps(body).encode())

    def request(self, subject: str, payload: bytes = b"", headers: dict[str, str] | None = None) -> dict[str, Any]:
        """What somebody answers to a message, in JSON: for one into a stream, that it was taken."""
        return next(node for node in self.nodes if node.alive()).request(subject, payload, headers)

    def forget(self) -> None:
        """Removes every stream; those that have just been started have no leader for a moment."""

        def is_empty() -> bool:
            with contextlib.suppress(AssertionError, OSError):
                for name in self.api("STREAM.NAMES")["streams"] or []:
                    self.api(f"STREAM.DELETE.{name}")
                return not self.api("STREAM.NAMES")["streams"]
            return False

        wait_until(is_empty, "streams stay", self.nodes[0].alive, 60)

    def kill(self, index: int) -> None:
        self.nodes[index].kill()

    def kill_all(self) -> None:
        for node in self.nodes:
            node.kill()

    def close(self) -> None:
        for node in self.nodes:
            node.kill()
            node.folder.remove()
