"""Rows of the table _Quarantine: input that could not be parsed, with its place and the reason."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from dataclasses import dataclass

import pyarrow as pa

from nephoscope.lake.schema.row_conversion import to_arrow_rows
from nephoscope.lake.schema.table import LakeTable
from nephoscope.state.workspaces.workspace import Workspace

QUARANTINE = "_Quarantine"
RAW_BYTES = 64 * 1024
"""What is kept of a piece: as much as Azure takes in a field, since what was sent and acknowledged is nowhere else."""
_CUT = " (Raw is its first 64 KiB)"


@dataclass(frozen=True, slots=True)
class QuarantineEntry:
    """A piece of input that gave no row: `source` is a path, blob or topic, `place` where in it ("line 7", "records[3]", "byte 5120").

    `raw` is its beginning (at most RAW_BYTES, secrets redacted), `table` the table it was meant for where that is known, `others`
    those that were to have a row of the same and do not take it either; `resource` is the ARM id that the sender is bound to.
    """

    source: str
    place: str
    reason: str
    raw: str
    format: str
    table: str = ""
    others: tuple[str, ...] = ()
    resource: str = ""


def make_quarantine_rows(
    table: LakeTable, bad: Sequence[QuarantineEntry], workspace: Workspace, now: dt.datetime
) -> pa.Table:
    """The rows of _Quarantine (its definition is `table`)."""
    rows = [
        {
            "TimeGenerated": now,
            "Source": one.source,
            "Place": one.place,
            "Reason": one.reason + _CUT if len(raw) >= RAW_BYTES else one.reason,
            "Raw": raw[:RAW_BYTES].decode("utf-8", "ignore"),
            "Format": one.format,
            "Table": ", ".join((one.table, *one.others)),
            "SenderResourceId": one.resource,
        }
        for one, raw in ((one, one.raw.encode("utf-8", "backslashreplace")) for one in bad)
    ]
    return to_arrow_rows(table, rows, workspace=workspace, now=now).table
