"""The durable work of this room: a deployment from its first step to its end."""

from typing import Any

from opsbook.deploys.executor import Executor
from opsbook.deploys.plan import Kind, Plan, Step, from_dict, undo
from opsbook.deploys.planner import current_of
from opsbook.deploys.records import DeploymentRow, Deployments, Releases
from opsbook.deploys.watching import StepEnd, Waiter
from opsbook.durable import Flow, workflow
from opsbook.errors import ConflictError, OpsbookError, TransientError
from opsbook.runtime import Runtime, current
from opsbook.state.locks import Lock

LOCK = "deploy"
_TRIES = 4
_UNDO_TRIES = 30


@workflow("deploys.deploy")
def deploy(flow: Flow, deployment_id: str) -> dict[str, Any]:
    """Carry out a stored plan; on any failure carry out the way back."""
    runtime = current()
    row = Deployments(runtime.database).get(deployment_id)
    if row.is_over:
        return {"outcome": row.outcome}
    return _Deployment(flow, runtime, row).run()


class _Deployment:
    def __init__(self, flow: Flow, runtime: Runtime, row: DeploymentRow) -> None:
        self._flow = flow
        self._runtime = runtime
        self._row = row
        self._records = Deployments(runtime.database)
        self._plan: Plan = from_dict(row.plan["plan"])
        self._step_name = ""
        waiter = Waiter(
            runtime,
            row.id,
            self._plan.release,
            self._plan.previous,
            str(row.request.get("strategy", "")),
            self._note,
        )
        self._waiter = waiter
        self._executor = Executor(runtime, self._plan, row.request, waiter)

    def run(self) -> dict[str, Any]:
        lock = self._lock()
        try:
            for index, step in enumerate(self._plan.steps):
                ended = self._step(f"{index + 1}-{step.kind.value}", step)
                if not ended.good:
                    return self._go_back(index, step, ended)
            if self._row.kind == "scale":
                self._flow.step("sizes", self._executor.remember_sizes)
            return self._finish("promoted", "")
        finally:
            self._runtime.locks.release(lock, now=self._runtime.clock.now())

    def _lock(self) -> Lock:
        reason = f"{self._row.kind} {self._row.release}"
        return self._runtime.locks.acquire(
            LOCK, holder=self._row.id, reason=reason, now=self._runtime.clock.now()
        )

    def _step(self, name: str, step: Step, *, tries: int = _TRIES) -> StepEnd:
        began = self._flow.step(f"{name}-began", lambda: self._begin(name, step))
        answer = self._flow.step(name, lambda: self._act(name, step, began, tries))
        return StepEnd(answer["status"], answer["detail"])

    def _begin(self, name: str, step: Step) -> float:
        self._records.step_began(self._row.id, name, step.describe(), self._runtime.clock.now())
        return self._runtime.clock.now().timestamp()

    def _act(self, name: str, step: Step, began: float, tries: int) -> dict[str, str]:
        self._step_name = name
        self._fence()
        if not name.startswith("undo"):
            held = self._held()
            if held is not None:
                self._end(name, step, held)
                return {"status": held.status, "detail": held.detail}
        ended = self._attempt(step, began, tries)
        self._end(name, step, ended)
        return {"status": ended.status, "detail": ended.detail}

    def _attempt(self, step: Step, began: float, tries: int) -> StepEnd:
        for attempt in range(tries):
            try:
                return self._executor.run(step, began)
            except TransientError as problem:
                if attempt == tries - 1:
                    return StepEnd("failed", str(problem))
                self._runtime.clock.sleep(min(2.0, 0.2 * 2**attempt))
            except OpsbookError as problem:
                return StepEnd("failed", str(problem))
        return StepEnd("failed", "never tried")

    def _held(self) -> StepEnd | None:
        """A person's wish that came between two steps."""
        told = self._waiter.told()
        if told.aborts:
            return StepEnd("aborted", "aborted by hand")
        if told.command == "pause":
            ended = self._waiter.pause()
            return None if ended.good else ended
        return None

    def _fence(self) -> None:
        """Nothing is touched once the lock has passed to somebody else."""
        lock = self._runtime.locks.get(LOCK)
        if lock is not None and lock.holder != self._row.id:
            if not lock.is_free(self._runtime.clock.now()):
                raise ConflictError(f"the lock has passed to {lock.holder}")
            self._lock()

    def _end(self, name: str, step: Step, ended: StepEnd) -> None:
        text = f"{step.describe()}: {ended.detail}" if ended.detail else step.describe()
        self._records.step_ended(self._row.id, name, ended.status, text, self._runtime.clock.now())

    def _note(self, text: str) -> None:
        self._records.update(self._row.id, status=text[:200])

    def _go_back(self, index: int, failed: Step, ended: StepEnd) -> dict[str, Any]:
        was_live = current_of(self._row.plan["current"])
        back = undo(self._plan, was_live, index)
        problems = []
        for number, step in enumerate(back, 1):
            result = self._step(f"undo-{number}-{step.kind.value}", step, tries=_UNDO_TRIES)
            if not result.good:
                problems.append(result.detail)
        if self._row.kind == "deploy" and self._plan.previous != self._plan.release:
            Releases(self._runtime.database).set_status(self._plan.release, "rejected")
        self._flow.step("settle", self._executor.settle)
        reason = ended.detail
        if problems:
            reason += f"; and going back met: {'; '.join(problems)}"
        return self._finish(_outcome(failed, ended, bool(problems)), reason)

    def _finish(self, outcome: str, reason: str) -> dict[str, Any]:
        def act() -> dict[str, Any]:
            from opsbook.deploys.progress import totals

            now = self._runtime.clock.now()
            result = totals(self._runtime, self._records.get(self._row.id), now)
            self._records.finish(self._row.id, outcome, reason, result, now)
            return {"outcome": outcome, "reason": reason}

        answer: dict[str, Any] = self._flow.step("finish", act)
        return answer


def _outcome(failed: Step, ended: StepEnd, stuck: bool) -> str:
    if ended.status == "aborted":
        return "aborted"
    moved = failed.kind in (Kind.SHARES, Kind.ANALYSE, Kind.PAUSE, Kind.WATCH, Kind.STOP)
    return "rolled_back" if moved and not stuck else "failed"
