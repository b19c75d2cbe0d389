"""Secrets are found, judged and never shown."""

import base64
import json
import pickle
from pathlib import Path
from urllib.parse import quote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from opsbook.config import Masker, Secret, from_mapping, mask
from opsbook.config.model.service import SecretRef
from opsbook.config.secrets import problems, resolve, resolve_all
from opsbook.config.weak import is_weak
from opsbook.errors import ConfigError, UsageError

VALUE = 'p@ss "w/rd" +ü?12345'


def test_a_secret_never_shows_itself() -> None:
    secret = Secret(VALUE)
    shown = (str(secret), repr(secret), f"{secret}", f"{secret:>40}", repr({"a": [secret]}))
    assert not any(VALUE in text for text in shown)
    assert secret.reveal() == VALUE
    with pytest.raises(UsageError):
        pickle.dumps(secret)


def test_a_config_with_secrets_does_not_show_them(tmp_path: Path) -> None:
    values = {
        "project": "shop",
        "services": {"api": {"run": "serve"}},
        "dependencies": {"db": {"type": "postgres", "url": "${DB}"}},
    }
    config = from_mapping(values, root=tmp_path, environ={"DB": "postgres://u:hunter2@h/d"})
    assert "hunter2" not in config.model_dump_json() + repr(config) + str(config.model_dump())
    assert config.dependencies["db"].url.reveal().endswith("hunter2@h/d")  # type: ignore[union-attr]


def test_secrets_come_from_variable_file_and_command(tmp_path: Path) -> None:
    (tmp_path / "key").write_text("from-file\n")
    assert resolve(SecretRef(env="A"), {"A": "x y"}, tmp_path).reveal() == "x y"
    assert resolve(SecretRef(file="key"), {}, tmp_path).reveal() == "from-file"
    ref = SecretRef(command="/bin/sh -c 'echo $A; echo two'")
    assert resolve(ref, {"A": "one"}, tmp_path).reveal() == "one\ntwo"


@pytest.mark.parametrize(
    "ref",
    [
        SecretRef(env="MISSING"),
        SecretRef(env="SHORT", min_length=32),
        SecretRef(env="SHORT", pattern="[0-9]+"),
        SecretRef(file="none"),
        SecretRef(command="no-such-command"),
        SecretRef(command="/bin/sh -c 'echo hunter2; exit 3'"),
        SecretRef(command="true"),
        SecretRef(command="echo 'open"),
    ],
)
def test_a_refused_secret_is_explained_without_its_value(ref: SecretRef, tmp_path: Path) -> None:
    with pytest.raises(ConfigError) as caught:
        resolve(ref, {"SHORT": "hunter2"}, tmp_path)
    assert "hunter2" not in str(caught.value) + caught.value.hint


def test_problems_name_line_and_weakness(tmp_path: Path) -> None:
    secrets = {"A": {"env": "A"}, "B": {"env": "B"}, "C": {"env": "C"}}
    values = {"project": "shop", "services": {"api": {"run": "serve", "secrets": secrets}}}
    config = from_mapping(values, root=tmp_path)
    environ = {"A": "changeme", "C": "8f0cb1d2e59a47"}
    found = problems(config, environ)
    assert [(p.where, p.severity) for p in found] == [
        ("services.api.secrets.A", "warning"),
        ("services.api.secrets.B", "error"),
    ]
    with pytest.raises(ConfigError, match=r"services.api.secrets.B"):
        resolve_all(config, "api", environ)


@pytest.mark.parametrize("text", ["your-secure-jwt-secret", "changeme", "<token>", "aaaaaaaa"])
def test_what_was_never_filled_in_is_weak(text: str) -> None:
    assert is_weak(text)
    assert text not in is_weak(text)


def test_masking_finds_every_spelling() -> None:
    spelled = [
        VALUE,
        json.dumps({"key": VALUE}),
        quote(VALUE, safe=""),
        base64.b64encode(f"user:{VALUE}".encode()).decode(),
        base64.b64encode(VALUE.encode()).decode(),
    ]
    for text in spelled:
        shown = mask(f"before {text} after", [Secret(VALUE)])
        assert VALUE not in shown and text not in shown
        assert shown.startswith("before ") and shown.endswith(" after")


@given(st.lists(st.integers(1, 7), max_size=30), st.text("ab", max_size=20))
def test_a_secret_split_between_chunks_is_masked(sizes: list[int], around: str) -> None:
    secret = "abbaabab-secret"
    data = (around + secret + around + secret + around).encode()
    masker, out, position = Masker([Secret(secret)]), b"", 0
    for size in [*sizes, len(data)]:
        out += masker.feed(data[position : position + size])
        position += size
    out += masker.close()
    assert secret.encode() not in out
    assert out.replace(b"********", secret.encode()) == data


def test_masking_longer_secrets_first_leaves_no_tail() -> None:
    shown = mask("token-long-tail", [Secret("token"), Secret("token-long-tail")])
    assert shown == "********"


def test_a_longer_secret_that_begins_like_a_shorter_one_leaves_no_tail() -> None:
    masker = Masker([Secret("token"), Secret("token-long-tail")])
    out = b"".join(masker.feed(part) for part in (b"a token", b"-long", b"-tail b token", b" c"))
    assert out + masker.close() == b"a ******** b ******** c"


def test_what_is_held_back_stays_small() -> None:
    masker = Masker([Secret("aaaaaaaa")])
    shown = sum(len(masker.feed(b"a" * 1000)) for _ in range(50))
    assert shown > 0
    assert b"a" not in masker.close()
