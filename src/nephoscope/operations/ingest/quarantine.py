"""Quarantined input: what could not be read, where it stood, and why."""

from __future__ import annotations

from hashlib import blake2b

from nephoscope.operations.declaration.operation import OperationCall, OperationGroup
from nephoscope.operations.declaration.operation_page import PageColumn, Row, SectionList
from nephoscope.operations.declaration.schemas import InWorkspace

OPERATIONS = OperationGroup("quarantine", "Quarantine", "A record")
READ = "Microsoft.OperationalInsights/workspaces/query/read"
MOST = 1000
_QUERY = f"_Quarantine | where TimeGenerated > ago(30d) | top {MOST} by TimeGenerated desc"


@OPERATIONS.operation(
    READ, needs_lake=True,
    page=SectionList(
        "Quarantine", "Data", "record", "Input of the last 30 days that could not be parsed: where it stood, and why.",
        key="id", name="reason", guide="ingest.md", facets=("table", "source", "format"),
        names=("table", "source", "format"), nothing="No quarantined input.", most=MOST,
        columns=(
            PageColumn("reason", "Reason"), PageColumn("source", "Source"), PageColumn("place", "Place", optional=True),
            PageColumn("table", "Table", optional=True), PageColumn("time", "Time", optional=True),
        ),
    ),
)  # fmt: skip
def list_quarantined_records(call: OperationCall, query: InWorkspace) -> list[Row]:
    """List quarantined input, newest first."""
    found = call.lake.rows(_QUERY, workspace=call.workspace(query.workspace), now=call.service.now)
    return [_make_row(one) for one in found.to_pylist()]


def _make_row(one: dict[str, object]) -> Row:
    shown = {
        "reason": one["Reason"], "source": one["Source"], "place": one["Place"], "table": one["Table"], "time": one["TimeGenerated"],
        "format": one["Format"], "raw": one["Raw"],
    }  # fmt: skip
    return {"id": blake2b(repr(sorted(shown.items())).encode(), digest_size=8).hexdigest(), **shown}
