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
from nephoscope.ingest.live.live_source import SourceContext
from nephoscope.ingest.live.source_kinds import describe_kind, load_source_kinds, parse_settings
from nephoscope.ingest.live.supervisor import SourceSupervisor
from nephoscope.ingest.live.tls import issue_self_signed
from nephoscope.ingest.source_failures import SourceError, SourceSettingsError
from nephoscope.lake.lake import Lake
from nephoscope.state import State
from nephoscope.state.ingestion.sources import Source

TESTS = Path(__file__).parents[2]
CASES = yaml.load((TESTS / "cases/ingest/wrong_settings.yaml").read_text(encoding="utf-8"), yaml.CSafeLoader)
ROWS = [(kind, row) for kind, case in CASES.items() for row in case["rows"]]


@pytest.fixture
def places(tmp_path, monkeypatch):
    """Folders and a file of text for the rows; `closed` is a folder that this user may not read, also where the user is root."""
    folder, closed, text = tmp_path / "folder", tmp_path / "closed", tmp_path / "text.pem"
    text.write_text("no certificate", encoding="utf-8")
    folder.mkdir()
    closed.mkdir(mode=0)
    asked = os.access
    monkeypatch.setattr(os, "access", lambda path, mode: Path(path) != closed and asked(path, mode))
    return {"folder": str(folder), "closed": str(closed), "text": str(text)}


def _given(case: dict, changed: dict, places: dict[str, str]) -> dict[str, str]:
    given = {**case["whole"], **changed}
    return {name: text.format(**places) for name, text in given.items() if text is not None}


@pytest.mark.parametrize(
    ("name", "row"), ROWS, ids=[f"{kind}-{number}" for number, (kind, _) in enumerate(ROWS)]
)
def test_a_wrong_setting_is_refused(name, row, places) -> None:
    case, kind = CASES[name], load_source_kinds()[name]
    around = SourceContext("s", secrets=row.get("secrets", case.get("secrets", {})))
    with pytest.raises(SourceError) as refused:
        kind.check(parse_settings(kind, _given(case, row["set"], places)), around)
    assert row["says"] in str(refused.value)
    assert "hidden" not in str(refused.value)
    assert isinstance(refused.value, SourceSettingsError) is not row.get("there", False)


def test_every_kind_and_every_setting_has_a_row(places) -> None:
    assert set(CASES) == set(load_source_kinds())
    for name, kind in load_source_kinds().items():
        case = CASES[name]
        kind.check(
            parse_settings(kind, _given(case, {}, places)),
            SourceContext("s", secrets=case.get("secrets", {})),
        )
        said = {row["says"].partition(":")[0] for row in case["rows"]}
        tried = {setting for row in case["rows"] for setting in row["set"] if setting in said}
        tried |= {setting for row in case["rows"] for setting in list(row["set"])[:1]}
        assert {one.name for one in describe_kind(kind)} - set(case["any"]) <= tried


KEY_NAMED = "SharedAccessKeyName=a;SharedAccessKey=b"


@pytest.mark.parametrize(
    ("name", "given", "secrets"),
    [
        ("storage", {"credential": "account-key"}, {"account_key": "aGlkZGVu"}),
        ("storage", {"credential": "sas"}, {"sas": "?sv=2022-11-02&ss=bf&srt=sco&sp=rwdl&se=2999-01-01&sig=a%3D"}),
        ("storage", {"credential": "sas"}, {"sas": "sv=2022-11-02&si=policy&sr=c&sig=a%3D"}),
        ("storage", {"credential": "sas", "containers": "one"}, {"sas": "sv=1&ss=b&srt=co&sp=rl&sig=a"}),
        ("event_hub", {}, {"password": f" Endpoint=sb://ns.servicebus.windows.net/;{KEY_NAMED};EntityPath=h; "}),
        ("event_hub", {}, {"password": f"endpoint=sb://localhost:5671;{KEY_NAMED};UseDevelopmentEmulator=true"}),
        ("event_hub", {}, {"password": "Endpoint=sb://ns/;SharedAccessSignature=SharedAccessSignature sr=x&sig=y"}),
        ("event_hub", {"sign_in": "plain", "username": "me"}, {"password": "any thing; at=all"}),
    ],
    ids=lambda one: "" if isinstance(one, dict) else one,
)  # fmt: skip
def test_what_can_let_in_is_taken(name, given, secrets, places) -> None:
    kind = load_source_kinds()[name]
    kind.check(parse_settings(kind, _given(CASES[name], given, places)), SourceContext("s", secrets=secrets))


def test_a_certificate_and_its_key_are_taken(tmp_path) -> None:
    certificate, key, authority = issue_self_signed(tmp_path, ("localhost",))
    given = {"ca": authority, "certificate": certificate, "key": key, "sign_in": "certificate"}
    kind = load_source_kinds()["event_hub"]
    whole = CASES["event_hub"]["whole"] | {name: str(value) for name, value in given.items()}
    kind.check(parse_settings(kind, whole), SourceContext("s"))
    both = tmp_path / "both.pem"
    both.write_bytes(certificate.read_bytes() + key.read_bytes())
    kind.check(parse_settings(kind, whole | {"certificate": str(both), "key": ""}), SourceContext("s"))
    with pytest.raises(SourceError, match="must be a certificate and its private key"):
        kind.check(parse_settings(kind, whole | {"key": ""}), SourceContext("s"))


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


@pytest.mark.full
def test_a_running_source_with_wrong_settings_waits_for_other_ones(tmp_path, until) -> None:
    drop, said = tmp_path / "drop", []
    drop.mkdir()
    (drop / "a.log").write_text('{"TimeGenerated": "2026-11-26T00:00:00Z", "x": 1}\n', encoding="utf-8")
    wrong, right = {"paths": [str(drop)], "poll": -1}, {"paths": [str(drop)], "poll": 0.05}
    with State.open_folder(tmp_path / "data") as state, Lake.open(tmp_path / "data", state) as lake:
        state.sources.add(Source("s", "folder", wrong))
        supervisor = SourceSupervisor(lake, state, tmp_path / "data", say=said.append)
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
