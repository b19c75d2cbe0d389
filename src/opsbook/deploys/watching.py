"""The waiting steps: analysis after a shift, the watch after 100 %, a pause for a person.

Each loop reads once a second and obeys promote, abort and pause. Deadlines count from
the recorded beginning of the step, so a restart of the daemon does not start them anew.
"""

from collections.abc import Callable
from dataclasses import dataclass

from opsbook.deploys import compose
from opsbook.deploys.analysis import Latencies, judge
from opsbook.deploys.live import load_release
from opsbook.deploys.plan import Step
from opsbook.deploys.readings import FleetReader
from opsbook.deploys.records import Deployments
from opsbook.deploys.sequential import Evidence, observe
from opsbook.deploys.triggers import Watch, triggers
from opsbook.runtime import Runtime
from opsbook.signals.base import Outcome, Verdict

_PAUSED = "paused: `opsbook promote` goes on, `opsbook abort` goes back"
_TICK_S = 0.5


@dataclass(frozen=True)
class Told:
    """What a person asked for meanwhile: promote, abort or pause; empty for nothing."""

    command: str

    @property
    def aborts(self) -> bool:
        return self.command == "abort"


@dataclass(frozen=True)
class StepEnd:
    """How a step ended: done, failed (go back) or aborted (go back)."""

    status: str
    detail: str = ""

    @property
    def good(self) -> bool:
        return self.status == "done"


@dataclass
class Waiter:
    """One deployment's eyes: its triggers keep their state from step to step."""

    runtime: Runtime
    deployment: str
    release: str
    previous: str
    strategy: str
    note: Callable[[str], None]

    def __post_init__(self) -> None:
        config = self.runtime.config
        release = load_release(self.runtime, self.release)
        names = tuple(n for n in config.rollback_on if n in config.thresholds)
        self._watch = Watch(triggers(config.thresholds, names, tuple(release.services)))
        now = self.runtime.clock.now().timestamp()
        self._reader = FleetReader(self.runtime, self.release, now)

    def told(self) -> Told:
        """The latest command for this deployment."""
        return Told(Deployments(self.runtime.database).get(self.deployment).command)

    def clear(self) -> None:
        """A promote or pause was obeyed."""
        Deployments(self.runtime.database).update(self.deployment, command="")

    def pause(self) -> StepEnd:
        """Wait for promote or abort; triggers still send it back."""
        self.note(_PAUSED)
        while True:
            told = self.told()
            if told.aborts:
                return StepEnd("aborted", "aborted by hand")
            if told.command == "promote":
                self.clear()
                return StepEnd("done", "promoted by hand")
            fired = self.fired()
            if fired:
                return StepEnd("failed", fired)
            self.runtime.clock.sleep(_TICK_S)

    def fired(self) -> str:
        """The words of a trigger that fires now; empty when none does."""
        return self._watch.tick(self._reader.read, self.runtime.clock.now())

    def analyse(self, step: Step, began: float) -> StepEnd:
        """Compare until the time is up and there was enough to judge.

        Not enough traffic or no data holds until the strategy's deadline, which goes back.
        """
        config = self.runtime.config
        settings = compose.analysis_settings(config, step.service, self.strategy)
        deadline_s = self._deadline_s(step.service)
        evidence = Evidence()
        last = began
        while True:
            told = self.told()
            if told.aborts:
                return StepEnd("aborted", "aborted by hand")
            now = self.runtime.clock.now().timestamp()
            fired = self.fired()
            if fired:
                return StepEnd("failed", fired)
            if now - last >= 1.0:
                evidence = self._block(step, evidence, last, now)
                last = now
            latencies = self._latencies(step, began)
            verdict = judge(evidence, latencies, settings, time_is_up=now - began >= step.seconds)
            ended = self._decide(verdict, told, now - began, deadline_s)
            if ended is not None:
                return ended
            held = verdict.outcome is Outcome.PASS
            self.note(f"{_PAUSED} ({verdict.reason})" if held else verdict.reason)
            self.runtime.clock.sleep(_TICK_S)

    def _decide(
        self, verdict: Verdict, told: Told, elapsed_s: float, deadline_s: float
    ) -> StepEnd | None:
        if verdict.outcome is Outcome.FAIL:
            return StepEnd("failed", verdict.reason)
        passed = verdict.outcome is Outcome.PASS
        if passed and told.command != "pause":
            return StepEnd("done", verdict.reason)
        if told.command == "promote":
            self.clear()
            return StepEnd("done", f"promoted by hand ({verdict.reason})")
        if elapsed_s >= deadline_s and not passed:
            return StepEnd("failed", f"still undecided after {deadline_s:g} s: {verdict.reason}")
        return None

    def watch(self, step: Step, began: float) -> StepEnd:
        """All traffic is on the new release; the old one is warm until this is over."""
        while True:
            told = self.told()
            if told.aborts:
                return StepEnd("aborted", "aborted by hand")
            fired = self.fired()
            if fired:
                return StepEnd("failed", fired)
            elapsed = self.runtime.clock.now().timestamp() - began
            if told.command == "promote":
                self.clear()
                return StepEnd("done", "promoted by hand before the watch was over")
            if elapsed >= step.seconds and told.command != "pause":
                return StepEnd("done", "nothing fired")
            left_s = step.seconds - elapsed
            self.note(f"{left_s:.0f} s to go" if left_s > 0 else _PAUSED)
            self.runtime.clock.sleep(_TICK_S)

    def _block(self, step: Step, evidence: Evidence, since: float, until: float) -> Evidence:
        # Whole seconds that are over, so that no request is counted twice.
        first, last = int(since), int(until) - 1
        if last < first:
            return evidence
        requests, reader = self.runtime.requests, self._reader
        ours, theirs = (
            requests.window(step.service, servers, since=first, until=last)
            for servers in (
                reader.servers(step.service),
                reader.servers(step.service, step.against),
            )
        )
        return observe(evidence, (ours.total, ours.failed), (theirs.total, theirs.failed))

    def _latencies(self, step: Step, began: float) -> Latencies:
        over_s = self.runtime.clock.now().timestamp() - began + 1
        new = self._reader.window(step.service, over_s)
        old = self._reader.window(step.service, over_s, step.against)
        return Latencies(new.quantile_ms(0.95), old.quantile_ms(0.95))

    def _deadline_s(self, service: str) -> float:
        config = self.runtime.config
        name = self.strategy if self.strategy in config.strategies else ""
        strategy = (
            config.strategies[name]
            if name
            else config.strategy_for(service)
            if service in config.services
            else config.strategies[config.strategy]
        )
        return strategy.deadline.total_seconds()
