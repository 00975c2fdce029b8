"""Exposure alerts: a lake row for each resource that the Internet reaches more widely than before."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from nephoscope.model.read_scope import EVERYTHING
from nephoscope.posture.published.exposure_changes import TYPE, ExposureChangeDocument, list_attributions
from nephoscope.posture.published.snapshot_cache import PublishedSnapshotCache
from nephoscope.state.workspaces.workspace import DEFAULT
from nephoscope_policy.model.resource_id import ResourceId

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from nephoscope.posture.changes.change_attribution import ChangeAttribution
    from nephoscope.posture.changes.exposure_changes import ExposureChange
    from nephoscope.service.service_context import ServiceContext

TABLE = "NetworkExposureChanges_CL"
#: Checkpoints: the exposure changes that have a row, by the lower-cased ids of their documents.
NOTED = "exposure-changes-noted"
_PRODUCT = "network exposure"
_EVERYBODY = "everybody"


def write_exposure_change_rows(context: ServiceContext) -> int:
    """Write a row for each published exposure change that widened and has none yet; how many rows. Raises StateError."""
    published = PublishedSnapshotCache(context.data).load_newest()
    if published is None:
        return 0
    bodies = published.listing.iterate_documents((TYPE.lower(),), EVERYTHING)
    found = {str(body["id"]).lower(): _read_change(body) for body in bodies}
    state = context.state
    known = state.checkpoints.all(NOTED)
    fresh = {id_: one for id_, one in found.items() if one.widened and id_ not in known}
    gone = [id_ for id_ in known if id_ not in found]
    if fresh or gone:
        rows: list[tuple[str, dict[str, object]]] = [
            (TABLE, _build_row(context, one, list_attributions(one, published.listing, EVERYTHING)))
            for one in fresh.values()
        ]
        with state.transaction(product=_PRODUCT) as session:
            state.outbox.add_many(session, DEFAULT, rows)
            state.checkpoints.keep(session, NOTED, dict.fromkeys(fresh, 1))
            for id_ in gone:
                state.checkpoints.drop(session, NOTED, id_)
    return len(fresh)


def _read_change(body: Mapping[str, object]) -> ExposureChange:
    return msgspec.convert(body, ExposureChangeDocument).properties


def _build_row(
    context: ServiceContext, one: ExposureChange, several: Sequence[ChangeAttribution]
) -> dict[str, object]:
    """The row; in no subscription where one of its changes is in another than its resource, so that no reader of one alone sees it."""
    id_ = ResourceId.parse(one.target_resource_id)
    changed = {ResourceId.parse(cause.target_resource_id).subscription for cause in one.causes}
    own = changed <= {id_.subscription}
    wider = [opening for opening in one.openings if opening.widened]
    candidates = [candidate for change in several for candidate in change.candidates]
    authors = {change.changed_by for change in several}
    return {
        "TimeGenerated": context.now.isoformat(),
        "ChangeTime": one.timestamp.isoformat(),
        "PreviousTime": one.previous_timestamp.isoformat(),
        "ResourceName": id_.name,
        "Openings": [opening.text(id_.name) for opening in wider],
        "ToEverybody": any(opening.after == _EVERYBODY for opening in wider),
        "ChangedResources": [cause.target_resource_id for cause in one.causes],
        "ChangedBy": authors.pop() if len(authors) == 1 else "Unspecified",
        "Candidates": sorted({candidate.changed_by for candidate in candidates}),
        "Operations": sorted({candidate.operation for candidate in candidates}),
        "CorrelationIds": sorted({candidate.correlation_id for candidate in candidates}),
        "Type": TABLE,
        "ResourceId": id_.key,
        "_ResourceId": id_.key if own else "",
        "_SubscriptionId": id_.subscription if own else "",
    }
