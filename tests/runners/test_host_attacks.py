"""The runner of recorded host attacks finds what the rules raise, misses what they do not, and counts every record."""

from __future__ import annotations

import gzip
import importlib
import json
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

CLEARED = {
    "channel": "Security",
    "provider": "Microsoft-Windows-Eventlog",
    "event_id": 1102,
    "time": "2026-01-01T00:00:00Z",
}
LOGON = {
    **CLEARED,
    "event_id": 4672,
    "provider": "Microsoft-Windows-Security-Auditing",
    "computer": "a",
    "data": {},
}


def written(path: Path, *records: object) -> None:
    path.write_bytes(gzip.compress("\n".join(json.dumps(one) for one in records).encode()))


def windows(techniques: list[str], *events: dict[str, Any], tactic: str = "Other") -> dict[str, Any]:
    return {
        "id": "x",
        "tactic": tactic,
        "techniques": techniques,
        "events": [{"computer": "a", "data": {}, **one} for one in events],
    }


@pytest.mark.full
@pytest.mark.parametrize("technique", ["T1070", pytest.param("", id="all rules", marks=pytest.mark.full)])
def test_each_record_is_judged(
    technique: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """By the rules of the technique of what is recorded: to plan every shipped rule takes eight processor seconds."""
    written(
        tmp_path / "windows_evtx.jsonl.gz",
        windows(["T1070.001"], CLEARED),
        windows(["T1070"], CLEARED),
        windows(["T1070.006"], CLEARED),
        windows([], CLEARED, tactic="Defense Evasion"),
        windows([], CLEARED, tactic="TA0040-Impact"),
        windows(["T1070.001"], LOGON),
        {"id": "broken"},
    )
    lines = {
        "group": "g",
        "case": "c",
        "lines": ["Jan  1 00:00:00 host sshd[1]: Server listening on 0.0.0.0 port 22."],
    }
    written(
        tmp_path / "wazuh_lines.jsonl.gz", {"id": "a", "level": 0, **lines}, {"id": "b", "level": 9, **lines}
    )
    runner = importlib.import_module("host_attacks")
    engine = importlib.import_module("detection_engine")
    rules = [one for one in engine.load_shipped_rules().rules if technique in " ".join(one.techniques)]
    assert rules
    monkeypatch.setattr(engine, "load_shipped_rules", lambda: SimpleNamespace(rules=rules))
    monkeypatch.setattr(sys, "argv", ["host_attacks", str(tmp_path), "-v"])
    assert runner.main() == 0
    printed = capsys.readouterr().out
    assert printed.strip().splitlines()[-1] == "4/9 match"
    assert "windows_evtx         recall 3/7" in printed
    assert "parent technique alone 1" in printed
    assert printed.count(": wanted an alert") == 5


def test_scenarios_are_compared_by_their_sources() -> None:
    runner = importlib.import_module("host_attacks")
    assert runner.find_technique("x/ssh-slow-bf", ["203.0.113.7"]) == "T1110"
    assert runner.find_technique("x/cve-2021-1", ["203.0.113.7"]) == "T1190"
    assert runner.find_technique("x/cve-2021-1", ["mallory"]) == "T1068"
    assert runner.FOREIGN.search("x/jellyfin-bf")
    assert not runner.FOREIGN.search("crowdsecurity/ssh-bf")
