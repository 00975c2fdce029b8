"""Every list: the count of a facet's value is what choosing it shows; columns, preview and ticks are in the address."""

from __future__ import annotations

import csv
import html
import io
import re

import pytest
from tests.web.conftest import HERE, NOON

from nephoscope.state.incidents.incidents import Incident

LISTS = [
    "/alerts?span=90d", "/alerts?span=90d&all=1", "/incidents", "/incidents?all=1", "/rules", "/suppressions", "/attack-paths",
    "/inventory", "/recommendations", "/recommendations?open=1", "/recommendations?all=1", "/vulnerabilities", "/images",
    "/image-requests", "/work-items", "/content", "/content?kind=hunting", "/content?kind=policies", "/content?kind=initiatives",
    "/sources", "/sources?show=sources", "/sources?show=tables", "/sources?show=files", "/settings/audit", "/gaps", "/pipelines",
    "/content/packs/checkout", "/machines",
]  # fmt: skip
OPTION = re.compile(r'<a class="facets__option" href="([^"]+)".*?class="facets__count">([\d,]+)<', re.DOTALL)
#: Values of a facet that are followed.
FOLLOWED = 2


@pytest.fixture(scope="module", autouse=True)
def several(instance):
    """Incidents that differ in what facets tell."""
    with instance.state.transaction() as session:
        for severity, owner in (("Low", ""), ("High", "ada@example"), ("High", "")):
            made = Incident("default", "One of some", "", severity, NOON, NOON, NOON, NOON, owner=owner)
            instance.state.incidents.put(session, made)


def options(page: str, *, unchosen: bool = False) -> list[tuple[str, int]]:
    """Address and count of the first values of each facet, or of those alone of which nothing is chosen."""
    found = []
    for facet in re.findall(r'<details class="facets__facet".*?</details>', page, re.DOTALL):
        if unchosen and "aria-current" in facet:
            continue
        found += OPTION.findall(facet)[:FOLLOWED]
    return [(html.unescape(address), int(count.replace(",", ""))) for address, count in found]


def total(page: str) -> int:
    return int(re.search(r'<caption class="visually-hidden">([\d,]+) ', page)[1].replace(",", ""))


@pytest.mark.parametrize("address", LISTS)
def test_the_count_of_a_value_is_what_choosing_it_shows(owner, address):
    page = owner.get(address).text
    if 'class="facets"' not in page:
        assert "<h2>No " in page, "a list without facets has nothing"
        return
    for link, count in options(page):
        chosen = owner.get(link).text
        assert total(chosen) == count, link
        for again, left in options(chosen, unchosen=True)[-1:]:
            assert total(owner.get(again).text) == left, again


@pytest.mark.parametrize("address", ["/rules", "/incidents?all=1", "/inventory", "/attack-paths", "/content"])
def test_heads_sort_both_ways(owner, address):
    page = owner.get(address).text
    for link in {html.unescape(one) for one in re.findall(r'class="data-list__sort" href="([^"]+)"', page)}:
        first = owner.get(link).text
        (back,) = [
            html.unescape(one)
            for one in re.findall(r'aria-sort="\w+"[^>]*><a class="data-list__sort" href="([^"]+)"', first)
        ]
        second = owner.get(back).text
        assert total(first) == total(second) == total(page)
        assert re.search(r'aria-sort="(\w+)"', first)[1] != re.search(r'aria-sort="(\w+)"', second)[1]


def test_columns_are_chosen_kept_and_in_the_address(owner):
    data = {"list": "rules", "column": ["status", "kind", "nothing"], "next": "/rules?q=key"}
    answer = owner.post("/columns", data=data, headers=HERE)
    assert answer.headers["location"] == "/rules?q=key&columns=status.kind.nothing"
    (cookie,) = re.findall(r"__Host-nephoscope-columns-rules=[^;]+", answer.headers["set-cookie"])
    kept = owner.get("/rules?q=key", headers={"cookie": f"{owner.headers['cookie']}; {cookie}"}).text
    assert heads(kept) == ["Status", "Rule", "Kind"], "the title is always there"
    assert heads(owner.get("/rules?columns=severity").text) == ["Rule", "Severity"]
    dropped = owner.post("/columns", data={"list": "rules", "next": "//elsewhere"}, headers=HERE)
    assert '__Host-nephoscope-columns-rules=""' in dropped.headers["set-cookie"]


def heads(page: str) -> list[str]:
    return re.findall(r"data-list__head[^>]*><a[^>]*>([^<]+)", page)


@pytest.mark.parametrize(
    "data",
    [{"list": "a;b=c", "column": ["x"], "next": "//evil.example"}, {"list": "x" * 99, "column": ["a\r\nb"]}],
)
def test_what_is_no_list_keeps_nothing_and_leads_nowhere_else(owner, data):
    answer = owner.post("/columns", data=data, headers=HERE)
    assert answer.status_code == 303
    assert "set-cookie" not in answer.headers
    assert answer.headers["location"].startswith("/")
    assert not answer.headers["location"].startswith("//")
    assert owner.post("/columns", data=data, headers={"Sec-Fetch-Site": "cross-site"}).status_code == 403


@pytest.mark.parametrize("address", ["/rules", "/attack-paths", "/inventory", "/alerts?span=90d", "/content"])
def test_a_row_opens_beside_the_list_and_closes(owner, address):
    page = owner.get(address).text
    link = html.unescape(re.search(r'class="data-list__preview" href="([^"]+)"', page)[1])
    beside = owner.get(link).text
    aside = re.search(r'<aside class="preview".*?</aside>', beside, re.DOTALL)[0]
    title = re.search(r'preview__title">([^<]+)', aside)[1]
    assert title in beside.replace(aside, "")
    assert "<dt>" in aside
    closed = html.unescape(re.search(r'preview__close" href="([^"]+)"', aside)[1])
    assert 'class="preview"' not in owner.get(closed).text
    narrowed = html.unescape(OPTION.search(beside)[1])
    assert "preview=" not in narrowed


def test_ticks_in_the_address_open_the_actions(owner):
    page = owner.get("/incidents").text
    assert 'data-bulk="incident" hidden' in page
    sent = html.unescape(re.search(r'name="incident" value="([^"]+)"', page)[1])
    chosen = owner.get("/incidents", params={"incident": sent}).text
    assert 'data-bulk="incident" hidden' not in chosen
    forms = re.findall(r"<form[^>]* data-selected>.*?</form>", chosen, re.DOTALL)
    acts = [re.search(r'name="act" value="(\w+)"', one)[1] for one in forms]
    assert acts == ["close", "assign", "take", "reopen"]
    assert all(f'name="incident" value="{html.escape(sent)}"' in one for one in forms)
    assert all(one.count('name="act"') == 1 for one in forms), "Enter does what its form says"


def test_an_order_is_that_of_the_file_too(owner):
    rows = list(csv.DictReader(io.StringIO(owner.get("/incidents?all=1&sort=number&format=csv").text)))
    assert [int(one["#"]) for one in rows] == sorted(int(one["#"]) for one in rows)


def test_a_scope_without_alerts_says_so_of_itself(owner, instance):
    empty = next(
        one
        for one in instance.snapshots.load_newest().build_info.subscriptions
        if "No alerts in this scope" in owner.get(f"/alerts?span=90d&scope={one}").text
    )
    page = owner.get(f"/alerts?span=90d&scope={empty}").text
    assert "No alerts yet" not in page
    assert "Alerts in all scopes" in page
    assert "No incidents in this scope" in owner.get(f"/incidents?scope={empty}").text


@pytest.mark.full
def test_a_view_is_saved_by_its_owner_opened_in_the_scope_of_now_and_removed(instance, owner, visitor):
    form = {
        "act": "save",
        "list": "/rules",
        "query": "?status=ok&scope=x&preview=y&sort=-alerts",
        "name": "Mine <one>",
        "span": "24h",
    }
    answer = owner.post("/views", data=form, headers=HERE)
    assert answer.headers["location"] == "/rules?span=24h&status=ok&sort=-alerts"
    page = owner.get("/rules?sort=-alerts&status=ok").text
    assert ">Mine &lt;one&gt;</summary>" in page, "the address is the view"
    assert "Mine &lt;one&gt;" not in owner.get("/incidents").text
    assert "Mine &lt;one&gt;" not in visitor(("Owner", "/")).get("/rules").text
    told = [one for one in instance.state.audit.entries(most=20) if one.target == "Mine <one>"]
    assert [one.operation.rpartition("/")[0] for one in told] == [
        "Microsoft.OperationalInsights/workspaces/savedSearches"
    ]
    menu = re.search(r'<li class="menu__row">.*?</li>', page, re.DOTALL)[0]
    sent = dict(re.findall(r'name="(\w+)" value="([^"]*)"', menu))
    assert visitor(("Owner", "/")).post("/views", data=sent, headers=HERE).status_code == 404
    assert owner.post("/views", data={**sent, "etag": "old"}, headers=HERE).status_code == 409
    assert owner.post("/views", data=sent, headers=HERE).headers["location"] == "/rules"
    assert "Mine &lt;one&gt;" not in owner.get("/rules").text


@pytest.mark.parametrize(
    "form",
    [
        {"query": "?span=24h"}, {"query": "q=1", "list": "/nowhere"}, {"query": "q=1", "name": ""}, {"query": f"q={'x' * 2_100}"},
        {"query": "q=1", "act": "share"},
    ],
    ids=str,
)  # fmt: skip
def test_what_is_no_view_is_refused(owner, form):
    sent = {"act": "save", "list": "/rules", "name": "Refused", **form}
    assert owner.post("/views", data=sent, headers=HERE).status_code == 400
    assert "Refused" not in owner.get("/rules").text


def test_the_audit_is_found_by_text(instance, owner):
    every = instance.state.audit.entries(most=100_000)
    asked = every[-1].operation.rpartition("/")[0][-8:].upper()
    said = [
        one
        for one in every
        if any(asked.casefold() in text.casefold() for text in (one.author, one.operation, one.target))
    ]
    rows = list(
        csv.DictReader(io.StringIO(owner.get("/settings/audit", params={"q": asked, "format": "csv"}).text))
    )
    assert [int(row["#"]) for row in rows] == [one.number for one in said]
    oldest = owner.get("/settings/audit?sort=time&format=csv").text
    assert int(next(csv.DictReader(io.StringIO(oldest)))["#"]) == 1
