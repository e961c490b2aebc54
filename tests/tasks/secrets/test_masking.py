"""Known secrets are masked in every form that programs print, in log lines, errors and files; nothing else is."""

import base64
import logging

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tasks.errors import ReleaseRefused
from tasks.models import Reason
from tasks.secrets import masking
from tasks.secrets.forms import forms
from tasks.secrets.masking import Known, errors_masked, learn, mask, mask_bytes
from tests.canaries import CANARIES, PEM, leaks, printed

TOKEN = CANARIES["token"]
ALL = [(kind, form) for kind, secret in CANARIES.items() for form in printed(secret)]


@pytest.fixture(scope="module")
def known() -> Known:
    known = Known()
    known.learn(CANARIES.values())
    return known


@pytest.mark.parametrize(("kind", "form"), ALL, ids=lambda text: text.replace(" ", "-"))
def test_no_form_of_a_secret_can_be_read(known: Known, kind: str, form: str) -> None:
    shown = printed(CANARIES[kind])[form]
    assert leaks(shown.replace("\x1b[31m", "")) or form.startswith(("base64 in", "hex with", "JSON in")), (
        "the test sees it"
    )
    masked = known.mask(f"before {shown} after")
    assert leaks(masked) == []
    assert masked.startswith("before") and masked.endswith("after") and "***" in masked


def test_words_that_are_no_secret_stay(known: Known) -> None:
    for text in (
        "https://git.example.no/shop.git",
        "slipway deploys to git.example.no",
        "-----BEGIN PRIVATE KEY-----",
        "slack://",
        "service_account of project shop",
        "type: private_key",
        "",
    ):
        assert known.mask(text) == text


@pytest.mark.parametrize("short", ["", "a", "true", "passwor", "00000000", "abababab" * 9, "\n\n\n\n\n\n\n\n\n"])
def test_what_is_short_or_monotonous_masks_nothing(short: str) -> None:
    assert forms(short) == set()
    known = Known()
    known.learn([short])
    assert known.mask(f"a {short} z") == f"a {short} z"


def test_a_part_of_a_long_secret_is_masked_where_a_line_was_wrapped_or_a_message_cut(known: Known) -> None:
    assert known.mask(f"token {TOKEN[:25]}") == "token ***"
    body = "".join(PEM.splitlines()[1:-1])
    for line in (body[n : n + 40] for n in range(0, 120, 40)):
        assert known.mask(line) == "***"
    wrapped = base64.encodebytes(b"some text before " + PEM.encode()).decode().splitlines()
    assert leaks("".join(known.mask(line) for line in wrapped)) == []


def test_secrets_that_overlap_or_touch_become_one_mask() -> None:
    known = Known()
    known.learn(["alpha-beta-1", "beta-1-gamma", "delta-99-x"])
    assert known.mask("<alpha-beta-1-gammadelta-99-x>") == "<***>"


@settings(max_examples=150, deadline=None)
@given(st.text(min_size=8, max_size=60), st.text(max_size=30), st.text(max_size=30))
def test_any_secret_is_masked_between_any_texts(secret: str, before: str, after: str) -> None:
    known = Known()
    known.learn([secret])
    masked = known.mask(before + secret + after)
    if secret.strip() in forms(secret):
        assert secret.strip() not in masked.replace("***", "\0") or secret.strip() in before + after
    else:
        assert masked == before + secret + after


def test_a_log_line_its_arguments_and_its_traceback_hold_no_secret(caplog: pytest.LogCaptureFixture) -> None:
    learn(TOKEN)
    log = logging.getLogger("somebody.elses")
    try:
        raise ValueError(f"no access with {TOKEN}")
    except ValueError:
        log.exception("asked with %s by %d", TOKEN, 7)
    log.warning("wrong arguments %d", TOKEN)
    log.warning("plain %s", "line")
    shown = caplog.text
    assert TOKEN not in shown
    assert "asked with *** by 7" in shown and "ValueError: no access with ***" in shown
    assert caplog.records[-1].args == ("line",), "a line without a secret is left as it was"


def test_an_error_holds_no_secret_wherever_it_was_made() -> None:
    learn(TOKEN)
    error = ReleaseRefused.because(f"refused {TOKEN}", f"https://x:{TOKEN}@host", f"use {TOKEN}")
    assert TOKEN not in str(error) and all(TOKEN not in text for r in error.reasons for text in dict(r).values())
    assert ReleaseRefused(Reason(what="plain")).reasons == (Reason(what="plain"),)


class Spelled(Exception):
    """Makes its text from elsewhere than its arguments, as many libraries do."""

    def __str__(self) -> str:
        return f"spelled {TOKEN}"


def test_an_error_that_leaves_a_step_is_masked_and_keeps_its_kind_where_it_can() -> None:
    learn(TOKEN)

    @errors_masked
    def fails(error: Exception) -> None:
        """Its own docstring."""
        raise error

    assert fails.__doc__ == "Its own docstring."
    with pytest.raises(KeyError) as plain:
        fails(KeyError(f"key {TOKEN}"))
    with pytest.raises(RuntimeError, match=r"^Spelled: spelled \*\*\*$") as spelled:
        fails(Spelled())
    assert TOKEN not in str(plain.value)
    assert spelled.value.__context__ is None, "no traceback leads back to the text"
    with pytest.raises(ZeroDivisionError, match="untouched"):
        fails(ZeroDivisionError("untouched"))


def test_a_file_keeps_every_byte_that_is_no_secret() -> None:
    learn(TOKEN)
    other = bytes(range(256)) * 3
    assert mask_bytes(other) == other
    assert mask_bytes(other + TOKEN.encode() + other) == other + b"***" + other


def test_a_text_without_a_secret_is_handed_back_itself(known: Known) -> None:
    text = "step 7/12: RUN npm ci --ignore-scripts  # nothing to see\n" * 1000
    assert known.mask(text) is text


def test_installing_twice_masks_once() -> None:
    before = logging.getLogRecordFactory()
    masking.install()
    assert logging.getLogRecordFactory() is before
    assert mask("nothing is known") == "nothing is known"
