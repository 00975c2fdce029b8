"""Program sightings: which machine executed which program on which days, from every table that records executions."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from nephoscope.lake.queries.time_span import RowSpan

if TYPE_CHECKING:
    from datetime import datetime

    from nephoscope.lake.lake import Lake
    from nephoscope.lake.queries.principal_scope import LakeScope

#: Programs of machines that one workspace may have; more are an error, so that nothing is left out unnoticed.
MOST = 500_000
_QUERY = f"""
_ExecutedPrograms
| where isnotempty(_ResourceId) and isnotempty(Path)
| summarize Days = make_set(toint((TimeGenerated - datetime(1970-01-01)) / 1d), 100)
    by Machine = tolower(_ResourceId), System, Path, Hash, Publisher, Package
| take {MOST + 1}
"""


class TooManyProgramsError(Exception):
    """A workspace whose machines executed more programs than can be compared."""


class ProgramSighting(msgspec.Struct, frozen=True):
    """A program that a machine executed: `hash` is its SHA-256, `days` are counted since 1970; '' = not recorded."""

    machine: str
    system: str
    path: str
    hash: str
    publisher: str
    package: str
    days: frozenset[int]

    @property
    def key(self) -> str:
        """The name by which machines are compared: paths of Windows in lower case."""
        return self.path.lower() if self.system == "Windows" else self.path


def read_sightings(
    lake: Lake, workspace: str, since: datetime, until: datetime, scope: LakeScope
) -> list[ProgramSighting]:
    """Return what the machines of a workspace executed in a time. Raises TooManyProgramsError."""
    rows = lake.rows(
        _QUERY, workspace=workspace, scope=scope, now=until, span=RowSpan(since, until)
    ).to_pylist()
    if len(rows) > MOST:
        raise TooManyProgramsError(
            f"machines of the workspace {workspace} executed over {MOST:,} programs: choose fewer days"
        )
    return [_read_sighting(row) for row in rows]


def _read_sighting(row: dict[str, object]) -> ProgramSighting:
    return ProgramSighting(
        str(row["Machine"]), str(row["System"]), str(row["Path"]), str(row["Hash"]), str(row["Publisher"]),
        str(row["Package"]), msgspec.json.decode(str(row["Days"]), type=frozenset[int]),
    )  # fmt: skip
