"""The only door to durable execution: work that is longer than a breath survives a crash.

A workflow is a plain function of a :class:`Flow` and one id. What it does to the
world it does in named steps; a finished step is never done again, the step that was
under way when the process died is done again. So a step is idempotent, and its name
is written out and never reused: names live in the database.

Two engines: :class:`DurableEngine` keeps its record with DBOS in SQLite or
PostgreSQL; :class:`InlineEngine` runs at once in the caller's thread, for tests.
"""

import json
import logging
import threading
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Protocol

from opsbook.errors import NotFoundError, OpsbookError, TransientError, error_from_dict

if TYPE_CHECKING:
    from dbos import Serializer

Json = Any
Act = Callable[[], Json]
Observer = Callable[[str, str, str], None]
"""Called with (workflow id, step name, "before" or "after"): for crash tests and traces."""

_ATTEMPTS = 4
_FIRST_PAUSE_S = 0.2
_LAUNCH_S = 30.0


class Flow(Protocol):
    """What a running workflow may ask of its engine."""

    id: str

    def step(self, name: str, act: Act) -> Json:
        """Do ``act`` once and remember its (JSON) answer; after a restart only remember.

        A TransientError is tried again up to four times with growing pauses.
        """
        ...


Workflow = Callable[[Flow, str], Json]
_WORKFLOWS: dict[str, Workflow] = {}


def workflow(name: str) -> Callable[[Workflow], Workflow]:
    """Register a workflow under a name that is never changed or used again."""

    def register(function: Workflow) -> Workflow:
        if name in _WORKFLOWS and _WORKFLOWS[name] is not function:
            raise ValueError(f"two workflows are called {name}")
        _WORKFLOWS[name] = function
        return function

    return register


def workflow_names() -> tuple[str, ...]:
    """All registered names, for the test that compares them with the checked-in list."""
    return tuple(sorted(_WORKFLOWS))


class Engine(Protocol):
    """Starts workflows and carries them to their end."""

    def launch(self) -> None:
        """Begin, and take up what an earlier process left unfinished."""
        ...

    def start(self, name: str, workflow_id: str, argument: str) -> None:
        """Start a workflow; starting the same id again is harmless."""
        ...

    def wait(self, workflow_id: str) -> Json:
        """Wait for the end of a workflow and give its answer."""
        ...

    def close(self) -> None:
        """Stop; unfinished workflows go on at the next launch."""
        ...


class InlineEngine:
    """Runs a workflow to its end inside :meth:`start`; remembers finished steps.

    ``observer`` may raise to play a crash; starting the same id again resumes.
    """

    def __init__(self, observer: Observer | None = None) -> None:
        self._observer = observer
        self._steps: dict[str, list[tuple[str, Json]]] = {}
        self._answers: dict[str, Json] = {}

    def launch(self) -> None:
        """Nothing to take up."""

    def start(self, name: str, workflow_id: str, argument: str) -> None:
        if workflow_id in self._answers:
            return
        flow = _InlineFlow(workflow_id, self._steps.setdefault(workflow_id, []), self._observer)
        self._answers[workflow_id] = _find(name)(flow, argument)

    def wait(self, workflow_id: str) -> Json:
        if workflow_id not in self._answers:
            raise NotFoundError(f"no workflow {workflow_id}")
        return self._answers[workflow_id]

    def close(self) -> None:
        """Nothing to stop."""


class _InlineFlow:
    def __init__(
        self, flow_id: str, record: list[tuple[str, Json]], observer: Observer | None
    ) -> None:
        self.id = flow_id
        self._record = record
        self._observer = observer
        self._position = 0

    def step(self, name: str, act: Act) -> Json:
        if self._position < len(self._record):
            known, answer = self._record[self._position]
            if known != name:
                raise ValueError(f"step {self._position} was {known}, is now {name}")
            self._position += 1
            return answer
        if self._observer:
            self._observer(self.id, name, "before")
        answer = json.loads(json.dumps(act()))
        self._record.append((name, answer))
        self._position += 1
        if self._observer:
            self._observer(self.id, name, "after")
        return answer


class DurableEngine:
    """Workflows recorded by DBOS in ``url``; one engine per process."""

    def __init__(self, url: str, *, observer: Observer | None = None) -> None:
        self._url = url
        self._observer = observer
        self._functions: dict[str, Callable[[str], Json]] = {}
        self._launched = threading.Event()

    def launch(self) -> None:
        # Imported late: it costs 0.4 s that only the daemon should pay.
        from dbos import DBOS, DBOSConfig

        logging.getLogger("dbos").setLevel(logging.WARNING)
        config: DBOSConfig = {
            "name": "opsbook",
            "system_database_url": self._url,
            # Fixed, so that a newer Opsbook takes up what an older one began.
            "application_version": "1",
            "executor_id": "local",
            "log_level": "WARNING",
            "serializer": _serializer(),
            "notification_listener_polling_interval_sec": 5.0,
            "scheduler_polling_interval_sec": 300.0,
        }
        DBOS(config=config)
        for name, function in _WORKFLOWS.items():
            self._functions[name] = self._wrap(name, function)
        DBOS.launch()
        self._launched.set()

    def _wrap(self, name: str, function: Workflow) -> Callable[[str], Json]:
        from dbos import DBOS

        @DBOS.workflow(name=name, max_recovery_attempts=None)
        def run(argument: str) -> Json:
            flow_id = DBOS.workflow_id or ""
            return function(_DurableFlow(flow_id, self._observer), argument)

        return run

    def start(self, name: str, workflow_id: str, argument: str) -> None:
        from dbos import DBOS, SetWorkflowID

        _find(name)
        self._await_launch()
        with SetWorkflowID(workflow_id):
            DBOS.start_workflow(self._functions[name], argument)

    def wait(self, workflow_id: str) -> Json:
        from dbos import DBOS

        self._await_launch()
        return DBOS.retrieve_workflow(workflow_id).get_result()

    def _await_launch(self) -> None:
        """The daemon answers before the engine is up: a request may come too early."""
        if not self._launched.wait(_LAUNCH_S):
            raise TransientError(
                "the workflow engine is not up yet", hint="try again; the daemon's log says more"
            )

    def close(self) -> None:
        from dbos import DBOS

        DBOS.destroy(workflow_completion_timeout_sec=0)


class _DurableFlow:
    def __init__(self, flow_id: str, observer: Observer | None) -> None:
        self.id = flow_id
        self._observer = observer

    def step(self, name: str, act: Act) -> Json:
        from dbos import DBOS

        options: Any = {
            "name": name,
            "retries_allowed": True,
            "max_attempts": _ATTEMPTS,
            "interval_seconds": _FIRST_PAUSE_S,
            "should_retry": lambda error: isinstance(error, TransientError),
        }
        if self._observer is None:
            return DBOS.run_step(options, act)
        observer = self._observer

        def observed() -> Json:
            observer(self.id, name, "before")
            return act()

        answer = DBOS.run_step(options, observed)
        observer(self.id, name, "after")
        return answer


def _find(name: str) -> Workflow:
    try:
        return _WORKFLOWS[name]
    except KeyError:
        raise NotFoundError(f"no workflow is called {name}") from None


def _serializer() -> "Serializer":
    from dbos import Serializer

    class JsonSerializer(Serializer):
        """Readable after an upgrade: JSON, with our errors as their four fields."""

        def serialize(self, data: Any) -> str:
            return json.dumps(data, default=_encode)

        def deserialize(self, serialized_data: str) -> Any:
            return json.loads(serialized_data, object_hook=_decode)

        def name(self) -> str:
            return "opsbook_json"

    return JsonSerializer()


def _encode(value: Any) -> Any:
    if isinstance(value, OpsbookError):
        return {"__error__": value.as_dict()}
    if isinstance(value, BaseException):
        return {"__error__": {"code": "error", "message": f"{type(value).__name__}: {value}"}}
    raise TypeError(f"{type(value).__name__} cannot be kept in a workflow's record")


def _decode(value: dict[str, Any]) -> Any:
    if set(value) == {"__error__"}:
        return error_from_dict(value["__error__"])
    return value


class Heartbeat:
    """Calls ``beat`` every ``every_s`` on a thread of its own until closed."""

    def __init__(self, beat: Callable[[], None], *, every_s: float) -> None:
        self._beat = beat
        self._every_s = every_s
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True, name="heartbeat")
        self._thread.start()

    def _run(self) -> None:
        while not self._stop.wait(self._every_s):
            self._beat()

    def close(self) -> None:
        """Stop beating."""
        self._stop.set()
