"""Edits files, each in a process of its own under limits: 2 seconds of CPU and 100 MB more address space.

Reads names of files, one a line, and answers each with one line of JSON: how the process ended, and what came of every way
that an image is looked for. `a.b` is changed where it is there.
"""

import json
import os
import resource
import sys
import traceback
from pathlib import Path

from tasks.config.gitops import Target
from tasks.gitops.target import wanted
from tasks.gitops.yaml_bytes import CannotEdit, Document
from tasks.models import Image

SECONDS, MEGABYTES = 2, 100
NEW = "sha256:" + "2" * 64
IMAGE = Image(
    component="api", repository="r.no/api", digest=NEW, revision="2" * 40, tree="2" * 40, built=True, seconds=1
)
TARGETS = [
    Target.model_validate({"file": "{customer}", **how})
    for how in ({"path": "a.b"}, {"image": "api"}, {"manifest": "r.no/api"})
]


def main() -> None:
    for line in sys.stdin:
        reader, writer = os.pipe()
        if not (child := os.fork()):
            answer(Path(line.rstrip("\n")), writer)
        os.close(writer)
        with open(reader) as pipe:  # noqa: PTH123
            said = pipe.read()
        _, status, used = os.wait4(child, 0)
        seconds = round(used.ru_utime + used.ru_stime, 2)
        print(json.dumps({"exit": status, "said": said, "seconds": seconds, "MB": used.ru_maxrss // 1024}), flush=True)


def answer(file: Path, writer: int) -> None:
    """Ends the process."""
    try:
        content = file.read_bytes()
        size = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
        resource.setrlimit(resource.RLIMIT_CPU, (SECONDS, SECONDS))
        resource.setrlimit(resource.RLIMIT_AS, (size + MEGABYTES * 2**20,) * 2)
        os.write(writer, "\n".join(outcomes(content)).encode())
        os._exit(0)
    except BaseException:  # noqa: BLE001  the parent tells it
        os.write(writer, traceback.format_exc()[-2000:].encode())
        os._exit(1)


def outcomes(content: bytes) -> list[str]:
    try:
        document = Document(content)
    except CannotEdit as error:
        return [f"refused: {error.problem}"]
    found = []
    for target in TARGETS:
        try:
            values = wanted(document, target, "acme", IMAGE)
            changed = document.replaced(values)
            (scalar, *_) = values
            expected = content.replace(scalar.value.encode(), values[scalar].encode(), 1)
            found.append("changed" if changed == expected else "damaged")
        except CannotEdit as error:
            found.append(f"refused: {error.problem}")
    return found


if __name__ == "__main__":
    main()
