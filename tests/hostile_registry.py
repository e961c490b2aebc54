"""A registry that misbehaves as told, in front of a real one."""

import http.client
import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import NamedTuple

HOP = ("transfer-encoding", "connection", "content-length")


class Said(NamedTuple):
    """An answer: status, headers, body."""

    status: int
    headers: dict[str, str]
    body: bytes = b""


Fault = Callable[[Said], Said]


class HostileRegistry:
    """Passes everything on to the registry at `behind`, but what a fault is set for."""

    def __init__(self, behind: str) -> None:
        self.behind, self.faults = behind, {}
        self.asked: list[str] = []
        self.address = ""

    def set(self, question: str, fault: Fault) -> None:
        """`question` is a regular expression of `METHOD /path`; the fault turns the true answer into another."""
        self.faults[question] = fault

    def answer(self, method: str, path: str, headers: list[tuple[str, str]], body: bytes) -> Said:
        """What the registry behind says, made worse by the fault that fits the question."""
        self.asked.append(f"{method} {path}")
        connection = http.client.HTTPConnection(self.behind, timeout=60)
        connection.putrequest(method, path, skip_host=True, skip_accept_encoding=True)
        for name, value in headers:  # a name may come twice: the Engine's Accept does
            connection.putheader(name, value)
        connection.endheaders(body)
        response = connection.getresponse()
        said = Said(response.status, {k: v for k, v in response.getheaders() if k.lower() not in HOP}, response.read())
        length = response.getheader("Content-Length")
        connection.close()
        if method == "HEAD" and length:
            said.headers["Content-Length"] = length
        for question, fault in self.faults.items():
            if re.fullmatch(question, f"{method} {path}"):
                return fault(said)
        return said


@contextmanager
def hostile_registry(behind: str, port: int = 0) -> Iterator[HostileRegistry]:
    registry = HostileRegistry(behind)

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def handle_any(self) -> None:
            body = self._body()
            said = registry.answer(self.command, self.path, self.headers.items(), body)
            self.send_response(said.status)
            for name, value in said.headers.items():
                if name.lower() == "location":
                    value = value.replace(f"//{registry.behind}", f"//{registry.address}")
                self.send_header(name, value)
            if "Content-Length" not in said.headers:
                self.send_header("Content-Length", str(len(said.body)))
            self.end_headers()
            if self.command != "HEAD":
                self.wfile.write(said.body)

        do_GET = do_HEAD = do_POST = do_PUT = do_PATCH = do_DELETE = handle_any  # noqa: N815

        def _body(self) -> bytes:
            if self.headers.get("Transfer-Encoding", "") != "chunked":
                return self.rfile.read(int(self.headers.get("Content-Length") or 0))
            whole = b""
            while size := int(self.rfile.readline().split(b";")[0], 16):
                whole += self.rfile.read(size)
                self.rfile.readline()
            self.rfile.readline()
            del self.headers["Transfer-Encoding"]
            self.headers["Content-Length"] = str(len(whole))
            return whole

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", port), Handler)
    server.daemon_threads = True
    registry.address = f"127.0.0.1:{server.server_port}"
    thread = Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield registry
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
