"""From the ops file and a revision to a release; strategies to their settings."""

import hashlib
import json
from collections.abc import Iterable

from opsbook.config import Config
from opsbook.config.model.service import Service
from opsbook.config.model.strategy import Analysis, BlueGreen, Canary, Rolling, Strategy
from opsbook.deploys.analysis import AnalysisSettings
from opsbook.deploys.launch import dependencies_of
from opsbook.deploys.planner import StrategySettings
from opsbook.deploys.release import Release, ServiceRelease, name_release
from opsbook.deploys.source import Revision, resolve
from opsbook.errors import NotFoundError, UsageError


def compose(
    config: Config, ref: str, *, number: int, only: Iterable[str], live: Release | None
) -> tuple[Release, dict[str, Revision]]:
    """The release that ``ref`` makes, and the revision each service is built from.

    With ``only`` the other services stay as they are live. Raises NotFoundError for an
    unknown service or revision, UsageError when nothing is declared.
    """
    chosen = set(only) or set(config.services)
    for name in chosen:
        if name not in config.services:
            raise NotFoundError(
                f"no service {name!r}", hint=f"declared: {', '.join(config.services)}"
            )
    if not config.services:
        raise UsageError("no services are declared", hint="add `services:` to opsbook.yaml")
    services: dict[str, ServiceRelease] = {}
    revisions: dict[str, Revision] = {}
    for name, declared in config.services.items():
        if name not in chosen and live is not None and name in live.services:
            services[name] = live.services[name]
            continue
        revision = resolve((config.root / declared.source).resolve(), ref)
        revisions[name] = revision
        services[name] = service_release(config, declared, revision)
    return name_release(number, ref or _short(revisions), services), revisions


def service_release(config: Config, declared: Service, revision: Revision) -> ServiceRelease:
    """One service of a release, everything resolved but the secrets."""
    health, limits = declared.health, declared.resources
    drain = config.traffic.drain
    return ServiceRelease(
        name=declared.name,
        commit=revision.commit,
        tree=_tree_name(revision, declared.build.commands),
        argv=declared.argv(),
        size=declared.instances,
        build=tuple(declared.build.commands),
        image=declared.image or "",
        env=dict(declared.env),
        secrets={name: ref.model_dump() for name, ref in declared.secrets.items()},
        dependencies=dependencies_of(config, declared.name),
        routes=tuple(route.model_dump() for route in declared.routes),
        listens=declared.listens,
        exclusive=declared.exclusive,
        after=tuple(declared.after),
        live_path=health.live or "",
        ready_path=health.ready or health.live or "",
        ready_text=health.expect or "",
        version_path=health.version or "",
        metrics_path=health.metrics or "",
        start_timeout_s=health.start_timeout.total_seconds(),
        probe_timeout_s=health.timeout.total_seconds(),
        stop_signal=declared.stop_signal,
        grace_s=declared.drain.total_seconds(),
        drain_requests_s=drain.requests.total_seconds(),
        drain_long_s=config.websocket_drain(declared.name).total_seconds(),
        response_timeout_s=config.traffic.timeout.total_seconds(),
        memory_bytes=limits.memory,
        cpu=limits.cpu,
        open_files=limits.open_files,
        backoff_min_s=declared.restart.backoff_min.total_seconds(),
        backoff_max_s=declared.restart.backoff_max.total_seconds(),
        give_up_after=declared.restart.give_up_after,
    )


def strategy_settings(config: Config, service: str, override: str = "") -> StrategySettings:
    """The strategy of a service as the planner takes it. Raises NotFoundError."""
    strategy = config.strategy_for(service) if service in config.services else None
    if override or strategy is None:
        name = override or config.strategy
        if name not in config.strategies:
            raise NotFoundError(
                f"no strategy {name!r}", hint=f"known: {', '.join(sorted(config.strategies))}"
            )
        strategy = config.strategies[name]
    return _settings(strategy)


def analysis_settings(config: Config, service: str, override: str = "") -> AnalysisSettings:
    """How a service's new release is judged."""
    name = override or (
        config.strategy_for(service).name if service in config.services else config.strategy
    )
    analysis: Analysis = config.strategies[name].analysis
    return AnalysisSettings(
        min_requests=analysis.min_requests,
        max_error_rate_increase=analysis.max_error_rate_increase,
        max_latency_increase=analysis.max_latency_increase,
        on_no_data=analysis.on_no_data,
    )


def _settings(strategy: Strategy) -> StrategySettings:
    watch_s = strategy.watch.total_seconds()
    if isinstance(strategy, Canary):
        return StrategySettings(
            strategy.name,
            "canary",
            watch_s,
            strategy.every.total_seconds(),
            shares=tuple(strategy.steps),
        )
    if isinstance(strategy, BlueGreen):
        return StrategySettings(strategy.name, "blue-green", watch_s)
    assert isinstance(strategy, Rolling)
    surge, unavailable = strategy.surge, strategy.unavailable
    # Rounding as Kubernetes does it: surge up, unavailable down.
    return StrategySettings(
        strategy.name,
        "rolling",
        watch_s,
        surge=lambda size: surge.of(size, round_up=True),
        unavailable=lambda size: unavailable.of(size, round_up=False),
    )


def _tree_name(revision: Revision, commands: Iterable[str]) -> str:
    text = json.dumps([str(revision.source), revision.commit, list(commands)])
    return f"{revision.short}-{hashlib.sha256(text.encode()).hexdigest()[:8]}"


def _short(revisions: dict[str, Revision]) -> str:
    return next(iter(revisions.values())).short if revisions else ""
