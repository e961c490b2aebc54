"""A Git server over HTTP, `git http-backend` behind it, that fails as it is told: before or after the work was done."""

import os
import resource
import signal
import socket
import struct
import subprocess
import threading
from collections import deque
from collections.abc import Callable, Iterable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import urlsplit


class GitServer:
    """Serves the bare repositories of a folder. `fail` says what the next requests of a kind meet; after them all goes well.

    Kinds: `connect` (any request), `refs` (the first request of a push), `push` (the second one), `fetch`. Faults:
    `reset` (cut before anything was done), `lost` (done, and cut before the answer), `half` (done, half of the answer),
    a status such as `503`, `full` (no file can be written).
    """

    def __init__(self, folder: Path, port: int = 0) -> None:
        self.folder, self.faults, self.met = folder, dict[str, deque[str]](), list[tuple[str, str]]()
        self._lock = threading.Lock()
        self._server = ThreadingHTTPServer(("127.0.0.1", port), _handler(self))
        self._server.daemon_threads = True
        self.port = self._server.server_address[1]
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
        self._thread.start()

    def url(self, repository: str) -> str:
        return f"http://127.0.0.1:{self.port}/{Path(repository).name}"

    def fail(self, kind: str, faults: Iterable[str]) -> None:
        """The next requests of this kind meet these faults, one each."""
        self.faults[kind] = deque(faults)

    def next_fault(self, kinds: Iterable[str]) -> str:
        """What a request meets; empty when it goes well."""
        with self._lock:
            for kind in kinds:
                if self.faults.get(kind):
                    fault = self.faults[kind].popleft()
                    self.met.append((kind, fault))
                    return fault
        return ""

    def stop(self) -> None:
        """Nothing answers at the port from here on."""
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()


def _handler(server: GitServer) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.0"

        def do_GET(self) -> None:
            self._answer(b"")

        def do_POST(self) -> None:
            self._answer(self.rfile.read(int(self.headers["Content-Length"])))

        def log_message(self, *_: object) -> None:
            """Says nothing."""

        def _answer(self, body: bytes) -> None:
            fault = server.next_fault(("connect", _kind(self.path)))
            if fault == "reset":
                self._cut()
            elif fault.isdigit():
                self.send_error(int(fault))
            else:
                answer = self._git(body, _no_room if fault == "full" else None)
                self._send(answer, fault)

        def _send(self, answer: bytes, fault: str) -> None:
            head, _, content = answer.partition(b"\r\n\r\n")
            lines = dict(line.split(": ", 1) for line in head.decode().split("\r\n") if line)
            if not lines or fault == "lost":
                return self._cut() if fault == "lost" else self.send_error(500)
            self.send_response(int(lines.pop("Status", "200").split()[0]))
            for name, value in lines.items():
                self.send_header(name, value)
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content[: len(content) // 2] if fault == "half" else content)
            if fault == "half":
                self.wfile.flush()
                self._cut()
            return None

        def _git(self, body: bytes, before: Callable[[], None] | None) -> bytes:
            done = subprocess.run(
                ["git", "http-backend"], input=body, env=self._environment(), capture_output=True, preexec_fn=before
            )
            return done.stdout

        def _environment(self) -> dict[str, str]:
            url = urlsplit(self.path)
            return {
                "PATH": os.environ["PATH"],
                "GIT_PROJECT_ROOT": str(server.folder),
                "GIT_HTTP_EXPORT_ALL": "1",
                "REQUEST_METHOD": self.command,
                "PATH_INFO": url.path,
                "QUERY_STRING": url.query,
                "CONTENT_TYPE": self.headers.get("Content-Type", ""),
                "HTTP_CONTENT_ENCODING": self.headers.get("Content-Encoding", ""),
                "GIT_PROTOCOL": self.headers.get("Git-Protocol", ""),
                "REMOTE_USER": "slipway",
                "REMOTE_ADDR": "127.0.0.1",
            }

        def _cut(self) -> None:
            """Ends the connection with a reset, as a server that dies does."""
            self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            self.close_connection = True

    return Handler


def _kind(path: str) -> str:
    if path.endswith("service=git-receive-pack"):
        return "refs"
    return "push" if path.endswith("/git-receive-pack") else "fetch"


def _no_room() -> None:
    """No file may grow at all: what a full disk is to a program that writes. It gets an error then, not a signal."""
    signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (0, 0))
