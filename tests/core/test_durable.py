import pytest

from opsbook.durable import InlineEngine, workflow, workflow_names


class Crash(BaseException):
    """What a test raises to play the end of the process."""


@workflow("tests.count")
def count(flow, argument):
    first = flow.step("first", lambda: [argument, 1])
    return flow.step("second", lambda: [*first, 2])


def test_a_finished_step_is_never_done_again():
    done = []
    crash_at = {"second": True}

    def observe(_flow, step, phase):
        if phase == "before":
            done.append(step)
            if crash_at.pop(step, None):
                raise Crash

    engine = InlineEngine(observe)
    with pytest.raises(Crash):
        engine.start("tests.count", "w1", "x")
    engine.start("tests.count", "w1", "x")
    assert engine.wait("w1") == ["x", 1, 2]
    assert done == ["first", "second", "second"]


def test_starting_the_same_workflow_twice_is_harmless():
    engine = InlineEngine()
    engine.start("tests.count", "w1", "x")
    engine.start("tests.count", "w1", "y")
    assert engine.wait("w1") == ["x", 1, 2]


def test_two_workflows_cannot_share_a_name():
    with pytest.raises(ValueError, match=r"tests\.count"):
        workflow("tests.count")(lambda flow, argument: None)
    assert "tests.count" in workflow_names()
