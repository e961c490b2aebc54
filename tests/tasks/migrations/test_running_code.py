"""What the code at customers maps, asked in an image whose models read their settings when they are imported."""

import subprocess
from pathlib import Path

import pytest

from tasks.config.model import Config
from tasks.images import builder, registry
from tasks.migrations import running_code
from tasks.migrations.judge import Standing
from tasks.models import Customer, Deployed, Fleet

SHOP = Path(__file__).parents[3] / "deployments/demo/shop/backend"
MODELS = """import os
from sqlalchemy import Column, Integer, create_engine
from sqlalchemy.orm import DeclarativeBase
engine = create_engine(os.environ["DATABASE_URL"])
class Base(DeclarativeBase): pass
class Order(Base):
    __tablename__ = os.environ["ORDERS"]
    id = Column(Integer, primary_key=True)
"""


def configured(registry_address: str, **env: str) -> Config:
    run = {"port": 80, "env": env}
    return Config.model_validate(
        {
            "app": {"name": "shop", "repository": "/x"},
            "components": {"api": {"path": "api", "image": f"{registry_address}/running/api", "run": run}},
            "migrations": {"component": "api", "tool": "alembic", "metadata": "models:Base"},
            "gitops": {"repository": "/x", "targets": {"api": [{"file": "{customer}.yaml", "path": "image"}]}},
            "rings": [{"name": "all", "customers": "*"}],
            "rollout": {"versions": {"api": "/version"}},
        }
    )


@pytest.fixture
def fleet(base_images: None, registry_address: str, tmp_path: Path) -> Fleet:
    """One customer who runs an image with these models."""
    run, repository = {"env": builder.environment(builder.find()), "check": True}, f"{registry_address}/running/api"
    build = [builder.find().program, "build", "--quiet", "--tag"]
    subprocess.run([*build, "slipway/test-shop-backend", "--target", "test", str(SHOP)], **run)
    (tmp_path / "models.py").write_text(MODELS)
    (tmp_path / "Dockerfile").write_text("FROM slipway/test-shop-backend\nCOPY models.py .\n")
    subprocess.run([*build, f"{repository}:1", str(tmp_path)], **run)
    deployed = Deployed(digest=registry.push(repository, "1"), revision="1" * 40, tree="2" * 40)
    customer = Customer(name="bre", ring="all", release="1" * 40, components={"api": deployed}, head="1")
    return Fleet(tip="0" * 40, customers=(customer,))


def test_models_find_the_environment_of_their_component_and_an_address(registry_address: str, fleet: Fleet) -> None:
    standing = Standing(customer="bre", heads=("1",), source="1" * 40)

    def asked(**env: str) -> Standing:
        config = configured(registry_address, **env)
        assert config.migrations
        return running_code.read(config, config.migrations, fleet, [standing])[0]

    code = asked(ORDERS="orders").code
    assert code is not None and "orders" in repr(code)
    assert asked().code is None, "of code that cannot be imported nothing is known"
