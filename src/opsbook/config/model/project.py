"""The whole ops file."""

import fnmatch
from datetime import timedelta
from pathlib import Path
from typing import Annotated, Literal, Self

from pydantic import BeforeValidator, Field, PrivateAttr, model_validator

from opsbook.config.model.base import Section, give_names
from opsbook.config.model.dependency import Dependency
from opsbook.config.model.people import (
    Channel,
    Contact,
    Escalation,
    Notify,
    OnCall,
    ScheduledWork,
    Severity,
    Windows,
)
from opsbook.config.model.place import (
    Approvals,
    ConsoleSettings,
    Docker,
    Environment,
    Kubernetes,
    Releases,
    Runbooks,
    State,
    Traffic,
)
from opsbook.config.model.safety import Backup, Gate, Migrations, Recovery, Smoke, Store
from opsbook.config.model.service import Names, Service
from opsbook.config.model.strategy import BUILT_IN, Strategy, guess_type
from opsbook.config.model.threshold import Threshold

Key = Annotated[str, Field(pattern=r"^[A-Za-z][A-Za-z0-9_.-]{0,62}$")]
DEFAULT_ENVIRONMENT = "development"


def _guess_types(value: object) -> object:
    if not isinstance(value, dict):
        return value
    return {name: guess_type(str(name), entry) for name, entry in value.items()}


class Config(Section):
    """Everything that was declared, for one environment."""

    project: Annotated[str, Field(pattern=r"^[a-z][a-z0-9-]{0,39}$")]
    """Name of the project: small letters, digits and dashes."""
    description: str = ""
    """What the system does, for the console and for whoever is paged."""
    environments: dict[Key, Environment] = Field(default_factory=dict)
    """Places where the system runs."""
    platform: Literal["process", "docker", "kubernetes"] = "process"
    """What runs the services: plain processes, Docker, or a Kubernetes cluster."""
    docker: Docker = Docker()
    """The Docker engine."""
    kubernetes: Kubernetes = Kubernetes()
    """The Kubernetes cluster."""
    services: dict[Annotated[str, Field(pattern=r"^[a-z][a-z0-9-]{0,39}$")], Service] = Field(
        default_factory=dict
    )
    """Your programs."""
    dependencies: dict[Key, Dependency] = Field(default_factory=dict)
    """Datastores and outside APIs the services need."""
    strategies: Annotated[dict[Key, Strategy], BeforeValidator(_guess_types)] = Field(
        default_factory=dict
    )
    """How a new release takes over. `rolling`, `blue-green` and `canary` exist without being
    declared; an entry of the same name changes them."""
    strategy: str = "rolling"
    """Strategy of every service that names none."""
    thresholds: dict[Key, Threshold] = Field(default_factory=dict)
    """Limits on numbers: the metric table of your runbook."""
    rollback_on: Names = ()
    """Thresholds whose critical limit sends a deployment back."""
    migrations: Migrations | None = None
    """How the database schema moves with a release."""
    gates: tuple[Gate, ...] = ()
    """What must be true before a deployment starts."""
    smoke: tuple[Smoke, ...] = ()
    """What must work on the new release before users reach it."""
    backups: dict[Key, Backup] = Field(default_factory=dict)
    """Backups, by dependency."""
    stores: dict[Key, Store] = Field(default_factory=dict)
    """Places for backups."""
    recovery: Recovery = Recovery()
    """What is promised for a disaster, and how it is practised."""
    severities: dict[Key, Severity] = Field(default_factory=dict)
    """How bad incidents are and what that asks of whom."""
    escalation: tuple[Escalation, ...] = ()
    """Who is told when nobody answers."""
    on_call: OnCall = OnCall()
    """Who is on call."""
    channels: dict[Key, Channel] = Field(default_factory=dict)
    """Ways to reach people."""
    notify: Notify = Notify()
    """Where alerts go, by their level."""
    contacts: dict[Key, Contact] = Field(default_factory=dict)
    """Roles one can reach."""
    windows: Windows = Windows()
    """When work is planned, and when nothing may change."""
    schedules: dict[Key, ScheduledWork] = Field(default_factory=dict)
    """Runbooks and actions that run by the calendar."""
    approvals: Approvals = Approvals()
    """How many people must agree before a runbook goes on."""
    runbooks: Runbooks = Runbooks()
    """Where the runbooks are."""
    traffic: Traffic = Traffic()
    """How requests reach the services."""
    releases: Releases = Releases()
    """What stays of earlier releases."""
    console: ConsoleSettings = ConsoleSettings()
    """The web console, the HTTP API and the status page."""
    state: State = State()
    """Where Opsbook keeps what it knows."""

    _environment: str = PrivateAttr(default=DEFAULT_ENVIRONMENT)
    _path: Path = PrivateAttr(default=Path("opsbook.yaml"))
    _digest: str = PrivateAttr(default="")
    _lines: dict[str, tuple[Path, int]] = PrivateAttr(default_factory=dict)

    @model_validator(mode="after")
    def _complete(self) -> Self:
        for name, kind in BUILT_IN.items():
            self.strategies.setdefault(name, kind())
        for entries in (
            self.environments,
            self.services,
            self.dependencies,
            self.strategies,
            self.thresholds,
            self.backups,
            self.stores,
            self.severities,
            self.on_call.rota,
            self.channels,
            self.contacts,
            self.schedules,
        ):
            give_names(entries)
        return self

    @property
    def environment(self) -> str:
        """Name of the environment this was read for."""
        return self._environment

    @property
    def path(self) -> Path:
        """The ops file."""
        return self._path

    @property
    def root(self) -> Path:
        """Folder of the ops file; relative paths in it start here."""
        return self._path.parent

    @property
    def digest(self) -> str:
        """SHA-256 (hex) of what was declared for this environment; secrets are not part of it."""
        return self._digest

    @property
    def state_dir(self) -> Path:
        """Folder of everything Opsbook owns for this project."""
        return self.root / self.state.folder

    @property
    def here(self) -> Environment:
        """The settings of this environment; the defaults when none is declared."""
        return self.environments.get(self._environment) or Environment()

    def written_at(self, where: str) -> tuple[Path, int]:
        """File and line of ``services.api.secrets.KEY``; line 0 when it is not written."""
        return self._lines.get(where, (self._path, 0))

    def strategy_for(self, service: str) -> Strategy:
        """The strategy of the named service's deployments."""
        return self.strategies[self.services[service].strategy or self.strategy]

    def dependencies_for(self, service: str) -> tuple[str, ...]:
        """Names of the dependencies the service uses; all of them when it names none."""
        return self.services[service].depends_on or tuple(self.dependencies)

    def websocket_drain(self, service: str) -> timedelta:
        """How long WebSockets of the service may finish on its old instances."""
        return self.services[service].connections.websocket or self.traffic.drain.websocket

    def environment_of_branch(self, branch: str) -> str | None:
        """Name of the first environment that deploys ``branch``."""
        for name, environment in self.environments.items():
            if environment.branch and fnmatch.fnmatchcase(branch, environment.branch):
                return name
        return None
