"""The connection, and the tables as the code sees them."""

import os
from datetime import datetime

from sqlalchemy import DateTime, create_engine, func
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column, sessionmaker


def database_url() -> str:
    """DATABASE_URL with the driver that is installed."""
    return os.environ["DATABASE_URL"].replace("postgresql://", "postgresql+psycopg://", 1)


class Base(DeclarativeBase):
    pass


class Order(Base):
    __tablename__ = "orders"

    id: Mapped[int] = mapped_column(primary_key=True)
    item: Mapped[str]
    quantity: Mapped[int] = mapped_column(server_default="1")
    done: Mapped[bool] = mapped_column(server_default="false")
    remark: Mapped[str | None]
    created: Mapped[datetime] = mapped_column(DateTime(timezone=True), server_default=func.now())


engine = create_engine(database_url(), pool_pre_ping=True, pool_size=3)
Session = sessionmaker(engine)
