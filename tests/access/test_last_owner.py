"""Who commands the machine cannot take the last Owner of everything by a slip."""

from __future__ import annotations

import pytest
from click.testing import CliRunner

from nephoscope.cli.main import cli


@pytest.fixture
def run(tmp_path):
    """Runs a command over a data folder: (exit code, what it said)."""

    def made(*words: str) -> tuple[int, str]:
        done = CliRunner().invoke(cli, ["--data", str(tmp_path / "data"), "access", *words])
        return done.exit_code, done.output

    return made


@pytest.mark.parametrize(
    "words", [("revoke", "ada", "--role", "Owner"), ("disable", "ada")], ids=lambda one: one[0]
)
def test_the_last_owner_stays(run, words):
    assert run("add", "ada", "--role", "Owner")[0] == 0
    assert run("add", "bob", "--role", "Reader")[0] == 0
    code, told = run(*words)
    assert (code, "add another Owner first" in told) == (2, True), told
    assert "Owner" in run("list")[1]
    assert run("disable", "bob")[0] == 0, "one who is no owner may go"
    assert run("add", "eve", "--role", "Owner")[0] == 0
    assert run(*words)[0] == 0
    assert run("disable", "eve")[0] == 2


def test_where_nobody_ever_owned_everything_roles_are_taken(run):
    assert run("add", "bob", "--role", "Owner", "--scope", "/workspaces/default")[0] == 0
    assert run("revoke", "bob", "--role", "Owner", "--scope", "/workspaces/default")[0] == 0
