"""Application lookup: map either id of a service principal to its application."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from nephoscope.alerts.investigation.participants import list_object_ids
from nephoscope.estate.principals import SERVICE_TYPE

if TYPE_CHECKING:
    from nephoscope.alerts.investigation.participants import InvolvedEntity
    from nephoscope.web.visits.request_context import Visit

READ = "Microsoft.Resources/subscriptions/resources/read"


def applications(visit: Visit, involved: Iterable[InvolvedEntity]) -> dict[str, str]:
    """Object id -> application id of the service principals among who takes part, of what the visitor may read of the directory."""
    if visit.snapshot is None:
        return {}
    reach, found = visit.caller.find_reach(READ), {}
    for id_ in sorted(list_object_ids(involved)):
        body = visit.snapshot.listing.get(f"/providers/{SERVICE_TYPE}/{id_}", reach)
        if body is not None and (application := (body.get("properties") or {}).get("appId")):
            found[id_] = str(application).lower()
    return found
