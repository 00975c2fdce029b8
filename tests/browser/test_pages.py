"""Every page in a real browser under its strict policy: no console error, no accessibility fault, nothing wider than the window."""

from __future__ import annotations

import re
import sys
from pathlib import Path

import pytest
from playwright.sync_api import expect
from tests.web.conftest import ALERT, CAPTURE, TRIAL
from tests.web.inside import CVE, HELD

from nephoscope.alerts.library.hunting import load_shipped_queries as load_hunting
from nephoscope.alerts.rules.rule_files import load_shipped_rules
from nephoscope.model.read_scope import EVERYTHING
from nephoscope.posture.published.inventory import InventoryQuery
from nephoscope.posture.published.snapshot_cache import PublishedSnapshotCache
from nephoscope.state import State
from nephoscope.web.all_pages import list_pages
from nephoscope.web.page_data.machine_facts import MACHINES

pytestmark = pytest.mark.system

AXE = Path(sys.prefix) / "node" / "node_modules" / "axe-core" / "axe.min.js"
PATIENCE = 30_000
"""Milliseconds that a page may take to be there on a busy machine."""
CHART = (
    "/logs?workspace=estate&query=resources | summarize n = count() by type | top 10 by n | render barchart"
)


def addresses(data: Path) -> list[str]:
    """An address of every page."""
    snapshot = PublishedSnapshotCache(data).load_newest()
    assert snapshot is not None
    finding = snapshot.findings.page(EVERYTHING, most=1)[0]
    machine = snapshot.inventory.page(EVERYTHING, InventoryQuery("", {"type": MACHINES}, "name"), most=1)[
        0
    ].id
    rule = next(iter(load_shipped_rules().rules)).id
    with State.open_folder(data) as state:
        run = state.pipelines.runs()[0]
    ids = {
        "/rules/{id}": rule,
        "/alerts/{id}": ALERT,
        "/machine/{id:path}": machine.strip("/"),
        "/attack-paths/{name}": snapshot.attack_paths.list_wanted(EVERYTHING)[0].name,
        "/sources/tenants/{name}": "fabrikam",
        "/sources/logs/{name}": "drop",
        "/help/{name:path}": "guides/sources.md",
        "/content/hunting/{id}": next(iter(load_hunting().rules)).id,
        "/content/packs/{name}": "checkout",
        "/pipelines/runs/{id}": run.id,
        "/vulnerabilities/{name:path}": CVE,
        "/images/{digest}": HELD,
        "/network/captures/{id}": CAPTURE,
        "/network/captures/{id}/analysis": CAPTURE,
        "/registries/{name}": "prod",
        "/entities/{kind}/{name:path}": "192.0.2.7",
        "/pipelines/repository/{name:path}": run.repository,
    }
    known = {
        "id": rule,
        "kind": "address",
        "trial": TRIAL,
        "key": finding.recommendation,
        "id:path": finding.resource.strip("/"),
        "number:int": "1",
    }
    shown = [
        page.path
        for page in list_pages()
        if page.template
        and not page.path.endswith(("/compliance/{name}", "/hardening/{name}", "{act}", "{key:path}"))
    ]
    return [
        *(
            re.sub(
                r"\{([^}]+)\}",
                lambda found, path=path: (
                    known["kind"] if found[1] == "kind" else ids.get(path) or known[found[1]]
                ),
                path,
            )
            for path in shown
        ),
        CHART,
    ]


def looked_at(context, base: str, paths: list[str]) -> list[str]:
    """What is wrong with pages."""
    wrong: list[str] = []
    page = context.new_page()
    page.on(
        "console",
        lambda told: wrong.append(f"{page.url}: {told.text}") if told.type in ("error", "warning") else None,
    )
    page.on("pageerror", lambda error: wrong.append(f"{page.url}: {error}"))
    for path in paths:
        answer = page.goto(base + path)
        if answer.status != 200:
            wrong.append(f"{path}: {answer.status}")
        wide = page.evaluate("document.documentElement.scrollWidth - window.innerWidth")
        if wide > 0:
            wrong.append(f"{path}: {wide} pixels wider than the window")
        page.evaluate(AXE.read_text())
        found = page.evaluate("axe.run(document, {resultTypes: ['violations']})")
        wrong += [
            f"{path}: {one['id']}: {one['help']}: {one['nodes'][0]['html'][:160]}"
            for one in found["violations"]
        ]
    return wrong


@pytest.mark.parametrize(("width", "scheme", "every"), [(1440, "light", 16), (390, "dark", 16)])
def test_some_pages(opened, address, width, scheme, every):
    base, data = address
    wrong = looked_at(opened(width, scheme), base, addresses(data)[::every])
    assert not wrong, "\n".join(wrong)


@pytest.mark.full
@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [390, 768, 1440])
def test_every_page_at_every_width(opened, address, width, scheme):
    base, data = address
    wrong = looked_at(opened(width, scheme), base, addresses(data))
    assert not wrong, "\n".join(wrong)


def test_from_the_worst_recommendation_to_an_exemption(opened, address):
    base, _ = address
    page = opened(java_script_enabled=False).new_page()
    page.goto(base)
    page.get_by_role("link", name="System updates should be installed on machines").click()
    page.locator("td input[name=selected]").first.check()
    page.get_by_role("button", name="Choose an action for the selected rows").click()
    page.locator(".bulk-bar").get_by_label("Reason").fill("the vendor patches them")
    page.locator(".bulk-bar").get_by_label("Days from now").fill("30")
    page.get_by_role("button", name="Exempt selected").click()
    expect(page.get_by_text("1 exemption kept")).to_be_visible(timeout=PATIENCE)
    page.locator("#exemptions summary", has_text="Change").click()
    page.locator("#exemptions").get_by_label("Reason").fill("a proxy keeps them apart")
    page.locator("#exemptions").get_by_role("button", name="Change").click()
    expect(page.get_by_text("1 exemption changed")).to_be_visible(timeout=PATIENCE)
    expect(page.locator("#exemptions td.table__text", has_text="a proxy keeps them apart")).to_be_visible()
    page.get_by_role("button", name="End the exemption").click()
    expect(page.get_by_text("1 exemption ended")).to_be_visible(timeout=PATIENCE)
    expect(page.locator("#exemptions")).to_have_count(0)


def test_from_an_incident_to_its_end(opened, address):
    base, _ = address
    page = opened(java_script_enabled=False).new_page()
    page.goto(base)
    page.get_by_role("link", name="Multi-stage incident").click()
    page.get_by_label("Comment or task").fill("looked at it")
    page.get_by_role("button", name="Comment").click()
    page.get_by_role("button", name="Assign to me").click()
    expect(page.get_by_text("owner ada").first).to_be_visible(timeout=PATIENCE)
    page.get_by_label("Classification").select_option("TruePositive/SuspiciousActivity")
    page.get_by_role("button", name="Close").click()
    assert "TruePositive" in page.content()
    page.get_by_role("button", name="Reopen").click()


@pytest.mark.full
def test_a_query_is_written_drawn_and_shared(opened, address):
    base, _ = address
    page = opened(java_script_enabled=False).new_page()
    page.goto(f"{base}/logs")
    page.get_by_label("Query").fill(
        "resources | summarize n = count() by location | top 5 by n | render barchart"
    )
    page.locator("select[name=workspace]").select_option("estate")
    page.get_by_role("button", name="Run").click()
    expect(page.locator("svg.chart-bar rect")).to_have_count(5, timeout=PATIENCE)
    again = opened().new_page()
    again.goto(page.url)
    expect(again.locator("svg.chart-bar rect")).to_have_count(5, timeout=PATIENCE)
