"""The inventory: resources by type, subscription and text; one resource with all that is known of it."""

from __future__ import annotations

from collections.abc import Mapping

import msgspec
from starlette.responses import Response

from nephoscope.model.secret_redaction import redact_value
from nephoscope.posture.published.attack_paths import WantedPaths
from nephoscope.posture.published.findings import FindingQuery
from nephoscope.posture.published.inventory import (
    DEFAULT_ORDER,
    EXPOSURE,
    FACETS,
    InventoryQuery,
    ListedResource,
)
from nephoscope.state import NotFoundError
from nephoscope.web.lists.column_headers import ListColumn
from nephoscope.web.lists.facets import ListFacet, build_facet
from nephoscope.web.lists.list_cell import ListCell, build_number_cell, build_text_cell
from nephoscope.web.lists.list_view import ROWS, RowList, show_page
from nephoscope.web.lists.page_offset import compute_page_start
from nephoscope.web.page_data.code_facts import find_code_facts
from nephoscope.web.page_data.machine_facts import MACHINES, find_machine_software
from nephoscope.web.page_data.resource_facts import build_resource_facts, to_entity_id
from nephoscope.web.pages.attack_paths import READ as PATHS
from nephoscope.web.rendering.resource_type_names import name_type
from nephoscope.web.tables.own_assessments import list_external_assessments
from nephoscope.web.tables.page_tables import download_table
from nephoscope.web.tables.resource_tables import build_tables
from nephoscope.web.tables.table_download import build_csv_response
from nephoscope.web.visits.page import Page, PageArea
from nephoscope.web.visits.request_context import Visit
from nephoscope_policy.model.resource_id import SUBSCRIPTION_TYPE
from nephoscope_policy.model.state import ComplianceState

READ = "Microsoft.Resources/subscriptions/resources/read"
ASSESSMENTS = "Microsoft.Security/assessments/read"
EXPOSURES = {"internet": "Reached from the Internet"}
RISKS = {"high": "Critical or high findings", "lower": "Other findings", "none": "No findings"}


def build_resource_list(visit: Visit) -> RowList[ListedResource]:
    """Describe the list; filters, order and pages are those of the tables."""

    def build_subscription_cell(one: ListedResource) -> ListCell:
        return build_text_cell(
            visit.subscriptions.get(one.subscription, one.subscription), whole=one.subscription
        )

    def build_title_cell(one: ListedResource) -> ListCell:
        tenant = visit.find_tenant(one.id, one.tenant)
        return build_text_cell(
            find_display_name(visit, one),
            visit.resource(one.id, one.tenant),
            whole=one.id,
            note=f"tenant {tenant}" if tenant else "",
        )

    return RowList(
        "inventory", "resource",
        (
            ListColumn("name", "Resource", build_title_cell, main=True, width="title"),
            ListColumn("type", "Type", lambda one: build_text_cell(name_type(one.type), whole=one.type), optional=True),
            ListColumn("location", "Location", lambda one: build_text_cell(one.location), optional=True),
            ListColumn("subscription", "Subscription", build_subscription_cell, optional=True),
            ListColumn("findings", "Critical, high", lambda one: build_number_cell(one.grave), number=True),
            ListColumn("failing", "Findings", lambda one: build_number_cell(one.failing), number=True),
        ),
        lambda one: f"{one.id} {one.tenant}".strip(), hint="Name or id", order=DEFAULT_ORDER,
    )  # fmt: skip


def fill_page(visit: Visit) -> Mapping[str, object] | Response:
    """The list."""
    snapshot = visit.snapshot
    if snapshot is None:
        return {"snapshot": None}
    reach, start = visit.reach(READ), compute_page_start(visit)
    query = _build_query(visit)
    if visit.get_query_value("format") == "csv":
        rows = snapshot.inventory.page(reach, query, most=1_000_000)
        return build_csv_response(
            "inventory",
            ("Resource", "Type", "Location", "Subscription", "Critical, high", "Findings", "Id", "Tenant"),
            (_build_row(visit, one) for one in rows),
        )
    page, total = (
        snapshot.inventory.page(reach, query, start=start, most=ROWS),
        snapshot.inventory.count(reach, query),
    )
    return {
        "snapshot": snapshot,
        "list": show_page(visit, build_resource_list(visit), page, _list_facets(visit, query), total, start),
        "others": snapshot.inventory.count_non_resources(reach),
    }


def _build_query(visit: Visit) -> InventoryQuery:
    chosen = {
        name: frozenset(one.lower() for one in visit.get_query_values(name)) for name in (*FACETS, EXPOSURE)
    }
    return InventoryQuery(visit.get_query_value("q"), chosen, visit.get_query_value("sort") or DEFAULT_ORDER)


def _list_facets(visit: Visit, query: InventoryQuery) -> list[ListFacet]:
    """Return what the list can be narrowed by."""
    assert visit.snapshot is not None
    counts = {
        name: visit.snapshot.inventory.facet(visit.reach(READ), query, name) for name in (*FACETS, EXPOSURE)
    }
    return [
        build_facet(visit, EXPOSURE, "Exposure", counts[EXPOSURE], lambda one: EXPOSURES.get(one, one)),
        build_facet(visit, "risk", "Findings", sorted(counts["risk"]), lambda one: RISKS.get(one, one)),
        build_facet(visit, "type", "Type", counts["type"], name_type),
        build_facet(visit, "subscription", "Subscription", counts["subscription"], lambda one: visit.subscriptions.get(one, one)),
        build_facet(visit, "location", "Location", counts["location"]),
    ]  # fmt: skip


def find_display_name(visit: Visit, one: ListedResource) -> str:
    """The name of a resource; of a subscription the one that people know."""
    return visit.name_resource(one.id) if one.type == SUBSCRIPTION_TYPE else one.name


def _build_row(visit: Visit, one: ListedResource) -> tuple[object, ...]:
    subscription = visit.subscriptions.get(one.subscription, one.subscription)
    return (
        find_display_name(visit, one),
        one.type,
        one.location,
        subscription,
        one.grave,
        one.failing,
        one.id,
        one.tenant,
    )


def show_resource(visit: Visit) -> Mapping[str, object] | Response:
    """One resource."""
    snapshot, id_ = visit.snapshot, "/" + visit.parameters["id"].strip("/").lower()
    if snapshot is None:
        return {"snapshot": None}
    alone = len(snapshot.build_info.tenant_gaps) < 2  # no other tenant can have the same id
    tenants = [] if alone else snapshot.listing.list_tenants_with_document(id_, visit.caller.find_reach(READ))
    tenant = next((one for one in tenants if one == visit.get_query_value("tenant")), next(iter(tenants), ""))
    visit = visit.limit_to_tenant(tenant) if len(tenants) > 1 else visit
    body = snapshot.listing.get(id_, visit.caller.find_reach(READ))
    if body is None:
        raise NotFoundError(f"resource {id_[:500]!r} not found, or you cannot access it")
    reach = visit.caller.find_reach(ASSESSMENTS)
    findings = snapshot.findings.page(reach, FindingQuery(resource=id_), order="state", most=1000)
    known = {
        **build_resource_facts(visit, snapshot, id_, body),
        "paths": snapshot.attack_paths.list_wanted(
            visit.caller.find_reach(PATHS), WantedPaths(through=to_entity_id(id_))
        ),
        "put": [
            (one, each)
            for one in list_external_assessments(visit, id_)
            for each in one.several
            if each.resource == id_
        ],
        "code": find_code_facts(visit, id_, findings),
        "software": find_machine_software(visit, id_),
        "children": snapshot.inventory.list_descendants(visit.caller.find_reach(READ), id_),
    }
    if (
        file := download_table(visit, str(body.get("name") or "resource"), build_tables(findings, known))
    ) is not None:
        return file
    text = msgspec.json.format(msgspec.json.encode(redact_value(body)), indent=2).decode()
    return {
        "snapshot": snapshot, "id": id_, "body": body, "text": text, "findings": findings,
        "portal": f"https://portal.azure.com/#@/resource{body['id']}" if id_.startswith("/subscriptions/") else "",
        "unknown": sum(one.state in (ComplianceState.UNKNOWN, ComplianceState.ERROR) for one in findings),
        "tenant": tenant if len(tenants) > 1 else "", "others": [one for one in tenants if one != tenant],
        "is_machine": str(body.get("type") or "").lower() in MACHINES,
        **known,
    }  # fmt: skip


PAGES = (
    Page("/inventory", "Inventory", "inventory.html", READ, fill_page, PageArea.POSTURE, 10),
    Page("/resource/{id:path}", "Resource", "resource.html", READ, show_resource),
)
