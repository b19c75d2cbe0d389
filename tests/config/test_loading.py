"""Environments, overlays, variables and what a Config knows."""

import pickle
import subprocess
import sys
from datetime import timedelta
from pathlib import Path

import pytest

from opsbook.config import (
    Config,
    ConfigProblems,
    check,
    environments,
    find_file,
    from_mapping,
    init_template,
    load,
)
from opsbook.errors import NotFoundError

BASE = """\
project: shop
environments:
  staging: {branch: develop}
  production:
    branch: main
    overrides:
      services:
        api: {instances: 4}
      rollback_on: []
services:
  api: {run: serve, route: /, instances: 2, env: {LEVEL: "${LEVEL:-info}", PRICE: $$5}}
thresholds: {health: {critical: failing}}
rollback_on: [health]
"""


def write(folder: Path, text: str = BASE, name: str = "opsbook.yaml") -> Path:
    path = folder / name
    path.write_text(text)
    return path


def test_the_first_environment_is_meant_when_none_is_named(tmp_path: Path) -> None:
    config = load(write(tmp_path), environ={})
    assert config.environment == "staging"
    assert config.services["api"].instances == 2


def test_the_default_environment_is_meant_when_none_is_named(tmp_path: Path) -> None:
    text = BASE.replace("branch: main", "branch: main\n    default: true")
    assert load(write(tmp_path, text), environ={}).environment == "production"


def test_without_environments_it_is_development(tmp_path: Path) -> None:
    path = write(tmp_path, "project: shop\nservices: {api: {run: serve}}\n")
    assert load(path).environment == "development"


def test_overrides_merge_maps_and_replace_lists(tmp_path: Path) -> None:
    config = load(write(tmp_path), environment="production", environ={})
    assert config.services["api"].instances == 4
    assert config.services["api"].run == "serve"
    assert config.rollback_on == ()


def test_a_file_beside_is_laid_over_and_problems_name_it(tmp_path: Path) -> None:
    path = write(tmp_path)
    overlay = "services:\n  api:\n    drain: 5\n"
    write(tmp_path, overlay, "opsbook.production.yaml")
    (problem,) = check(path, environ={})
    assert (problem.path.name, problem.line) == ("opsbook.production.yaml", 3)
    load(path, environment="staging", environ={})


def test_overrides_win_over_the_file_beside(tmp_path: Path) -> None:
    path = write(tmp_path)
    write(tmp_path, "services: {api: {instances: 9, drain: 5s}}\n", "opsbook.production.yaml")
    config = load(path, environment="production", environ={})
    assert config.services["api"].instances == 4
    assert config.services["api"].drain == timedelta(seconds=5)


def test_a_problem_of_an_override_points_to_the_override(tmp_path: Path) -> None:
    path = write(tmp_path, BASE.replace("instances: 4", "instances: four"))
    (problem,) = check(path, environ={})
    assert problem.line == 8
    assert problem.where == "environments.production.overrides.services.api.instances"


def test_an_unknown_environment_is_a_problem(tmp_path: Path) -> None:
    with pytest.raises(ConfigProblems, match="did you mean production"):
        load(write(tmp_path), environment="prodution", environ={})


def test_variables_are_replaced_where_they_may_be(tmp_path: Path) -> None:
    config = load(write(tmp_path), environ={"LEVEL": "debug"})
    assert config.services["api"].env == {"LEVEL": "debug", "PRICE": "$5"}
    assert load(tmp_path / "opsbook.yaml", environ={}).services["api"].env["LEVEL"] == "info"


def test_an_unset_variable_of_another_environment_is_no_problem(tmp_path: Path) -> None:
    text = BASE.replace("staging: {branch: develop}", "staging: {url: 'https://${HOST}'}")
    path = write(tmp_path, text)
    load(path, environment="production", environ={})
    with pytest.raises(ConfigProblems, match="HOST is not set"):
        load(path, environment="staging", environ={})
    load(path, environment="staging", environ={}, resolve=False)


def test_commands_keep_their_variables(tmp_path: Path) -> None:
    text = "project: shop\nservices: {api: {run: 'serve ${PORT}', shell: true}}\n"
    assert load(write(tmp_path, text), environ={}).services["api"].run == "serve ${PORT}"


def test_the_digest_ignores_layout_and_secrets_and_sees_changes(tmp_path: Path) -> None:
    first = load(write(tmp_path), environ={}).digest
    assert load(write(tmp_path, "# hello\n" + BASE), environ={}).digest == first
    assert load(tmp_path / "opsbook.yaml", environ={"LEVEL": "x"}).digest == first
    assert load(tmp_path / "opsbook.yaml", environment="production", environ={}).digest != first
    assert load(write(tmp_path, BASE.replace("2,", "3,")), environ={}).digest != first


def test_entries_know_their_names(tmp_path: Path) -> None:
    config = load(write(tmp_path), environ={})
    assert config.services["api"].name == "api"
    assert config.strategy_for("api").name == "rolling"
    assert config.thresholds["health"].metric_name == "health"
    assert config.environment_of_branch("main") == "production"


def test_keys_of_your_own_are_left_alone(tmp_path: Path) -> None:
    text = "x-common: &common {instances: 3}\nproject: a\nservices:\n  api: {<<: *common, run: s}\n"
    assert load(write(tmp_path, text)).services["api"].instances == 3


def test_a_config_is_made_from_plain_values(tmp_path: Path) -> None:
    config = from_mapping({"project": "a", "services": {"api": {"run": "s"}}}, root=tmp_path)
    assert isinstance(config, Config)
    assert config.root == tmp_path
    with pytest.raises(ConfigProblems, match="did you mean instances"):
        from_mapping({"project": "a", "services": {"api": {"instancs": 1}}}, root=tmp_path)


def test_problems_survive_pickling(tmp_path: Path) -> None:
    with pytest.raises(ConfigProblems) as caught:
        load(tmp_path / "none.yaml")
    again = pickle.loads(pickle.dumps(caught.value))
    assert again.problems == caught.value.problems
    assert again.as_dict()["code"] == "config"


def test_the_file_is_found_from_a_folder_below(tmp_path: Path) -> None:
    path = write(tmp_path)
    below = tmp_path / "a" / "b"
    below.mkdir(parents=True)
    assert find_file(below) == path
    assert environments(path) == ("staging", "production")
    with pytest.raises(NotFoundError):
        find_file(Path("/proc"))


@pytest.mark.parametrize("name", ["shop", "My Shop!", "1st", "", "ünïcode", "x" * 80])
def test_what_init_writes_passes_check(tmp_path: Path, name: str) -> None:
    assert check(write(tmp_path, init_template(name)), environ={}) == ()


def test_thresholds_are_in_base_units(tmp_path: Path) -> None:
    limits = {"certificate_days": {"critical": "< 7d"}, "latency_p95": {"warning": "> 300ms"}}
    values = {"project": "a", "services": {"api": {"run": "s"}}, "thresholds": limits}
    config = from_mapping(values, root=tmp_path)
    days = config.thresholds["certificate_days"].limit("critical")
    late = config.thresholds["latency_p95"].limit("warning")
    assert days is not None and (days.value, days.unit) == (7, "days")
    assert late is not None and (late.value, late.unit) == (0.3, "seconds")
    assert late.holds(0.31) and not late.holds(0.3)


def test_the_package_is_imported_without_its_libraries() -> None:
    code = "import sys, opsbook.config; print({'pydantic', 'ruamel.yaml'} & set(sys.modules))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "set()"
