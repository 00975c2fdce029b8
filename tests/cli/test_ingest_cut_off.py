"""`ingest` whose database goes away in between says so, with the exit code that asks for another run, which goes on."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from nephoscope.cli.main import cli
from nephoscope.lake.lake import Lake
from nephoscope.state import State, StateError
from nephoscope.state.ingestion.ingested_files import IngestedFiles

AT = (datetime.now(UTC) - timedelta(hours=1)).isoformat()
FIREWALL = "/SUBSCRIPTIONS/11111111-2222-4333-8444-555555555555/RESOURCEGROUPS/RG/PROVIDERS/MICROSOFT.NETWORK/AZUREFIREWALLS/FW"


def ingest(data: Path, folder: Path) -> Result:
    return CliRunner().invoke(cli, ["--data", str(data), "ingest", str(folder)])


def test_a_database_that_goes_away(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder, data = tmp_path / "logs", tmp_path / "data"
    folder.mkdir()
    for number in range(4):
        record = {
            "time": AT,
            "resourceId": FIREWALL,
            "category": "AZFWNetworkRule",
            "properties": {"Rule": f"r{number}"},
        }
        (folder / f"{number}.json").write_text(json.dumps(record) + "\n")
    begin, begun = IngestedFiles.begin_in_transaction, []

    def gone(self: IngestedFiles, *given: Any, **named: Any) -> Any:
        begun.append(given)
        if len(begun) > 2:
            raise StateError("the server closed the connection")
        return begin(self, *given, **named)

    with monkeypatch.context() as patched:
        patched.setattr(IngestedFiles, "begin_in_transaction", gone)
        stopped = ingest(data, folder)
    assert stopped.exit_code == 3
    assert "the server closed the connection; run the command again to resume" in stopped.stderr
    assert ingest(data, folder).exit_code == 0
    with State.open_folder(data) as state, Lake.open(data, state) as lake:
        (row,) = lake.query("AZFWNetworkRule | summarize Rows = count(), Rules = dcount(Rule)")[
            0
        ].table.to_pylist()
    assert row == {"Rows": 4, "Rules": 4}
