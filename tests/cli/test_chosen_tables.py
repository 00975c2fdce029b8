"""A workspace that takes rows of some tables: what else comes is told and set aside, and the rest goes on."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import pytest
from click.testing import Result

Run = Callable[..., Result]
VAULT = "/SUBSCRIPTIONS/00000000-0000-0000-0000-000000000001/RESOURCEGROUPS/G/PROVIDERS/MICROSOFT.KEYVAULT/VAULTS/V"
REFUSED = "the workspace soc does not take rows of Syslog"


def vault() -> str:
    return json.dumps({
        "time": datetime.now(UTC).isoformat(), "category": "AuditEvent", "operationName": "SecretGet", "resourceId": VAULT,
        "resultType": "Success", "properties": {"id": "https://v.vault.azure.net/secrets/x", "httpStatusCode": 200},
    })  # fmt: skip


def message() -> str:
    return f"<34>1 {datetime.now(UTC):%Y-%m-%dT%H:%M:%S}Z fw su 77 ID1 - denied"


@pytest.fixture
def data(tmp_path: Path, nephoscope: Run) -> Path:
    assert (
        nephoscope(tmp_path / "data", "workspaces", "add", "soc", "--table", "AZKVAuditLogs").exit_code == 0
    )
    return tmp_path / "data"


def ingest(run: Run, data: Path, path: Path) -> tuple[int, dict]:
    done = run(data, "ingest", path, "--workspace", "soc", "--output", "json")
    return done.exit_code, json.loads(done.stdout)


def asked(run: Run, data: Path, text: str) -> list[list[str]]:
    found = json.loads(run(data, "query", text, "--workspace", "soc", "--output", "json").stdout)
    rows: list[list[str]] = found["tables"][0]["rows"]
    return rows


def test_a_record_that_gives_a_row_is_not_set_aside(tmp_path: Path, data: Path, nephoscope: Run) -> None:
    path = tmp_path / "vault.jsonl"
    path.write_text(f"{vault()}\n{vault()}\n")
    code, found = ingest(nephoscope, data, path)
    assert (code, found["rows"], found["quarantined"]) == (0, {"AZKVAuditLogs": 2}, {})
    assert found["rows of tables not accepted"] == {"AzureDiagnostics": 2}
    told = nephoscope(data, "ingest", path, "--workspace", "soc", "--again").stderr
    assert "were dropped: 2 of AzureDiagnostics;" in told


def test_other_records_are_set_aside_and_the_rest_goes_on(
    tmp_path: Path, data: Path, nephoscope: Run
) -> None:
    path = tmp_path / "mixed.jsonl"
    path.write_text(f"{message()}\n{vault()}\n{message()}\n{vault()}\n")
    code, found = ingest(nephoscope, data, path)
    assert (code, found["rows"], found["quarantined"]) == (3, {"AZKVAuditLogs": 2}, {REFUSED: 2})
    assert (found["records"], found["whole"], found["aside"]) == (4, 2, 2)
    assert found["rows of tables not accepted"] == {"Syslog": 2, "AzureDiagnostics": 2}
    aside = asked(nephoscope, data, "_Quarantine | project Table, Reason, Raw")
    assert [one[:2] for one in aside] == [["Syslog", REFUSED]] * 2
    assert all("denied" in one[2] for one in aside)
    code, found = ingest(nephoscope, data, path)
    assert (code, found["files"]["known"]) == (0, 1)


def test_a_table_that_is_asked_for_and_not_taken_is_refused_at_once(
    tmp_path: Path, data: Path, nephoscope: Run
) -> None:
    path = tmp_path / "a.jsonl"
    path.write_text('{"Computer": "a"}\n')
    done = nephoscope(data, "ingest", path, "--workspace", "soc", "--table", "Syslog")
    assert (done.exit_code, REFUSED in done.stderr) == (2, True)


def test_a_source_says_which_tables_its_workspace_takes(tmp_path: Path, data: Path, nephoscope: Run) -> None:
    (tmp_path / "logs").mkdir()
    add = ("sources", "add", "inbox", "--kind", "folder", "--set", f"paths={tmp_path / 'logs'}", "-w", "soc")
    for arguments in (add, ("sources", "test", "inbox")):
        told = nephoscope(data, *arguments)
        assert told.exit_code == 0, told.stderr
        assert "takes rows of AZKVAuditLogs only" in told.stdout
