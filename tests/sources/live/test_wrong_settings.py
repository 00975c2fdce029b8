"""Settings that cannot be: refused with the setting's name, one row each over every kind; a running source waits for other ones."""

from __future__ import annotations

import json
import os
import socket
import threading
from pathlib import Path

import pytest
import yaml
from click.testing import CliRunner

from nephoscope.cli.main import cli
from nephoscope.lake.lake import Lake
from nephoscope.lake.state import State
from nephoscope.lake.state.sources import Source
from nephoscope.sources.live.catalogue import described, kinds, parsed
from nephoscope.sources.live.source import SettingsError, SourceError, Surroundings
from nephoscope.sources.live.supervisor import Supervisor

TESTS = Path(__file__).parents[2]
CASES = yaml.safe_load((TESTS / "cases/sources/wrong_settings.yaml").read_text(encoding="utf-8"))
ROWS = [(kind, row) for kind, case in CASES.items() for row in case["rows"]]


@pytest.fixture
def places(tmp_path, monkeypatch):
    """Folders for the rows; `closed` is one that this user may not read, also where the user is root."""
    folder, closed = tmp_path / "folder", tmp_path / "closed"
    folder.mkdir()
    closed.mkdir(mode=0)
    asked = os.access
    monkeypatch.setattr(os, "access", lambda path, mode: Path(path) != closed and asked(path, mode))
    return {"folder": str(folder), "closed": str(closed)}


def _given(case: dict, changed: dict, places: dict[str, str]) -> dict[str, str]:
    given = {**case["whole"], **changed}
    return {name: text.format(**places) for name, text in given.items() if text is not None}


@pytest.mark.parametrize(
    ("name", "row"), ROWS, ids=[f"{kind}-{number}" for number, (kind, _) in enumerate(ROWS)]
)
def test_a_wrong_setting_is_refused(name, row, places) -> None:
    case, kind = CASES[name], kinds()[name]
    around = Surroundings("s", secrets=row.get("secrets", case.get("secrets", {})))
    with pytest.raises(SourceError) as refused:
        kind.check(parsed(kind, _given(case, row["set"], places)), around)
    assert row["says"] in str(refused.value)
    assert "hidden" not in str(refused.value)
    assert isinstance(refused.value, SettingsError) is not row.get("there", False)


def test_every_kind_and_every_setting_has_a_row(places) -> None:
    assert set(CASES) == set(kinds())
    for name, kind in kinds().items():
        case = CASES[name]
        kind.check(parsed(kind, _given(case, {}, places)), Surroundings("s", secrets=case.get("secrets", {})))
        said = {row["says"].partition(":")[0] for row in case["rows"]}
        tried = {setting for row in case["rows"] for setting in row["set"] if setting in said}
        tried |= {setting for row in case["rows"] for setting in list(row["set"])[:1]}
        assert {one.name for one in described(kind)} - set(case["any"]) <= tried


@pytest.mark.parametrize(
    ("kind", "setting"),
    [("activity_log", "subscriptions=notaguid"), ("graph", "reads=everything"), ("graph", "overlap=-5")],
)
def test_the_command_refuses_before_it_opens_anything(tmp_path, kind, setting, monkeypatch) -> None:
    def asked(*_: object) -> None:
        raise AssertionError("the network was asked")

    monkeypatch.setattr(socket, "getaddrinfo", asked)
    monkeypatch.setattr(socket.socket, "connect", asked)
    data = tmp_path / "data"
    found = CliRunner().invoke(
        cli, ["--data", str(data), "sources", "add", "s", "--kind", kind, "--set", setting]
    )
    assert found.exit_code == 2
    assert f"{setting.partition('=')[0]}: must be" in found.output
    assert not data.exists()


def test_the_command_refuses_and_keeps_nothing(tmp_path) -> None:
    def nepho(*words: str, code: int = 0) -> str:
        found = CliRunner().invoke(cli, ["--data", str(tmp_path / "data"), "sources", *words])
        assert found.exit_code == code, found.output
        return found.output

    assert "udp: must be ADDRESS:PORT" in nepho(
        "add", "s", "--kind", "syslog", "--set", "udp=0.0.0.0:99999", code=2
    )
    gone = str(tmp_path / "gone")
    assert "--no-test" in nepho("add", "s", "--kind", "folder", "--set", f"paths={gone}", code=2)
    assert nepho("list", "-o", "json").strip() == "[]"
    nepho("add", "s", "--kind", "folder", "--set", f"paths={gone}", "--no-test")
    assert "--no-test" in nepho("set", "s", "--set", f"paths={gone}2", code=2)
    nepho("set", "s", "--set", f"paths={gone}2", "--no-test")
    nepho("set", "s", "--set", f"paths={gone}", "--no-test")
    assert "poll: must be a number, more than 0" in nepho("set", "s", "--set", "poll=-1", code=2)
    assert json.loads(nepho("list", "-o", "json"))[0]["settings"]["poll"] == 1.0


def test_a_running_source_with_wrong_settings_waits_for_other_ones(tmp_path, until) -> None:
    drop, said = tmp_path / "drop", []
    drop.mkdir()
    (drop / "a.log").write_text('{"TimeGenerated": "2026-11-26T00:00:00Z", "x": 1}\n', encoding="utf-8")
    wrong, right = {"paths": [str(drop)], "poll": -1}, {"paths": [str(drop)], "poll": 0.05}
    with State.of(tmp_path / "data") as state, Lake.open(tmp_path / "data", state) as lake:
        state.sources.add(Source("s", "folder", wrong))
        supervisor = Supervisor(lake, state, tmp_path / "data", say=said.append)
        thread = threading.Thread(target=supervisor.run, args=(list(state.sources.all()),))
        thread.start()
        try:
            until(lambda: any("wrong settings: poll: must be" in one for one in said))
            listed = CliRunner().invoke(
                cli, ["--data", str(tmp_path / "data"), "sources", "list", "-o", "json"]
            )
            assert json.loads(listed.output)[0]["error"].startswith("wrong settings: poll: must be")
            assert not any("again in" in one for one in said)
            state.sources.set("s", settings=right)
            until(lambda: state.checkpoints.all("s"))
            assert sum("wrong settings" in one for one in said) == 1
        finally:
            supervisor.stop.set()
            thread.join(60)
        assert not thread.is_alive()
