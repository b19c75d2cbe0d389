"""Where the system runs, how traffic enters, and what Opsbook keeps."""

import re
from datetime import timedelta
from typing import Annotated, Any

from pydantic import BeforeValidator, Field

from opsbook.config.masking import Secret
from opsbook.config.model.base import Named, Section
from opsbook.config.model.service import Names
from opsbook.config.units import Bytes, Duration, Percent, PositiveDuration, refuse

_RANGE = re.compile(r"(\d{1,5})\s*-\s*(\d{1,5})")


def _listen(value: Any) -> str:
    host, _, port = value.rpartition(":") if isinstance(value, str) else ("", "", "")
    if not host or not port.isdigit() or not 0 < int(port) < 65536:
        refuse(f"{value!r} is not an address", "host:port, such as 127.0.0.1:8080 or 0.0.0.0:443")
    return str(value)


def _ports(value: Any) -> Any:
    match = _RANGE.fullmatch(value.strip()) if isinstance(value, str) else None
    if match is None:
        refuse(f"{value!r} is not a range of ports", "such as 20000-29999")
    first, last = int(match.group(1)), int(match.group(2))
    if not 1024 <= first < last <= 65535:
        refuse(f"{value} is not a range of free ports", "between 1024 and 65535, first below last")
    return str(value)


Listen = Annotated[str, BeforeValidator(_listen)]


class Environment(Named):
    """One place where the system runs, such as staging and production."""

    branch: str | None = None
    """Git branch that is deployed there. `*` stands for any text: `feature/*`."""
    url: str | None = None
    """Address users know it by."""
    approvals: int = Field(default=0, ge=0, le=5)
    """How many people besides the one who asks must agree to a deployment."""
    default: bool = False
    """The environment that is meant when none is named."""
    description: str = ""
    """What it is for."""
    overrides: dict[str, Any] = Field(default_factory=dict, exclude=True, repr=False)
    """Any other section of this file, laid over it in this environment. Maps are merged, lists
    are replaced."""


class Tls(Section):
    """Encryption at the door."""

    listen: Listen = "127.0.0.1:8443"
    """Address for encrypted requests."""
    certificate: str
    """File with the certificate chain, and the key unless `key` names it."""
    key: str | None = None
    """File with the private key."""
    renew: str | None = None
    """Command that renews the certificate."""
    redirect: bool = True
    """Send plain requests to the encrypted address."""


class Drain(Section):
    """How long the old fleet may finish after a switch."""

    requests: Duration = timedelta(seconds=30)
    """Requests."""
    websocket: Duration = timedelta(minutes=5)
    """WebSockets and server-sent events."""


class Traffic(Section):
    """How requests reach the services."""

    proxy: Annotated[str | None, Field(pattern="^(haproxy|nginx|service|gateway)$")] = None
    """haproxy on one machine, nginx where it already runs; service or gateway on Kubernetes.
    The platform's own by default."""
    listen: Listen = "127.0.0.1:8080"
    """Address for requests."""
    tls: Tls | None = None
    """Encryption; without it only `listen` is opened."""
    drain: Drain = Drain()
    """How long the old fleet may finish after a switch."""
    ports: Annotated[str, BeforeValidator(_ports)] = "20000-29999"
    """Ports the instances of services get."""
    timeout: PositiveDuration = timedelta(seconds=60)
    """A request without an answer fails after this time."""
    maintenance_page: str | None = None
    """File that is shown during maintenance."""
    slo: Percent | None = None
    """Share of requests that should succeed, such as `99.9%`; `slo_burn` is measured against it."""

    @property
    def address(self) -> tuple[str, int]:
        """Host and port of ``listen``."""
        host, _, port = self.listen.rpartition(":")
        return host.strip("[]"), int(port)

    @property
    def port_range(self) -> range:
        """The ports instances may get."""
        first, _, last = self.ports.partition("-")
        return range(int(first), int(last) + 1)


class Docker(Section):
    """The Docker engine that runs the services."""

    host: str | None = None
    """Address of the engine; the usual socket by default."""
    network: str = "opsbook"
    """Network the containers share."""
    registry: str | None = None
    """Registry the images are pushed to."""


class Kubernetes(Section):
    """The cluster that runs the services."""

    namespace: str = "default"
    """Namespace of everything Opsbook makes."""
    context: str | None = None
    """Context of the kubeconfig; the current one by default."""
    kubeconfig: str | None = None
    """Kubeconfig file; the usual one by default."""
    registry: str | None = None
    """Registry the images are pushed to."""


class Releases(Section):
    """What stays of earlier releases."""

    keep: int = Field(default=10, ge=2)
    """So many releases can be gone back to; what is live never goes."""


class Logs(Section):
    """What stays of the services' output."""

    keep: Duration = timedelta(days=14)
    """How long."""
    max_size: Bytes = 50 * 2**20
    """Size of one instance's log before it is turned over."""


class State(Section):
    """Where Opsbook keeps what it knows."""

    folder: str = ".opsbook"
    """Folder, seen from the ops file; everything Opsbook owns is in it."""
    url: Secret | None = None
    """PostgreSQL address, when the daemon runs in several copies; SQLite by default."""
    readings: PositiveDuration = timedelta(days=30)
    """How long readings of metrics stay."""
    logs: Logs = Logs()
    """What stays of the services' output."""


class ConsoleSettings(Section):
    """The web console, the HTTP API and the status page."""

    listen: Listen = "127.0.0.1:9090"
    """Address of the console."""
    url: str | None = None
    """Address people know it by; part of notifications."""
    certificate: str | None = None
    """File with certificate and key, when the console is reached over a network."""
    status_page: bool = True
    """Show a public status page."""
    title: str | None = None
    """Title of the status page; the project's name by default."""


class Approvals(Section):
    """How many people must agree before a runbook goes on."""

    changes: int = Field(default=0, ge=0, le=5)
    """For steps that change something."""
    destroys: int = Field(default=1, ge=0, le=5)
    """For steps that destroy something."""
    by: Names = ()
    """Contacts that may agree; empty means everybody with the right to."""
    self_approval: bool = False
    """Whether the one who asks counts."""
    expires: PositiveDuration = timedelta(hours=1)
    """An unanswered request ends after this time."""


class Runbooks(Section):
    """Where the runbooks are."""

    folder: str = "runbooks"
    """Folder of Markdown files, seen from the ops file."""
    stale_after: Duration = timedelta(days=90)
    """A runbook that was not run or read for so long is reported."""
