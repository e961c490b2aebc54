"""Deliveries with something changed at random: of the header lines, of the body, of the signature; signed again or not."""

import json
import random
import re
from dataclasses import replace
from typing import Any

from tests import deliveries
from tests.deliveries import PROVIDERS, SECRET, SIGNATURE, Sent, digest

NASTY = (
    b"\x00", b"\xff\xfe", b"\xef\xbb\xbf", b"\r\n\r\n", b"[" * 2000, b"{" * 2000, b'{"a":' * 500, b"9" * 5000, b"1e999", b"NaN",
    b'"\\ud800"', b'"ref":"refs/heads/main",', b"null", b"%00", b"payload=", b"&" * 50, b"-1", b'"', b"\\", "\u202e".encode(),
)  # fmt: skip
BRANCH = ("branch", "main")
VALUES = (None, True, -1, 1e308, "", "refs/heads/main", [], {}, [[]], "0" * 40, "1F" * 20, "main\n", "team/shop\x00")


def mutated(random_: random.Random, commit: str) -> tuple[str, Sent, bool]:
    """(app, request, whether its sender can prove himself)."""
    provider = random_.choice(PROVIDERS)
    sent = deliveries.push(provider, commit)
    if random_.random() < 0.5:
        changed = replace(sent, body=_body(random_, sent.body))
        return provider, _headers(random_, signed(provider, changed), SIGNATURE[provider]), True
    return provider, _forged(random_, provider, sent), False


def may_be_accepted(provider: str, sent: Sent) -> bool:
    """Whether a request whose sender is known says in so many words that our branch is at some commit."""
    try:
        commit = _commit(provider, json.loads(sent.body))
        return bool(re.fullmatch("[0-9a-f]{40}", commit)) and commit != deliveries.NOBODY
    except (ValueError, KeyError, TypeError, RecursionError):
        return False


def _commit(provider: str, payload: Any) -> Any:
    """What the body says of our branch. Raises `KeyError` and the like when it says nothing of it."""
    match provider:
        case "bearer":
            return payload["commit"]
        case "bitbucket":
            name, sides = payload["repository"]["full_name"], [c["new"] for c in payload["push"]["changes"] if c["new"]]
            where, commit = (
                deliveries.MAIN,
                [s["target"]["hash"] for s in sides if (s["type"], s["name"]) == BRANCH][-1:],
            )
            commit = commit[0] if commit else None
        case "gitlab":
            name, where, commit = payload["project"]["path_with_namespace"], payload["ref"], payload["after"]
        case _:
            name, where, commit = payload["repository"]["full_name"], payload["ref"], payload["after"]
    return commit if (name, where) == (deliveries.REPOSITORY, deliveries.MAIN) else None


def signed(provider: str, sent: Sent) -> Sent:
    """Signed again, for the body that it has now."""
    value = {
        "github": f"sha256={digest(sent.body)}",
        "bitbucket": f"sha256={digest(sent.body)}",
        "gitea": digest(sent.body),
        "gitlab": SECRET,
        "bearer": f"Bearer {SECRET}",
    }[provider]
    return sent.with_header(SIGNATURE[provider], value)


def _forged(random_: random.Random, provider: str, sent: Sent) -> Sent:
    """Another body under the old signature, or another signature; never the same one again."""
    name = SIGNATURE[provider]
    good = dict(sent.headers)[name]
    if provider not in ("gitlab", "bearer") and random_.random() < 0.5:
        body = sent.body
        while body == sent.body:
            body = _body(random_, body)
        return _headers(random_, replace(sent, body=body), name)
    wrong = random_.choice(
        (None, "", SECRET[:-1], digest(sent.body, "x" * 16), f"sha256={digest(sent.body)[:-1]}", f"sha1={digest(sent.body)}",
         "sha256=" + "0" * 64, "Bearer", f"Basic {SECRET}", f"Bearer {SECRET}x", good[::-1], good + "0", "\xe9" * 64, "0" * 5000)
    )  # fmt: skip
    forged = sent.with_twice(name) if random_.random() < 0.1 else sent.with_header(name, wrong)
    return _headers(random_, forged, name)


def _headers(random_: random.Random, sent: Sent, kept: str) -> Sent:
    """Some other header lines taken away, doubled, changed or added."""
    for _ in range(random_.randrange(3)):
        others = [n for n, _ in sent.headers if n.lower() != kept.lower()] or ["X-Nothing"]
        name = random_.choice(others)
        value = random_.choice(("", "push", "ping", "application/json", "text/plain", "x" * 3000, "\xff", "a\tb", "0"))
        match random_.randrange(4):
            case 0:
                sent = sent.with_header(name, None)
            case 1:
                sent = sent.with_twice(name)
            case 2:
                sent = sent.with_header(name, value)
            case 3:
                sent = sent.with_header(f"X-{random_.randrange(100)}", value)
    return sent


def _body(random_: random.Random, body: bytes) -> bytes:
    if random_.random() < 0.4:
        return _of_json(random_, body)
    at, to = sorted(random_.randrange(len(body) + 1) for _ in range(2))
    match random_.randrange(5):
        case 0:
            return body[:at] + bytes([random_.randrange(256)]) + body[at + 1 :]
        case 1:
            return body[:at] + body[to:]
        case 2:
            return body[:at] + body[at:to] * 2 + body[to:]
        case 3:
            return body[:at] + random_.choice(NASTY) + body[at:]
    return random_.choice(NASTY)


def _of_json(random_: random.Random, body: bytes) -> bytes:
    """Any one value of the document, at any depth, is another one, or not there."""
    payload = json.loads(body)
    places: list[tuple[Any, Any]] = []

    def walk(node: Any) -> None:
        for key, value in list(node.items() if isinstance(node, dict) else enumerate(node)):
            places.append((node, key))
            if isinstance(value, dict | list):
                walk(value)

    walk(payload)
    node, key = random_.choice(places)
    if random_.random() < 0.2:
        del node[key]
    else:
        node[key] = random_.choice(VALUES)
    return json.dumps(payload).encode()
