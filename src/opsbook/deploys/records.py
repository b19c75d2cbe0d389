"""Queries over releases and deployments, and the live state of the environment."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import func, insert, select, update

from opsbook.errors import ConflictError, NotFoundError
from opsbook.state.database import Database, from_text, to_text
from opsbook.state.events import append_in
from opsbook.state.tables import deployment_steps, deployments, releases

ENDED = ("promoted", "rolled_back", "failed", "aborted", "refused")


@dataclass(frozen=True)
class ReleaseRow:
    """One stored release: ``document`` is its canonical JSON."""

    id: str
    number: int
    label: str
    digest: str
    document: str
    status: str
    created_at: datetime


@dataclass(frozen=True)
class DeploymentRow:
    """One stored deployment."""

    id: str
    kind: str
    release: str
    previous: str
    status: str
    outcome: str
    reason: str
    actor: str
    created_at: datetime
    ended_at: datetime | None
    request: Mapping[str, Any]
    plan: Mapping[str, Any]
    result: Mapping[str, Any]
    command: str

    @property
    def is_over(self) -> bool:
        return self.ended_at is not None


class Releases:
    """Stored releases."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def next_number(self) -> int:
        """The number the next release gets; never given twice."""
        with self._database.connect() as connection:
            return int(connection.execute(select(func.max(releases.c.number))).scalar() or 0) + 1

    def add(self, row: ReleaseRow) -> None:
        """Store a release; storing the same id again is harmless."""
        with self._database.begin() as connection:
            known = connection.execute(select(releases.c.id).where(releases.c.id == row.id)).first()
            if known:
                return
            connection.execute(
                insert(releases).values(
                    id=row.id,
                    number=row.number,
                    created_at=to_text(row.created_at),
                    label=row.label,
                    digest=row.digest,
                    document=row.document,
                    status=row.status,
                )
            )

    def set_status(self, release_id: str, status: str) -> None:
        """What became of it: built, live, superseded, rejected."""
        with self._database.begin() as connection:
            connection.execute(
                update(releases).where(releases.c.id == release_id).values(status=status)
            )

    def expire(self, release_id: str, *, now: datetime) -> None:
        """Its files are gone; the record stays."""
        with self._database.begin() as connection:
            connection.execute(
                update(releases)
                .where(releases.c.id == release_id)
                .values(status="expired", expired_at=to_text(now))
            )

    def list(self) -> tuple[ReleaseRow, ...]:
        """All releases, newest first."""
        query = select(releases).order_by(releases.c.number.desc())
        with self._database.connect() as connection:
            return tuple(_release(row) for row in connection.execute(query))

    def by_digest(self, digest: str) -> ReleaseRow | None:
        """The newest release with exactly this content whose files are kept."""
        found = [r for r in self.list() if r.digest == digest and r.status != "expired"]
        return found[0] if found else None

    def get(self, name: str) -> ReleaseRow:
        """By id, number or label (the newest wins). Raises NotFoundError."""
        for row in self.list():
            if name in (row.id, str(row.number), row.label):
                return row
        raise NotFoundError(f"no release {name!r}", hint="`opsbook release list` shows them")


class Deployments:
    """Stored deployments and their steps; each change is in the ledger."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def add(self, row: DeploymentRow) -> None:
        """Store a new one. Raises ConflictError when another is still under way."""
        with self._database.begin() as connection:
            active = connection.execute(
                select(deployments.c.id).where(deployments.c.ended_at.is_(None))
            ).first()
            if active:
                raise ConflictError(
                    f"deployment {active.id} is under way",
                    hint=f"watch it with `opsbook deployment follow {active.id}`, "
                    "or end it with `opsbook abort`",
                    subject=row.kind,
                )
            connection.execute(
                insert(deployments).values(
                    id=row.id,
                    kind=row.kind,
                    release=row.release,
                    previous=row.previous,
                    status=row.status,
                    actor=row.actor,
                    created_at=to_text(row.created_at),
                    request=json.dumps(dict(row.request)),
                    plan=json.dumps(dict(row.plan)),
                )
            )
            append_in(
                connection,
                f"{row.kind}.started",
                at=row.created_at,
                subject=row.id,
                actor=row.actor,
                data={"release": row.release, "previous": row.previous},
            )

    def update(self, deployment_id: str, **values: Any) -> None:
        """Change plain columns; dicts are stored as JSON."""
        stored = {k: json.dumps(v) if isinstance(v, dict) else v for k, v in values.items()}
        with self._database.begin() as connection:
            connection.execute(
                update(deployments).where(deployments.c.id == deployment_id).values(**stored)
            )

    def finish(
        self, deployment_id: str, outcome: str, reason: str, result: dict[str, Any], now: datetime
    ) -> None:
        """End it, once: a second call changes nothing."""
        with self._database.begin() as connection:
            row = connection.execute(
                select(deployments).where(deployments.c.id == deployment_id)
            ).first()
            if row is None or row.ended_at is not None:
                return
            connection.execute(
                update(deployments)
                .where(deployments.c.id == deployment_id)
                .values(
                    status="ended",
                    outcome=outcome,
                    reason=reason,
                    result=json.dumps(result),
                    ended_at=to_text(now),
                )
            )
            append_in(
                connection,
                f"{row.kind}.{outcome}",
                at=now,
                subject=deployment_id,
                actor=row.actor,
                data={"release": row.release, "previous": row.previous, "reason": reason},
            )

    def get(self, deployment_id: str) -> DeploymentRow:
        """By id; ``latest`` is the newest. Raises NotFoundError."""
        query = select(deployments)
        if deployment_id == "latest":
            query = query.order_by(deployments.c.created_at.desc()).limit(1)
        else:
            query = query.where(deployments.c.id == deployment_id)
        with self._database.connect() as connection:
            row = connection.execute(query).first()
        if row is None:
            raise NotFoundError(
                f"no deployment {deployment_id}", hint="`opsbook deployment list` shows them"
            )
        return _deployment(row)

    def active(self) -> DeploymentRow | None:
        """The one under way."""
        query = select(deployments).where(deployments.c.ended_at.is_(None))
        with self._database.connect() as connection:
            row = connection.execute(query).first()
        return _deployment(row) if row else None

    def latest(self, limit: int = 20) -> tuple[DeploymentRow, ...]:
        """The newest, newest first."""
        query = select(deployments).order_by(deployments.c.created_at.desc()).limit(limit)
        with self._database.connect() as connection:
            return tuple(_deployment(row) for row in connection.execute(query))

    def step_began(self, deployment_id: str, name: str, detail: str, now: datetime) -> None:
        """A step started, or started again after a restart."""
        with self._database.begin() as connection:
            connection.execute(
                insert(deployment_steps).values(
                    deployment=deployment_id,
                    name=name,
                    status="running",
                    started_at=to_text(now),
                    detail=detail,
                )
            )

    def step_ended(
        self, deployment_id: str, name: str, status: str, detail: str, now: datetime
    ) -> None:
        """The newest record of that step is over."""
        with self._database.begin() as connection:
            row = connection.execute(
                select(deployment_steps)
                .where(
                    deployment_steps.c.deployment == deployment_id, deployment_steps.c.name == name
                )
                .order_by(deployment_steps.c.id.desc())
                .limit(1)
            ).first()
            if row is None:
                return
            took = (now - from_text(row.started_at)).total_seconds()
            connection.execute(
                update(deployment_steps)
                .where(deployment_steps.c.id == row.id)
                .values(status=status, ended_at=to_text(now), took_s=took, detail=detail)
            )

    def steps(self, deployment_id: str) -> tuple[dict[str, Any], ...]:
        """All step records in order."""
        query = (
            select(deployment_steps)
            .where(deployment_steps.c.deployment == deployment_id)
            .order_by(deployment_steps.c.id)
        )
        with self._database.connect() as connection:
            return tuple(
                {
                    "id": row.id,
                    "name": row.name,
                    "status": row.status,
                    "started_at": row.started_at,
                    "took_s": row.took_s,
                    "detail": row.detail,
                }
                for row in connection.execute(query)
            )


def _release(row: Any) -> ReleaseRow:
    return ReleaseRow(
        id=row.id,
        number=row.number,
        label=row.label,
        digest=row.digest,
        document=row.document,
        status=row.status,
        created_at=from_text(row.created_at),
    )


def _deployment(row: Any) -> DeploymentRow:
    return DeploymentRow(
        id=row.id,
        kind=row.kind,
        release=row.release,
        previous=row.previous,
        status=row.status,
        outcome=row.outcome,
        reason=row.reason,
        actor=row.actor,
        created_at=from_text(row.created_at),
        ended_at=from_text(row.ended_at) if row.ended_at else None,
        request=json.loads(row.request),
        plan=json.loads(row.plan),
        result=json.loads(row.result),
        command=row.command,
    )
