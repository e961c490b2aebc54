"""The quarantine file at a commit of the app's repository, within the operator's cap."""

import datetime
from collections.abc import Callable
from typing import Any

import pytest
import yaml

from tasks.config.model import Config
from tasks.errors import ReleaseRefused
from tasks.models import Quarantine, Source
from tasks.source.quarantine import FILE, MAX_BYTES, read_quarantine
from tests.tasks.gitops.conftest_gitops import config_for

DAY = datetime.date(2026, 11, 26)
ENTRY = {"test": "tests.test_a::test_b", "suite": "backend/unit", "owner": "kari", "reason": "clock", "until": DAY}


@pytest.fixture
def app(repository: Callable[[str], Any]) -> Any:
    return repository("app")


def config(app: Any, **policy: Any) -> Config:
    settings = config_for(app.url, "gitops").model_dump(by_alias=True)
    settings["components"]["backend"]["suites"] = {"unit": {"run": "pytest"}}
    return Config.model_validate({**settings, "policy": {"quarantine": policy}})


def read(app: Any, text: str | bytes, **policy: Any) -> Quarantine:
    if isinstance(text, bytes):
        (app.work / ".slipway").mkdir(exist_ok=True)
        (app.work / FILE).write_bytes(text)
        text = {}
    commit = app.commit({FILE: text} if text else {})
    return read_quarantine(config(app, **policy), Source(commit=commit, subject="", author="", trees={}), DAY)


def listed(*entries: dict[str, Any]) -> str:
    return yaml.safe_dump(list(entries), sort_keys=False)


def refused(app: Any, text: str | bytes, **policy: Any) -> list[str]:
    with pytest.raises(ReleaseRefused) as caught:
        read(app, text, **policy)
    assert all(r.where.startswith(f"{FILE}, line ") and r.next_step for r in caught.value.reasons)
    return [f"{r.where.removeprefix(f'{FILE}, ')}: {r.what}" for r in caught.value.reasons]


def test_without_a_file_nothing_is_forgiven(app: Any) -> None:
    assert read(app, {}) == Quarantine(day=DAY)  # type: ignore[arg-type]


def test_entries_are_read_and_forgive_until_their_last_day(app: Any) -> None:
    later = DAY + datetime.timedelta(days=30)
    found = read(
        app, listed(ENTRY, {**ENTRY, "test": "x", "until": later}, {**ENTRY, "test": "y", "until": "2026-11-25"})
    )
    assert [found.forgives(t) for t in ("tests.test_a::test_b", "x", "y", "z")] == [True, True, False, False]
    assert found.of("backend/lint").entries == ()
    assert found.entry("y")


def test_what_the_operator_does_not_allow_is_refused_all_at_once(app: Any) -> None:
    text = listed(
        {**ENTRY},
        {**ENTRY, "test": "x", "until": DAY + datetime.timedelta(days=31)},
        {**ENTRY, "suite": "migrations"},
        {**ENTRY},
    )
    assert refused(app, text, most=3) == [
        "line 1: quarantine: 4 entries, and policy.quarantine.most in release.yaml allows 3",
        "line 6: quarantine: x: until 2026-12-27 is too long",
        "line 11: quarantine: tests.test_a::test_b: there is no suite migrations",
        "line 16: quarantine: tests.test_a::test_b stands twice",
    ]
    assert refused(app, listed(ENTRY), most=0)


def test_malformed_entries_are_told_with_line_and_key(app: Any) -> None:
    text = listed(ENTRY, {"test": "x", "suite": "backend/unit", "owner": "", "until": "soon", "why": "-"})
    told = refused(app, text)
    assert [t.split(": ")[2] for t in told] == ["owner", "reason is missing", "until", "why is not known"]
    assert all(t.startswith("line 6: ") for t in told)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("test: a\n", "line 1: quarantine: it is no list"),
        ("- test: [\n", "line 2: quarantine: it is not YAML"),
        ("- {test: a, test: b}\n", "line 1: quarantine: test stands twice"),
        ("- a\n", "line 1: quarantine: the entry: Input should be a valid dictionary"),
        ("- &a [*a]\n", "line 1: quarantine: it is not YAML"),
        ("[" * 5000, "line 1: quarantine: it cannot be read"),
        ("- x\n" * (MAX_BYTES // 4 + 1), f"line 1: quarantine: it is larger than {MAX_BYTES} bytes"),
        (b"- \xff\xfe\n", "line 1: quarantine: it cannot be read"),
        (listed({**ENTRY, "reason": "two\nlines"}), "line 1: quarantine: reason: Value error, must be one line"),
    ],
    ids=range(9),
)
def test_hostile_and_broken_files_are_refused_in_words(app: Any, text: str | bytes, said: str) -> None:
    assert refused(app, text)[0].startswith(said)


def test_a_link_or_a_folder_in_its_place_is_read_as_what_git_has(app: Any) -> None:
    (app.work / ".slipway").mkdir()
    (app.work / FILE).symlink_to("/etc/passwd")
    with pytest.raises(ReleaseRefused, match="it is no list"):
        read(app, {})  # type: ignore[arg-type]
