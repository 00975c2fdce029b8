"""The command `protect hardening`: flows in the lake, a scan, narrower rules, and their way through plan, approval and undo."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from click.testing import CliRunner
from tests.hardening_house import build_hardening_house

from nephoscope.cli.main import cli
from nephoscope.service.local_user import LocalUser
from nephoscope.state import State


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A data folder with the scanned estate."""
    folder = tmp_path_factory.mktemp("hardening")
    build_hardening_house(folder / "data")
    return folder


def run(data: Path, *arguments: str) -> str:
    found = CliRunner().invoke(cli, ["--data", str(data / "data"), *arguments])
    assert found.exit_code == 0, found.output
    return found.stdout


@pytest.mark.full
def test_proposals_are_listed_requested_approved_and_undone(
    data: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    listed = run(data, "protect", "hardening")
    assert "web 10.0.1.10: web/r200 can be narrowed" in listed
    assert "allow TCP 22 from 198.51.100.0/24" in listed
    assert "no flow was longer than a login attempt" in listed
    document = json.loads(run(data, "protect", "hardening", "-o", "json"))
    assert {one["machine"].rsplit("/", 1)[-1] for one in document["proposals"]} >= {"web", "api"}

    id_ = run(data, "protect", "hardening", "--enforce", "web").partition(":")[0]
    with State.open_folder(data / "data") as state:
        assert state.audit.entries(most=1)[0].operation.endswith("adaptiveNetworkHardenings/enforce/action")
    run(data, "response", "run")
    shown = json.loads(run(data, "response", "show", id_))
    assert shown["status"] == "approve", shown
    plan = shown["plan"]
    assert "az network nsg rule create" in plan["apply"]
    # the wide rule of the web server's group has the priority 100, so that it moves
    assert len(plan["template"]["resources"]) == len(plan["apply"].splitlines())
    (effect,) = plan["effects"]
    assert (effect["address"], effect["added"]) == ("10.0.1.10", [])
    assert any("TCP 22" in one for one in effect["removed"])

    refused = CliRunner().invoke(cli, ["--data", str(data / "data"), "response", "approve", id_, "--yes"])
    assert (refused.exit_code, "another user must decide" in refused.output) == (2, True)
    with monkeypatch.context() as another:
        another.setattr(LocalUser, "current", lambda: LocalUser("second"))
        run(data, "response", "approve", id_, "--yes")
    run(data, "response", "run")
    assert json.loads(run(data, "response", "show", id_))["status"] == "done"
    run(data, "response", "undo", id_)
    run(data, "response", "run")
    undone = json.loads(run(data, "response", "show", id_))
    assert undone["status"] == "undone"
    assert "az network nsg rule delete" in undone["detail"]


def test_a_machine_without_a_proposal_is_refused(data: Path) -> None:
    arguments = ["--data", str(data / "data"), "protect", "hardening", "--enforce", "nothing"]
    found = CliRunner().invoke(cli, arguments)
    assert found.exit_code == 2
    assert "no rules were learned for exactly one machine" in found.output
