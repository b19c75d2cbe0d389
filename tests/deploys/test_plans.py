"""Plans for random states: what must hold at every step, and on the way back from each."""

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from opsbook.deploys import planner
from opsbook.deploys.plan import Current, Fleet, Kind, after, from_dict, undo
from opsbook.deploys.planner import Extras, StrategySettings
from opsbook.deploys.release import Release, ServiceRelease, name_release
from opsbook.errors import UsageError

NAMES = ("api", "site", "worker", "mailer")
STRATEGIES = {
    "canary": StrategySettings("canary", "canary", 60, 10, (5.0, "pause", 50.0)),
    "blue-green": StrategySettings("blue-green", "blue-green", 60),
    "rolling": StrategySettings(
        "rolling", "rolling", 60, surge=lambda size: max(1, size // 4), unavailable=lambda _: 0
    ),
    "stingy": StrategySettings(
        "stingy", "rolling", 60, surge=lambda _: 0, unavailable=lambda size: max(1, size // 3)
    ),
}


def service(name, size, commit="c1", *, exclusive=False, after=()):
    routes = (
        () if name in ("worker", "mailer") else ({"path": f"/{name}", "host": "", "strip": False},)
    )
    return ServiceRelease(
        name,
        commit,
        f"tree-{commit}",
        ("run", name),
        size,
        routes=routes,
        exclusive=exclusive,
        after=after,
    )


@st.composite
def situations(draw):
    """Something live (or nothing), a release to come, a strategy per service."""
    names = draw(st.lists(st.sampled_from(NAMES), min_size=1, unique=True))
    sizes = {name: draw(st.integers(1, 6)) for name in names}
    wanted = {name: draw(st.integers(1, 6)) for name in names}
    exclusive = {name: draw(st.booleans()) and name == "mailer" for name in names}
    release = name_release(
        2, "v2", {n: service(n, wanted[n], "c2", exclusive=exclusive[n]) for n in names}
    )
    if draw(st.booleans()):
        routed = tuple(n for n in names if n in ("api", "site"))
        current = Current("r1-old", tuple(Fleet(n, "r1-old", sizes[n]) for n in names), routed)
    else:
        current = Current()
    chosen = {name: STRATEGIES[draw(st.sampled_from(sorted(STRATEGIES)))] for name in names}
    return current, release, chosen


def planned(situation, **extras):
    current, release, chosen = situation
    return planner.deploy(current, release, chosen, Extras(**extras))


@settings(max_examples=300, deadline=None)
@given(situations())
def test_traffic_adds_up_and_goes_to_ready_fleets_only(situation):
    current, _release, _ = situation
    plan = planned(situation)
    ready = {(f.service, f.release) for f in current.fleets}
    for step in plan.steps:
        if step.kind is Kind.READY:
            ready.add((step.service, step.release))
        if step.kind is Kind.SHARES:
            assert sum(step.shares.values()) == pytest.approx(100.0)
            for name, percent in step.shares.items():
                assert percent == 0 or (step.service, name) in ready
        if step.kind is Kind.STOP and step.size == 0 and step.service in current.routed:
            done = after(current, plan.steps[: plan.steps.index(step)])
            assert done.shares[step.service].get(step.release, 0.0) == 0.0


@settings(max_examples=300, deadline=None)
@given(situations())
def test_in_the_end_exactly_the_new_release_is_there(situation):
    current, release, _ = situation
    plan = planned(situation)
    state = after(current, plan.steps)
    left = {key: size for key, size in state.sizes.items() if size}
    assert left == {(n, release.id): s.size for n, s in release.services.items()}
    for name, service_ in release.services.items():
        if not service_.is_worker:
            assert state.shares[name].get(release.id) == 100.0
    assert plan.steps[-1].kind is Kind.RETIRE


@settings(max_examples=300, deadline=None)
@given(situations())
def test_from_the_final_state_nothing_is_left_to_do(situation):
    _, release, chosen = situation
    routed = tuple(n for n, s in release.services.items() if not s.is_worker)
    fleets = tuple(Fleet(n, release.id, s.size) for n, s in release.services.items())
    again = planner.deploy(Current(release.id, fleets, routed), release, chosen, Extras())
    assert again.steps == ()


@settings(max_examples=300, deadline=None)
@given(situations(), st.data())
def test_the_way_back_from_any_step_restores_the_old_release(situation, data):
    current, release, _ = situation
    plan = planned(situation, migrates=True, has_smoke=True)
    reached = data.draw(st.integers(0, len(plan.steps) - 1))
    if plan.steps[reached].kind is Kind.RETIRE:
        reached -= 1
    back = undo(plan, current, reached)
    state = after(current, [*plan.steps[: reached + 1], *back])
    left = {key: size for key, size in state.sizes.items() if size}
    assert left == {(f.service, f.release): f.size for f in current.fleets if f.size}
    if current.release:
        for name in current.routed:
            assert state.shares[name].get(current.release) == 100.0
    stops = [i for i, s in enumerate(back) if s.kind is Kind.STOP and s.service in current.routed]
    for index in stops:
        before = after(current, [*plan.steps[: reached + 1], *back[:index]])
        assert before.shares[back[index].service].get(release.id, 0.0) == 0.0


@settings(max_examples=300, deadline=None)
@given(st.integers(1, 8), st.integers(1, 8), st.integers(0, 3), st.integers(0, 3))
def test_rolling_keeps_within_its_bounds(old, new, surge, unavailable):
    chosen = StrategySettings(
        "r", "rolling", 0, surge=lambda _: surge, unavailable=lambda _: unavailable
    )
    current = Current("r1", (Fleet("api", "r1", old),), ("api",))
    release = name_release(2, "v2", {"api": service("api", new, "c2")})
    plan = planner.deploy(current, release, {"api": chosen}, Extras())
    floor = max(1, min(old, new) - unavailable)
    ceiling = max(old, new) + surge
    ceiling += 1 if ceiling == floor else 0
    for index, step in enumerate(plan.steps):
        sizes = after(current, plan.steps[: index + 1]).sizes
        assert sum(sizes.values()) <= ceiling
        if step.kind is Kind.STOP:
            assert sum(sizes.values()) >= floor


def test_exclusive_workers_never_overlap():
    current = Current("r1", (Fleet("mailer", "r1", 2),), ())
    release = name_release(2, "v2", {"mailer": service("mailer", 2, "c2", exclusive=True)})
    plan = planner.deploy(current, release, {"mailer": STRATEGIES["rolling"]}, Extras())
    for index in range(len(plan.steps)):
        sizes = after(current, plan.steps[: index + 1]).sizes
        assert not (sizes.get(("mailer", "r1")) and sizes.get(("mailer", release.id)))


def test_services_shift_in_their_declared_order_and_migrate_once():
    services = {
        "site": service("site", 1, "c2", after=("api",)),
        "api": service("api", 1, "c2"),
    }
    current = Current("r1", (Fleet("api", "r1", 1), Fleet("site", "r1", 1)), ("api", "site"))
    release = name_release(2, "v2", services)
    chosen = dict.fromkeys(services, STRATEGIES["blue-green"])
    plan = planner.deploy(current, release, chosen, Extras(migrates=True))
    shifted = [s.service for s in plan.steps if s.kind is Kind.SHARES]
    assert shifted == ["api", "site"]
    kinds = [s.kind for s in plan.steps]
    assert kinds.count(Kind.MIGRATE) == 1
    assert kinds.index(Kind.MIGRATE) < kinds.index(Kind.START)
    ready = max(i for i, k in enumerate(kinds) if k is Kind.READY)
    assert ready < kinds.index(Kind.SHARES), "all are ready before any traffic moves"


def test_services_that_wait_for_each_other_are_refused():
    services = {"a": service("api", 1, after=("b",)), "b": service("site", 1, after=("a",))}
    with pytest.raises(UsageError, match="wait for each other"):
        planner.ordered(services)


@settings(max_examples=100, deadline=None)
@given(situations())
def test_a_stored_plan_is_the_plan_that_was_printed(situation):
    plan = planned(situation)
    stored = json.loads(json.dumps(plan.as_dict()))
    assert from_dict(stored) == plan
    assert from_dict(stored).id == plan.id


def test_another_state_makes_another_plan():
    release = Release("r2", 2, "v2", {"api": service("api", 2, "c2")})
    chosen = {"api": STRATEGIES["canary"]}
    first = planner.deploy(
        Current("r1", (Fleet("api", "r1", 2),), ("api",)), release, chosen, Extras()
    )
    second = planner.deploy(
        Current("r1", (Fleet("api", "r1", 3),), ("api",)), release, chosen, Extras()
    )
    assert first.based_on != second.based_on and first.id != second.id


@given(st.integers(1, 9), st.integers(0, 9))
def test_scaling_ends_at_the_wanted_size_and_its_undo_at_the_old_one(old, new):
    current = Current("r1", (Fleet("api", "r1", old),), ("api",))
    plan = planner.scale(current, {"api": new})
    assert after(current, plan.steps).sizes[("api", "r1")] == new
    if plan.steps:
        back = undo(plan, current, len(plan.steps) - 1)
        assert after(current, [*plan.steps, *back]).sizes[("api", "r1")] == old
