"""`intel list`: nothing there, and nothing that is asked for, are told apart."""

from __future__ import annotations

from pathlib import Path

from click.testing import CliRunner

from nephoscope.cli.main import cli


def told(data: Path, *arguments: str) -> str:
    found = CliRunner().invoke(cli, ["--data", str(data), "intel", *arguments])
    assert found.exit_code == 0, found.output
    return found.output


def test_what_is_over_is_not_nothing(tmp_path: Path) -> None:
    assert "no threat intelligence" in told(tmp_path / "data", "list")
    given = tmp_path / "given.csv"
    given.write_text("value,valid_until\n192.0.2.7,2020-01-01T00:00:00Z\n192.0.2.8,\n")
    told(tmp_path / "data", "import", str(given))
    assert "192.0.2.8" in told(tmp_path / "data", "list", "--value", "192.0.2.8")
    assert "--all includes expired" in told(tmp_path / "data", "list", "--value", "192.0.2.7")
    assert "192.0.2.7" in told(tmp_path / "data", "list", "--value", "192.0.2.7", "--all")


def test_a_file_that_is_refused_is_in_the_quarantine_of_each_workspace(tmp_path: Path) -> None:
    data, given = ["--data", str(tmp_path / "data")], tmp_path / "given.csv"
    given.write_text("value,confidence\n192.0.2.7,certain\n")
    run = CliRunner()
    assert run.invoke(cli, [*data, "workspaces", "add", "soc"]).exit_code == 0
    for name in ("default", "soc", "soc"):
        assert run.invoke(cli, [*data, "intel", "import", "-w", name, str(given)]).exit_code == 3
    for name in ("default", "soc"):
        found = run.invoke(cli, [*data, "query", "-w", name, "_Quarantine | count", "-o", "csv"])
        assert found.output.split() == ["Count", "1"], found.output
