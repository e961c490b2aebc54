"""The git server's post-receive hook: a signed push webhook, shaped like GitHub's, to the receiver.

Run by git as `post_receive.py WORLD_JSON` with `OLD NEW REF` lines on standard input. The standard library alone:
a git server has nothing else. A receiver that is not there never stops a push; it says so.
"""

import hashlib
import hmac
import json
import sys
import urllib.request
import uuid
from pathlib import Path

ANSWER_SECONDS = 10


def main(world_path: str) -> None:
    """Sends one delivery per pushed ref and tells the pusher what came of it."""
    world = json.loads(Path(world_path).read_text())
    for line in sys.stdin:
        old, new, ref = line.split()
        body = json.dumps(
            {
                "ref": ref,
                "before": old,
                "after": new,
                "deleted": set(new) == {"0"},
                "created": set(old) == {"0"},
                "repository": {"full_name": world["repository"]},
                "pusher": {"name": "demo"},
            }
        ).encode()
        print(deliver(world["receiver"], world["secret"], body), flush=True)


def deliver(url: str, secret: str, body: bytes) -> str:
    """Posts one signed delivery; returns a line for the person who pushed."""
    request = urllib.request.Request(  # noqa: S310 - an address from our own file
        url,
        body,
        {
            "Content-Type": "application/json",
            "X-GitHub-Event": "push",
            "X-GitHub-Delivery": str(uuid.uuid4()),
            "X-Hub-Signature-256": "sha256=" + hmac.new(secret.encode(), body, hashlib.sha256).hexdigest(),
        },
    )
    try:
        with urllib.request.urlopen(request, timeout=ANSWER_SECONDS) as answer:  # noqa: S310 - an address from our own file
            return f"Slipway: {answer.status} {answer.read().decode()}"
    except OSError as error:
        return f"Slipway: the receiver was not reached ({error}); start the release by hand: slipway release"


if __name__ == "__main__":
    main(sys.argv[1])
