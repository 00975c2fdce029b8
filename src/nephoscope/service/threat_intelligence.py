"""Threat intelligence: import, put and revoke objects of STIX."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

from nephoscope.ingest.threat_intelligence.indicator_store import keep, withdraw
from nephoscope.service.service_context import workspace_scope

if TYPE_CHECKING:
    from nephoscope.ingest.threat_intelligence.indicator import IntelItem, Retraction
    from nephoscope.ingest.threat_intelligence.version_merge import IntelCounts
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
        WRITE, workspace_scope(workspace), f"threat intelligence of {source}", act="import", file=origin or None,
        workspace=workspace,
    ):  # fmt: skip
        return keep(context.state, workspace, source, items, context.now)


def put_object(
    context: ServiceContext, workspace: str, source: str, item: IntelItem, known: Intel | None = None
) -> Intel:
    """Keep the newest version of an object that a person writes, `known` as it was; one that was revoked holds again."""
    id_ = known.id if known else item.id
    with context.transact(
        WRITE, workspace_scope(workspace), id_, act="put", source=source, workspace=workspace
    ):
        keep(context.state, workspace, source, [item], context.now, by_hand=True)
        if known is not None and known.withdrawn:
            withdraw(context.state, workspace, [id_], "", context.now)
    kept = context.state.intel.get(workspace, id_)
    assert kept is not None
    return kept


def revoke_objects(
    context: ServiceContext, workspace: str, ids: Sequence[str], *, undo: bool = False
) -> list[Intel]:
    """Revoke objects by id, whatever their source says of them later; `undo` lets them hold again. StateError for an unknown id."""
    several = list(dict.fromkeys(ids))
    with context.transact(
        WRITE if undo else DELETE, workspace_scope(workspace), several, act="undo" if undo else "revoke", workspace=workspace
    ):  # fmt: skip
        return withdraw(context.state, workspace, several, "" if undo else context.author, context.now)
