"""Plain SQL files in the order of their names, judged like any other migrations."""

from collections.abc import Callable

import pytest

from tasks.config.model import Config
from tasks.migrations.check import MigrationsRefused, check_migrations
from tasks.models import Customer, Fleet

pytestmark = pytest.mark.usefixtures("base_images")
FIRST = "CREATE TABLE tickets (id serial PRIMARY KEY, title text NOT NULL);\nCREATE TABLE old (id int);\n"


def config_for(url: str) -> Config:
    return Config.model_validate(
        {
            "app": {"name": "tickets", "repository": url},
            "components": {"api": {"path": "api", "image": "registry.example.no/tickets/api", "run": {"port": 80}}},
            "migrations": {"component": "api", "tool": "sql"},
            "gitops": {"repository": url, "targets": {"api": [{"file": "{customer}.yaml", "path": "image"}]}},
            "rings": [{"name": "all", "customers": "*"}],
            "rollout": {"versions": {"api": "/version"}},
        }
    )


def checked(repository: Callable, head: str | None, **files: str) -> object:
    from tasks.git import Mirror

    app = repository("app")
    commit = app.commit({f"api/migrations/{name}.sql": text for name, text in files.items()})
    Mirror.open(app.url).fetch("main")
    return check_migrations(
        config_for(app.url), commit, Fleet(tip="0" * 40, customers=(Customer(name="bre", ring="all", head=head),)), None
    )


def test_files_after_the_customers_head_are_pending(repository: Callable) -> None:
    report = checked(
        repository, "0001", **{"0001": FIRST, "0002": "ALTER TABLE tickets ADD COLUMN open bool NOT NULL DEFAULT true"}
    )
    assert (report.head, report.pending) == ("0002", {"0001": ("0002",)})


def test_a_drop_is_refused_and_named_acceptance_lets_it_pass(repository: Callable) -> None:
    with pytest.raises(MigrationsRefused, match="drop_table: old"):
        checked(repository, "0001", **{"0001": FIRST, "0002": "DROP TABLE old;"})


def test_an_accepted_drop_passes(repository: Callable) -> None:
    report = checked(
        repository,
        "0001",
        **{"0001": FIRST, "0002": "-- slipway-accept: drop_table: unused since May\nDROP TABLE old;"},
    )
    assert report.findings[0].accepted_because == "unused since May"


def test_a_failing_file_names_line_and_message(repository: Callable) -> None:
    with pytest.raises(MigrationsRefused) as caught:
        checked(repository, "0001", **{"0001": FIRST, "0002": "SELECT 1;\n\nALTER TABLE nothing ADD x int;"})
    assert 'relation "nothing" does not exist' in str(caught.value)
    assert "0002.sql" in str(caught.value)


def test_a_folder_without_files_is_refused(repository: Callable) -> None:
    with pytest.raises(MigrationsRefused, match=r"there are no \.sql files"):
        checked(repository, None)


def test_concurrently_beside_other_statements_runs_each_on_its_own(repository: Callable) -> None:
    text = "-- a; comment\nINSERT INTO tickets (title) VALUES ('a;b');\nCREATE INDEX CONCURRENTLY t ON tickets (title);"
    assert checked(repository, "0001", **{"0001": FIRST, "0002": text}).findings == ()


def test_what_a_file_sets_is_no_other_files_business(repository: Callable) -> None:
    dumped = "SELECT pg_catalog.set_config('search_path', '', false);\nALTER TABLE public.tickets ADD a int;"
    report = checked(repository, "0001", **{"0001": FIRST, "0002": dumped, "0003": "ALTER TABLE tickets ADD b int;"})
    assert report.head == "0003"


def test_a_file_that_leaves_a_transaction_open_is_refused(repository: Callable) -> None:
    with pytest.raises(MigrationsRefused, match="leaves a transaction open"):
        checked(repository, "0001", **{"0001": FIRST, "0002": "BEGIN; ALTER TABLE tickets ADD a int;"})
