"""A content key is another one when anything that reaches the image is, and the same one otherwise."""

import stat
from collections.abc import Callable
from typing import Any

import pytest

from tasks.config.model import Config
from tasks.errors import ReleaseRefused
from tasks.git import Mirror
from tasks.models import Changes, Customer, Deployed, Fleet, ReleaseRequest
from tasks.source import content
from tasks.source.bases import bases
from tasks.source.changes import find_changes
from tasks.source.checkout import check_out

ONE, TWO = "sha256:" + "1" * 64, "sha256:" + "2" * 64
FILES = {
    "api/Dockerfile": "FROM python:3.13-slim\n",
    "api/main.py": "1\n",
    "web/Dockerfile": "FROM node:24-slim\n",
    "docs/index.md": "words\n",
    "shared/money/money.py": "1\n",
    "shared/time.py": "1\n",
    "docker/jobs.Dockerfile": "FROM python:3.13-slim AS test\nFROM test\n",
    "jobs/main.py": "1\n",
    "e2e/Dockerfile": "FROM python:3.13-slim\n",
}
COMPONENTS: dict[str, Any] = {
    "api": {"path": "api", "shared": ["shared/money"]},
    "jobs": {"path": "jobs", "shared": ["docker/jobs.Dockerfile", "shared"]},
    "web": {"path": "web"},
}


class World:
    """An app whose components share folders, and the releases that a customer ran."""

    def __init__(self, app: Any) -> None:
        self.app, self.components = app, {name: {**c, "build": {}} for name, c in COMPONENTS.items()}
        self.components["jobs"]["build"] = {"dockerfile": "docker/jobs.Dockerfile"}
        self.end_to_end: dict[str, Any] = {}
        self.bases = {"python:3.13-slim": ONE, "node:24-slim": ONE}
        self.commit = app.commit(FILES)

    @property
    def config(self) -> Config:
        rest = {"image": "registry.example/shop/x", "run": {"port": 80}}
        target = [{"file": "{customer}.yaml", "path": "image"}]
        return Config.model_validate(
            {
                "app": {"name": "shop", "repository": self.app.url},
                "components": {name: {**c, **rest} for name, c in self.components.items()},
                "e2e": {"path": "e2e", "smoke": "true", **self.end_to_end},
                "gitops": {"repository": self.app.url, "targets": dict.fromkeys(self.components, target)},
                "rings": [{"name": "all", "customers": "*"}],
                "rollout": {"versions": {"api": "/version"}},
            }
        )

    def changes(self, *customers: Customer) -> Changes:
        source = check_out(self.config, ReleaseRequest(commit=self.commit))
        made = content.made_of(self.config, source)
        digests = {name: self.bases.get(name, "") for name in content.images(self.config, made)}
        return find_changes(self.config, source, Fleet(tip="0" * 40, customers=customers), made, digests)

    def released(self, **keys: str) -> Customer:
        """A customer that runs this commit."""
        found = {
            c.name: Deployed(digest=ONE, revision=self.commit, tree=c.tree, key=c.key)
            for c in self.changes().components
        }
        return Customer(name="bre", ring="all", release=self.commit, components=found)

    def push(self, **files: str | None) -> None:
        self.commit = self.app.commit(files)


@pytest.fixture
def world(repository: Callable) -> World:
    return World(repository("app"))


def changed(changes: Changes) -> dict[str, str]:
    return {c.name: c.because for c in changes.components if c.changed}


def test_a_push_of_documentation_releases_nothing_and_says_why(world: World) -> None:
    before = world.released()
    world.push(**{"docs/index.md": "more words\n", "README.md": "words\n", ".gitattributes": "*.py text\n"})
    changes = world.changes(before)
    assert changed(changes) == {}
    assert changes.nothing == (
        f"nothing that api, jobs, web or their tests are made of has changed since {before.release[:7]}"
    )


def test_a_shared_path_rebuilds_exactly_those_that_depend_on_it(world: World) -> None:
    before = world.released()
    world.push(**{"shared/money/money.py": "2\n"})
    assert changed(world.changes(before)) == {"api": "shared/money", "jobs": "shared"}
    assert not world.changes(before).nothing
    world.push(**{"shared/money/money.py": "1\n", "shared/time.py": "2\n"})
    assert changed(world.changes(before)) == {"jobs": "shared"}
    world.push(**{"shared/time.py": "1\n", "docker/jobs.Dockerfile": FILES["docker/jobs.Dockerfile"] + "ENV A=1\n"})
    assert changed(world.changes(before)) == {"jobs": "docker/jobs.Dockerfile"}
    world.push(**{"docker/jobs.Dockerfile": FILES["docker/jobs.Dockerfile"]})
    assert changed(world.changes(before)) == {}, "the same content again"


def test_end_to_end_tests_are_made_of_what_they_share(world: World) -> None:
    world.end_to_end = {"shared": ["docs", "docker/jobs.Dockerfile"], "dockerfile": "docker/jobs.Dockerfile"}
    before, key = world.released(), world.changes().end_to_end_key
    assert not world.changes(before).end_to_end
    world.push(**{"docs/index.md": "more words\n"})
    changes = world.changes(before)
    assert (changed(changes), changes.end_to_end, changes.end_to_end_key == key) == ({}, True, False)
    world.push(**{"docs/index.md": "words\n", "web/main.js": "1\n"})
    assert world.changes(before).end_to_end_key == key
    world.end_to_end["shared"] = ["nowhere"]
    with pytest.raises(ReleaseRefused, match="there is no nowhere in the app"):
        world.changes()


def test_a_file_that_becomes_a_program_is_other_content(world: World) -> None:
    world.components["api"]["shared"] = ["shared/time.py"]
    before = world.released()
    path = world.app.work / "shared/time.py"
    path.chmod(path.stat().st_mode | stat.S_IXUSR)
    world.push()
    assert list(changed(world.changes(before))) == ["api", "jobs"]


def test_another_base_image_or_build_setting_is_other_content(world: World) -> None:
    before = world.released()
    world.bases["node:24-slim"] = TWO
    assert changed(world.changes(before)) == {"web": "its base images or its build settings are others"}
    world.bases["node:24-slim"] = ONE
    world.components["jobs"]["build"] = {"dockerfile": "docker/jobs.Dockerfile", "target": "test"}
    assert list(changed(world.changes(before))) == ["jobs"]


def test_what_is_to_stand_beside_the_image_is_content_too(world: World) -> None:
    before = world.released()
    world.components["web"]["build"] = {"provenance": "required"}
    assert list(changed(world.changes(before))) == ["web"]
    world.components["web"]["build"] = {"sbom": False, "timeout": "1h"}
    assert changed(world.changes(before)) == {}


def test_a_base_that_nobody_knows_counts_as_new_at_each_commit_and_says_so(
    world: World, caplog: pytest.LogCaptureFixture
) -> None:
    del world.bases["node:24-slim"]
    before = world.released()
    assert "node:24-slim: its digest is not known" in caplog.text
    assert changed(world.changes(before)) == {}, "of the same commit it is the same"
    world.push(**{"docs/index.md": "more\n"})
    assert list(changed(world.changes(before))) == ["web"]


def test_a_program_that_begins_from_nothing_has_a_key_of_its_own(world: World) -> None:
    world.push(**{"web/Dockerfile": "FROM scratch\nCOPY web /\n"})
    before = world.released()
    world.push(**{"docs/index.md": "more\n"})
    assert changed(world.changes(before)) == {}


def test_state_files_of_older_versions_are_compared_by_their_trees(world: World) -> None:
    now = world.released()
    older = {name: d.model_copy(update={"key": ""}) for name, d in now.components.items()}
    before = now.model_copy(update={"components": older})
    assert changed(world.changes(before)) == {}
    world.push(**{"shared/money/money.py": "2\n", "web/main.js": "1\n"})
    assert list(changed(world.changes(before))) == ["api", "jobs", "web"]


def test_what_is_missing_is_named(world: World) -> None:
    world.components["api"]["shared"] = ["shared/nothing"]
    with pytest.raises(Exception, match="there is no shared/nothing in the app"):
        world.changes()


def test_a_tree_of_some_paths_has_these_and_no_others(world: World) -> None:
    mirror = Mirror.open(world.app.url)
    mirror.fetch("main")
    tree = mirror.tree_of(world.commit, ["api", "shared", "shared/money"])
    listed = mirror.run("ls-tree", "-r", "--name-only", tree).split()
    assert listed == ["api/Dockerfile", "api/main.py", "shared/money/money.py", "shared/time.py"]
    assert mirror.tree_of(world.commit, ["api"]) == mirror.tree(world.commit, "api")


@pytest.mark.parametrize(
    ("dockerfile", "named"),
    [
        ("FROM a:1 AS x\nFROM x\nFROM X AS y\n", ["a:1"]),
        ("ARG V=1\nFROM --platform=$BUILDPLATFORM a:${V}\nFROM a:$W\n", ["a:$W", "a:1"]),
        ("ARG V=1\nARG OF=b\nFROM $OF:$V AS test\nARG OF=c\nENV V=3\nFROM test\n", ["b:2"]),
        ("FROM scratch\nCOPY --from=a:1 /x /x\nFROM scratch\nCOPY --from=0 /x /x\n", ["a:1", "scratch"]),
        ("FROM a\nRUN --mount=type=bind,from=b:1,target=/b cat /b \\\n  && true\n", ["a", "b:1"]),
        ("FROM a\nRUN <<EOF sh\nselect 1\nFROM b\nEOF\nCOPY --chown=1 --from=c /x /x\n", ["a", "c"]),
        ('FROM a:1 AS x\nRUN python -c "print(1<<10)"\nRUN cat <<<"word"\nFROM b:2\n', ["a:1", "b:2"]),
        ("FROM a:1 AS x\nFROM\tb:2\nCOPY\t--from=c:3 /x /x\n", ["a:1", "b:2", "c:3"]),
        ("FROM a:1\nRUN uvx --from=ruff ruff check\nONBUILD COPY --from=b:2 /x /x\n", ["a:1", "b:2"]),
        ("not a Dockerfile", []),
    ],
)
def test_the_images_that_a_dockerfile_begins_from(dockerfile: str, named: list[str]) -> None:
    assert list(bases(dockerfile, {"V": "2"} if "OF" in dockerfile else {})) == named


def test_settings_name_the_images_of_services_too(world: World) -> None:
    source = check_out(world.config, ReleaseRequest(commit=world.commit))
    found = content.images(world.config, content.made_of(world.config, source))
    assert found == {"python:3.13-slim", "node:24-slim", "postgres:17"}
