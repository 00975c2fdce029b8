"""A system that has not what nephoscope needs is told so in a sentence, and never by an error of an import."""

from __future__ import annotations

import os
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

pytestmark = pytest.mark.system

#: Python as it is elsewhere: without these modules, and by another name once what reads that name is imported.
ELSEWHERE = """
import sys
class Blocks:
    def find_spec(self, name, path=None, target=None):
        if name in {blocked}:
            raise ModuleNotFoundError(f"No module named {{name!r}}", name=name)
sys.meta_path.insert(0, Blocks())
for name in {blocked}:
    sys.modules.pop(name, None)
import click.testing
from nephoscope.__main__ import main
from nephoscope.cli import main as _
sys.platform = {platform!r}
main()
"""
POSIX = ("fcntl", "pwd", "resource")


def run(data: Path, *words: str, blocked: tuple[str, ...] = POSIX) -> subprocess.CompletedProcess[str]:
    program = ELSEWHERE.format(blocked=blocked, platform="win32")
    command = [sys.executable, "-c", program, "--data", str(data), *words]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    return subprocess.run(command, env=environment, capture_output=True, text=True, check=False)


@pytest.mark.parametrize(
    "words", [("scan", "sample:"), ("serve", "--help"), ("version",), ("--help",)], ids=" ".join
)
def test_where_it_does_not_run_it_says_so(tmp_path: Path, words: tuple[str, ...]) -> None:
    done = run(tmp_path / "data", *words)
    assert not (tmp_path / "data").exists()
    if words in {("version",), ("--help",)}:
        assert (done.returncode, done.stderr) == (0, "")
        assert done.stdout.startswith(("nephoscope 0.", "Usage: nephoscope"))
        return
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr == (
        "nephoscope: nephoscope runs on Linux; on win32 Python lacks fcntl, pwd, resource: "
        "use a Linux machine, a container, or WSL 2 on Windows\n"
    )


def test_every_module_that_only_some_systems_have_is_asked_for() -> None:
    from nephoscope.cli.session import platform_support

    source = Path(platform_support.__file__).parents[2]
    text = "\n".join(path.read_text(encoding="utf-8") for path in source.rglob("*.py"))
    only = ("fcntl", "grp", "msvcrt", "pwd", "resource", "syslog", "termios", "winreg")
    used = {name for name in only if f"\nimport {name}\n" in text or f"    import {name}\n" in text}
    assert used == set(platform_support._MODULES)


def test_the_classifiers_name_the_system_that_it_runs_on() -> None:
    project = tomllib.loads((Path(__file__).parents[2] / "pyproject.toml").read_text())["project"]
    systems = [one for one in project["classifiers"] if one.startswith("Operating System")]
    assert systems == ["Operating System :: POSIX :: Linux"]
