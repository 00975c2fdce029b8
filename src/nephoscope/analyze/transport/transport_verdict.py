"""Transport verdicts: what logged requests say of a resource, with counts, callers and times."""

from __future__ import annotations

from typing import TYPE_CHECKING

from nephoscope.analyze.transport.logged_requests import DAYS
from nephoscope.analyze.verdict import (
    format_count,
    join_names,
    make_finding,
    report_healthy,
    report_unhealthy,
)
from nephoscope.estate.data_gap import DataNotCollectedError
from nephoscope_policy.data_gap import STALE

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from nephoscope.analyze.assessment_key import Key
    from nephoscope.analyze.transport.logged_requests import RequestGroup
    from nephoscope_policy.model.assessment import Assessment, SubAssessment

#: Callers that a finding lists.
MOST_CALLERS = 50


def assess_requests(
    id_: str, key: Key, groups: Sequence[RequestGroup], unread: Sequence[str] = ()
) -> Assessment:
    """Judge a resource by its requests; `unread` names logs that are missing and that no setting makes superfluous.

    Raises DataNotCollectedError where no insecure request was served and not every request is known; cause stale where rows are too
    old to decide what is asked.
    """
    weak: dict[str, list[RequestGroup]] = {}
    recent = list_recent(groups)
    for one in recent:
        if is_insecure(one):
            weak.setdefault(str(one.weakness), []).append(one)
    if weak:
        findings = [_build_finding(id_, name, weak[name]) for name in sorted(weak)]
        return report_unhealthy(id_, key, "; ".join(one.title for one in findings), findings)
    known = [one for one in recent if one.weakness is not None]
    stale = [one for one in groups if one.stale]
    if stale and (unread or not known or any(map(is_insecure, stale))):
        raise DataNotCollectedError("; ".join(sorted({one.stale for one in stale})), STALE)
    untold = sum(one.requests for one in recent if one.weakness is None)
    if not known:
        raise DataNotCollectedError(
            f"the TLS version of {format_count(untold, 'request')} to {id_.lower()}"
            if untold
            else f"requests of {id_.lower()}"
        )
    if all(one.refused for one in known):
        raise DataNotCollectedError(f"served requests of {id_.lower()}: all were refused or redirected")
    if unread:
        raise DataNotCollectedError(f"rows of {join_names(unread)} of {id_.lower()}")
    return report_healthy(id_, key, _describe_request_groups(known, untold))


def list_recent(groups: Iterable[RequestGroup]) -> list[RequestGroup]:
    """List the groups that still decide something."""
    return [one for one in groups if not one.stale]


def is_insecure(one: RequestGroup) -> bool:
    """Return whether requests were served and not secure."""
    return bool(one.weakness) and not one.refused


def _describe_request_groups(known: Sequence[RequestGroup], untold: int) -> str:
    served = sum(one.requests for one in known if not one.refused)
    refused = sum(one.requests for one in known if one.refused and one.weakness)
    first, last = min(one.first for one in known), max(one.last for one in known)
    text = f"{format_count(served, 'request')} from {first:%Y-%m-%d} to {last:%Y-%m-%d}, all over TLS 1.2 or later"
    if refused:
        text += f"; {format_count(refused, 'insecure one')} refused or redirected"
    return text + (f"; {untold:,} of protocols whose encryption is not logged" if untold else "")


def _build_finding(id_: str, weakness: str, groups: Sequence[RequestGroup]) -> SubAssessment:
    callers: dict[tuple[str, str], list[RequestGroup]] = {}
    for one in groups:
        callers.setdefault((one.caller, one.client), []).append(one)
    requests, last = sum(one.requests for one in groups), max(one.last for one in groups)
    addresses = len({caller for caller, _ in callers})
    title = (
        f"{format_count(requests, 'request')} in {DAYS} days over {weakness} from "
        f"{format_count(addresses, 'address', 'addresses')}, the last on {last:%Y-%m-%d %H:%M}"
    )
    rows = [
        {
            "caller": caller,
            "client": client,
            "requests": sum(one.requests for one in own),
            "last": max(one.last for one in own).isoformat(),
        }
        for (caller, client), own in callers.items()
    ]
    rows.sort(key=lambda one: (-int(str(one["requests"])), str(one["caller"])))
    return make_finding(
        f"{id_.lower()}/{weakness}",
        title,
        "High" if weakness.startswith("HTTP") else "Medium",
        weakness=weakness,
        requests=requests,
        last=last.isoformat(),
        tables=sorted({one.table for one in groups}),
        callers=rows[:MOST_CALLERS],
        callerCount=len(rows),
    )
