"""Actions and reusable workflows that workflows of GitHub use."""

from __future__ import annotations

import re
from collections.abc import Iterator

from nephoscope.collect.inventory.formats.yaml_text import parse_yaml_tables
from nephoscope.collect.inventory.inventory_file import InventoryFile
from nephoscope.model.package import Package

TITLE = "GitHub workflow"
PATTERNS = (
    ".github/workflows/*.yml",
    ".github/workflows/*.yaml",
    "**/.github/workflows/*.yml",
    "**/.github/workflows/*.yaml",
    "**/action.yml",
    "**/action.yaml",
)
MAX_SIZE = 4_000_000

_USED = re.compile(r"([\w.-]+/[\w.-]+)(?:/[^@\s]*)?@(\S+)")


def read(file: InventoryFile) -> Iterator[Package]:
    """Give each action with the reference that it is used at; raises UnreadableInventoryError."""
    document = parse_yaml_tables(file)
    for text in _list_used_actions(document) if isinstance(document, dict) else ():
        found = _USED.fullmatch(text)
        at = file.text.find(text)
        line = file.text.count("\n", 0, at) + 1 if at >= 0 else 1
        if found is None:
            if not text.startswith(("./", "docker://")):
                file.record_left_out_entry(line, f"`owner/name@reference` is wanted: {text[:80]!r}")
            continue
        yield Package(
            type="github", name=found[1], version=found[2], path=file.path, line=line, relationship="declared"
        )


def _list_used_actions(document: dict[str, object]) -> Iterator[str]:
    jobs = document.get("jobs")
    owners = [*(jobs.values() if isinstance(jobs, dict) else ()), document.get("runs")]
    for owner in owners:
        if not isinstance(owner, dict):
            continue
        steps = owner.get("steps")
        for entry in (owner, *(steps if isinstance(steps, list) else ())):
            if isinstance(entry, dict) and isinstance(entry.get("uses"), str):
                yield entry["uses"]
