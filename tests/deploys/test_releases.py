"""A release is the immutable what: it comes back byte for byte."""

from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st

from opsbook.deploys.release import ServiceRelease, decode, diff, encode, expired, name_release

BASE = ServiceRelease(
    "api",
    "c0ffee",
    "c0ffee-1",
    ("python", "-m", "shop.api"),
    2,
    env={"LOG_LEVEL": "info"},
    secrets={"TOKEN": {"env": "TOKEN", "min_length": 32}},
    routes=({"path": "/api", "host": "", "strip": False},),
)


@given(
    st.integers(1, 99),
    st.text(max_size=20),
    st.dictionaries(st.text(min_size=1, max_size=8), st.text(max_size=20), max_size=4),
)
def test_a_stored_release_comes_back_with_the_same_digest(number, label, env):
    release = name_release(number, label, {"api": replace(BASE, env=env)})
    back = decode(encode(release))
    assert back == release and back.digest == release.digest


def test_every_change_changes_the_digest():
    first = name_release(1, "v1", {"api": BASE})
    for change in ({"commit": "other"}, {"size": 3}, {"env": {}}, {"argv": ("x",)}, {"routes": ()}):
        assert name_release(1, "v1", {"api": replace(BASE, **change)}).digest != first.digest


def test_a_diff_shows_values_but_of_secrets_the_reference_only():
    old = name_release(1, "v1", {"api": BASE})
    other = {"TOKEN": {"env": "OTHER", "min_length": 32}}
    changed = replace(BASE, env={"LOG_LEVEL": "debug"}, secrets=other)
    new = name_release(2, "v2", {"api": changed, "web": BASE})
    found = {(c.service, c.what): (c.old, c.new) for c in diff(old, new)}
    assert found[("api", "env.LOG_LEVEL")] == ("info", "debug")
    assert "OTHER" in found[("api", "secrets.TOKEN")][1]
    assert ("web", "service") in found


def test_the_newest_are_kept_and_the_protected_ones():
    releases = [(f"r{n}", n) for n in range(1, 16)]
    gone = expired(releases, keep=10, protected=("r1",))
    assert sorted(gone) == ["r2", "r3", "r4", "r5"]
