"""Uses the running API as a client would; says what it did and ends with 0 or an exception. No JUnit, on purpose."""

import json
import os
import sys
import urllib.request

URL = os.environ["BASE_URL"]


def call(path: str, body: dict | None = None) -> dict | list:
    data = json.dumps(body).encode() if body else None
    with urllib.request.urlopen(f"{URL}{path}", data, timeout=5) as answer:
        return json.load(answer)


assert len(call("/version")["commit"]) == 40
made = call("/tickets", {"title": "leak"})
assert made["open"] is True, made
assert made in call("/tickets")
if "--full" in sys.argv:
    for number in range(20):
        call("/tickets", {"title": f"leak {number}"})
    assert len(call("/tickets")) == 21
print("the API does what it should", *sys.argv[1:])
