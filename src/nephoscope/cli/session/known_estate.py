"""The estate of a data folder, to ask what is known of the entities of an incident."""

from __future__ import annotations

from collections import defaultdict
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from nephoscope.alerts.case.estate_context import EstateContext, Judged, Weakness

_UNHEALTHY = """SecurityResources
| where type =~ 'microsoft.security/assessments'
| extend details = parse_json(properties)
| project resource=tolower(tostring(details.resourceDetails.id)), title=tostring(details.displayName),
    code=tostring(details.status.code), severity=tostring(details.metadata.severity),
    control=tostring(details.additionalData.secureScoreControl)"""


def known_estate(data: Path) -> EstateContext | None:
    """What was stored of the estate by the last scan, None where nothing was; StoreError where it cannot be read."""
    from nephoscope.alerts.case.estate_context import EstateContext
    from nephoscope.estate.store import EstateStore
    from nephoscope.estate.view import View

    store = EstateStore(data)
    if not store.snapshots():
        return None
    return EstateContext(View(store.estate(), datetime.now(UTC)), _judged(data))


def _judged(data: Path) -> Judged:
    """What the last published evaluation says of a resource; of one that it did not judge nothing is known."""
    from nephoscope.alerts.case.estate_context import Weakness
    from nephoscope.model.reach import EVERYTHING
    from nephoscope.model.state import Severity
    from nephoscope.posture.controls import Controls
    from nephoscope.posture.published.shelf import Shelf

    edition = Shelf(data).newest()
    if edition is None:
        return lambda _: None
    names = {one.id: one.name for one in Controls.load().controls}
    found: dict[str, list[Weakness]] = defaultdict(list)
    for row in edition.query(_UNHEALTHY, EVERYTHING)[-1].table.to_pylist():
        several = found[row["resource"]]
        if row["code"] == "Unhealthy":
            several.append(Weakness(row["title"], row["severity"], names.get(row["control"], row["control"])))
    ranks = {one.value: one.rank for one in Severity}
    for several in found.values():
        several.sort(key=lambda one: (-ranks.get(one.severity, -1), one.title))
    return found.get
