"""Files of the commit in a container whose image has none of them."""

from collections.abc import Callable
from typing import Any

import pytest

from tasks.errors import ReleaseRefused
from tasks.suites.unit import run_suite
from tests.tasks.suites.suite_app import IMAGE, configured

pytestmark = pytest.mark.usefixtures("base_images")
FILES = {
    "api/tests/unit/test_a.py": "a\n",
    "api/tests/test_b.py": "b\n",
    "api/setup.cfg": "c\n",
    "api/main.py": "d\n",
    "web/tests/test_e.py": "e\n",
}


@pytest.fixture
def run(repository: Callable) -> Callable[..., Any]:
    """Runs a command in a base image with these `files` of the commit."""
    app = repository("app")
    tree = app.git("rev-parse", f"{app.commit(FILES)}:api")

    def in_container(command: str, files: dict[str, str], **settings: Any) -> Any:
        config = configured(app.url, unit={"run": command, "retries": 0, "files": files, **settings})
        return run_suite(config, "api", "unit", IMAGE, tree)

    return in_container


def test_folders_and_files_are_where_release_yaml_says(run: Callable[..., Any]) -> None:
    seen = "find /app /srv -type f | sort | xargs -n1 echo && test $(find /app /srv -type f | wc -l) = 3"
    owner = 'test "$(stat -c %a /srv)" = 755 && test "$(cat /srv/x/cfg)" = c'
    files = {"tests": "/app/backend/tests", "setup.cfg": "/srv/x/cfg"}
    paths = "test -f /app/backend/tests/unit/test_a.py && test -f /app/backend/tests/test_b.py"
    assert run(f"{seen} && {owner} && {paths}", files).failed == ()


def test_a_folder_inside_another_keeps_those_above_it_as_the_image_has_them(run: Callable[..., Any]) -> None:
    same = 'test "$(stat -c %a /tmp)" = 1777 && test "$(ls /tmp/unit)" = test_a.py'
    assert run(same, {"tests/unit": "/tmp/unit"}).failed == ()  # noqa: S108


def test_the_whole_folder_may_be_put_there(run: Callable[..., Any]) -> None:
    assert (
        run('test "$(find /app/api -type f | wc -l)" = 4 && test -f /app/api/main.py', {".": "/app/api"}).failed == ()
    )


def test_the_list_of_tests_sees_them_too(run: Callable[..., Any]) -> None:
    settings = {"shards": 2, "tests": "find /app -name 'test_*.py'"}
    assert run("test $(wc -l < $SHARD_TESTS) = 1", {"tests": "/app/tests"}, **settings).failed == ()


def test_what_the_commit_does_not_have_is_refused(run: Callable[..., Any]) -> None:
    with pytest.raises(ReleaseRefused, match="there is no spec in api"):
        run("true", {"spec": "/app/spec"})
