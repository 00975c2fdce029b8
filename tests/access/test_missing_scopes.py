"""Who gives a role at a place that is not there is told so."""

from __future__ import annotations

import pytest
from click.testing import CliRunner

from nephoscope.access.scopes import MANAGEMENT_GROUP, Hierarchy, find_unknown_scope
from nephoscope.cli.main import cli

HELD, OTHER = "11111111-1111-4111-8111-111111111111", "22222222-2222-4222-8222-222222222222"
ESTATE = Hierarchy({HELD: (f"{MANAGEMENT_GROUP}mg-1",)}, frozenset({HELD}))


@pytest.mark.parametrize(
    ("scope", "told"),
    [
        ("/", ""),
        (f"/subscriptions/{HELD}", ""),
        (f"/subscriptions/{HELD}/resourcegroups/rg", ""),
        (f"{MANAGEMENT_GROUP}mg-1", ""),
        ("/workspaces/default", ""),
        (f"/subscriptions/{OTHER}", f"no subscription {OTHER} was collected"),
        (f"/subscriptions/{OTHER}/resourcegroups/rg", f"no subscription {OTHER} was collected"),
        (f"{MANAGEMENT_GROUP}mg-2", "no management group mg-2 was collected"),
        ("/workspaces/nowhere", "workspace 'nowhere' not found"),
    ],
)
def test_what_is_missing(scope, told):
    assert find_unknown_scope(scope, ESTATE, ["default"]) == told


def test_before_an_assessment_no_subscription_is_missing():
    assert find_unknown_scope(f"/subscriptions/{OTHER}", Hierarchy({}), ["default"]) == ""


@pytest.mark.parametrize("words", [("add", "bob"), ("grant", "ada")], ids=lambda one: one[0])
def test_the_command_says_so(tmp_path, words):
    def run(*more: str):
        return CliRunner().invoke(cli, ["--data", str(tmp_path / "data"), "access", *more])

    assert run("add", "ada").exit_code == 0
    done = run(*words, "--role", "Reader", "--scope", "/workspaces/nowhere")
    assert done.exit_code == 0
    assert "workspace 'nowhere' not found: the role has no effect" in done.stderr
    assert (
        run(
            *words[:1],
            words[1] + "2" * (words[0] == "add"),
            "--role",
            "Reader",
            "--scope",
            "/workspaces/default",
        ).stderr
        == ""
    )
