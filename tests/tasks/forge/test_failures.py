"""What a forge's failures become: refused or unavailable, in words, on every forge and at every step."""

import logging
import ssl
from collections.abc import Callable
from pathlib import Path

import pytest

from tasks.config.forge import Forge
from tasks.errors import ConfigInvalid, RateLimited, ReleaseRefused, ServiceUnavailable, SlipwayError
from tasks.forge import client
from tasks.forge.failures import message, wait_seconds
from tasks.forge.pull_request import close_pull_request, merge_when_ready, open_pull_request, read_pull_request
from tasks.forge.status import set_status
from tests.contracts import Answer, ContractServer, Cut, Response, Slow
from tests.tasks.forge.conftest import Situation
from tests.tasks.forge.stand_in import NAME, TOKEN

BRANCH, COMMIT = "slipway/canary-1f3a", "a" * 40


def opening(forge: Situation) -> None:
    open_pull_request(forge.settings, BRANCH, "main", "t", "b")


def reading(forge: Situation) -> None:
    read_pull_request(forge.settings, 1)


def merging(forge: Situation) -> None:
    merge_when_ready(forge.settings, read_pull_request(forge.settings, 1))


def closing(forge: Situation) -> None:
    close_pull_request(forge.settings, 1, "superseded")


def telling(forge: Situation) -> None:
    set_status(forge.settings, COMMIT, "slipway/canary", "success", "3 of 3 customers")


STEPS = {"open": opening, "read": reading, "merge": merging, "close": closing, "status": telling}
TRANSIENT = {
    "500": Response(500, {"message": "we are sorry"}),
    "502": Response(502, "<html>Bad Gateway</html>", {"Content-Type": "text/html"}),
    "503": Response(503, "", {"Content-Type": "text/plain"}),
    "cut": Cut(),
}


def standing(forge: Situation, step: str) -> None:
    """One that the step has something to do with: an open one, or a branch without one."""
    forge.there.push(BRANCH, COMMIT) if step == "open" else forge.there.add(BRANCH, COMMIT)


def failure(forge: Situation, step: str = "read") -> SlipwayError:
    with pytest.raises(SlipwayError) as caught:
        STEPS[step](forge)
    return caught.value


@pytest.mark.parametrize("fault", TRANSIENT)
@pytest.mark.parametrize("step", STEPS)
def test_every_request_of_every_step_may_fail_for_a_moment_and_the_next_run_ends_well(
    forge: Situation, step: str, fault: str
) -> None:
    """Each request in turn is the one that fails, until the step passes without meeting the fault."""
    for nth in range(1, 20):
        forge.there.pulls.clear()
        forge.there.statuses.clear()
        forge.there.branches = {"main": "0" * 40}
        standing(forge, step)
        met = _nth_fails(forge, nth, TRANSIENT[fault])
        try:
            STEPS[step](forge)
        except ServiceUnavailable as error:
            assert NAME in str(error)
            STEPS[step](forge)
        if not met():
            break
        forge.there.before = lambda _: None
        assert len(forge.there.pulls) == 1
    assert nth > 1


def _nth_fails(forge: Situation, nth: int, answer: Answer) -> Callable[[], bool]:
    seen = [0]

    def before(request: object) -> None:
        seen[0] += 1
        if seen[0] == nth:
            forge.there.fail("", answer)

    forge.there.before = before
    return lambda: seen[0] >= nth


@pytest.mark.parametrize("step", STEPS)
def test_an_answer_cut_in_its_middle_is_no_answer(forge: Situation, step: str) -> None:
    standing(forge, step)
    forge.there.fail("", Cut(Response(500, {"message": "x" * 2000})))
    assert isinstance(failure(forge, step), ServiceUnavailable)


def test_a_forge_that_does_not_answer_is_given_up(forge: Situation, monkeypatch: pytest.MonkeyPatch) -> None:
    for module in ("github", "gitlab", "gitea"):
        monkeypatch.setattr(f"tasks.forge.{module}.TIMEOUT_SECONDS", 1)
    assert client.TIMEOUT_SECONDS <= 60
    forge.there.fail("", Slow())
    error = failure(forge)
    assert isinstance(error, ServiceUnavailable)
    assert "no answer from the forge" in str(error)


def test_a_forge_that_is_not_there_is_told_with_its_address(forge: Situation) -> None:
    forge.settings = forge.settings.model_copy(update={"url": "http://127.0.0.1:1/api/v1"})
    assert "127.0.0.1:1" in str(failure(forge))


@pytest.mark.parametrize("status", [429, 403])
def test_a_rate_limit_is_transient_and_says_how_long(forge: Situation, status: int) -> None:
    forge.there.fail("", Response(status, {"message": "slow down"}, {"Retry-After": "7"}))
    error = failure(forge)
    assert isinstance(error, RateLimited)
    assert error.retry_after_seconds == 7
    assert "slow down" in str(error) and "wait 7 s" in str(error)


@pytest.mark.parametrize("step", STEPS)
def test_the_library_does_not_repeat_a_request_by_itself(forge: Situation, step: str) -> None:
    standing(forge, step)
    forge.there.fail("", Response(429, {"message": "slow down"}, {"Retry-After": "0"}), times=100)
    failure(forge, step)
    assert len(forge.server.requests) == 1


def test_githubs_own_forms_of_a_limit_are_known(github: Situation) -> None:
    spent = {"x-ratelimit-remaining": "0", "x-ratelimit-limit": "60", "x-ratelimit-reset": "1"}
    github.there.fail("", Response(403, {"message": "API rate limit exceeded for user ID 1."}, spent))
    assert failure(github).retry_after_seconds == 1
    words = "You have exceeded a secondary rate limit. Please wait a few minutes before you try again."
    github.there.fail("", Response(403, {"message": words}))
    assert failure(github).retry_after_seconds == 60


def test_a_bad_token_is_refused_with_where_it_is_and_what_it_needs(
    forge: Situation, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FORGE_TOKEN", "another-token")
    error = failure(forge)
    assert isinstance(error, ReleaseRefused)
    assert "HTTP 401" in str(error) and "$FORGE_TOKEN" in str(error)
    assert "another-token" not in str(error)


@pytest.mark.parametrize(
    ("status", "told"),
    [(403, "give the token in $FORGE_TOKEN its rights"), (404, "may see it"), (409, "plan from the newest base")],
)
def test_a_no_is_terminal_and_says_what_to_do(forge: Situation, status: int, told: str) -> None:
    forge.there.fail("", Response(status, {"message": "the forge's words"}))
    error = failure(forge)
    assert isinstance(error, ReleaseRefused)
    assert told in str(error) and "the forge's words" in str(error) and f"HTTP {status}" in str(error)


def test_a_repository_that_is_not_visible_is_told_when_opening(forge: Situation) -> None:
    forge.there.fail("", Response(404, {"message": "Not Found"}), times=100)
    assert "check gitops.forge.project" in str(failure(forge, "open"))


def test_a_422_that_is_no_duplicate_is_explained(forge: Situation) -> None:
    forge.there.push(BRANCH, COMMIT)
    forge.there.fail("POST", forge.there.refusal(422, "title is too long"))
    assert "title is too long" in str(failure(forge, "open"))


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
@pytest.mark.parametrize("step", ["read", "open"])
def test_a_redirect_is_told_and_not_followed_with_the_token(forge: Situation, step: str, status: int) -> None:
    standing(forge, step)
    forge.server.contract.check_response = lambda *_: None
    with ContractServer({"openapi": "3.0.0", "paths": {}}, lambda _: Response()) as elsewhere:
        # GitHub's library follows a 301 on the same host; this is another one.
        away = {"Location": f"{elsewhere.url.replace('127.0.0.1', 'localhost')}/somewhere"}
        forge.there.fail("POST" if step == "open" else "", Response(status, {"message": "moved"}, away), times=9)
        error = failure(forge, step)
    assert isinstance(error, ReleaseRefused)
    assert "has moved" in str(error)


def test_a_page_instead_of_the_api_is_told(gitea: Situation, gitlab: Situation) -> None:
    for forge in (gitea, gitlab):
        forge.server.contract.check_response = lambda *_: None
        forge.there.fail("", Response(200, "<html>Sign in</html>", {"Content-Type": "text/html"}))
        assert "is the API and not a page" in str(failure(forge))


def test_an_object_that_is_not_a_pull_request_is_told(forge: Situation) -> None:
    forge.server.contract.check_response = lambda *_: None
    for body in ({}, {"number": 1, "iid": 1}, [], "text"):
        forge.there.fail("", Response(200, body), times=2)
        assert "is the API and not a page" in str(failure(forge)), body
        forge.there.faults.clear()


def test_the_token_is_in_no_error_no_log_and_no_repr(forge: Situation, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    told = []
    for step in STEPS:
        forge.there.pulls.clear()
        standing(forge, step)
        forge.there.fail("", Response(500, {"message": "x"}))
        told.append(failure(forge, step))
        STEPS[step](forge)
    chain = [c for e in told for c in (e, e.__cause__, e.__context__) if c]
    assert TOKEN not in caplog.text
    assert not [c for c in chain if TOKEN in f"{c!s}{c!r}"]
    assert TOKEN not in repr(forge.settings)
    from tasks.forge.forges import connect

    with connect(forge.settings) as connected:
        assert TOKEN not in repr(connected)


def test_a_forge_that_sends_the_token_back_does_not_get_it_into_the_log(forge: Situation) -> None:
    forge.there.fail("", Response(422, {"message": f"bad header: {TOKEN}"}))
    assert TOKEN not in str(failure(forge))


def test_control_characters_from_a_forge_make_no_line_of_their_own(forge: Situation) -> None:
    forge.there.fail("", Response(422, {"message": "no\n2026-11-25 release done\x1b[2K"}))
    told = str(failure(forge))
    assert "\x1b" not in told and "\n2026" not in told


@pytest.mark.parametrize(
    ("body", "words"),
    [
        ("plain", "plain"),
        (b"<html>x</html>", ""),
        ('{"message": ["one", "two"]}', "one; two"),
        ({"message": {"title": ["is too long"]}}, "title is too long"),
        ({"error": "insufficient_scope", "message": "m"}, "m; insufficient_scope"),
        (
            {"message": "Validation Failed", "errors": [{"field": "base", "code": "invalid"}]},
            "Validation Failed; field base; code invalid",
        ),
        ({"errors": [{"message": "same"}, {"message": "same"}]}, "same"),
        (None, ""),
        (7, ""),
    ],
)
def test_the_forges_words_are_found_in_every_form(body: object, words: str) -> None:
    assert message(body) == words


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ({"retry-after": "12"}, 12),
        ({"retry-after": "Thu, 01 Jan 2026 00:00:00 GMT"}, 0),
        ({"retry-after": "soon"}, 60),
        ({"ratelimit-reset": "1"}, 1),
        ({"ratelimit-reset": "x"}, 60),
        ({}, 60),
    ],
)
def test_how_long_to_wait_is_read_in_every_form(headers: dict[str, str], seconds: float) -> None:
    assert wait_seconds(headers) == seconds


def test_the_token_may_be_in_a_file(forge: Situation, tmp_path: Path) -> None:
    held = tmp_path / "token"
    held.write_text(f"{TOKEN}\n")
    forge.there.add(BRANCH, COMMIT)
    settings = forge.settings.model_copy(update={"token_env": None, "token_file": str(held)})
    assert read_pull_request(settings, 1).number == 1


@pytest.mark.parametrize("content", [b"", b"  \n", b"two words", b"\xff\xfe", "zażółć".encode(), b"a\nb"])
def test_what_is_no_token_is_refused_without_showing_it(content: bytes, tmp_path: Path) -> None:
    held = tmp_path / "token"
    held.write_bytes(content)
    settings = Forge(kind="gitlab", project=NAME, token_file=str(held))
    with pytest.raises(ConfigInvalid) as caught:
        read_pull_request(settings, 1)
    assert str(held) in str(caught.value)
    assert not content.strip() or content.decode("latin-1").strip() not in str(caught.value)


def test_a_token_that_is_not_there_is_told_by_its_place(tmp_path: Path) -> None:
    for place in ({"token_env": "NO_SUCH_VARIABLE"}, {"token_file": str(tmp_path / "none")}):
        with pytest.raises(ConfigInvalid, match="NO_SUCH_VARIABLE|none"):
            read_pull_request(Forge(kind="github", project=NAME, **place), 1)


def test_an_own_authority_is_trusted_by_ca_file_and_nobody_without(
    tls: tuple[ssl.SSLContext, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    from tests.tasks.forge.conftest import STAND_INS

    monkeypatch.setenv("FORGE_TOKEN", TOKEN)
    for kind, stand_in in STAND_INS.items():
        there = stand_in()
        there.add(BRANCH, COMMIT)
        with ContractServer(there.document(), there.answer, tls=tls[0]) as server:
            there.url = server.url
            settings = Forge(kind=kind, url=server.url, project=NAME, token_env="FORGE_TOKEN", ca_file=str(tls[1]))
            assert read_pull_request(settings, 1).head == COMMIT
            with pytest.raises(ServiceUnavailable, match="ca_file"):
                read_pull_request(settings.model_copy(update={"ca_file": None}), 1)


def test_a_ca_file_that_cannot_be_used_is_refused_by_its_name(forge: Situation, tmp_path: Path) -> None:
    (tmp_path / "empty.pem").write_text("no certificate\n")
    for path in ("/no/such/ca.pem", str(tmp_path / "empty.pem")):
        forge.settings = forge.settings.model_copy(update={"ca_file": path})
        error = failure(forge)
        assert isinstance(error, ConfigInvalid)
        assert path in str(error)


def test_api_addresses_are_taken_with_and_without_their_path(gitea: Situation, gitlab: Situation) -> None:
    for forge, path in ((gitea, "/api/v1"), (gitlab, "/api/v4")):
        forge.there.add(BRANCH, COMMIT)
        for ending in ("", "/", path, f"{path}/"):
            base = forge.server.url.removesuffix(path)
            settings = forge.settings.model_copy(update={"url": base + ending})
            assert read_pull_request(settings, 1).number == 1
