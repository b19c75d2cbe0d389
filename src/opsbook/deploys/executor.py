"""Does one step of a plan. Every step may be done again after a crash."""

import json
import shutil
from collections.abc import Callable, Mapping

from opsbook import http
from opsbook.config.model.safety import Smoke
from opsbook.deploys import checks, fleets, live, source
from opsbook.deploys.launch import fleet_spec, source_tree
from opsbook.deploys.plan import Kind, Plan, Step
from opsbook.deploys.records import Releases
from opsbook.deploys.release import Release, ServiceRelease, decode, expired
from opsbook.deploys.watching import StepEnd, Waiter
from opsbook.errors import ExternalError, FailedError
from opsbook.platforms.base import Instance
from opsbook.platforms.process import base_environment
from opsbook.runtime import Runtime

_BUILD_TIMEOUT_S = 1200.0


class Executor:
    """Carries out the steps of one deployment."""

    def __init__(
        self, runtime: Runtime, plan: Plan, request: Mapping[str, object], waiter: Waiter
    ) -> None:
        self._runtime = runtime
        self._plan = plan
        self._request = request
        self._waiter = waiter

    def run(self, step: Step, began: float) -> StepEnd:
        """Do it. ``began`` is when the step was first begun (POSIX seconds).

        A step that waits says itself how it ended; any other is done when it returns.
        Raises OpsbookError when it fails.
        """
        if step.kind is Kind.ANALYSE:
            return self._waiter.analyse(step, began)
        if step.kind is Kind.WATCH:
            return self._waiter.watch(step, began)
        if step.kind is Kind.PAUSE:
            return self._waiter.pause()
        acts: dict[Kind, Callable[[Step], str]] = {
            Kind.GATE: self._gate,
            Kind.BUILD: self._build,
            Kind.BACKUP: self._backup,
            Kind.MIGRATE: self._migrate,
            Kind.START: self._start,
            Kind.READY: self._ready,
            Kind.SMOKE: self._smoke,
            Kind.SHARES: self._shares,
            Kind.STOP: self._stop,
            Kind.REPLACE: self._replace,
            Kind.RETIRE: self._retire,
        }
        return StepEnd("done", acts[step.kind](step))

    def _release(self) -> Release:
        return live.load_release(self._runtime, self._plan.release)

    def _gate(self, _step: Step) -> str:
        ticks = tuple(str(t) for t in self._request.get("ticks", ()))  # type: ignore[attr-defined]
        confirmed = bool(self._request.get("confirmed"))
        items = checks.checklist(self._runtime, self._release(), ticks=ticks, confirmed=confirmed)
        checks.refuse_open(items)
        return f"{len(items)} of {len(items)} passed"

    def _build(self, _step: Step) -> str:
        release = self._release()
        built: set[str] = set()
        for service in release.services.values():
            if service.tree in built:
                continue
            built.add(service.tree)
            self._build_tree(service)
        return f"{len(built)} source{'s' if len(built) != 1 else ''}"

    def _build_tree(self, service: ServiceRelease) -> None:
        tree = source_tree(self._runtime, service)
        if not tree.exists():
            tree.parent.mkdir(parents=True, exist_ok=True)
            declared = self._runtime.config.services.get(service.name)
            where = (self._runtime.config.root / (declared.source if declared else ".")).resolve()
            source.export(source.known(where, service.commit), tree)
        log = self._runtime.paths.releases / "builds" / f"{service.tree}.log"
        source.build(
            tree, service.build, env=base_environment(), log=log, timeout_s=_BUILD_TIMEOUT_S
        )

    def _backup(self, _step: Step) -> str:
        return "no backup is declared for this"

    def _migrate(self, _step: Step) -> str:
        migrations = self._runtime.config.migrations
        if migrations is None:
            return "none declared"
        before = self._migration_status(migrations.status)
        output = self._in_release(migrations.up, migrations.timeout.total_seconds())
        after = self._migration_status(migrations.status)
        if before == after:
            return "nothing to migrate"
        self._runtime.record(
            "migration.applied",
            subject=self._plan.release,
            before=before,
            after=after,
            reversible=migrations.reversible,
        )
        if not migrations.reversible:
            live.forbid_return(self._runtime, self._plan.release)
        return f"{before or '?'} → {after or '?'}" if after else output[-200:]

    def _migration_status(self, command: str | None) -> str:
        if command is None:
            return ""
        try:
            text = self._in_release(command, 60.0)
        except FailedError:
            return ""
        lines = [line for line in text.splitlines() if line.strip()]
        return lines[-1].strip()[:80] if lines else ""

    def _in_release(self, command: str, timeout_s: float) -> str:
        migrations = self._runtime.config.migrations
        release = self._release()
        name = (migrations.service if migrations else None) or next(iter(release.services))
        service = release.services[name]
        spec = fleet_spec(self._runtime, release.id, service, 0)
        result = self._runtime.platform.execute(
            spec, ["/bin/sh", "-c", command], timeout_s=timeout_s
        )
        if result.timed_out or result.code != 0:
            tail = " | ".join(result.output.strip().splitlines()[-2:]) or "no output"
            why = "did not end in time" if result.timed_out else f"exited with {result.code}"
            raise FailedError(
                f"`{command}` {why}: {tail[:300]}",
                hint="no traffic was moved; mend the migration and deploy again",
                subject="migration",
            )
        return result.output.strip()

    def remember_sizes(self) -> None:
        """After scaling: the new sizes are what `up` brings back."""
        shown = live.read(self._runtime)
        sizes = dict(shown.sizes)
        for step in self._plan.steps:
            if step.kind in (Kind.START, Kind.STOP):
                sizes[step.service] = step.size
        live.write(self._runtime, live.Live(shown.release, tuple(sizes.items())))

    def settle(self) -> None:
        """After going back: the proxy knows the live release only."""
        shown = live.live_release(self._runtime)
        if shown is not None:
            self._runtime.router.configure(live.topology(self._runtime.config, shown))

    def _start(self, step: Step) -> str:
        # Routes of the live release win until the new one is promoted.
        shown = live.live_release(self._runtime)
        both = [release for release in (shown, self._release()) if release is not None]
        self._runtime.router.configure(live.topology(self._runtime.config, *both))
        fleets.start(self._runtime, step.service, step.release, step.size)
        return f"{step.size} running"

    def _ready(self, step: Step) -> str:
        return fleets.await_ready(self._runtime, step.service, step.release)

    def _smoke(self, _step: Step) -> str:
        release = self._release()
        tests = self._runtime.config.smoke
        for test in tests:
            self._smoke_test(test, release)
        return f"{len(tests)} passed"

    def _smoke_test(self, test: Smoke, release: Release) -> None:
        if test.command is not None:
            self._in_release(test.command, test.timeout.total_seconds())
            return
        routed = [name for name, s in release.services.items() if s.listens]
        service = test.service or routed[0]
        for instance in fleets.living(self._runtime, service, release.id):
            why = _ask(test, instance)
            if why:
                raise FailedError(
                    f"smoke test {test.name!r} on {instance.name}: {why}",
                    hint="the new release got no traffic",
                    subject="smoke",
                )

    def _shares(self, step: Step) -> str:
        report = fleets.share(self._runtime, step.service, step.shares)
        self._runtime.record(
            "traffic.shifted",
            subject=step.service,
            shares=dict(step.shares),
            switch_ms=round(report.switch_ms, 2),
        )
        return f"switched in {report.switch_ms:.1f} ms"

    def _stop(self, step: Step) -> str:
        return fleets.stop(self._runtime, step.service, step.release, step.size)

    def _replace(self, step: Step) -> str:
        if self._request.get("force"):
            self._runtime.platform.stop(step.instances, grace_s=0.5)
            self._runtime.platform.remove(step.instances)
        return fleets.replace(self._runtime, step.service, step.release, step.instances)

    def _retire(self, step: Step) -> str:
        runtime, release = self._runtime, self._release()
        sizes = tuple((name, service.size) for name, service in release.services.items())
        live.write(runtime, live.Live(release.id, sizes))
        records = Releases(runtime.database)
        if step.against and step.against != release.id:
            records.set_status(step.against, "superseded")
        records.set_status(release.id, "live")
        runtime.router.configure(live.topology(runtime.config, release))
        return f"{release.id} is live" + self._expire(records, release.id)

    def _expire(self, records: Releases, live_id: str) -> str:
        kept = [row for row in records.list() if row.status not in ("expired", "rejected")]
        gone = expired(
            [(row.id, row.number) for row in kept],
            keep=self._runtime.config.releases.keep,
            protected=(live_id, self._plan.previous),
        )
        for name in gone:
            records.expire(name, now=self._runtime.clock.now())
        self._remove_trees(records)
        return f", {len(gone)} old ones let go" if gone else ""

    def _remove_trees(self, records: Releases) -> None:
        """Code that no kept release needs any more."""
        needed: set[str] = set()
        for row in records.list():
            if row.status != "expired":
                release = decode(row.document)
                needed |= {service.tree for service in release.services.values()}
        trees = self._runtime.paths.releases / "trees"
        for folder in trees.iterdir() if trees.is_dir() else ():
            if folder.name not in needed:
                shutil.rmtree(folder, ignore_errors=True)


def _ask(test: Smoke, instance: Instance) -> str:
    url = f"http://{instance.host}:{instance.port}{test.path or '/'}"
    try:
        answer = http.request(
            test.method,
            url,
            body=test.body.encode() if test.body else None,
            headers=dict(test.headers),
            timeout_s=test.timeout.total_seconds(),
        )
    except ExternalError as error:
        return error.message
    if answer.status != test.status:
        return f"answers {answer.status}, not {test.status}"
    if test.contains and test.contains not in answer.text:
        return f"does not say {test.contains!r}"
    if test.json_ is not None:
        return _unlike(test.json_, answer.text)
    return ""


def _unlike(wanted: Mapping[str, object], text: str) -> str:
    try:
        found = json.loads(text)
    except ValueError:
        return "does not answer in JSON"
    for key, value in wanted.items():
        place = found
        for part in key.split("."):
            place = place.get(part) if isinstance(place, dict) else None
        if place != value:
            return f"{key} is {place!r}, not {value!r}"
    return ""
