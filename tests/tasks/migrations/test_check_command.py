"""Any tool that takes DATABASE_URL: the image that a customer runs makes the start, the new one is watched."""

import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from tasks.config.model import Config
from tasks.images import builder
from tasks.migrations.check import MigrationsRefused, check_migrations
from tasks.models import Customer, Deployed, Fleet

pytestmark = pytest.mark.usefixtures("base_images")
UP = """import os, pathlib, psycopg
with psycopg.connect(os.environ["DATABASE_URL"]) as c:
    c.execute("CREATE TABLE IF NOT EXISTS schema_migrations (version text PRIMARY KEY)")
    done = {v for (v,) in c.execute("SELECT version FROM schema_migrations")}
    for f in sorted(pathlib.Path("/m").glob("*.sql")):
        if f.stem not in done:
            c.execute(f.read_text())
            c.execute("INSERT INTO schema_migrations VALUES (%s)", [f.stem])
            c.commit()
"""
FILES = {
    "1": "CREATE TABLE orders (id int PRIMARY KEY, note text)",
    "2": "ALTER TABLE orders ADD COLUMN size int",
    "3": "ALTER TABLE orders DROP COLUMN note",
}


def image(folder: Path, *names: str) -> str:
    """An image of the product with these migrations, on one that has psycopg."""
    base = "slipway/test-shop-backend"
    shop = Path(__file__).parents[3] / "deployments/demo/shop/backend"
    run = {"env": builder.environment(builder.find()), "check": True}
    subprocess.run([builder.find().program, "build", "--quiet", "--tag", base, "--target", "test", str(shop)], **run)
    (folder / "m").mkdir(parents=True)
    (folder / "up.py").write_text(UP)
    for name in names:
        (folder / "m" / f"{name}.sql").write_text(FILES[name])
    (folder / "Dockerfile").write_text(f"FROM {base}\nCOPY m /m\nCOPY up.py /up.py\n")
    name = f"slipway/test-command-{len(names)}"
    subprocess.run([builder.find().program, "build", "--quiet", "--tag", name, str(folder)], **run)
    return name


@pytest.fixture
def config(registry_address: str) -> Config:
    """A product whose migrations are a command."""
    return Config.model_validate(
        {
            "app": {"name": "shop", "repository": "/x"},
            "components": {"api": {"path": "api", "image": f"{registry_address}/command/api", "run": {"port": 80}}},
            "migrations": {"component": "api", "tool": "command", "upgrade": "python /up.py"},
            "gitops": {"repository": "/x", "targets": {"api": [{"file": "{customer}.yaml", "path": "image"}]}},
            "rings": [{"name": "all", "customers": "*"}],
            "rollout": {"versions": {"api": "/version"}},
        }
    )


@pytest.fixture
def fleet(config: Config, tmp_path: Path) -> Callable[..., Fleet]:
    """One customer who runs the release with the first migration."""
    from tasks.images import registry as images

    repository = config.components["api"].image
    subprocess.run([builder.find().program, "tag", image(tmp_path / "old", "1"), f"{repository}:old"], check=True)
    deployed = Deployed(digest=images.push(repository, "old"), revision="1" * 40, tree="2" * 40)
    customer = Customer(name="bre", ring="all", release="1" * 40, components={"api": deployed}, head="1")
    return Fleet(tip="0" * 40, customers=(customer,))


def test_what_the_new_image_adds_to_the_old_ones_schema_is_judged(config: Config, fleet: Fleet, tmp_path: Path) -> None:
    report = check_migrations(config, "3" * 40, fleet, image(tmp_path / "new", "1", "2"))
    assert (report.head, report.phases) == ("2", {"2": "expand"})
    with pytest.raises(MigrationsRefused, match="drop_column: orders.note") as caught:
        check_migrations(config, "3" * 40, fleet, image(tmp_path / "newer", "1", "2", "3"))
    assert "revision 3" in str(caught.value)
    assert "blocked by bre: at 1111111" in str(caught.value)
