"""The tests use the real PostgreSQL at DATABASE_URL, migrated once."""

from collections.abc import Iterator

import pytest
from alembic import command
from alembic.config import Config
from fastapi.testclient import TestClient
from sqlalchemy import text


@pytest.fixture(scope="session")
def migrated() -> None:
    command.upgrade(Config("alembic.ini"), "head")


@pytest.fixture
def client(migrated: None) -> Iterator[TestClient]:
    from shop.database import Session
    from shop.main import app

    with Session.begin() as session:
        session.execute(text("TRUNCATE orders RESTART IDENTITY"))
    with TestClient(app) as client:
        yield client
