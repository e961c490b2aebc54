"""Twelve kinds of secrets that a worker may know, and the forms in which hostile code would print them."""

import base64
import json
from urllib.parse import quote, quote_plus

PEM = """-----BEGIN PRIVATE KEY-----
MIGHAgEAMBMGByqGSM49AgEGCCqGSM49AwEHBG0wawIBAQQgQ2FuYXJ5S2V5T2Yx
Y2FuYXJ5LWNhbmFyeS1jYW5hcnkhoUQDQgAE9fJcVzZx1mQpLsYtKcRbNwGhXdUa
Ej0oPq4vTzWyCnBmFiHkSlRuOdMgXeAqZ7t2VhJw8rNcPbYsLxDf3GuKoQ5TnEwM
-----END PRIVATE KEY-----
"""
CANARIES = {
    "token": "ghp_c4n4ryQx7Zt2Lm9Vb3Nw8Rk5Ys1Hd6Jf0Pa",
    "eight characters": "k7#Qz!v9",
    "password with signs": "p%25&c4n=a ry+/?#<w>",
    "quotes": "c4n\"ary'back\\slash`tick$x",
    "letters of the world": "kanari-fugl-ÆØÅ-ß-鳥-7731",
    "in JSON": json.dumps({"type": "service_account", "private_key": "c4naryJsonKey0192837465", "project": "shop"}),
    "PEM": PEM,
    "lines": "first-line-c4nary-1\nsecond-line-c4nary-2",
    "address with a password": "https://deploy:c4naryUrlPw%2F88@git.example.no/shop.git",
    "address that is a token": "slack://T0C4NARY1/B0C4NARY2/xq8ZcAnArYtOkEn0000Tail1",
    "user and password": "slipway:c4nary-basic-auth-55",
    "hex": "5ca1ab1e0ddba11c0de5ca1ab1e0ddba",
}
LEAST = 8
"""So many characters of a secret in a row are a leak."""


def cores(secret: str) -> list[str]:
    """What of a secret must not be seen anywhere: itself, or its lines, its password, its tokens, its key."""
    kinds = {CANARIES["in JSON"]: ["c4naryJsonKey0192837465"], CANARIES["user and password"]: ["c4nary-basic-auth-55"]}
    kinds[CANARIES["address with a password"]] = ["c4naryUrlPw%2F88", "c4naryUrlPw/88"]
    kinds[CANARIES["address that is a token"]] = ["T0C4NARY1", "B0C4NARY2", "xq8ZcAnArYtOkEn0000Tail1"]
    lines = [line for line in secret.splitlines() if not line.startswith("-----")]
    return kinds.get(secret, lines)


def printed(secret: str) -> dict[str, str]:
    """Form -> text, as programs in any language print it."""
    data = secret.encode()
    forms = {f"base64 after {n} bytes": base64.b64encode(b"user:"[: n + 1] + data).decode() for n in range(3)}
    forms |= {
        f"base64 for URLs after {n} bytes": base64.urlsafe_b64encode(b"\xff" * n + data).decode() for n in range(3)
    }
    return forms | {
        "as it is": secret,
        "JSON": json.dumps({"secret": secret}),
        "JSON with other letters": json.dumps({"secret": secret}, ensure_ascii=False),
        "JSON in JSON": json.dumps(json.dumps(secret)),
        "URL": f"https://evil.example/?q={quote(secret, safe='')}",
        "URL path": quote(secret),
        "form": quote_plus(secret),
        "hex": data.hex(),
        "HEX": data.hex().upper(),
        "hex with spaces": data.hex(" "),
        "repr": repr(secret),
        "header": f"Authorization: Bearer {secret}",
        "userinfo": f"https://user:{secret}@host.example/path",
        "exception": f"Traceback: ValueError({secret!r})",
        "base64 in lines": base64.encodebytes(b"x" + data).decode(),
        "colours": f"\x1b[31m{secret}\x1b[0m",
    }


def leaks(text: str) -> list[str]:
    """Which canaries can be read in the text, as `kind: form`: any form of what is secret in them."""
    found = []
    for kind, secret in CANARIES.items():
        for core in cores(secret):
            for form, shown in _readable(core).items():
                if shown in text:
                    found.append(f"{kind}: {form}")
    return found


def _readable(core: str) -> dict[str, str]:
    data = core.encode()
    forms = {"plain": core, "URL": quote(core, safe=""), "hex": data.hex(), "HEX": data.hex().upper()}
    forms |= {
        "JSON": json.dumps(core)[1:-1],
        "repr": repr(core)[1:-1],
        "form": quote_plus(core),
        "URL path": quote(core),
    }
    for n in range(3):
        # The letters that belong to the secret alone, wherever it begins.
        text = base64.b64encode(b"\0" * n + data).decode().rstrip("=")
        forms[f"base64 {n}"] = text[(n * 8 + 5) // 6 : (n + len(data)) * 8 // 6]
        forms[f"base64 for URLs {n}"] = forms[f"base64 {n}"].replace("+", "-").replace("/", "_")
    return forms
