"""A commit's Alembic revisions, run with the app's own env.py and models in the app's own image."""

import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tasks.config.model import Config
from tasks.images import builder
from tasks.migrations.check import MigrationsRefused, check_migrations
from tasks.models import Customer, Deployed, Fleet, MigrationReport
from tests.conftest import Repository

SHOP = Path(__file__).parents[3] / "deployments/demo/shop/backend"
CONFIG = Config.model_validate(
    {
        "app": {"name": "shop", "repository": "/x"},
        "components": {
            "backend": {"path": "backend", "image": "registry.example.no/shop/backend", "run": {"port": 80}}
        },
        "migrations": {"component": "backend", "tool": "alembic"},
        "gitops": {"repository": "/x", "targets": {"backend": [{"file": "{customer}.yaml", "path": "image"}]}},
        "rings": [{"name": "all", "customers": "*"}],
        "rollout": {"versions": {"backend": "/api/version"}},
    }
)
COMMIT = "1" * 40


@pytest.fixture(autouse=True, scope="module")
def app(tmp_path_factory: pytest.TempPathFactory) -> None:
    """The app's repository: its main is there, the commits of these tests are known by their images alone."""
    global CONFIG
    folder = tmp_path_factory.mktemp("app")
    (folder / "app").mkdir()
    repository = Repository(folder / "app")
    repository.commit({"README.md": "shop\n"})
    CONFIG = CONFIG.model_copy(update={"app": CONFIG.app.model_copy(update={"repository": repository.url})})


@pytest.fixture(scope="module")
def shop(base_images: None) -> str:
    """The test image of the shop's backend."""
    return built(SHOP, "slipway/test-shop-backend", "--target", "test")


@pytest.fixture
def with_revisions(shop: str, tmp_path: Path) -> Iterator[Callable[..., str]]:
    """An image of the shop with revision files of its own beside 0001 and 0002."""
    names = []

    def make(**files: str) -> str:
        (tmp_path / "Dockerfile").write_text(f"FROM {shop}\nCOPY versions migrations/versions\n")
        (tmp_path / "versions").mkdir()
        for name, text in files.items():
            (tmp_path / "versions" / f"{name}.py").write_text(text)
        names.append(built(tmp_path, f"slipway/test-{tmp_path.name.replace('_', '-').strip('-')[:40]}"))
        return names[-1]

    yield make
    for name in names:
        subprocess.run([builder.find().program, "rmi", "--force", name], capture_output=True, check=False)


def built(folder: Path, name: str, *options: str) -> str:
    subprocess.run(
        [builder.find().program, "build", "--quiet", "--tag", name, *options, str(folder)],
        env=builder.environment(builder.find()),
        check=True,
    )
    return name


def revision(name: str, down: str, body: str, accept: str = "{}") -> str:
    return (
        f'import sqlalchemy as sa\nfrom alembic import op\n\nrevision, down_revision = "{name}", "{down}"\n'
        f"slipway_accept = {accept}\n\n\ndef upgrade() -> None:\n    {body}\n"
    )


ADDED = revision("0003", "0002", 'op.add_column("orders", sa.Column("note", sa.Text))')


def fleet(*heads: str | None) -> Fleet:
    deployed = {"backend": Deployed(digest="sha256:" + "a" * 64, revision=COMMIT, tree=COMMIT)}
    customers = [
        Customer(name=f"c{n}", ring="all", release=COMMIT if h else None, components=deployed if h else {}, head=h)
        for n, h in enumerate(heads)
    ]
    return Fleet(tip=COMMIT, customers=tuple(customers))


def assert_refused(image: str, at: Fleet, *told: str) -> MigrationReport:
    with pytest.raises(MigrationsRefused) as caught:
        check_migrations(CONFIG, COMMIT, at, image)
    for part in told:
        assert part in str(caught.value)
    assert caught.value.report
    return caught.value.report


def test_the_shop_may_be_released_to_new_and_old_customers(shop: str) -> None:
    report = check_migrations(CONFIG, COMMIT, fleet(None, "0001", "0001", "0002"), shop)
    assert report.head == "0002"
    assert report.starts == (None, "0001", "0002")
    assert report.pending == {"": ("0001", "0002"), "0001": ("0002",), "0002": ()}
    assert report.findings == ()


def test_a_dropped_column_is_refused_with_the_names_and_the_next_step(with_revisions: Callable) -> None:
    image = with_revisions(r3=revision("0003", "0002", 'op.drop_column("orders", "item")'))
    report = assert_refused(
        image,
        fleet("0002"),
        "drop_column: orders.item",
        "revision 0003",
        "no longer uses orders.item",
        "blocked by c0: at 1111111",
    )
    assert {f.rule for f in report.findings if f.blocking} == {"drop_column", "model_drift"}, (
        "the new code maps it, too"
    )


def test_an_accepted_drop_passes_and_keeps_its_reason(with_revisions: Callable) -> None:
    accept = '{"drop_column": "unused since 1f3a9c2"}'
    image = with_revisions(r3=ADDED, r4=revision("0004", "0003", 'op.drop_column("orders", "note")', accept))
    report = check_migrations(CONFIG, COMMIT, fleet("0003"), image)
    assert [(f.rule, f.blocking) for f in report.findings if f.accepted_because == "unused since 1f3a9c2"] == [
        ("drop_column", False)
    ]


def test_what_was_made_in_the_same_release_may_be_dropped_in_it(with_revisions: Callable) -> None:
    image = with_revisions(
        r3=revision("0003", "0002", 'op.add_column("orders", sa.Column("x", sa.Text))'),
        r4=revision("0004", "0003", 'op.execute("ALTER TABLE orders DROP COLUMN x")'),
    )
    assert [f for f in check_migrations(CONFIG, COMMIT, fleet("0002"), image).findings if f.blocking] == []
    assert_refused(image, fleet("0002", "0003"), "drop_column: orders.x")


def test_two_heads_are_refused_with_the_command_that_joins_them(with_revisions: Callable) -> None:
    image = with_revisions(r3=revision("0003", "0002", "pass"), r3b=revision("0003b", "0002", "pass"))
    assert_refused(image, fleet("0002"), "there are 2 heads: 0003, 0003b", "alembic merge")


def test_merged_branches_are_followed(with_revisions: Callable) -> None:
    merge = revision("0004", "0003", "pass").replace('"0003"', '("0003", "0003b")')
    image = with_revisions(
        r3=revision("0003", "0002", 'op.add_column("orders", sa.Column("a", sa.Text))'),
        r3b=revision("0003b", "0002", 'op.add_column("orders", sa.Column("b", sa.Text))'),
        r4=merge,
    )
    report = check_migrations(CONFIG, COMMIT, fleet("0002", "0003"), image)
    assert report.pending["0003"] == ("0003b", "0004")
    assert [f for f in report.findings if f.blocking] == []


def test_revisions_find_the_environment_that_the_component_runs_with(with_revisions: Callable) -> None:
    body = 'import os; op.add_column("orders", sa.Column(os.environ["SHOP_COLUMN"], sa.Text))'
    image = with_revisions(r3=revision("0003", "0002", body))
    assert_refused(image, fleet("0002"), "KeyError", "SHOP_COLUMN")
    run = CONFIG.components["backend"].run.model_copy(update={"env": {"SHOP_COLUMN": "colour"}})
    component = CONFIG.components["backend"].model_copy(update={"run": run})
    report = check_migrations(
        CONFIG.model_copy(update={"components": {"backend": component}}), COMMIT, fleet("0002"), image
    )
    assert report.head == "0003"


def test_a_missing_parent_is_refused(with_revisions: Callable) -> None:
    image = with_revisions(r3=revision("0003", "nowhere", "pass"))
    assert_refused(image, fleet("0002"), "nowhere", "down_revision")


def test_a_failing_upgrade_names_revision_line_and_what_postgres_said(with_revisions: Callable) -> None:
    image = with_revisions(r3=revision("0003", "0002", 'op.execute("ALTER TABLE nothing ADD COLUMN x int")'))
    assert_refused(image, fleet("0002"), "revision 0003", 'relation "nothing" does not exist', "r3.py, line 9")


@pytest.mark.parametrize("body", ["import sys; sys.exit(0)", "raise ValueError('odd')"])
def test_a_revision_that_ends_the_process_is_a_failure(with_revisions: Callable, body: str) -> None:
    assert_refused(with_revisions(r3=revision("0003", "0002", body)), fleet("0002"), "revision 0003", "r3.py")


def test_a_revision_that_cannot_be_imported_is_named(with_revisions: Callable) -> None:
    assert_refused(with_revisions(r3="import nothing_like_it\n"), fleet("0002"), "nothing_like_it", "r3.py, line 1")


def test_a_customer_at_a_revision_that_is_gone_is_named(shop: str) -> None:
    assert_refused(shop, fleet("0002", "0007"), "c1 at revision 0007", "restore revision 0007")


def test_an_image_that_cannot_run_alembic_says_so(base_images: None) -> None:
    with pytest.raises(MigrationsRefused) as caught:
        check_migrations(CONFIG, COMMIT, fleet(None), "python:3.13-slim")
    assert "No module named 'alembic'" in str(caught.value)


def test_a_branch_that_ran_first_is_still_pending_for_who_stands_on_the_other(with_revisions: Callable) -> None:
    """Order on one line is by chance: what a sibling made is new to a customer, and what it drops was there."""
    merge = revision("0005", "0003", "pass").replace('"0003"', '("0003", "0004")')
    added = 'op.add_column("orders", sa.Column("placed", sa.Text))'
    image = with_revisions(
        r2b=revision("0002b", "0002", added),
        r3=revision(
            "0003", "0002b", 'op.add_column("orders", sa.Column("a", sa.Text)); op.drop_column("orders", "placed")'
        ),
        r4=revision("0004", "0002b", 'op.add_column("orders", sa.Column("b", sa.Text))'),
        r5=merge,
        r6=revision("0006", "0005", 'op.drop_column("orders", "a"); op.drop_column("orders", "b")'),
    )
    for start, objects in {"0003": {"orders.a"}, "0004": {"orders.placed", "orders.b"}}.items():
        report = assert_refused(image, fleet(start), "drop_column")
        assert {f.object for f in report.findings if f.blocking} == objects


def test_a_column_made_required_by_a_later_pending_revision_is_found(with_revisions: Callable) -> None:
    image = with_revisions(
        r3=revision("0003", "0002", 'op.add_column("orders", sa.Column("a", sa.Text))'),
        r4=revision("0004", "0003", 'op.alter_column("orders", "a", nullable=False)'),
    )
    assert_refused(image, fleet("0002"), "add_required_column: orders.a", "revision 0004")


def test_release_yaml_accepts_one_finding_by_name(with_revisions: Callable) -> None:
    image = with_revisions(
        r3=revision(
            "0003", "0002", "\n    ".join(f'op.add_column("orders", sa.Column("{c}", sa.Text))' for c in ("a", "b"))
        ),
        r4=revision("0004", "0003", 'op.drop_column("orders", "a"); op.drop_column("orders", "b")'),
    )
    accept = {"0004 drop_column orders.a": "agreed with bre"}
    config = CONFIG.model_copy(update={"migrations": CONFIG.migrations.model_copy(update={"accept": accept})})
    with pytest.raises(MigrationsRefused) as caught:
        check_migrations(config, COMMIT, fleet("0003"), image)
    findings = [f for f in caught.value.report.findings if f.rule == "drop_column"]
    assert {f.object: f.blocking for f in findings} == {"orders.a": False, "orders.b": True}


def test_a_revision_that_ends_the_process_at_once_is_named(with_revisions: Callable) -> None:
    image = with_revisions(r3=revision("0003", "0002", "import os; os._exit(0)"))
    report = assert_refused(image, fleet("0002"), "revision 0003", "the run ended in the middle of it")
    assert report.findings[0].rule == "upgrade_fails"


def test_what_ran_before_a_failure_is_judged_too(with_revisions: Callable) -> None:
    image = with_revisions(
        r3=revision("0003", "0002", 'op.drop_column("orders", "item")'),
        r4=revision("0004", "0003", 'op.execute("SELEC 1")'),
    )
    assert_refused(image, fleet("0002"), "drop_column: orders.item", "revision 0004", "syntax error")
