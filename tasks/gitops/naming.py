"""A customer's name inside other names: objects, namespaces, hosts, paths."""

import re
from collections import Counter
from collections.abc import Mapping
from typing import NamedTuple


class Form(NamedTuple):
    """A text with {customer} where the name stands, and the customers who have it so; without any it is empty."""

    text: str
    customers: frozenset[str]


def names_in(text: str) -> set[str]:
    """Everything in a text that may be a name: neighbouring words with what is between them, six at most."""
    ends = [(m.start(), m.end()) for m in re.finditer(r"[A-Za-z0-9]+", text)][:60]
    return {text[start:end] for n, (start, _) in enumerate(ends) for _, end in ends[n : n + 6]}


def stands_in(name: str, text: str) -> bool:
    """Whether the name is in the text as words of its own."""
    return bool(re.search(rf"(?<![A-Za-z0-9]){re.escape(name)}(?![A-Za-z0-9])", text))


def form(customer: str, text: str) -> str:
    """The text with {customer} where the name first stands."""
    return re.sub(rf"(?<![A-Za-z0-9]){re.escape(customer)}(?![A-Za-z0-9])", "{customer}", text, count=1)


def common(texts: Mapping[str, str]) -> Form:
    """The form that most customers' texts have; of equally common ones the first by name. Empty texts say nothing."""
    forms = {c: form(c, text) for c, text in texts.items() if text}
    counts = Counter(forms.values())
    best = min(counts, key=lambda f: (-counts[f], f), default="")
    return Form(best, frozenset(c for c, f in forms.items() if f == best))
