"""The query of logs against its recorded examples: rows are sent by Logs Ingestion, then the query is asked.

Recorded times lie in the past and are moved to now. Cells of the recorded rows are texts whatever their column is, so that columns are
compared by name and type, and rows by their length; what else a table has by now may stand beside the recorded columns.
"""

from __future__ import annotations

import json
import re
from datetime import UTC, datetime, timedelta
from typing import Any

from api_compare import difference
from api_example import QUERIES, Example
from api_server import Server, told

from nephoscope.ingest.live.ingestion.data_collection_rules import DataFlow
from nephoscope.ingest.live.ingestion.streams import OWN

_WORKSPACE = re.compile(r"/workspaces/([^/]+)", re.IGNORECASE)
FALLBACK = "Operation"


def asked_of_logs(example: Example) -> bool:
    """Whether it is a query of logs."""
    return example.operation in QUERIES


def logs_disagreement(server: Server, example: Example) -> str:
    """What does not agree, '' where all does."""
    (named,) = _WORKSPACE.findall(example.id)
    others = (example.body or {}).get("workspaces") or [
        one for one in example.query.get("workspaces", "").split(",") if one
    ]
    for name in (named, *others):
        server.workspace(name)
    (wanted,) = example.answer["tables"]
    names = [one["name"] for one in wanted["columns"]]
    places = others or [named]
    for at, cells in enumerate(wanted["rows"]):
        answer = _sent(server, places[at % len(places)], dict(zip(names, cells, strict=True)))
        if answer is not None and answer.status_code != 204:
            return f"not taken: {told(answer)}"
    server.instance.lake.flush()
    answer = server.ask(example)
    if answer.status_code not in example.statuses:
        return told(answer)
    body = answer.json()
    if wrong := difference(
        {"tables": [{**wanted, "columns": [], "rows": []}]},
        {"tables": [{**one, "columns": [], "rows": []} for one in body["tables"]]},
    ):
        return wrong
    (found,) = body["tables"]
    types = {one["name"]: one["type"] for one in found["columns"]}
    lacking = [one["name"] for one in wanted["columns"] if types.get(one["name"]) != one["type"]]
    if lacking:
        return f"other columns: {', '.join(lacking)}"
    if not found["rows"] or any(len(row) != len(found["columns"]) for row in found["rows"]):
        return f"{len(found['rows'])} rows, or rows of another length"
    told_by = (
        {row[names.index("TenantId")] for row in found["rows"]} if others and "TenantId" in types else {""}
    )
    return "" if not others or len(told_by) >= len(others) else "not all workspaces are read"


def _sent(server: Server, workspace: str, row: dict[str, Any]) -> Any:
    """The answer to a row that is sent, None where no request is made for it."""
    now = datetime.now(UTC) - timedelta(minutes=5)
    table = str(row.get("Type") or FALLBACK)
    table = table if table in server.instance.lake.tables else FALLBACK
    record = {name: value for name, value in row.items() if name not in ("Type", "TenantId", "count_")}
    record |= {"TimeGenerated": now.isoformat()}
    if table in OWN:
        # nobody sends rows of these but by a rule that names the table
        door, stream = server.instance.doors.for_workspace(workspace.lower()), f"Microsoft-{table}"
        door.ingest_body((DataFlow(table),), stream, json.dumps([record]).encode(), "")
        return None
    path = f"/dataCollectionRules/{workspace}/streams/Microsoft-{table}?api-version=2023-01-01"
    return server.client.post(path, json=[record])
