"""Every table of a page is a file with the same columns under the same heads, what a file has besides behind them."""

from __future__ import annotations

import csv
import io
import re
from collections import Counter
from html import unescape

import pytest
from tests.automation.dead_runs import spoil
from tests.web.conftest import ALERT, HERE

from nephoscope.alerts.library.attack_coverage import NO_TECHNIQUE
from nephoscope.collect.azure.connection_test import ConnectionTrial, PermissionTrial, SubscriptionTrial
from nephoscope.posture.scans import tenants
from nephoscope.web.rendering.display_names import format_tactics

#: Page, the heading of the table's card ('' = the only table), and the file of it.
TABLES = [
    ("/", "Score by control", "/?table=controls"),
    ("/", "Fix first", "/?table=first"),
    ("/", "Resources with the most findings", "/?table=resources"),
    ("/recommendations", "", "/recommendations"),
    ("/recommendations?open=1", "", "/recommendations?open=1"),
    ("/inventory", "", "/inventory"),
    ("/attack-paths", "", "/attack-paths"),
    ("/incidents?span=90d", "", "/incidents?span=90d"),
    ("/alerts?span=90d", "", "/alerts?span=90d"),
    ("/rules", "", "/rules"),
    ("/content", "", "/content"),
    ("/content?kind=packs", "", "/content?kind=packs"),
    ("/content?kind=functions", "", "/content?kind=functions"),
    ("/content/packs/checkout", "", "/content/packs/checkout"),
    ("/content/coverage", "Tactics", "/content/coverage?table=tactics"),
    ("/sources?show=tenants", "", "/sources?table=tenants"),
    ("/sources?show=sources", "", "/sources?table=sources"),
    ("/sources/tenants/fabrikam", "Result of the last test", "/sources/tenants/fabrikam"),
    ("/automations", "", "/automations?table=automations"),
    ("/automations?show=runs", "", "/automations?table=runs"),
    ("/settings/people", "", "/settings/people"),
    ("/settings/workspaces", "", "/settings/workspaces"),
    ("/settings/audit", "", "/settings/audit?table=audit"),
    ("/pipelines", "", "/pipelines?table=repositories"),
]


@pytest.fixture(scope="module", autouse=True)
def tried(instance):
    """A tenant that was tested and an automation that ran, so that their pages have a table."""
    found = ConnectionTrial(
        instance.now,
        subscriptions=(SubscriptionTrial("1", "sub one", True, lacks=("Microsoft.KeyVault/vaults/read",)),),
        permissions=(PermissionTrial("User.Read.All", False, "not granted"),),
    )
    spoil(instance.state)
    instance.state.tenants.record_test("fabrikam", tenants.msgspec.to_builtins(found))


def heads(page: str, card: str) -> list[str]:
    """The heads of a table that say something, bars and ticks left out."""
    part = page.partition(f"<h2>{card}</h2>")[2] if card else page.partition("<main")[2]
    found = re.findall(
        r"<th[^>]*>(.*?)</th>", re.search(r"<thead>(.*?)</thead>", part, re.DOTALL)[1], re.DOTALL
    )
    told = [unescape(re.sub(r"<[^>]+>", "", one)).strip() for one in found]
    return [one for one in told if one and not one.startswith(("Healthy, unhealthy", "Breakdown"))]


def plain(head: str) -> str:
    """A head without the time range of its numbers."""
    return re.sub(r", last [\w ]+$", "", head)


def header(client, address: str) -> list[str]:
    answer = client.get(f"{address}{'&' if '?' in address else '?'}format=csv")
    assert answer.status_code == 200, answer.text
    return next(csv.reader(io.StringIO(answer.text)))


@pytest.mark.parametrize(("page", "card", "address"), TABLES, ids=[address for _, _, address in TABLES])
def test_heads_are_the_same(owner, page, card, address):
    shown = heads(owner.get(page).text, card)
    if card == "Tactics":
        shown.pop()  # the bar of the techniques has their head
    if "Preview" in shown:
        # of a list with a choice of columns, a file has all: whatever is shown is in it, in the same order
        names = [plain(one) for one in shown if one != "Preview"]
        assert names
        assert [one for one in map(plain, header(owner, address)) if one in names] == names
    else:
        assert shown == header(owner, address)[: len(shown)]
    name = re.search(r"table=([\w-]+)", address)
    assert f"table={name[1]}" in owner.get(page).text if name else "format=csv" in owner.get(page).text


@pytest.mark.parametrize(
    "address",
    [
        "/sources?table=files",
        "/sources?table=tables",
        "/sources/logs/drop?table=health",
        "/sources/logs/drop?table=errors",
    ],
)
def test_tables_that_are_empty_are_files_too(owner, address):
    assert len(header(owner, address)) > 3


def test_the_test_of_a_tenant_is_whole_in_its_file(owner):
    rows = list(csv.DictReader(io.StringIO(owner.get("/sources/tenants/fabrikam?format=csv").text)))
    assert [
        (one["Subscription or resource group"], one["Readable"], one["Missing permissions"]) for one in rows
    ] == [
        ("sub one", "yes", "Microsoft.KeyVault/vaults/read"),
        ("Microsoft Graph", "no", "not granted"),
    ]


@pytest.mark.parametrize("every", ["", "&all=1"])
def test_a_technique_is_counted_once(owner, every):
    page = owner.get(f"/content/coverage?x=1{every}").text
    table = dict(
        re.findall(
            r'<td class="table__title"><a href="#[^"]*">([^<]+)</a></td><td class="table__number">(\d+)</td>',
            page,
        )
    )
    below = dict(
        re.findall(r'<summary><h2>([^<]+)</h2> <span class="text-quiet">([\d,]+) techniques?</span>', page)
    )
    assert table == below
    rows = list(csv.DictReader(io.StringIO(owner.get(f"/content/coverage?format=csv{every}").text)))
    counts = Counter(format_tactics(row["Tactic"]) for row in rows if row["Technique"])
    assert {name: int(count) for name, count in table.items() if count != "0"} == counts
    assert NO_TECHNIQUE not in page


@pytest.mark.parametrize(
    ("address", "form"),
    [
        ("/logs/queries", {"act": "zzz", "name": "x", "query": "print 1"}),
        ("/sources/tenants/new", {"act": "zzz", "name": "x"}),
        ("/sources/tenants/fabrikam", {"act": "zzz"}),
        ("/sources/logs/drop", {"act": "zzz"}),
        ("/content", {"act": "zzz", "key": "x"}),
        ("/incidents", {"act": "zzz", "incident": "1"}),
        ("/incidents/1", {"act": "zzz"}),
        ("/alerts", {"act": "zzz", "alert": ALERT}),
        (f"/alerts/{ALERT}", {"act": "zzz"}),
    ],
)
def test_an_odd_act_is_refused(instance, owner, address, form):
    drawn = re.search(r'name="etag" value="([^"]+)"', owner.get(address).text)
    of = {"etag": drawn[1]} if drawn else {}
    assert owner.post(address, data={**of, **form}, headers=HERE).status_code == 400
    assert not instance.state.saved_queries.list_visible("default", "")
