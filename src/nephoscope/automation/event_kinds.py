"""The kinds of events that trigger automation rules, each with the event source by which Azure's automations name it.

Source: https://learn.microsoft.com/rest/api/defenderforcloud/automations (2019-01-01-preview), event sources
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from nephoscope.alerts.incidents.change_events import KINDS as ROW_KINDS
from nephoscope.identity.risk_events import KINDS as RISK_KINDS

SNAPSHOT = "Snapshot"
#: Azure's event sources of published documents -> the lower-cased type of the documents.
PUBLISHED: Mapping[str, str] = {
    "Assessments": "microsoft.security/assessments",
    "SubAssessments": "microsoft.security/assessments/subassessments",
    "SecureScores": "microsoft.security/securescores",
    "SecureScoreControls": "microsoft.security/securescores/securescorecontrols",
    "RegulatoryComplianceAssessment": (
        "microsoft.security/regulatorycompliancestandards/regulatorycompliancecontrols/regulatorycomplianceassessments"
    ),
    "AttackPaths": "microsoft.security/attackpaths",
}
ALERTS, INCIDENTS, RISKS = "Alerts", "Incidents", "IdentityRisks"
"""The event sources of rows; Incidents and IdentityRisks are sources of nephoscope's own."""
#: Every event source that Azure has: a document may name one of which nothing comes here.
AZURE_SOURCES = (*(f"{one}{word}" for one in PUBLISHED for word in ("", SNAPSHOT)), ALERTS)
SOURCES = (*PUBLISHED, *(f"{one}{SNAPSHOT}" for one in PUBLISHED), ALERTS, INCIDENTS, RISKS)


@dataclass(frozen=True, slots=True)
class EventKind:
    """A kind of event: its name as runs have it, and its event source.

    `type` is the lower-cased type of the documents that were published, '' for an alert, an incident or a risk. A `snapshot` tells of
    every document from time to time, another kind of a change.
    """

    name: str
    source: str
    type: str = ""
    snapshot: bool = False

    @property
    def is_urgent(self) -> bool:
        """Return whether its runs go before those of bulk: people wait for what is done about an alert."""
        return not self.type


def build_kind_name(source: str, *, snapshot: bool) -> str:
    """Return the name of the kind of the events of a source of published documents."""
    return f"{source.removesuffix(SNAPSHOT).lower()}.{'snapshot' if snapshot else 'changed'}"


#: Every kind by its name.
EVENT_KINDS: Mapping[str, EventKind] = {
    kind.name: kind
    for kind in (
        *(EventKind(name, ALERTS if name.startswith("alert.") else INCIDENTS) for name in ROW_KINDS),
        *(EventKind(name, RISKS) for name in RISK_KINDS),
        *(
            EventKind(
                build_kind_name(source, snapshot=snapshot),
                f"{source}{SNAPSHOT if snapshot else ''}",
                type_,
                snapshot,
            )
            for source, type_ in PUBLISHED.items()
            for snapshot in (False, True)
        ),
    )
}


def list_source_kinds(source: str) -> tuple[EventKind, ...]:
    """Return the kinds of an event source."""
    return tuple(kind for kind in EVENT_KINDS.values() if kind.source == source)
