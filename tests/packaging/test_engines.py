"""The engines stand on their own: their README's examples run where nothing but what they declare can be imported."""

from __future__ import annotations

import re
import subprocess
import sys
import tomllib
from importlib.metadata import packages_distributions
from pathlib import Path

import pytest
import version
from packaging.requirements import Requirement

import nephoscope
import nephoscope_kql
import nephoscope_policy.arm
from nephoscope_kql.extras import EXTRAS

pytestmark = pytest.mark.system

ROOT = Path(__file__).parents[2]
ENGINES = {"kql": nephoscope_kql, "policy": nephoscope_policy}
ALONE = """
import sys
allowed = set(sys.stdlib_module_names) | set({allowed!r})
class Alone:
    def find_spec(self, name, path=None, target=None):
        top = name.partition(".")[0]
        if top not in allowed and not top.startswith("_"):  # what begins so is the interpreter's
            raise ModuleNotFoundError(f"{{name}} is not declared", name=name)
sys.meta_path.insert(0, Alone())
"""
PRINTED = re.compile(r"print\(.*\)  # (.*)")


def project(engine: str) -> dict[str, object]:
    found: dict[str, object] = tomllib.loads(
        (ROOT / "engines" / engine / "pyproject.toml").read_text(encoding="utf-8")
    )["project"]
    return found


def modules_of(requirements: list[str]) -> set[str]:
    names = {Requirement(one).name.lower().replace("_", "-") for one in requirements}
    return {
        module
        for module, several in packages_distributions().items()
        if names & {one.lower().replace("_", "-") for one in several}
    }


@pytest.mark.parametrize("engine", ENGINES)
def test_the_readme_runs_alone(engine: str) -> None:
    text = (ROOT / "engines" / engine / "README.md").read_text(encoding="utf-8")
    example = "\n".join(re.findall(r"```python\n(.*?)```", text, re.DOTALL))
    requirements = project(engine)["dependencies"]
    assert isinstance(requirements, list)
    allowed = modules_of(requirements) | {f"nephoscope_{engine}"}
    ran = subprocess.run(
        [sys.executable, "-c", ALONE.format(allowed=sorted(allowed)) + example],
        capture_output=True,
        text=True,
        check=False,
    )
    assert ran.returncode == 0, ran.stderr
    expected = PRINTED.findall(example)
    assert expected
    assert [line for line in ran.stdout.splitlines() if line in expected] == expected


@pytest.mark.parametrize("engine", ENGINES)
def test_every_module_is_imported_alone(engine: str) -> None:
    """Whatever is not imported where it is used, by an extra, needs what is declared."""
    requirements = project(engine)["dependencies"]
    assert isinstance(requirements, list)
    allowed = modules_of(requirements) | {f"nephoscope_{engine}"}
    walk = (
        f"import importlib, pkgutil, nephoscope_{engine} as engine\n"
        f"for one in pkgutil.walk_packages(engine.__path__, 'nephoscope_{engine}.'):\n"
        "    importlib.import_module(one.name)\n"
    )
    ran = subprocess.run(
        [sys.executable, "-c", ALONE.format(allowed=sorted(allowed)) + walk],
        capture_output=True,
        text=True,
        check=False,
    )
    assert ran.returncode == 0, ran.stderr


def test_versions_are_in_lock_step() -> None:
    pins = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]["dependencies"]
    for engine, module in ENGINES.items():
        assert module.__version__ == nephoscope.__version__
        assert f"nephoscope-{engine}=={nephoscope.__version__}" in pins


def test_the_version_is_written_everywhere_by_one_command(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in version.places():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text((ROOT / name).read_text(encoding="utf-8"), encoding="utf-8")
    assert version.versions() == {name: {nephoscope.__version__} for name in version.places()}
    monkeypatch.setattr(version, "ROOT", tmp_path)
    assert version.main(["one"]) == 2
    assert version.main(["9.8.7"]) == 0
    assert version.versions() == {name: {"9.8.7"} for name in version.places()}


def test_extras_are_those_that_are_declared() -> None:
    declared = project("kql")["optional-dependencies"]
    assert isinstance(declared, dict)
    declared.pop("dev")
    assert {name: tuple(sorted(several)) for name, several in declared.items()} == EXTRAS


@pytest.mark.parametrize(
    ("page", "names"),
    [
        ("kql-engine", nephoscope_kql.__all__),
        ("policy-engine", [*nephoscope_policy.__all__, *nephoscope_policy.arm.__all__]),
    ],
)
def test_the_page_has_every_public_name(page: str, names: list[str]) -> None:
    text = (ROOT / "docs" / "reference" / f"{page}.md").read_text(encoding="utf-8")
    cells = set(re.findall(r"`(\w+)[`(]", text))
    assert sorted(set(names) - cells) == []
