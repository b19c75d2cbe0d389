"""Services: what Opsbook deploys."""

import shlex
from datetime import timedelta
from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field

from opsbook.config.model.base import Named, Section, one_or_many
from opsbook.config.units import Bytes, Cores, Duration, Percent, PositiveDuration, Text, refuse


def _build(value: Any) -> Any:
    if isinstance(value, str):
        return {"commands": (value,)}
    return {"commands": tuple(value)} if isinstance(value, (list, tuple)) else value


def _routes(value: Any) -> Any:
    return tuple({"path": v} if isinstance(v, str) else v for v in one_or_many(value))


def _health(value: Any) -> Any:
    return {"live": value, "ready": value} if isinstance(value, str) else value


def _path(value: Any) -> Any:
    if not isinstance(value, str) or not value.startswith("/"):
        refuse(f"{value!r} is not a path", "it starts with /, such as /health/ready")
    return value


Path = Annotated[str, BeforeValidator(_path)]
Names = Annotated[tuple[str, ...], BeforeValidator(one_or_many)]


class Build(Section):
    """How a release of the service is made. A list stands for its commands."""

    commands: Annotated[tuple[str, ...], BeforeValidator(one_or_many)] = ()
    """Commands run one after the other in the release's folder; the first failure ends it."""
    context: str | None = None
    """Folder sent to Docker for an image build."""
    dockerfile: str = "Dockerfile"
    """The Dockerfile, seen from the context."""
    target: str | None = None
    """Stage of the Dockerfile to build."""
    args: dict[str, Text] = Field(default_factory=dict)
    """Build arguments. They stay in the image: never put a secret here."""
    timeout: PositiveDuration = timedelta(minutes=20)
    """The build fails after this time."""


class Route(Section):
    """Which requests reach the service. The longest matching path wins."""

    path: Path = "/"
    """Path prefix of the requests."""
    host: str = ""
    """Host name of the requests; empty takes every host. `*.shop.example` takes its subdomains."""
    strip: bool = False
    """Remove the path prefix before the service sees the request."""


class Health(Section):
    """How to ask whether an instance is well. A single path stands for both live and ready."""

    live: Path | None = None
    """Path that answers 2xx while the process works. Without it, an open port counts."""
    ready: Path | None = None
    """Path that answers 2xx when the instance can take requests. Defaults to `live`."""
    version: Path | None = None
    """Path whose answer names the running release; compared after each deployment."""
    expect: str | None = None
    """Text the ready answer must contain, such as `UP`."""
    timeout: PositiveDuration = timedelta(seconds=2)
    """An answer later than this is a failure."""
    interval: PositiveDuration = timedelta(seconds=1)
    """Time between two checks."""
    start_timeout: PositiveDuration = timedelta(seconds=60)
    """A new instance that is not ready after this time fails the deployment."""
    metrics: Path | None = "/metrics"
    """Path of the service's own Prometheus metrics; null when there are none."""


class SecretRef(Section):
    """Where a secret comes from. Exactly one of `env`, `file` and `command` is given."""

    env: str | None = None
    """Name of the environment variable of the daemon that holds it."""
    file: str | None = None
    """File that holds it, seen from the ops file; a final line break is dropped."""
    command: str | None = None
    """Command that prints it, run without a shell; a final line break is dropped."""
    min_length: int = Field(default=1, ge=1)
    """A shorter value is refused."""
    pattern: str | None = None
    """Regular expression the whole value must match."""


class Reserve(Section):
    """What an instance is promised."""

    memory: Bytes | None = None
    """Memory set aside for each instance."""
    cpu: Cores | None = None
    """Cores set aside for each instance: `0.5` or `500m`."""


class Resources(Section):
    """What an instance may use at most."""

    memory: Bytes | None = None
    """Memory; an instance that passes it is ended and restarted."""
    cpu: Cores | None = None
    """Cores: `0.5`, `2` or `500m`."""
    open_files: int | None = Field(default=None, ge=16)
    """Open files and sockets."""
    reserve: Reserve = Reserve()
    """What is promised to each instance (Kubernetes requests)."""


class Autoscale(Section):
    """Let Kubernetes choose the number of instances."""

    min: int = Field(ge=1)
    """Never fewer instances than this."""
    max: int = Field(ge=1)
    """Never more instances than this."""
    cpu: Percent = 70.0
    """Instances are added above this share of the reserved CPU."""
    memory: Percent | None = None
    """Instances are added above this share of the reserved memory."""


class Restart(Section):
    """How a crashed instance comes back."""

    backoff_min: PositiveDuration = timedelta(seconds=1)
    """Wait before the first restart; it doubles each time."""
    backoff_max: PositiveDuration = timedelta(seconds=30)
    """The longest wait between two restarts."""
    give_up_after: int | None = Field(default=None, ge=1)
    """Stop restarting after so many crashes in a row; null never gives up."""


class Connections(Section):
    """How long open connections may finish on the old instances after a switch."""

    websocket: Duration | None = None
    """WebSockets; the default is `traffic.drain.websocket`."""
    sse: Duration | None = None
    """Server-sent events; the default is `traffic.drain.websocket`."""


class Volume(Section):
    """A folder that outlives instances and releases."""

    path: str
    """Where the service sees it."""
    size: Bytes | None = None
    """How much may be stored (Kubernetes)."""


class Service(Named):
    """One of your programs: Opsbook builds, starts, watches and replaces its instances."""

    source: str = "."
    """Folder or git repository of the code, seen from the ops file."""
    image: str | None = None
    """Container image, with Docker and Kubernetes. `${VERSION}` is the version released."""
    build: Annotated[Build, BeforeValidator(_build)] = Build()
    """Commands that make a release, or the Dockerfile to build."""
    run: str | None = None
    """Command line of one instance. It listens on the port in `$PORT`."""
    shell: bool = False
    """Run the command line with `/bin/sh -c`; needed for pipes and variables."""
    routes: Annotated[tuple[Route, ...], BeforeValidator(_routes)] = Field(
        default=(), alias="route"
    )
    """Requests that reach the service: a path, a route or a list of routes. Workers have none."""
    instances: int = Field(default=1, ge=0, le=1000)
    """How many copies run."""
    autoscale: Autoscale | None = None
    """Bounds between which Kubernetes chooses the number of instances."""
    port: int | None = Field(default=None, ge=1, le=65535)
    """Fixed port, with containers; processes get theirs from `traffic.ports`."""
    health: Annotated[Health, BeforeValidator(_health)] = Health()
    """How to ask whether an instance is well: a path, or the single settings."""
    env: dict[str, Text] = Field(default_factory=dict)
    """Environment variables. `${VAR}` and `${VAR:-default}` are replaced."""
    secrets: dict[str, SecretRef] = Field(default_factory=dict)
    """Environment variables whose values are secrets; only the reference is stored."""
    resources: Resources = Resources()
    """What an instance may use at most."""
    volumes: dict[str, Volume] = Field(default_factory=dict)
    """Folders that outlive the instances, with containers."""
    strategy: str | None = None
    """Strategy of this service's deployments; the default is the file's `strategy`."""
    drain: Duration = timedelta(seconds=30)
    """Time an instance gets to finish after it was told to stop."""
    stop_signal: Literal["TERM", "INT", "QUIT", "HUP", "USR1", "USR2"] = "TERM"
    """Signal that tells an instance to stop."""
    exclusive: bool = False
    """Old and new instances must never run together: stop the old ones first."""
    depends_on: Names = ()
    """Dependencies this service uses; empty means all of them."""
    after: Names = ()
    """Services whose traffic shifts before this one's."""
    restart: Restart = Restart()
    """How a crashed instance comes back."""
    connections: Connections = Connections()
    """How long open connections may finish on the old instances."""

    @property
    def is_worker(self) -> bool:
        """Whether the service takes no requests."""
        return not self.routes

    @property
    def listens(self) -> bool:
        """Whether each instance gets a port."""
        return bool(self.routes or self.port or self.health.live or self.health.ready)

    @property
    def is_git(self) -> bool:
        """Whether the source is a git repository elsewhere."""
        return "://" in self.source or self.source.startswith("git@")

    def argv(self) -> tuple[str, ...]:
        """The command line as the platform starts it; empty when the image decides."""
        if self.run is None:
            return ()
        return ("/bin/sh", "-c", self.run) if self.shell else tuple(shlex.split(self.run))
