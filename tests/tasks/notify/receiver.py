"""A real HTTP server that takes what apprise posts to `json://`, as a chat service would."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import Any


class Receiver:
    """What was posted, oldest first; `answers` are the next statuses, 200 when there is none."""

    def __init__(self) -> None:
        self.posts: list[dict[str, Any]] = []
        self.paths: list[str] = []
        self.answers: list[int] = []
        self.port = 0

    def url(self, path: str = "t0ken-of-the-channel-77") -> str:
        """The address as apprise takes it."""
        return f"json://127.0.0.1:{self.port}/{path}"

    def bodies(self) -> str:
        """All that was said."""
        return "\n".join(f"{post['title']}\n{post['message']}" for post in self.posts)


@contextmanager
def receiving() -> Iterator[Receiver]:
    """The server for the length of a block."""
    there = Receiver()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            status = there.answers.pop(0) if there.answers else 200
            if status < 300:
                there.posts.append(body)
                there.paths.append(self.path)
            self.send_response(status)
            self.send_header("Location", f"http://127.0.0.1:{there.port}/elsewhere")
            self.end_headers()

        def log_message(self, *_: object) -> None:
            """Says nothing."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        there.port = server.server_port
        Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True).start()
        yield there
        server.shutdown()
