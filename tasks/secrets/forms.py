"""The forms in which a secret turns up in text: as it is, line by line, and as JSON, URLs, base64, hex and others write it."""

import base64
import html
import json
import re
import shlex
from collections.abc import Iterator
from urllib.parse import quote, quote_plus, unquote, urlsplit

SHORTEST = 8
"""Fewer characters are no secret: masking them would blank words that mean nothing."""
VARIETY = 4
"""So many different characters a form needs: a row of x or 0 stands in texts by itself."""
WINDOW = 16
"""A part of a long form with so many characters is masked too: lines are wrapped, and messages are cut."""
LONG = 24
SPARSE = 256
FRAME = re.compile(r"-----(BEGIN|END)[A-Z0-9 ]+-----")
ADDRESS = re.compile(r"[a-z][a-z0-9+.-]*://", re.IGNORECASE)
SECRET_KEY = re.compile(r"key|token|secret|password|passphrase|auth", re.IGNORECASE)


def forms(secret: str) -> set[str]:
    """Every text to look for. Empty for a secret of fewer than 8 characters, or of fewer than 4 different ones."""
    found: set[str] = set()
    for piece in _pieces(secret):
        for form in _written(piece):
            found |= {form}
            found |= set(_windows(form)) if not _says_more(piece) else set()
        for form in _encoded(piece.encode("utf-8", "surrogatepass")):
            found |= {form, *_windows(form)}
    return {f for f in found if len(f) >= SHORTEST and len(set(f)) >= VARIETY}


def _pieces(secret: str) -> Iterator[str]:
    """The secret, and what in it is secret by itself: a key's lines, an address's password and tokens, values in JSON."""
    whole = secret.strip()
    if len(whole) < SHORTEST or len(set(whole)) < VARIETY:
        return
    yield whole
    if "\n" in whole:
        lines = [line.strip() for line in whole.splitlines() if line.strip() and not FRAME.match(line.strip())]
        yield from lines
        yield "".join(lines)
    if ADDRESS.match(whole):
        yield from _of_address(whole)
    elif whole.startswith("{"):
        yield from _of_json(whole)


def _of_address(url: str) -> Iterator[str]:
    """User, password, and the parts that look like tokens: `slack://T0001/B0002/xyz` has no password, and is one."""
    try:
        parts = urlsplit(url)
        password, user, host = parts.password, parts.username, parts.netloc.rpartition("@")[2]
    except ValueError:
        return
    rest = [*parts.path.split("/"), *re.split("[&=]", parts.query), *([] if "." in host or ":" in host else [host])]
    yield from filter(None, (password, password and unquote(password)))
    for part in filter(None, (user, *rest)):
        if re.search(r"\d", part) and re.search(r"[A-Za-z]", part):
            yield from (part, unquote(part))


def _of_json(text: str) -> Iterator[str]:
    try:
        values = json.loads(text)
    except ValueError:
        return
    for key, value in values.items() if isinstance(values, dict) else ():
        if isinstance(value, str) and SECRET_KEY.search(key):
            yield from _pieces(value)


def _says_more(piece: str) -> bool:
    """Whether parts of it are harmless words: addresses, whole files."""
    return bool(ADDRESS.match(piece) or "\n" in piece or piece.startswith("{"))


def _written(text: str) -> Iterator[str]:
    """Forms that keep the letters of a plain secret."""
    yield text
    yield text.replace("\n", "\r\n")
    yield text.replace("\n", "\\x0a")  # as `command.printable` spells a line's end
    for ascii_only in (True, False):
        once = json.dumps(text, ensure_ascii=ascii_only)[1:-1]
        yield from (once, once.replace("/", "\\/"), json.dumps(once, ensure_ascii=ascii_only)[1:-1])
    yield repr(text)[1:-1]
    yield repr(text.encode("utf-8", "surrogatepass"))[2:-1]
    yield shlex.quote(text)[1:-1] if shlex.quote(text) != text else text
    escaped = html.escape(text)
    yield from (escaped, html.escape(text, quote=False), escaped.replace("&#x27;", "&#39;"))
    yield escaped.replace("&#x27;", "&apos;")
    for encoded in (quote(text, safe=""), quote(text), quote_plus(text), quote(text, safe="!'()*~-._")):
        yield from (encoded, re.sub("%[0-9A-F]{2}", lambda code: code[0].lower(), encoded))
    yield quote(quote(text, safe=""), safe="")


def _encoded(data: bytes) -> Iterator[str]:
    """Forms in which no letter stays: base64 wherever the secret begins in what was encoded, and hexadecimal digits."""
    for offset in range(3):
        for encode in (base64.b64encode, base64.urlsafe_b64encode):
            text = encode(b"\0" * offset + data).decode()
            # The first and the last character may hold bits of what stands beside the secret.
            yield text[(offset * 8 + 5) // 6 : (offset + len(data)) * 8 // 6]
            if not offset:
                yield text
    for between in ("", " ", ":", "-", "\\x"):
        text = data.hex(between) if len(between) == 1 else between.join(f"{byte:02x}" for byte in data)
        yield from (text, text.upper() if between != "\\x" else text)


def _windows(form: str) -> Iterator[str]:
    if len(form) < LONG:
        return
    step = 1 if len(form) <= SPARSE else 4
    yield from (form[n : n + WINDOW] for n in range(0, len(form) - WINDOW + 1, step))
    yield form[-WINDOW:]
