"""Tells what looks like a secret where none may stand: by the name it goes under, or by its form."""

import re

from tasks.secrets.known import NAMES, PLACES, in_addresses

FORMS = {
    "a private key": re.compile(r"-----BEGIN [A-Z0-9 ]*PRIVATE KEY-----"),
    "a token of GitHub": re.compile(r"\b(gh[pousr]_[A-Za-z0-9]{20,}|github_pat_\w{20,})"),
    "a token of GitLab": re.compile(r"\bgl[a-z]{2,6}-[\w-]{20,}"),
    "a token of Slack": re.compile(r"\bxox[abeoprs]-[\w-]{10,}"),
    "a token of npm": re.compile(r"\bnpm_[A-Za-z0-9]{30,}"),
    "a token of PyPI": re.compile(r"\bpypi-[\w-]{30,}"),
    "a key of AWS": re.compile(r"\b(AKIA|ASIA)[A-Z0-9]{16}\b"),
    "a JSON Web Token": re.compile(r"\beyJ[\w-]{8,}\.eyJ[\w-]{8,}\."),
}
"""Sources: the prefixes that each of these documents for its tokens."""


def looks_secret(name: str, value: str) -> str:
    """Why a setting looks like a secret, as the end of a sentence that begins with its name; '' when it does not.

    Never shows the value. A name that says where a secret is (`TOKEN_FILE`) is none.
    """
    if not value:
        return ""
    if NAMES.search(name.upper()) and not PLACES.search(name.upper()):
        return "is the name of a secret"
    if any(in_addresses(value)):
        return "is an address with a password or a token in it"
    return next((f"looks like {what}" for what, form in FORMS.items() if form.search(value)), "")
