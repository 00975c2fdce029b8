"""The data folder of an older release: the server opens it, and what was in it is there."""

from __future__ import annotations

from datetime import UTC, datetime

import pyarrow as pa
from sqlalchemy import text
from starlette.testclient import TestClient
from tests.state import recorded

from nephoscope.access.secret_digest import hash_secret
from nephoscope.instance import Instance
from nephoscope.lake.lake import Lake
from nephoscope.lake.schema.row_conversion import complete_rows
from nephoscope.serve.web_application import build_application
from nephoscope.state import State
from nephoscope.state.database import migration
from nephoscope.state.database.database import Database
from nephoscope.state.state_ledger import StateLedger

TOKEN = "nepho_" + "t" * 43
WHEN = "2026-01-01 00:00:00.000000"


def older(data):
    """A data folder as the release of the baseline left it: a program with a token, a workspace, rows in the lake."""
    recorded.load(f"sqlite:///{data / 'state.db'}", with_rows=False)
    database = Database.open_file(data / "state.db")
    with database.write() as session:
        for statement in (
            "INSERT INTO workspaces (name, id, description, days, created) "
            "VALUES ('soc', '{id}', 'Ours', 30, '{when}')",
            "INSERT INTO principals (id, kind, name, subject, disabled, created) "
            "VALUES ('p1', 'ServicePrincipal', 'deploy', '', 0, '{when}')",
            "INSERT INTO role_assignments (id, principal, role, scope, author, created) "
            "VALUES ('r1', 'p1', 'Owner', '/', 'x', '{when}')",
            "INSERT INTO secrets (id, principal, kind, hash, label, created) "
            "VALUES ('s1', 'p1', 'token', '{hash}', 'ci', '{when}')",
        ):
            values = {"id": "5b1f0d9e-3a52-4c51-9a0e-0d6a1c7b8e91", "when": WHEN, "hash": hash_secret(TOKEN)}
            session.execute(text(statement.format(**values)))
    database.close()
    with State.open_folder(data.parent / "elsewhere") as state, Lake(data, StateLedger(state)) as lake:
        now = datetime.now(UTC)
        rows = pa.table({"TimeGenerated": pa.array([now], pa.timestamp("us", "UTC")), "Computer": ["a"]})
        made = complete_rows(lake.tables["Heartbeat"], rows, workspace=lake.workspace("soc"), now=now).table
        lake.writer().append("soc", {"Heartbeat": made}, producer="p", sequence=0)
        lake.flush()


def test_what_was_in_it_is_there(tmp_path):
    data = tmp_path / "data"
    data.mkdir()
    older(data)
    with (
        Instance.open(data, None, "5b1f0d9e-3a52-4c51-9a0e-0d6a1c7b8e91", 60.0) as instance,
        TestClient(build_application(instance), base_url="https://localhost") as client,
    ):
        client.headers["Authorization"] = f"Bearer {TOKEN}"
        found = client.post("/v1/workspaces/soc/query", json={"query": "Heartbeat | project Computer"})
        assert found.json()["tables"][0]["rows"] == [["a"]]
        assert client.get("/metrics").status_code == 200
    with State.open_folder(data) as state, state.database.read() as session:
        assert migration._read_revision(session.connection()) == migration.list_migration_steps()[-1]
        assert state.workspaces.get("soc").days == 30
