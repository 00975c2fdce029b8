"""Texts of content: a policy, an initiative or a hunting query as it is written, and what it found."""

from __future__ import annotations

import json
from collections.abc import Mapping

from nephoscope.alerts.library import hunting
from nephoscope.posture.policies.policy_packs import Packs
from nephoscope.posture.published.findings import FindingQuery
from nephoscope.service.rules import READ
from nephoscope.state import NotFoundError
from nephoscope.web.tables.recommendation_table import READ as ASSESSMENTS
from nephoscope.web.visits.page import Page
from nephoscope.web.visits.request_context import Visit
from nephoscope_policy.catalog import NotHeldError
from nephoscope_policy.catalog_entry import CatalogEntry

#: Characters of a query that fit into an address.
MOST_QUERY = 6000


def show_query(visit: Visit) -> Mapping[str, object]:
    """Return a shipped hunting query, with the address at which its results are shown."""
    workspace = visit.workspace(READ)
    wanted = visit.parameters["id"].lower()
    found = next((one for one in hunting.load_shipped_queries().rules if one.id == wanted), None)
    if found is None:
        raise NotFoundError(f"hunting query {wanted[:100]!r} not found")
    run = visit.link("/logs", query=found.query, workspace=workspace)
    return {
        "title": found.name, "kind": "hunting", "about": found.description, "text": found.query,
        "facts": [
            ("Last run", _describe_run(visit, workspace, found.id)), ("Tactics", ", ".join(found.tactics)),
            ("Techniques", ", ".join(found.techniques)), ("ID", found.id),
        ],
        "links": [("Run in logs", run)] if len(found.query) < MOST_QUERY else [],
    }  # fmt: skip


def _describe_run(visit: Visit, workspace: str, query: str) -> str:
    """Return what the last run of a hunting query found; '' where it never ran."""
    run = visit.instance.state.hunting_runs.last(workspace).get(query)
    if run is None:
        return ""
    return run.error or f"{run.hits:,} results from {run.since:%Y-%m-%d} to {run.until:%Y-%m-%d}"


def show_policy(visit: Visit) -> Mapping[str, object]:
    """Return a policy or an initiative, with how many resources it found unhealthy."""
    visit.workspace(READ)
    entry = _find_entry(visit, visit.parameters["kind"], visit.parameters["key"])
    kind = "policies" if entry.kind == "definition" else "initiatives"
    document = entry.document()
    about = _read_description(document)
    links = (
        _find_results(visit, entry.name.lower())
        if kind == "policies"
        else [("Compliance", visit.link("/compliance"))]
    )
    types = "any type" if entry.types is None else ", ".join(sorted(entry.types))
    return {
        "title": entry.display_name or entry.name, "kind": kind, "about": about, "text": json.dumps(document, indent=2),
        "facts": [("Version", str(entry.version)), ("Resource types", types), ("ID", entry.id), ("Fault", entry.fault)],
        "links": links,
    }  # fmt: skip


def _find_entry(visit: Visit, kind: str, key: str) -> CatalogEntry:
    catalog = Packs(visit.instance.data).catalog()
    try:
        if kind == "definition":
            return catalog.find("definition", f"/{key}")
        if kind == "initiative":
            return catalog.find("initiative", f"/{key}")
    except NotHeldError as error:
        raise NotFoundError(f"{kind} {key[-100:]!r} not found") from error
    raise NotFoundError(f"kind of content {kind[:40]!r} not found")


def _read_description(document: Mapping[str, object]) -> str:
    properties = document.get("properties")
    inner = properties if isinstance(properties, dict) else document
    return str(inner.get("description") or "")


def _find_results(visit: Visit, key: str) -> list[tuple[str, str]]:
    """What a policy found, and where it is shown; nothing where it was not assessed."""
    if visit.snapshot is None:
        return []
    wanted = FindingQuery(recommendations=frozenset({key}))
    counts = visit.snapshot.findings.states(visit.reach(ASSESSMENTS), wanted)
    if not counts.assessed_count:
        return []
    summary = f"{counts.unhealthy:,} unhealthy of {counts.assessed_count:,} assessed resources"
    return [(summary, visit.link(f"/recommendations/{key}"))]


PAGES = (
    Page("/content/hunting/{id}", "Hunting query", "content_text.html", READ, show_query, anywhere=True),
    Page(
        "/content/policy/{kind}/{key:path}", "Policy", "content_text.html", READ, show_policy, anywhere=True
    ),
)
