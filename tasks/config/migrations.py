"""How the app's database migrations are run and judged."""

from typing import Literal

from pydantic import Field, model_validator

from tasks.config.types import Duration, RelativePath, Section
from tasks.models import Name


class Migrations(Section):
    component: Name = Field(description="the component whose image holds the migrations")
    tool: Literal["alembic", "sql", "command"] = Field(
        description="alembic; sql: plain files in the order of their names; command: anything else that takes DATABASE_URL"
    )
    upgrade: str = Field(
        default="",
        description="command: what brings DATABASE_URL to the newest schema, in the target and in released images",
    )
    config: RelativePath = Field(default="alembic.ini", description="alembic: path of alembic.ini in the component")
    path: RelativePath = Field(default="migrations", description="sql: folder of the .sql files in the component")
    metadata: str = Field(
        default="",
        description="alembic: package.module:ATTRIBUTE of the SQLAlchemy metadata; asked in the images that customers run",
    )
    preamble: str = Field(default="", description="SQL that makes the extensions and roles which the app needs")
    statistics: dict[str, str] = Field(
        default={},
        description="customer, or *, -> file of `table: rows`, or URL of a database that is only read; says how long locks last",
    )
    seed: str | None = Field(
        default=None, description="command of a released image that fills its schema with data; must survive migrations"
    )
    smoke: str | None = Field(
        default=None, description="command of a released image that says whether it works on the new schema"
    )
    target: Name | None = Field(
        default="test",
        description="build target that has the migration tool and the app's models; null: the last stage",
    )
    accept: dict[str, str] = Field(
        default={}, description="'revision rule object' -> reason; for tools without a place for it"
    )
    timeout: Duration = Field(default=300, description="how long an upgrade of the scratch database may take")

    @model_validator(mode="after")
    def _has_a_command(self) -> "Migrations":
        if (self.tool == "command") != bool(self.upgrade):
            raise ValueError("upgrade is the command of tool: command, and of no other")
        return self
