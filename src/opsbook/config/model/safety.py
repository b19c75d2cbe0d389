"""What surrounds a deployment and the data: migrations, gates, smoke, backups, recovery."""

from datetime import timedelta
from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field

from opsbook.config.masking import Secret
from opsbook.config.model.base import Named, Section, one_or_many
from opsbook.config.model.service import Names, Path
from opsbook.config.units import Duration, PositiveDuration, Schedule, Timezone, refuse


class Migrations(Section):
    """How the database schema moves with a release."""

    status: str | None = None
    """Command that shows which migrations are pending."""
    up: str
    """Command that applies what is pending."""
    down: str | None = None
    """Command that undoes the last one."""
    verify: str | None = None
    """Command that checks the data afterwards."""
    service: str | None = None
    """Service whose code and environment runs them; the first one by default."""
    dependency: str | None = None
    """Database that is migrated, and backed up before."""
    timeout: PositiveDuration = timedelta(minutes=10)
    """A migration that takes longer is ended and fails the deployment."""
    reversible: bool = True
    """Whether the old release can run on the new schema, or `down` brings the old one back."""
    irreversible: Names = ()
    """Names of single migrations that cannot be undone; no rollback goes back past them."""
    backup: bool = True
    """Take a backup before migrating."""
    files: str | None = None
    """Where the SQL files are, such as `migrations/*.sql`; they are checked for unsafe locks."""


class Gate(Section):
    """Something that must be true before a deployment starts."""

    name: str
    """What it is called in the plan."""
    check: str | None = None
    """Command that exits with 0 when it is true."""
    manual: str | None = None
    """What a person confirms."""
    environments: Names = ()
    """Only in these environments; empty means all."""
    timeout: PositiveDuration = timedelta(minutes=10)
    """The check fails after this time."""


class Smoke(Section):
    """A request or a command that must work on the new release before users reach it."""

    name: str
    """What it is called in the plan."""
    service: str | None = None
    """Service that is asked; the first one with a route by default."""
    path: Path | None = None
    """Path of the request."""
    method: Literal["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"] = "GET"
    """Method of the request."""
    status: int = Field(default=200, ge=100, le=599)
    """Status of a good answer."""
    contains: str | None = None
    """Text of a good answer."""
    json_: dict[str, Any] | None = Field(default=None, alias="json")
    """Fields a good answer has, with these values, such as `{status: UP}`."""
    headers: dict[str, str] = Field(default_factory=dict)
    """Headers of the request."""
    body: str | None = None
    """Body of the request."""
    command: str | None = None
    """Command that exits with 0 when all is well; `$URL` is the new release's address."""
    timeout: PositiveDuration = timedelta(seconds=10)
    """It fails after this time."""


class Keep(Section):
    """Which backups stay. A duration stands for `within`."""

    within: Duration | None = None
    """Every backup younger than this."""
    daily: int = Field(default=0, ge=0)
    """The last one of each of so many days."""
    weekly: int = Field(default=0, ge=0)
    """The last one of each of so many weeks."""
    monthly: int = Field(default=0, ge=0)
    """The last one of each of so many months."""
    yearly: int = Field(default=0, ge=0)
    """The last one of each of so many years."""
    min: int = Field(default=3, ge=1)
    """Never fewer good backups than this, however old they are."""


class Verify(Section):
    """How backups are proved. A schedule stands for `at`."""

    at: Schedule | None = None
    """When the newest backup is verified, besides the check right after it was taken."""
    level: Literal["checksum", "restored"] = "restored"
    """Compare the checksum, or restore it into a scratch database and count."""


def _keep(value: Any) -> Any:
    if isinstance(value, int) and not isinstance(value, bool):
        refuse(f"{value} has no unit", f"write {value}d, or {{daily: {value}}}")
    return {"within": value} if isinstance(value, str) else value


def _verify(value: Any) -> Any:
    return {"at": value} if isinstance(value, str) else value


class Backup(Named):
    """Backups of one dependency; the key is its name unless `of` says otherwise."""

    of: str | None = None
    """Dependency that is backed up; by default the one of the same name."""
    at: Annotated[tuple[Schedule, ...], BeforeValidator(one_or_many)]
    """When: `"0 2 * * *"`, or a list of schedules."""
    timezone: Timezone = "UTC"
    """Time zone of the schedule."""
    keep: Annotated[Keep, BeforeValidator(_keep)] = Keep(within=timedelta(days=30))
    """Which backups stay: `30d`, or `{daily: 7, weekly: 4, monthly: 12}`."""
    to: Names
    """Where they go: the name of a store, `s3://bucket/prefix`, or a folder. A list keeps copies
    in each."""
    encrypt: Names = ()
    """Public keys (age) that can open the backups; the private keys never come near the host."""
    verify: Annotated[Verify, BeforeValidator(_verify)] = Verify()
    """How backups are proved."""
    tables: Names = ()
    """Only these tables or collections; empty means everything."""
    exclude: Names = ()
    """Tables, collections or file patterns that are left out."""
    timeout: PositiveDuration = timedelta(hours=2)
    """A backup that takes longer is ended and reported."""

    @property
    def dependency(self) -> str:
        """Name of the dependency that is backed up."""
        return self.of or self.name


class Store(Named):
    """A place for backups."""

    url: str
    """`s3://bucket/prefix`, `gs://…`, `az://…`, `sftp://…` or a folder."""
    endpoint: str | None = None
    """Address of an S3-compatible service."""
    region: str | None = None
    """Region of the bucket."""
    access_key: Secret | None = None
    """Access key: `${AWS_ACCESS_KEY_ID}`."""
    secret_key: Secret | None = None
    """Secret key: `${AWS_SECRET_ACCESS_KEY}`."""
    immutable: Duration | None = None
    """How long nobody can delete what was written (object lock)."""


class RecoveryCheck(Section):
    """What must be true of restored data."""

    name: str
    """What it is called in the drill's report."""
    dependency: str | None = None
    """Database that is asked; the first backup's by default."""
    query: str | None = None
    """Query that gives one number, run on the restored copy."""
    expect: str = "> 0"
    """What the number must be, such as `> 0` or `>= 1000`."""
    command: str | None = None
    """Command that exits with 0 when the restored data is whole; `$URL` is its address."""


class Recovery(Section):
    """What is promised for a disaster, and how it is practised."""

    rto: Duration | None = None
    """Longest time until the system runs again."""
    rpo: Duration | None = None
    """Longest time whose data may be lost."""
    drill: Schedule | None = None
    """When a restore is practised: monthly, weekly, or a schedule."""
    timezone: Timezone = "UTC"
    """Time zone of the drill."""
    checks: tuple[RecoveryCheck, ...] = ()
    """What must be true of restored data."""
