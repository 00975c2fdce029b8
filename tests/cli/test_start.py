"""The command line starts fast by importing little, and explains itself."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from click.testing import CliRunner

from nephoscope.cli.main import cli

HEAVY = (
    "deltalake",
    "pyarrow",
    "duckdb",
    "httpx",
    "rich",
    "jinja2",
    "msgspec",
    "nephoscope.policy",
    "nephoscope.posture",
)


def test_help_imports_nothing_heavy() -> None:
    code = (
        "import sys; from nephoscope.cli.main import cli; "
        "cli(['--help'], standalone_mode=False); print(*sys.modules, file=sys.stderr)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    loaded = set(done.stderr.split())
    assert not [name for name in HEAVY if name in loaded]


def test_every_command_file_is_listed_with_its_first_line() -> None:
    result = CliRunner().invoke(cli, ["--help"])
    for path in Path(sys.modules["nephoscope.cli.main"].__file__).parent.glob("*.py"):
        if path.stem not in ("__init__", "main"):
            line = path.read_text().splitlines()[0].strip('"')
            assert path.stem in result.output
            assert line.split(":")[0].split(",")[0].rstrip(".") in " ".join(result.output.split())


def test_an_unknown_command_is_a_usage_error() -> None:
    result = CliRunner().invoke(cli, ["scna"])
    assert result.exit_code == 2
    assert "scna" in result.output


def test_nothing_to_look_at_is_a_usage_error(tmp_path: Path) -> None:
    result = CliRunner().invoke(cli, ["--data", str(tmp_path), "score"])
    assert result.exit_code == 2
    assert "sample:" in result.output


def test_a_target_that_is_not_there_is_a_usage_error(tmp_path: Path) -> None:
    result = CliRunner().invoke(cli, ["--data", str(tmp_path), "scan", str(tmp_path / "nope")])
    assert result.exit_code == 2
    assert "nope" in result.output


def test_version() -> None:
    result = CliRunner().invoke(cli, ["version"])
    assert result.output.startswith("nephoscope ")
