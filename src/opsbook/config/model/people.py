"""Who is told what, when, and by which channel."""

from datetime import timedelta
from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field

from opsbook.config.masking import Secret
from opsbook.config.model.base import Named, Section, one_or_many
from opsbook.config.model.service import Names
from opsbook.config.units import (
    Duration,
    Moment,
    PositiveDuration,
    ResponseTime,
    Schedule,
    Text,
    Timezone,
)


class _Channel(Named):
    description: str = ""
    """What the channel is for."""


class Slack(_Channel):
    """A Slack channel, by incoming webhook."""

    type: Literal["slack"]
    """A Slack channel, by incoming webhook."""
    url: Secret
    """Address of the webhook: `${SLACK_WEBHOOK}`."""
    channel: str | None = None
    """Channel to name in the message, such as `#incidents`."""


class PagerDuty(_Channel):
    """A PagerDuty service (Events API v2)."""

    type: Literal["pagerduty"]
    """A PagerDuty service (Events API v2)."""
    routing_key: Secret
    """Integration key: `${PAGERDUTY_KEY}`."""
    url: str = "https://events.pagerduty.com"
    """Address of the service, for a proxy or a region."""


class Email(_Channel):
    """E-mail by SMTP."""

    type: Literal["email"]
    """E-mail by SMTP."""
    server: Secret
    """Mail server with user and password: `${SMTP_URL}`, such as `smtps://user:secret@host:465`."""
    from_: str = Field(alias="from")
    """Sender."""
    to: Names
    """Receivers."""


class Sms(_Channel):
    """Text messages, by an Apprise address such as `twilio://…`."""

    type: Literal["sms"]
    """Text messages."""
    url: Secret
    """Address of the service with its key: `${SMS_URL}`."""
    to: Names = ()
    """Numbers, where the address does not hold them."""


class Webhook(_Channel):
    """An HTTP POST with the event as JSON."""

    type: Literal["webhook"]
    """An HTTP POST with the event as JSON."""
    url: Secret
    """Where it goes."""
    headers: dict[str, Text] = Field(default_factory=dict)
    """Headers sent along; `${VAR}` is replaced."""
    secret: Secret | None = None
    """Key of the signature (HMAC-SHA256) in `X-Opsbook-Signature`."""


class Console(_Channel):
    """The daemon's own log and the console; needs nothing else."""

    type: Literal["console"]
    """The daemon's own log and the console."""


class Apprise(_Channel):
    """Any other service, by its Apprise address."""

    type: Literal["apprise"]
    """Any other service, by its Apprise address."""
    url: Secret
    """Address of the service with its key."""


Channel = Annotated[
    Slack | PagerDuty | Email | Sms | Webhook | Console | Apprise, Field(discriminator="type")
]


class Severity(Named):
    """How bad an incident is, and what that asks of whom."""

    respond: ResponseTime
    """Somebody acknowledges within this time: `0m`, `15m`, `next business day`."""
    page: Names = ()
    """Who is paged at once: rota, channels or contacts."""
    update_every: Duration | None = None
    """How often users and stakeholders hear from you."""
    description: str = ""
    """What it means, in one sentence."""
    when: Names = ()
    """Signs of it, such as `Complete service outage`."""
    mitigate: Duration | None = None
    """Users are well again within this time."""
    watch: Duration = timedelta(minutes=30)
    """Keep watching for this long after it is resolved."""
    postmortem: Duration | None = None
    """A post-mortem is written within this time; null asks for none."""


class Escalation(Section):
    """Who is told when nobody answers."""

    after: ResponseTime
    """Time since the incident opened without an answer."""
    notify: Names
    """Who is told: rota, channels or contacts."""
    repeat: int = Field(default=0, ge=0, le=100)
    """Tell them again so many times."""
    every: PositiveDuration = timedelta(minutes=10)
    """Time between two repetitions."""
    severities: Names = ()
    """Only for these severities; empty means all."""
    thresholds: Names = ()
    """Only for incidents these thresholds opened, such as security ones."""


class Contact(Named):
    """A role one can reach: on-call engineer, database admin, a provider's support."""

    role: str = ""
    """What they do."""
    email: str | None = None
    """E-mail address."""
    phone: str | None = None
    """Telephone number with its country code."""
    slack: str | None = None
    """Slack handle or channel."""
    url: str | None = None
    """Support portal or pager."""
    channel: str | None = None
    """Channel that reaches them, when they are paged."""
    note: str = ""
    """Contract number, hours, what to have at hand."""


def _rotation(value: Any) -> Any:
    return {"members": value} if isinstance(value, (str, list, tuple)) else value


class Rotation(Named):
    """Who is on call, in turn. A list of contacts or channels stands for `members`."""

    members: Names
    """Contacts or channels, in the order of their turns."""
    every: PositiveDuration = timedelta(weeks=1)
    """Length of a turn."""
    start: Moment | None = None
    """When the first member's first turn began, such as `2026-01-05 09:00`."""


class Override(Section):
    """Somebody stands in."""

    rota: str
    """Which rota."""
    member: str
    """Contact or channel that stands in."""
    from_: Moment = Field(alias="from")
    """From when."""
    to: Moment
    """Until when."""


class OnCall(Section):
    """Who is on call."""

    timezone: Timezone = "UTC"
    """Time zone of turns, overrides and business days."""
    rota: dict[str, Annotated[Rotation, BeforeValidator(_rotation)]] = Field(default_factory=dict)
    """Named rotas, such as primary and secondary."""
    overrides: tuple[Override, ...] = ()
    """Who stands in, and when."""
    business_days: tuple[Literal["mon", "tue", "wed", "thu", "fri", "sat", "sun"], ...] = (
        "mon",
        "tue",
        "wed",
        "thu",
        "fri",
    )
    """Days on which work is done; `next business day` is the next of them."""
    business_start: str = Field(default="09:00", pattern=r"^([01]\d|2[0-3]):[0-5]\d$")
    """When a business day begins."""


class Notice(Section):
    """Where messages of one level go. A list stands for `to`."""

    to: Names = ()
    """Channels, rotas or contacts."""
    respond: ResponseTime | None = None
    """Somebody answers within this time."""


def _notice(value: Any) -> Any:
    return {"to": value} if isinstance(value, (str, list, tuple)) else value


class Notify(Section):
    """Where alerts go, by their level."""

    critical: Annotated[Notice, BeforeValidator(_notice)] = Notice()
    """Critical alerts and incidents."""
    warning: Annotated[Notice, BeforeValidator(_notice)] = Notice()
    """Warnings."""
    info: Annotated[Notice, BeforeValidator(_notice)] = Notice()
    """Deployments, backups, drills and what else went well."""


class Maintenance(Section):
    """A planned window: alerts are held back and the status page says so."""

    name: str
    """What is done."""
    at: Schedule | None = None
    """When it begins, again and again; or give `from` and `to`."""
    for_: Duration | None = Field(default=None, alias="for")
    """How long it lasts, with `at`."""
    from_: Moment | None = Field(default=None, alias="from")
    """When it begins, once."""
    to: Moment | None = None
    """When it ends."""
    timezone: Timezone
    """Time zone of all of these. It has no default: a window off by hours is a page at night."""
    services: Names = ()
    """Only these services; empty means all."""
    environments: Names = ()
    """Only in these environments; empty means all."""
    silence: bool = True
    """Hold alerts back meanwhile."""
    announce: Duration | None = None
    """Announce it so long before, such as `48h`."""


class Freeze(Section):
    """A time without deployments."""

    name: str
    """Why."""
    at: Schedule | None = None
    """When it begins, again and again; or give `from` and `to`."""
    for_: Duration | None = Field(default=None, alias="for")
    """How long it lasts, with `at`."""
    from_: Moment | None = Field(default=None, alias="from")
    """When it begins, once."""
    to: Moment | None = None
    """When it ends."""
    timezone: Timezone
    """Time zone of all of these."""
    environments: Names = ()
    """Only in these environments; empty means all."""
    override: bool = True
    """Whether an approval may deploy all the same; a rollback always may."""


class Windows(Section):
    """When work is planned, and when nothing may change."""

    maintenance: tuple[Maintenance, ...] = ()
    """Planned windows."""
    freeze: tuple[Freeze, ...] = ()
    """Times without deployments."""


class ScheduledWork(Named):
    """A runbook or an action that runs by the calendar."""

    at: Annotated[tuple[Schedule, ...], BeforeValidator(one_or_many)]
    """When."""
    timezone: Timezone = "UTC"
    """Time zone of the schedule."""
    run: str | None = None
    """Runbook to run."""
    action: str | None = None
    """Action to call, such as `backup.verify`."""
    with_: dict[str, Text] = Field(default_factory=dict, alias="with")
    """Inputs of the runbook or the action."""
    environments: Names = ()
    """Only in these environments; empty means all."""
    enabled: bool = True
    """False keeps the entry and runs nothing."""
