"""Runs the migrations against $DATABASE_URL, all of one command in one transaction."""

import os
import sys

from alembic import context
from sqlalchemy import create_engine, make_url, pool


def migrate() -> None:
    """Connect and run what `alembic` was asked for."""
    address = os.environ.get("DATABASE_URL", "")
    if not address:
        sys.exit("error: DATABASE_URL is not set")
    url = make_url(address).set(drivername="postgresql+psycopg")
    engine = create_engine(url, poolclass=pool.NullPool, connect_args={"connect_timeout": 5})
    with engine.connect() as connection:
        context.configure(connection=connection, target_metadata=None)
        with context.begin_transaction():
            context.run_migrations()


migrate()
