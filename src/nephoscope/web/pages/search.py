"""Search: what of the estate, of the detections and of the saved queries contains a text."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from starlette.responses import Response

from nephoscope.posture.published import accounts
from nephoscope.posture.published.attack_paths import WantedPaths
from nephoscope.posture.published.findings import FindingQuery
from nephoscope.posture.published.inventory import InventoryQuery
from nephoscope.posture.published.kinds import sub_assessments
from nephoscope.posture.published.observable_index import DocumentMention, parse_sought
from nephoscope.posture.reports.resource_graph_tables import LISTED
from nephoscope.service.image_overview import list_images
from nephoscope.service.registries import READ_IMAGES
from nephoscope.service.rules import READ as RULES
from nephoscope.service.saved_queries import ESTATE
from nephoscope.service.vulnerability_search import find_packages, find_vulnerabilities
from nephoscope.state.incidents.alert_filter import AlertFilter
from nephoscope.state.incidents.incident_filter import IncidentFilter
from nephoscope.web.forms.trial_forms import load_rules
from nephoscope.web.page_data.resource_facts import SUB
from nephoscope.web.page_data.visible_alerts import list_visible_alerts_everywhere
from nephoscope.web.pages.attack_paths import READ as PATHS
from nephoscope.web.tables.table_download import build_csv_response
from nephoscope.web.visits.page import Page
from nephoscope.web.visits.request_context import LOGS, Visit

if TYPE_CHECKING:
    from nephoscope.alerts.rules.rule import AnalyticRule
    from nephoscope.posture.published.published_snapshot import PublishedSnapshot

READ = "Microsoft.Security/assessments/read"
RESOURCES = "Microsoft.Resources/subscriptions/resources/read"
INCIDENTS = "Microsoft.SecurityInsights/incidents/read"
MOST, MOST_CSV = 25, 10_000
KINDS = (
    "resources", "mentions", "accounts", "tallies", "paths", "incidents", "alerts", "rules", "queries", "vulnerabilities", "packages",
    "images",
)  # fmt: skip


def fill_page(visit: Visit) -> Mapping[str, object] | Response:
    """Return what the page shows."""
    text = visit.get_query_value("q").strip()
    if visit.get_query_value("format") == "csv":
        found = _search_all_kinds(visit, text, MOST_CSV)
        return build_csv_response("search", ("Kind", "Name", "Workspace", "Id"), _list_rows(found))
    return {
        "text": text,
        "most": MOST,
        "named": (sought := parse_sought(text)) is not None,
        "address": sought is not None and not isinstance(sought, str),
        **_search_all_kinds(visit, text, MOST),
    }


def _search_all_kinds(visit: Visit, text: str, most: int) -> dict[str, list[object]]:
    """At most so many of each kind."""
    found: dict[str, list[object]] = {kind: [] for kind in KINDS}
    if not text:
        return found
    found |= _search_estate(visit, text, most)
    found |= _search_contents(visit, text, most)
    state, wanted = visit.instance.state, text.casefold()
    for one in visit.workspaces(INCIDENTS):
        sought = IncidentFilter(text=text, numbers=visit.list_incidents_in_scope(one))
        found["incidents"] += state.incidents.list_matching_incidents(one, sought, most=most)
    for visible_alerts in list_visible_alerts_everywhere(visit):
        found["alerts"] += visible_alerts.list_newest(AlertFilter(text=text), most)
    for one in visit.workspaces(RULES):
        found["rules"] += [
            (one, rule) for rule in load_rules(visit, one).values() if wanted in _format_words(rule)
        ]
    for one in [*visit.workspaces(LOGS), *([ESTATE] if visit.asks_estate else [])]:
        saved = state.saved_queries.list_visible(one, visit.caller.principal.id)
        found["queries"] += [each for each in saved if wanted in f"{each.name}\n{each.query}".casefold()]
    return {name: several[:most] for name, several in found.items()}


def _search_estate(visit: Visit, text: str, most: int) -> dict[str, list[Any]]:
    """Return what the last evaluation published; accounts belong to the tenant, whatever scope is chosen."""
    snapshot = visit.snapshot
    if snapshot is None:
        return {}
    return {
        "resources": snapshot.inventory.page(visit.reach(RESOURCES), InventoryQuery(text), most=most),
        "mentions": _list_mentions(visit, snapshot, text, most),
        "accounts": accounts.find_accounts(snapshot, visit.caller.find_reach(RESOURCES), text),
        "tallies": list(snapshot.findings.tallies(visit.reach(READ), FindingQuery(text=text))),
        "paths": list(snapshot.attack_paths.list_wanted(visit.reach(PATHS), WantedPaths(text=text))),
    }


def _search_contents(visit: Visit, text: str, most: int) -> dict[str, list[Any]]:
    """Return what machines and images hold: vulnerabilities and packages by their names, images by name, tag or digest."""
    reach = visit.reach(READ)
    images = [] if visit.reach(READ_IMAGES).is_empty else list_images(visit.service, visit.reach, text)[:most]
    return {
        "vulnerabilities": find_vulnerabilities(visit.service, reach, text, most),
        "packages": find_packages(visit.service, reach, text, most),
        "images": images,
    }


def _list_mentions(visit: Visit, snapshot: PublishedSnapshot, text: str, most: int) -> list[DocumentMention]:
    """Return what has an address or names it, and what a CVE was found in."""
    resources = snapshot.mentions.find_mentions(
        visit.reach(RESOURCES), text, parts=tuple(sorted(LISTED)), most=most
    )
    inside = snapshot.mentions.find_mentions(
        visit.reach(SUB), text, type_=sub_assessments.TYPE.lower(), most=most
    )
    return [*resources, *inside]


def _format_words(rule: AnalyticRule) -> str:
    return f"{rule.name}\n{rule.id}\n{rule.description}\n{' '.join(rule.techniques)}".casefold()


def _list_rows(found: Mapping[str, Any]) -> list[tuple[str, str, str, str]]:
    return [
        *(("resource", one.name, "", one.id) for one in found["resources"]),
        *(("mention", f"{one.title}: {', '.join(one.places)}", "", one.id) for one in found["mentions"]),
        *((one.kind, one.name, "", one.id) for one in found["accounts"]),
        *(("recommendation", one.title, "", one.recommendation) for one in found["tallies"]),
        *(("attack path", one.title, "", one.id) for one in found["paths"]),
        *(("incident", one.title, one.workspace, str(one.number)) for one in found["incidents"]),
        *(("alert", str(one.document["AlertName"]), one.workspace, one.id) for one in found["alerts"]),
        *(("rule", one.name, workspace, one.id) for workspace, one in found["rules"]),
        *(("query", one.name, one.workspace, one.id) for one in found["queries"]),
        *(
            ("vulnerability", one.vulnerability.summary, "", one.vulnerability.id)
            for one in found["vulnerabilities"]
        ),
        *(("package", f"{one.name} {one.version}", "", one.type) for one in found["packages"]),
        *(("image", one.name, "", one.digest) for one in found["images"]),
    ]


PAGE = Page(
    "/search",
    "Search",
    "search.html",
    READ,
    fill_page,
    under_scope=(
        "Resources in {}, and incidents and alerts that name one of them. Accounts, rules and "
        "saved queries are not affected by the selected scope."
    ),
)
