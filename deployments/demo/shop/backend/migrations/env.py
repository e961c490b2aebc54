"""Runs the migrations on DATABASE_URL, each in a transaction of its own, never waiting long for a lock."""

from alembic import context
from sqlalchemy import create_engine, text

from shop.database import Base, database_url

engine = create_engine(database_url())
with engine.connect() as connection:
    connection.execute(text("SET lock_timeout = '5s'"))
    connection.commit()
    context.configure(connection=connection, target_metadata=Base.metadata, transaction_per_migration=True)
    with context.begin_transaction():
        context.run_migrations()
