"""Every table in one file: the whole data model on two pages.

Times are UTC ISO-8601 text with microseconds, so that they sort as text and read
the same on SQLite and PostgreSQL. Documents are JSON text. Nothing here is ever
deleted by a deployment; retention is a step of its own.
"""

from sqlalchemy import Column, Float, ForeignKey, Index, Integer, MetaData, Table, Text

metadata = MetaData()

events = Table(
    "events",
    metadata,
    Column("id", Integer, primary_key=True, autoincrement=True),
    Column("at", Text, nullable=False),
    Column("kind", Text, nullable=False),
    Column("subject", Text, nullable=False, default=""),
    Column("actor", Text, nullable=False, default=""),
    Column("data", Text, nullable=False, default="{}"),
    Column("previous", Text, nullable=False),
    Column("hash", Text, nullable=False),
    Index("events_kind", "kind", "id"),
    Index("events_subject", "subject", "id"),
)

locks = Table(
    "locks",
    metadata,
    Column("name", Text, primary_key=True),
    Column("holder", Text, nullable=False),
    Column("reason", Text, nullable=False, default=""),
    Column("token", Integer, nullable=False),
    Column("since", Text, nullable=False),
    Column("expires", Text, nullable=False),
)

windows = Table(
    "windows",
    metadata,
    Column("id", Text, primary_key=True),
    Column("kind", Text, nullable=False),
    Column("reason", Text, nullable=False, default=""),
    Column("starts", Text, nullable=False),
    Column("ends", Text, nullable=False),
    Column("opened_by", Text, nullable=False, default=""),
    Column("closed_at", Text),
)

settings = Table(
    "settings",
    metadata,
    Column("name", Text, primary_key=True),
    Column("value", Text, nullable=False),
)

releases = Table(
    "releases",
    metadata,
    Column("id", Text, primary_key=True),
    Column("number", Integer, nullable=False, unique=True),
    Column("created_at", Text, nullable=False),
    Column("label", Text, nullable=False, default=""),
    Column("digest", Text, nullable=False),
    Column("document", Text, nullable=False),
    Column("status", Text, nullable=False, default="built"),
    Column("expired_at", Text),
)

deployments = Table(
    "deployments",
    metadata,
    Column("id", Text, primary_key=True),
    Column("kind", Text, nullable=False),
    Column("release", Text, nullable=False, default=""),
    Column("previous", Text, nullable=False, default=""),
    Column("status", Text, nullable=False),
    Column("outcome", Text, nullable=False, default=""),
    Column("reason", Text, nullable=False, default=""),
    Column("actor", Text, nullable=False, default=""),
    Column("created_at", Text, nullable=False),
    Column("ended_at", Text),
    Column("request", Text, nullable=False, default="{}"),
    Column("plan", Text, nullable=False, default="{}"),
    Column("result", Text, nullable=False, default="{}"),
    Column("command", Text, nullable=False, default=""),
)

deployment_steps = Table(
    "deployment_steps",
    metadata,
    Column("id", Integer, primary_key=True, autoincrement=True),
    Column("deployment", Text, ForeignKey("deployments.id"), nullable=False),
    Column("name", Text, nullable=False),
    Column("status", Text, nullable=False),
    Column("started_at", Text, nullable=False),
    Column("ended_at", Text),
    Column("took_s", Float),
    Column("detail", Text, nullable=False, default=""),
    Index("deployment_steps_deployment", "deployment", "id"),
)
