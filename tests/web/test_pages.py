"""Pages: every page is drawn for who may see it, with nothing inline, and shows only what its visitor reaches."""

from __future__ import annotations

import csv
import html
import io
import json
import re
import shutil
from datetime import UTC, datetime

import pyarrow.parquet as pq
import pytest
from tests.web.conftest import ALERT, CAPTURE, HERE, TRIAL
from tests.web.inside import CVE, HELD
from tests.web.sending import sent

from nephoscope.alerts.library.hunting import load_shipped_queries as load_hunting
from nephoscope.alerts.rules.rule_files import load_shipped_rules
from nephoscope.model.read_scope import EVERYTHING
from nephoscope.posture.published.findings import FindingQuery
from nephoscope.posture.published.inventory import InventoryQuery
from nephoscope.state.access.principals import PrincipalKind, SecretKind
from nephoscope.state.database.etag import to_etag
from nephoscope.state.incidents.incidents import IncidentStatus
from nephoscope.web.all_pages import list_pages
from nephoscope.web.page_data.machine_facts import MACHINES
from nephoscope.web.site import COOKIE, sanitize_local_address


def addresses(instance):
    """An address of every page."""
    finding = instance.snapshots.load_newest().findings.page(EVERYTHING, most=1)[0]
    rule = next(iter(load_shipped_rules().rules)).id
    inventory = instance.snapshots.load_newest().inventory
    machine = inventory.page(EVERYTHING, InventoryQuery("", {"type": MACHINES}, "name"), most=1)[0].id
    ids = {
        "/rules/{id}": rule,
        "/machine/{id:path}": machine.strip("/"),
        "/alerts/{id}": ALERT,
        "/attack-paths/{name}": instance.snapshots.load_newest().attack_paths.list_wanted(EVERYTHING)[0].name,
        "/sources/tenants/{name}": "fabrikam",
        "/sources/logs/{name}": "drop",
        "/help/{name:path}": "guides/sources.md",
        "/content/hunting/{id}": next(iter(load_hunting().rules)).id,
        "/content/packs/{name}": "checkout",
        "/pipelines/runs/{id}": instance.state.pipelines.runs()[0].id,
        "/vulnerabilities/{name:path}": CVE,
        "/images/{digest}": HELD,
        "/network/captures/{id}": CAPTURE,
        "/network/captures/{id}/analysis": CAPTURE,
        "/registries/{name}": "prod",
        "/entities/{kind}/{name:path}": "192.0.2.7",
        "/pipelines/repository/{name:path}": "github.com/contoso/shop",
    }
    known = {
        "id": rule,
        "kind": "address",
        "trial": TRIAL,
        "key": finding.recommendation,
        "id:path": finding.resource.strip("/"),
        "number:int": "1",
        "name": "standard",
    }
    return [
        re.sub(
            r"\{([^}]+)\}",
            lambda found, path=page.path: (
                known[found[1]] if found[1] == "kind" else ids.get(path) or known[found[1]]
            ),
            page.path,
        )
        for page in list_pages()
        if page.template and not page.path.endswith(("/act/{act}", "{key:path}"))  # test_settings_sections.py
        if page.path
        != "/network/hardening/{name}"  # of flow logs, which the sample has none of: test_network_hardening.py
    ]


def test_who_is_not_signed_in_is_led_to_the_door(instance, anybody):
    for address in addresses(instance):
        answer = anybody.get(address)
        assert answer.status_code == 303
        assert answer.headers["location"].startswith("/sign-in?next=")


def test_who_has_no_role_sees_nothing(instance, visitor):
    nobody = visitor()
    for address in addresses(instance):
        own = address == "/account" or address.startswith("/help")
        assert nobody.get(address).status_code == (200 if own else 403)


def test_a_visitor_sees_the_own_subscription_only(instance, visitor, sandbox):
    reader = visitor(("Reader", f"/subscriptions/{sandbox}"))
    others = {
        name
        for id_, name in instance.snapshots.load_newest().build_info.subscriptions.items()
        if id_ != sandbox
    }
    for address in ("/", "/recommendations?all=1", "/inventory"):
        text = reader.get(address).text
        assert "sub-bwf-sandbox" in text
        assert not [name for name in others if name in text]
    rows = list(csv.DictReader(io.StringIO(reader.get("/inventory?format=csv").text)))
    assert rows
    assert {sandbox in row["Id"] or "/managementgroups/" in row["Id"].lower() for row in rows} == {True}


def test_the_scope_in_the_address_holds(instance, owner, sandbox):
    whole = list(csv.DictReader(io.StringIO(owner.get("/recommendations?format=csv").text)))
    part = list(csv.DictReader(io.StringIO(owner.get(f"/recommendations?format=csv&scope={sandbox}").text)))
    assert 0 < len(part) < len(whole)
    assert f"scope={sandbox}" in owner.get(f"/?scope={sandbox}").text


def test_a_link_opens_a_session_once(instance, anybody):
    link = instance.guard.create_first_link()
    headers = {"Sec-Fetch-Site": "same-origin"}
    assert anybody.get(f"/link/{link}").status_code == 200, "looking at it does not use it up"
    opened = anybody.post(f"/link/{link}", headers=headers)
    assert (opened.status_code, opened.headers["location"]) == (303, "/")
    cookie = opened.headers["set-cookie"]
    assert all(word in cookie for word in ("HttpOnly", "Secure", "SameSite=lax", "Path=/", COOKIE))
    assert anybody.post(f"/link/{link}", headers=headers).status_code == 401
    anybody.cookies.clear()


@pytest.mark.parametrize(
    "headers", [{}, {"Sec-Fetch-Site": "cross-site"}, {"Origin": "https://elsewhere.example"}]
)
def test_no_change_from_elsewhere(instance, anybody, headers):
    link = instance.guard.create_first_link()
    assert anybody.post(f"/link/{link}", headers=headers).status_code in (401, 403)
    assert anybody.post("/sign-in", headers=headers, data={"link": link}).status_code == 403


@pytest.mark.parametrize("site", ["cross-site", "same-site", "none"])
def test_nobody_is_signed_out_from_elsewhere(visitor, site):
    person = visitor(("Reader", "/"))
    answer = person.post("/sign-out", headers={"Sec-Fetch-Site": site})
    assert answer.status_code == 403
    assert "set-cookie" not in answer.headers
    assert person.get("/").status_code == 200


def test_a_query_as_csv_has_numbers_and_no_formulas(owner):
    query = (
        "print Whole=-5, Real=-1.5, Span=-5m, Formula='=1+1', Behind=' \\n=1+1', "
        "Tab='\\tx', Line='\\n@x', Plain='a-b', ['=Head']='-x'"
    )
    header, row = csv.reader(
        io.StringIO(owner.get("/logs", params={"query": query, "format": "csv"}).text, newline="")
    )
    assert header == ["Whole", "Real", "Span", "Formula", "Behind", "Tab", "Line", "Plain", "'=Head"]
    assert row == ["-5", "-1.5", "-00:05:00", "'=1+1", "' \n=1+1", "'\tx", "'\n@x", "a-b", "'-x"]


def test_signing_out_ends_the_session(visitor):
    person = visitor(("Reader", "/"))
    assert person.get("/").status_code == 200
    assert person.post("/sign-out", headers={"Sec-Fetch-Site": "same-origin"}).status_code == 303
    assert person.get("/").status_code == 303


@pytest.mark.parametrize(
    ("address", "led"),
    [
        ("/x?y=1", "/x?y=1"),
        ("//evil.example", "/"),
        ("https://evil.example", "/"),
        ("/\\evil.example", "/"),
        ("", "/"),
    ],
)
def test_nobody_is_led_elsewhere(address, led):
    assert sanitize_local_address(address) == led


def test_what_is_searched_for_is_escaped(owner):
    text = owner.get("/recommendations?q=<script>alert(1)</script>").text
    assert "<script>alert" not in text


def test_a_csv_cell_is_no_formula(owner):
    for row in csv.reader(io.StringIO(owner.get("/recommendations?format=csv&all=1").text)):
        assert not [cell for cell in row if cell[:1] in ("=", "+", "-", "@")]


def test_health_and_metrics(instance, anybody, owner, visitor):
    assert anybody.get("/healthz").text == "ok\n"
    assert anybody.get("/readyz").json() == {"ready": True, "reasons": []}
    assert anybody.get("/metrics").status_code == 401
    with instance.state.transaction() as session:
        program = instance.state.principals.add(session, PrincipalKind.PROGRAM, "prometheus")
        instance.state.principals.grant(session, program.id, "Reader", "/", "test")
    token = instance.guard.make_secret(program, SecretKind.TOKEN, "test")
    text = anybody.get("/metrics", headers={"Authorization": f"Bearer {token}"}).text
    assert 'nephoscope_assessments{state="NonCompliant"} 467.0' in text


def test_an_incident_is_decided_by_forms(instance, owner, visitor):
    address = "/incidents/1"
    assert "An &lt;incident&gt;" in owner.get(address).text
    for form in (
        {"act": "comment", "text": "<b>looked at it</b>"},
        {"act": "task", "text": "ask her"},
        {"act": "take"},
        {"act": "severity", "severity": "Low"},
        {"act": "close", "classification": "FalsePositive/InaccurateData"},
    ):
        assert sent(owner, address, form).status_code == 303
    found = instance.state.incidents.get(1)
    assert (found.status, found.severity, found.classification, found.reason) == (
        IncidentStatus.CLOSED, "Low", "FalsePositive", "InaccurateData",
    )  # fmt: skip
    assert "&lt;b&gt;looked at it&lt;/b&gt;" in owner.get(address).text
    assert sent(owner, address, {"act": "delete"}).status_code == 400
    assert (
        owner.post(address, data={"act": "reopen"}, headers={"Sec-Fetch-Site": "cross-site"}).status_code
        == 403
    )
    reader = visitor(("Reader", "/"))
    assert reader.post(address, data={"act": "reopen"}, headers=HERE).status_code == 403
    assert instance.state.incidents.get(1).status is IncidentStatus.CLOSED


def test_a_rule_is_switched_by_a_form(instance, owner, visitor):
    rule = next(iter(load_shipped_rules().rules))
    address = f"/rules/{rule.id}"
    assert (
        visitor(("Security Reader", "/")).post(address, data={"act": "off"}, headers=HERE).status_code == 403
    )
    assert owner.post(address, data={"act": "off"}, headers=HERE).status_code == 303
    assert (
        instance.state.rule_switches.load_switches("default").is_rule_enabled(rule.id, default=True) is False
    )
    assert "Enable" in owner.get(address).text
    assert owner.get("/rules/none").status_code == 404


def test_the_settings_tell_of_rules_of_response_and_of_what_is_wrong_with_them(instance, owner):
    folder = instance.data / "responses" / "rules"
    folder.mkdir(parents=True)
    try:
        (folder / "tag.yaml").write_text(
            "name: mark\nwhen: [incident.created]\nactions: [{action: incident, tags: [seen]}]\nexpires: 2020-01-01T00:00:00Z\n"
        )
        (instance.data / "responses" / "operator.yaml").write_text("mail: <b>\n")
        text = owner.get("/settings/response-rules").text
        rows = list(csv.reader(io.StringIO(owner.get("/settings/response-rules?format=csv").text)))
    finally:
        shutil.rmtree(instance.data / "responses")
    assert "operator.yaml: Expected `object | null`" in html.unescape(text)
    assert rows[1][:4] == ["mark", "expired", "incident.created", "incident"]
    assert 'title="Expired"' in text
    assert 'role="alert"' not in owner.get("/settings/response-rules").text


def test_queries_see_what_the_visitor_may_read(owner, visitor, sandbox):
    query = "/logs?workspace=estate&format=csv&query=resources | distinct subscriptionId"
    whole = list(csv.reader(io.StringIO(owner.get(query).text)))
    mine = list(csv.reader(io.StringIO(visitor(("Reader", f"/subscriptions/{sandbox}")).get(query).text)))
    assert len(whole) > 5
    assert mine == [["subscriptionId"], [sandbox]]
    assert "line 1, column" in owner.get("/logs?query=print 1 | wher x").text
    unread = "nothing is read into AdvisorResources here"
    assert all(
        unread in owner.get(f"/logs?workspace={one}&query=AdvisorResources | count").text
        for one in ("estate", "default")
    )


def test_charts_are_drawn(owner):
    over_time = "range n from 1 to 9 step 1 | extend at=datetime(2026-01-01) + n * 1h | project at, n | render timechart"
    assert '<path class="chart-line1"' in owner.get("/logs", params={"query": over_time}).text
    bars = "datatable(a:string, n:long)['x', 1, 'y', 2] | render barchart"
    assert owner.get("/logs", params={"query": bars}).text.count('class="chart-fill1"') == 2


def test_who_has_a_role_at_a_workspace_sees_its_incidents_only(visitor):
    analyst = visitor(("Security Reader", "/workspaces/default"))
    assert analyst.get("/incidents").status_code == 200
    assert analyst.get("/logs?query=print x=1").status_code == 200
    assert analyst.get("/inventory").status_code == 403
    assert analyst.get("/settings/people").status_code == 403


def test_an_exemption_is_put_by_a_form(instance, owner, visitor):
    wanted = FindingQuery(states=frozenset({"NonCompliant"}), text="/storageaccounts/")
    finding = instance.snapshots.load_newest().findings.page(EVERYTHING, wanted, most=1)[0]
    address = f"/recommendations/{finding.recommendation}"
    form = {
        "act": "exempt",
        "scope": finding.resource,
        "category": "Waiver",
        "reason": "agreed <until> then",
        "days": "30",
    }
    assert visitor(("Reader", "/")).post(address, data=form, headers=HERE).status_code == 403
    assert owner.post(address, data={**form, "reason": " "}, headers=HERE).status_code == 400
    assert owner.post(address, data={**form, "scope": "/"}, headers=HERE).status_code == 400
    assert owner.post(address, data={**form, "days": "-1"}, headers=HERE).status_code == 400
    assert owner.post(address, data=form, headers=HERE).status_code == 303
    (kept,) = instance.state.arm_documents.all(["microsoft.authorization/policyexemptions"])
    assert kept.body["properties"]["metadata"]["nephoscope"]["recommendations"] == [finding.recommendation]
    assert kept.key.startswith(f"{finding.resource}/providers/")


def asked(client, what, **form):
    return client.post(f"/logs/editor/{what}", data=form, headers=HERE)


def test_the_editor_completes_what_the_visitor_may_read(owner, visitor, sandbox):
    found = asked(owner, "complete", query="resources | summ").json()["items"]
    assert not [one for one in found if one["kind"] == "column"]
    found = asked(owner, "complete", workspace="estate", query="resources | where loc").json()["items"]
    assert {"label": "location", "kind": "column", "detail": "string"} in found
    assert [one["label"] for one in asked(owner, "complete", query="print 1 | summ").json()["items"]] == [
        "summarize"
    ]
    reader = visitor(("Reader", f"/subscriptions/{sandbox}"))
    assert asked(reader, "complete", workspace="estate", query="res").status_code == 200
    assert (
        asked(
            visitor(("Security Reader", "/workspaces/default")), "complete", workspace="estate", query="r"
        ).status_code
        == 403
    )
    assert asked(visitor(), "complete", query="r").status_code == 403
    assert owner.post("/logs/editor/complete", data={"query": "r"}).status_code == 403, (
        "from our own page only"
    )


def test_the_editor_says_where_a_query_is_wrong(owner):
    (fault,) = asked(owner, "check", query="print 'é😀' | wher x").json()["faults"]
    assert (fault["from"], fault["to"]) == (13, 17)
    assert asked(owner, "check", query="print 1").json() == {"faults": []}


def test_queries_are_saved_and_shared(instance, owner, visitor):
    analyst, other = visitor(("Security Admin", "/")), visitor(("Security Reader", "/"))
    assert (
        analyst.post("/logs/queries", data={"name": "Mine", "query": "print 1"}, headers=HERE).status_code
        == 303
    )
    shared = {"name": "Ours <b>", "query": "print 2", "shared": "1"}
    assert other.post("/logs/queries", data=shared, headers=HERE).status_code == 403
    assert analyst.post("/logs/queries", data=shared, headers=HERE).status_code == 303
    assert "Mine" in analyst.get("/logs").text
    text = other.get("/logs").text
    assert "Mine" not in text
    assert "Ours &lt;b&gt;" in text
    found = {one.name: one for one in instance.state.saved_queries.list_visible("default", "nobody")}
    gone = {"act": "remove", "id": found["Ours <b>"].id, "etag": to_etag(found["Ours <b>"].changed)}
    assert other.post("/logs/queries", data=gone, headers=HERE).status_code == 403
    assert analyst.post("/logs/queries", data={**shared, "query": "print 3"}, headers=HERE).status_code == 303
    kept = owner.post("/logs/queries", data=gone, headers=HERE)
    assert kept.status_code == 409
    assert "changed Ours &lt;b&gt; at" in kept.text
    (now,) = instance.state.saved_queries.list_visible("default", "nobody")
    assert f'value="{to_etag(now.changed)}"' in owner.get("/logs").text
    gone["etag"] = to_etag(now.changed)
    assert owner.post("/logs/queries", data=gone, headers=HERE).status_code == 303
    assert instance.state.saved_queries.list_visible("default", "nobody") == []
    assert (
        analyst.post("/logs/queries", data={"name": " ", "query": "print 1"}, headers=HERE).status_code == 400
    )


def test_a_result_is_a_parquet_file_with_types(owner):
    query = "print at=datetime(2026-01-02T03:04:05Z), n=7, s='a', d=1h, nothing=datetime(null)"
    answer = owner.get("/logs", params={"query": query, "format": "parquet"})
    table = pq.read_table(io.BytesIO(answer.content))
    assert [str(one) for one in table.schema.types] == [
        "timestamp[us, tz=UTC]",
        "int64",
        "string",
        "string",
        "timestamp[us, tz=UTC]",
    ]
    assert table.to_pylist() == [
        {"at": datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC), "n": 7, "s": "a", "d": "01:00:00", "nothing": None}
    ]


def test_the_points_of_a_chart_are_given_to_the_script(owner):
    query = "range n from 1 to 3 step 1 | extend at=datetime(2026-01-01) + n * 1h | project at, n | render timechart"
    text = html.unescape(owner.get("/logs", params={"query": query}).text)
    (found,) = re.findall(r"data-points=\"(\{.*?\})\"", text)
    assert json.loads(found) == {
        "kind": "line",
        "names": ["n"],
        "legend": True,
        "low": None,
        "high": None,
        "data": [[1767229200, 1767232800, 1767236400], [1, 2, 3]],
    }
    bounded = owner.get("/logs", params={"query": f"{query} with (ymin=-1, ymax=9, legend=hidden)"}).text
    (found,) = re.findall(r"data-points=\"(\{.*?\})\"", html.unescape(bounded))
    assert [json.loads(found)[name] for name in ("legend", "low", "high")] == [False, -1, 9]


def test_only_the_page_of_the_editor_lets_styles_in_by_a_nonce(owner):
    found = [owner.get("/logs") for _ in range(2)]
    nonces = {re.search(r"'nonce-([^']+)'", one.headers["content-security-policy"])[1] for one in found}
    assert len(nonces) == 2
    (nonce,) = re.findall(r"'nonce-([^']+)'", found[0].headers["content-security-policy"])
    assert f'data-nonce="{nonce}"' in found[0].text
    assert "nonce" not in owner.get("/inventory").headers["content-security-policy"]
