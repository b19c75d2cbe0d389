"""Dependencies: datastores and outside APIs the services need."""

from datetime import timedelta
from typing import Annotated, Any, ClassVar, Literal

from pydantic import BeforeValidator, Field

from opsbook.config.masking import Secret
from opsbook.config.model.base import Named, one_or_many
from opsbook.config.units import PositiveDuration, Text


class _Dependency(Named):
    default_variable: ClassVar[str] = ""

    required: bool = True
    """Whether the system is down without it; false makes a failure a warning."""
    timeout: PositiveDuration = timedelta(seconds=3)
    """A health answer later than this is a failure."""
    description: str = ""
    """What it is for."""

    @property
    def embeds(self) -> bool:
        """Whether Opsbook runs it."""
        return bool(getattr(self, "embedded", False))

    @property
    def variable(self) -> str:
        """Environment variable under which services get its address; empty for none."""
        given = getattr(self, "env", None)
        return self.default_variable if given is None else str(given)


class Postgres(_Dependency):
    """A PostgreSQL database."""

    default_variable: ClassVar[str] = "DATABASE_URL"

    type: Literal["postgres"]
    """A PostgreSQL database."""
    url: Secret | None = None
    """Address with user and password: `${DATABASE_URL}`."""
    embedded: bool = False
    """Let Opsbook run one, for development and trials."""
    version: str | None = None
    """Version of the embedded server."""
    port: int | None = Field(default=None, ge=1, le=65535)
    """Port of the embedded server; a free one by default."""
    env: str | None = None
    """Variable under which services get the address; `DATABASE_URL` by default."""
    database: str | None = None
    """Name of the database, where the address does not say it."""
    user: str | None = None
    """Name of the user, where the address does not say it."""
    pool_max: int = Field(default=20, ge=1)
    """Largest number of connections of one instance; `db_connections` is a share of it."""
    pool_min: int = Field(default=0, ge=0)
    """Connections an instance keeps open."""
    replica: Secret | None = None
    """Address of a replica, watched for replication lag."""


class Redis(_Dependency):
    """A Redis or Valkey server."""

    default_variable: ClassVar[str] = "REDIS_URL"

    type: Literal["redis"]
    """A Redis or Valkey server."""
    url: Secret | None = None
    """Address with password: `${REDIS_URL}`."""
    embedded: bool = False
    """Let Opsbook run one, for development and trials."""
    version: str | None = None
    """Version of the embedded server."""
    port: int | None = Field(default=None, ge=1, le=65535)
    """Port of the embedded server; a free one by default."""
    env: str | None = None
    """Variable under which services get the address; `REDIS_URL` by default."""
    holds: Annotated[
        tuple[Literal["cache", "queue", "sessions"], ...], BeforeValidator(one_or_many)
    ] = ("cache",)
    """What lives there. Clearing the cache never touches queues or sessions."""
    prefixes: dict[str, str] = Field(default_factory=dict)
    """Named groups of keys, such as `products: "cache:products:*"`, for clearing one of them."""
    queues: Annotated[tuple[str, ...], BeforeValidator(one_or_many)] = ()
    """Keys of the lists or streams that `queue_depth` counts."""
    warm: str | None = None
    """Command that fills the cache again after it was cleared."""


class Mongodb(_Dependency):
    """A MongoDB database."""

    default_variable: ClassVar[str] = "MONGODB_URI"

    type: Literal["mongodb"]
    """A MongoDB database."""
    url: Secret
    """Address with user and password: `${MONGODB_URI}`."""
    env: str | None = None
    """Variable under which services get the address; `MONGODB_URI` by default."""
    database: str | None = None
    """Name of the database, where the address does not say it."""
    pool_max: int = Field(default=50, ge=1)
    """Largest number of connections of one instance."""
    pool_min: int = Field(default=0, ge=0)
    """Connections an instance keeps open."""


class Elasticsearch(_Dependency):
    """An Elasticsearch or OpenSearch cluster."""

    default_variable: ClassVar[str] = "ELASTICSEARCH_URL"

    type: Literal["elasticsearch"]
    """An Elasticsearch or OpenSearch cluster."""
    url: Secret
    """Address with user and password: `${ELASTICSEARCH_URL}`."""
    env: str | None = None
    """Variable under which services get the address; `ELASTICSEARCH_URL` by default."""


def _codes(value: Any) -> Any:
    return one_or_many(value)


class Http(_Dependency):
    """An API outside: payments, mail, image storage."""

    type: Literal["http"]
    """An API outside."""
    url: Secret
    """Address that is asked for its health."""
    method: Literal["GET", "HEAD", "POST", "OPTIONS"] = "GET"
    """How it is asked."""
    expect: Annotated[
        tuple[Annotated[int, Field(ge=100, le=599)], ...], BeforeValidator(_codes)
    ] = ()
    """Status codes that count as well; any 2xx or 3xx by default."""
    headers: dict[str, Text] = Field(default_factory=dict)
    """Headers sent along; `${VAR}` is replaced."""


class Files(_Dependency):
    """A folder of data, such as uploads."""

    type: Literal["files"]
    """A folder of data, such as uploads."""
    path: str
    """The folder, seen from the ops file."""


class Tcp(_Dependency):
    """Anything that listens on a port."""

    type: Literal["tcp"]
    """Anything that listens on a port."""
    address: str
    """Host and port: `mail.internal:25`."""


Dependency = Annotated[
    Postgres | Redis | Mongodb | Elasticsearch | Http | Files | Tcp, Field(discriminator="type")
]
