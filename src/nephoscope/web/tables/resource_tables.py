"""The tables of a resource's page as files."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from functools import partial
from typing import TYPE_CHECKING, Any

from nephoscope.web.page_data.code_facts import list_code_rows
from nephoscope.web.rendering.formatting import STATES, describe_cause_or_state
from nephoscope.web.tables.machine_tables import build_software_table, build_vulnerability_table
from nephoscope.web.tables.page_tables import PageTable

if TYPE_CHECKING:
    from nephoscope.posture.published.findings import ListedFinding
    from nephoscope.web.page_data.resource_facts import ResourceAlerts

Rows = Iterator[tuple[object, ...]]


def build_tables(
    findings: Sequence[ListedFinding], known: Mapping[str, Any]
) -> dict[str, Callable[[], PageTable]]:
    """Name -> table, of the findings and of what `resource_facts.facts` gives."""
    return {
        "assessments": partial(
            PageTable, ("State", "Severity", "Recommendation", "Why", "Cause", "Id"), _list_findings(findings)
        ),
        "code": partial(
            PageTable,
            ("What", "Severity", "Finding", "File", "Line", "Repository"),
            list_code_rows(known["code"]),
        ),
        "software": partial(build_software_table, known["software"]),
        "vulnerabilities": partial(build_vulnerability_table, known["software"]),
        "put": partial(
            PageTable,
            ("State", "Severity", "Assessment", "Why", "Source", "When"),
            _sort_rows(known["put"]),
        ),
        "detections": partial(
            PageTable,
            ("Kind", "Severity", "Name", "Status", "Last event", "Workspace", "Id"),
            _list_mentions(known["named"]),
        ),
        "inside": partial(
            PageTable,
            ("State", "Severity", "Finding", "Id", "Assessment"),
            ((one.code, one.severity, one.title, one.id, one.assessment) for one in known["subs"]),
        ),
        "connections": partial(
            PageTable, ("Way", "Resource", "TCP", "UDP"), _list_connections(known["connections"] or {})
        ),
        "roles": partial(
            PageTable,
            ("Who", "Kind", "Id", "Role", "Scope", "Condition"),
            _list_roles(known["holders"]),
        ),
        "paths": partial(
            PageTable,
            ("Severity", "Attack path", "Through", "Name"),
            (
                (one.level.value, one.title, " → ".join(each.name for each in one.entities), one.name)
                for one in known["paths"]
            ),
        ),
        "below": partial(
            PageTable,
            ("Name", "Type", "Id"),
            ((one.name, one.type, one.id) for one in known["children"]),
        ),
        "changes": partial(
            PageTable, ("When", "Kind", "Property", "Before", "After"), _list_changes(known["changes"])
        ),
    }


def _list_roles(holders: Iterable[Any]) -> Rows:
    for one in holders:
        conditional = "yes" if one.conditional else ""
        yield one.name, one.kind, one.principal, one.role, one.scope or "/", conditional


def _sort_rows(several: Iterable[tuple[Any, Any]]) -> Rows:
    for one, each in several:
        yield each.code, one.severity, one.title, each.why, each.author, each.changed.isoformat()


def _list_findings(findings: Sequence[ListedFinding]) -> Rows:
    for one in findings:
        why = one.explanation or describe_cause_or_state(one.cause)
        yield STATES[one.state], one.severity.value, one.title, why, one.cause, one.recommendation


def _list_mentions(named: ResourceAlerts) -> Rows:
    for one in named.incidents:
        last = one.last_activity.isoformat()
        yield "incident", one.severity, one.title, one.status.value, last, one.workspace, one.number
    for each in named.alerts:
        name, status = each.document["AlertName"], "suppressed" if each.held_by else each.status
        yield "alert", each.severity, name, status, each.ended.isoformat(), each.workspace, each.id


def _list_connections(properties: Mapping[str, Any]) -> Rows:
    for way, name in (("from", "inboundConnectedResources"), ("to", "outboundConnectedResources")):
        for one in properties.get(name, ()):
            yield way, one["connectedResourceId"], one.get("tcpPorts", ""), one.get("udpPorts", "")


def _list_changes(changes: Sequence[Any]) -> Rows:
    for one in changes:
        for path, before, after in one.values or [("", None, None)]:
            yield one.at.isoformat(), one.kind, path, _to_text(before), _to_text(after)


def _to_text(value: object) -> str:
    return "" if value is None else value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
