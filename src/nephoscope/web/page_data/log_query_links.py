"""Log query links from an alert to its rows on the logs page."""

from __future__ import annotations

from typing import TYPE_CHECKING

from nephoscope.alerts.investigation.alert_events import to_repeatable_query

if TYPE_CHECKING:
    from nephoscope.state.incidents.alerts import StoredAlert
    from nephoscope.web.visits.request_context import Visit

#: Characters of a query that an address may carry.
MOST = 6000


def open_in_logs(visit: Visit, alert: StoredAlert) -> str:
    """Return where the query of an alert gives what it gave when it was run, whatever time is chosen; '' where there
    is none to open."""
    query = to_repeatable_query(alert)
    if not query or len(query) > MOST:
        return ""
    return visit.link("/logs", query=query, workspace=alert.workspace, span=None)
