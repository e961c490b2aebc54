"""Keeps known secrets out of whatever people can read: each known value, in each of its forms, becomes `***`.

This is the second line only. The first one is that tests are given no secret at all, and a build only what its step asks for.
"""

import logging
import threading
from collections.abc import Callable, Iterable
from functools import wraps
from typing import Any, ParamSpec, TypeVar

import ahocorasick

from tasks.secrets.forms import forms

MASK = "***"
Arguments = ParamSpec("Arguments")
Answer = TypeVar("Answer")


class Known:
    """The secrets that this process knows of; all threads share one."""

    def __init__(self) -> None:
        self._secrets: set[str] = set()
        self._search: ahocorasick.Automaton | None = None
        self._lock = threading.Lock()

    def learn(self, secrets: Iterable[str]) -> None:
        """Adds secrets; those that are known already cost nothing."""
        with self._lock:
            if new := {s for s in secrets if s} - self._secrets:
                # What was learned stays: a token that was changed is still one.
                self._secrets |= new
                self._search = _searching({f for secret in self._secrets for f in forms(secret)})

    def forget(self) -> None:
        """Knows none again."""
        with self._lock:
            self._secrets, self._search = set(), None

    def mask(self, text: str) -> str:
        """The text with `***` in the place of every known secret."""
        search = self._search
        if search is None or not (spans := _spans(search, text)):
            return text
        parts, done = [], 0
        for start, end in spans:
            parts += [text[done:start], MASK]
            done = end
        return "".join([*parts, text[done:]])

    def cut(self, text: str, near: int) -> int:
        """A place at or before `near` where the text can be cut without halving a secret."""
        search = self._search
        for start, end in _spans(search, text) if search is not None else ():
            if start < near < end:
                return start or end
        return near


def _searching(texts: set[str]) -> ahocorasick.Automaton | None:
    if not texts:
        return None
    search = ahocorasick.Automaton(ahocorasick.STORE_LENGTH)
    for text in texts:
        search.add_word(text)
    search.make_automaton()
    return search


def _spans(search: ahocorasick.Automaton, text: str) -> list[tuple[int, int]]:
    """Where secrets stand; those that overlap or touch are one."""
    spans: list[tuple[int, int]] = []
    for last, length in search.iter(text):
        start, end = last + 1 - length, last + 1
        while spans and spans[-1][1] >= start:
            start = min(start, spans.pop()[0])
        spans.append((start, end))
    return spans


KNOWN = Known()


def mask(text: str) -> str:
    """The text with `***` in the place of every known secret."""
    return KNOWN.mask(text)


def mask_bytes(content: bytes) -> bytes:
    """As `mask`, for a file of any kind; what holds no secret is left as it is, byte for byte."""
    return mask(content.decode("utf-8", "surrogateescape")).encode("utf-8", "surrogateescape")


def mask_all(value: Any) -> Any:
    """As `mask`, for every text in lists and mappings, keys too."""
    if isinstance(value, str):
        return mask(value)
    if isinstance(value, dict):
        return {mask_all(key): mask_all(inner) for key, inner in value.items()}
    if isinstance(value, list | tuple):
        return type(value)(mask_all(inner) for inner in value)
    return value


def learn(*secrets: str) -> None:
    """Makes secrets known; whoever reads one calls this."""
    KNOWN.learn(secrets)


def errors_masked(function: Callable[Arguments, Answer]) -> Callable[Arguments, Answer]:
    """The same function, whose errors hold no known secret: Prefect puts their text into states and stores them."""

    @wraps(function)
    def masked(*args: Arguments.args, **kwargs: Arguments.kwargs) -> Answer:
        try:
            return function(*args, **kwargs)
        except Exception as error:
            if mask(str(error)) == str(error):
                raise
            said = mask(f"{type(error).__name__}: {error}")
            error.args = tuple(mask_all(list(error.args)))
            if mask(str(error)) == str(error):
                raise
        raise RuntimeError(said)  # its text is made anew each time; the error itself goes no further

    return masked


def install() -> None:
    """Masks every line that is logged in this process, tracebacks too, whoever logs it and whichever handler writes it."""
    make = logging.getLogRecordFactory()
    if getattr(make, "masks", False):
        return

    def masked(*args: Any, **kwargs: Any) -> logging.LogRecord:
        record = make(*args, **kwargs)
        if KNOWN._search is not None:
            _mask_record(record)
        return record

    masked.masks = True  # type: ignore[attr-defined]
    logging.setLogRecordFactory(masked)


def _mask_record(record: logging.LogRecord) -> None:
    """Leaves a record alone that holds no secret: some formatters look at its arguments."""
    try:
        said = record.getMessage()
    except (TypeError, ValueError, KeyError):  # wrong arguments; the handler will tell
        record.msg, record.args, said = mask(f"{record.msg} {record.args}"), (), ""
    if (shown := mask(said)) != said:
        record.msg, record.args = shown, ()
    if record.exc_info and record.exc_info[0] is not None:
        told = logging.Formatter().formatException(record.exc_info)
        if (shown := mask(told)) != told:
            record.exc_text, record.exc_info = shown, None
