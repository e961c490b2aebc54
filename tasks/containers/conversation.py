"""A container that is spoken with, line by line."""

import queue
import threading
from collections import deque
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING

from tasks.containers.engine import quietly
from tasks.containers.files import tar
from tasks.containers.lifetime import created, start
from tasks.output import TAIL_LINES, printable

if TYPE_CHECKING:
    from docker.models.containers import Container
    from docker.models.networks import Network


class Conversing:
    """A container that is spoken with: lines to its standard input, lines from its standard output."""

    def __init__(self, container: "Container") -> None:
        self._container = container
        self._socket = container.attach_socket(params={"stdin": 1, "stdout": 1, "stderr": 1, "stream": 1})
        self._lines: queue.Queue[str] = queue.Queue()
        self._words: deque[str] = deque(maxlen=TAIL_LINES)
        start(container)
        threading.Thread(target=self._follow, daemon=True).start()

    def write(self, text: str) -> None:
        """Hands it a line; that it has ended is told by `readline`."""
        with suppress(OSError):
            self._socket._sock.sendall(text.encode())

    def readline(self, seconds: float) -> str:
        """Its next line; '' when it has ended, or said nothing for so long."""
        try:
            return self._lines.get(timeout=seconds)
        except queue.Empty:
            quietly(self._container.kill)
            return ""

    def ended(self) -> str:
        """How it ended, with the last lines of its standard error."""
        code = self._container.wait()["StatusCode"]
        return "\n".join([f"ended with exit code {code}", *self._words])

    def _follow(self) -> None:
        from docker.utils.socket import STDOUT, frames_iter

        answer = b""
        for stream, chunk in frames_iter(self._socket, tty=False):
            if stream != STDOUT:
                self._words.extend(printable(line) for line in chunk[-8000:].decode(errors="replace").splitlines())
                continue
            *lines, answer = (answer + chunk).split(b"\n")
            for line in lines:
                self._lines.put(line.decode())
        self._lines.put("")


@contextmanager
def conversing(
    image: str, argv: list[str], network: "Network", *, name: str, env: Mapping[str, str], put: Mapping[str, bytes]
) -> Iterator[Conversing]:
    """A container on the network whose command is spoken with; `put` places files (absolute path -> contents) before the start."""
    with created(image, network, alias=name, env=env, command=argv, stdin=True, alone=True) as container:
        for path, content in put.items():
            container.put_archive(str(Path(path).parent), tar(Path(path).name, content))
        yield Conversing(container)
