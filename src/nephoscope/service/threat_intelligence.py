"""Threat intelligence: import, put and revoke objects of STIX."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from hashlib import sha256
from typing import TYPE_CHECKING

from nephoscope.ingest.threat_intelligence.indicator import RefusedItem
from nephoscope.ingest.threat_intelligence.indicator_files import read_items
from nephoscope.ingest.threat_intelligence.indicator_store import (
    keep_indicators,
    refresh_indicators,
    withdraw_indicators,
)
from nephoscope.lake.writing.quarantine import QuarantineEntry
from nephoscope.model.secret_redaction import redact_text
from nephoscope.service.service_context import get_workspace_scope

if TYPE_CHECKING:
    from pathlib import Path

    from nephoscope.ingest.threat_intelligence.indicator import IntelItem, Retraction
    from nephoscope.ingest.threat_intelligence.indicator_files import IndicatorFileOptions
    from nephoscope.ingest.threat_intelligence.version_merge import IntelCounts
    from nephoscope.lake.lake import Lake
    from nephoscope.service.service_context import ServiceContext
    from nephoscope.state.ingestion.threat_intelligence import Intel

READ, WRITE, DELETE = (
    f"Microsoft.SecurityInsights/threatIntelligence/indicators/{one}" for one in ("read", "write", "delete")
)


def import_objects(
    context: ServiceContext,
    workspace: str,
    source: str,
    items: Iterable[IntelItem | Retraction],
    *,
    origin: str = "",
) -> IntelCounts:
    """Import objects of a source; `origin` names the file. The same ones again change nothing."""
    with context.change(
        WRITE, get_workspace_scope(workspace), f"threat intelligence of {source}", act="import", file=origin or None,
        workspace=workspace,
    ):  # fmt: skip
        return keep_indicators(context.state, workspace, source, items, context.now)


def import_file(
    context: ServiceContext, lake: Lake, workspace: str, path: Path, reading: IndicatorFileOptions
) -> tuple[IntelCounts, list[RefusedItem]]:
    """Import the objects of a file; those that were refused are rows of _Quarantine, which the same file again adds once.

    Raises UnreadableError where the file cannot be read on; what was read before is kept.
    """
    refused: list[RefusedItem] = []
    try:
        given = _drop_refused_items(read_items(path, reading, context.now), refused)
        kept = import_objects(context, workspace, reading.source, given, origin=path.name)
        refused.extend(kept.refused)
    finally:
        _quarantine_refused_items(lake, workspace, path, refused)
    return kept, refused


def _drop_refused_items(
    found: Iterable[IntelItem | Retraction | RefusedItem], refused: list[RefusedItem]
) -> Iterator[IntelItem | Retraction]:
    for one in found:
        if isinstance(one, RefusedItem):
            refused.append(one)
        else:
            yield one


def _quarantine_refused_items(lake: Lake, workspace: str, path: Path, refused: list[RefusedItem]) -> None:
    bad = [
        QuarantineEntry(
            str(path), one.place, one.reason, redact_text(one.raw), "threat intelligence", "ThreatIntelIndicators"
        )
        for one in refused
    ]  # fmt: skip
    if bad:
        digest = sha256(
            "\n".join(f"{one.source} {one.place} {one.reason}" for one in bad).encode()
        ).hexdigest()
        lake.writer().append(workspace, {}, bad=bad, producer=f"intel/{workspace}/{digest}", sequence=0)


def refresh_objects(context: ServiceContext, workspace: str) -> int:
    """Write the rows of the lake again that are due, and those of what is over; how many objects. Raises DeniedError.

    Nobody decides anything here: the server does the same by the clock, so there is no audit entry.
    """
    context.require(WRITE, get_workspace_scope(workspace))
    return refresh_indicators(context.state, workspace, context.now)


def put_object(
    context: ServiceContext, workspace: str, source: str, item: IntelItem, known: Intel | None = None
) -> Intel:
    """Keep the newest version of an object that a person writes, `known` as it was; one that was revoked holds again."""
    id_ = known.id if known else item.id
    with context.transact(
        WRITE, get_workspace_scope(workspace), id_, act="put", source=source, workspace=workspace
    ):
        keep_indicators(context.state, workspace, source, [item], context.now, by_hand=True)
        if known is not None and known.withdrawn:
            withdraw_indicators(context.state, workspace, [id_], "", context.now)
    kept = context.state.intel.get(workspace, id_)
    assert kept is not None
    return kept


def revoke_objects(
    context: ServiceContext, workspace: str, ids: Sequence[str], *, undo: bool = False
) -> list[Intel]:
    """Revoke objects by id, whatever their source says of them later; `undo` lets them hold again. StateError for an unknown id."""
    several = list(dict.fromkeys(ids))
    with context.transact(
        WRITE if undo else DELETE, get_workspace_scope(workspace), several, act="undo" if undo else "revoke", workspace=workspace
    ):  # fmt: skip
        return withdraw_indicators(
            context.state, workspace, several, "" if undo else context.author, context.now
        )
