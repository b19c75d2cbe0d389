"""Strategies: how a new release takes over from the old one."""

from collections.abc import Mapping
from datetime import timedelta
from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field, WithJsonSchema

from opsbook.config.model.base import Named, Section
from opsbook.config.units import (
    Amount,
    CountOrPercent,
    Duration,
    Percent,
    PositiveDuration,
    read_percent,
    refuse,
)

Pause = Literal["pause"]


def _step(value: Any) -> Any:
    if isinstance(value, str) and value.strip() == "pause":
        return "pause"
    percent = read_percent(value)
    if percent == 0:
        refuse("0% moves nothing", "such as 5%")
    return percent


class Analysis(Section):
    """How the new release is compared with the old one over the same minutes."""

    min_requests: int = Field(default=100, ge=1)
    """Requests the new release must have answered before a judgement is made."""
    confidence: Percent = 95.0
    """How sure the comparison must be before it says that the new release is worse."""
    max_error_rate_increase: Percent = 1.0
    """More than this share of failed requests above the old release's is a failure."""
    max_latency_increase: Percent | None = None
    """A p95 latency more than this above the old release's is a failure; null does not compare."""
    on_no_data: Literal["hold", "fail", "pass"] = "hold"
    """What to do when there are too few requests to judge; hold waits until the deadline."""


class _Strategy(Named):
    watch: Duration = timedelta(minutes=15)
    """How long the old fleet stays warm after 100%, so that going back is instant."""
    analysis: Analysis = Analysis()
    """How the new release is judged while traffic shifts and during the watch."""
    deadline: PositiveDuration = timedelta(minutes=30)
    """A deployment that has not promoted by then goes back; time paused by hand and the watch
    are not counted."""


class Rolling(_Strategy):
    """Replace instances a few at a time."""

    type: Literal["rolling"] = "rolling"
    """Replace instances a few at a time."""
    surge: CountOrPercent = Amount(percent=25.0)
    """How many instances above the wanted number may run meanwhile."""
    unavailable: CountOrPercent = Amount(count=0)
    """How many instances below the wanted number may run meanwhile."""


class BlueGreen(_Strategy):
    """Start a whole second fleet, then move all traffic at once."""

    type: Literal["blue-green"] = "blue-green"
    """Start a whole second fleet, then move all traffic at once."""


class Canary(_Strategy):
    """Give the new release a growing share of the traffic."""

    type: Literal["canary"] = "canary"
    """Give the new release a growing share of the traffic."""
    steps: tuple[
        Annotated[float | Pause, BeforeValidator(_step), WithJsonSchema({"type": "string"})],
        ...,
    ] = (5.0, 25.0, 50.0, 100.0)
    """Shares of the traffic, such as `[5%, 25%, 50%, 100%]`. `pause` waits for a person to
    promote. A missing 100% at the end is added."""
    every: PositiveDuration = timedelta(minutes=5)
    """Time at each share before the next one."""


Strategy = Annotated[Rolling | BlueGreen | Canary, Field(discriminator="type")]

BUILT_IN: Mapping[str, type[Rolling] | type[BlueGreen] | type[Canary]] = {
    "rolling": Rolling,
    "blue-green": BlueGreen,
    "canary": Canary,
}


def guess_type(name: str, value: Any) -> Any:
    """Fill in the type of a strategy that is named like one, or has the settings of one."""
    if not isinstance(value, Mapping) or "type" in value:
        return value
    guess = name if name in BUILT_IN else None
    if guess is None and {"steps", "every"} & set(value):
        guess = "canary"
    if guess is None and {"surge", "unavailable"} & set(value):
        guess = "rolling"
    return value if guess is None else {"type": guess, **value}
