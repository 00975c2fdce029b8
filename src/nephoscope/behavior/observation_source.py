"""Observation source: a KQL query in content/behavior; all return the same columns."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from importlib.resources import files

#: The columns that every source gives; the dimensions are among them by name.
COLUMNS = (
    "TimeGenerated", "Record", "Kind", "Entity", "Name", "Activity", "ActionType", "Operation", "Succeeded", "Address", "Country",
    "City", "ISP", "Browser", "System", "Device", "App", "Resource", "Provider", "Host", "Account", "UserAgent",
    "TargetName", "TargetPrincipal",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class ObservationSource:
    """A source: its name, the table that it reads, its query."""

    name: str
    table: str
    query: str


@cache
def load_shipped_sources() -> tuple[ObservationSource, ...]:
    """The sources that come with the product."""
    folder = files("nephoscope") / "content" / "behavior"
    found = []
    for entry in sorted(folder.iterdir(), key=lambda one: one.name):
        if entry.name.endswith(".kql"):
            text = entry.read_text(encoding="utf-8")
            lines = [line for line in text.splitlines() if line.strip() and not line.startswith("//")]
            found.append(ObservationSource(entry.name.removesuffix(".kql"), lines[0].strip(), text))
    return tuple(found)
