"""Pages of users, addresses, machines and applications: alerts, incidents, rows of logs by table, and what the estate knows."""

from __future__ import annotations

import csv
import html
import io
import json
import re

import pytest
from tests.web.conftest import LATELY, NOON, alert

from nephoscope.identity.risk_ledger import RiskLedger
from nephoscope.lake.lake import Lake
from nephoscope.lake.schema.row_conversion import to_arrow_rows
from nephoscope.model.identity_risk import IdentityKind, RiskDetection, RiskLevel
from nephoscope.state.incidents.incidents import Incident
from nephoscope.web.page_data import entity_logs

ADDRESS, USER = "192.0.2.7", "ada@bwf.example"


@pytest.fixture(scope="module", autouse=True)
def rows(instance):
    """Sign-ins of a user from an address, and one of somebody else."""
    common = {"TimeGenerated": LATELY, "ResultType": "0"}
    signed = [
        {**common, "UserPrincipalName": who, "IPAddress": where}
        for who, where in ((USER, ADDRESS), (USER.upper(), ADDRESS), ("eve@bwf.example", "192.0.2.70"))
    ]
    place, table = instance.state.workspaces.get("default"), instance.lake.tables["SigninLogs"]
    made = to_arrow_rows(table, signed, workspace=place, now=LATELY).table
    instance.lake.writer().append("default", {"SigninLogs": made}, producer="test", sequence=0)
    instance.lake.flush()
    with instance.state.transaction() as session:
        kept = instance.state.incidents.put(
            session, Incident("default", "Ada reads", "", "High", NOON, NOON, NOON, NOON)
        )
        instance.state.alerts.put(
            session, alert("0d000000-0000-0000-0000-000000000001", kept.number, "Ada read keys")
        )


def plain(page: str) -> str:
    return " ".join(re.sub(r"<[^>]+>", " ", html.unescape(page.partition("<main")[2])).split())


@pytest.mark.parametrize(
    ("kind", "name", "count"), [("address", ADDRESS, 2), ("user", USER, 2), ("address", "192.0.2.70", 1)]
)
def test_rows_are_counted_by_table_and_open_in_the_logs(owner, kind, name, count):
    page = owner.get(f"/entities/{kind}/{name}").text
    (row,) = re.findall(
        r'<td class="table__title"><a href="([^"]+)">SigninLogs</a></td><td class="table__number">(\d+)</td>',
        page,
    )
    assert int(row[1]) == count
    told = owner.get(html.unescape(row[0]) + "&format=csv").text
    assert len(list(csv.DictReader(io.StringIO(told)))) == count
    table = list(
        csv.DictReader(io.StringIO(owner.get(f"/entities/{kind}/{name}?format=csv&table=logs").text))
    )
    assert [(one["Table"], one["Rows"]) for one in table] == [("SigninLogs", str(count))]


@pytest.mark.parametrize(("kind", "name"), [("address", ADDRESS), ("user", USER)])
def test_alerts_and_incidents_that_name_it_are_listed(owner, kind, name):
    page = owner.get(f"/entities/{kind}/{name}")
    assert page.status_code == 200
    assert "In open incident" in page.text
    assert "Ada read keys" in page.text
    assert "Ada reads" in page.text
    other = USER if kind == "address" else ADDRESS
    assert other in plain(page.text).partition("Related entities")[2]


@pytest.mark.full
def test_what_only_begins_like_it_is_another(instance, owner):
    """The alert names 192.0.2.7 and ada@bwf.example: neither is 192.0.2 or da@bwf.example, and nor is what goes on."""
    for kind, name in (
        ("address", "192.0.2"),
        ("address", "92.0.2.7"),
        ("user", "da@bwf.example"),
        ("machine", "bwf"),
    ):
        page = plain(owner.get(f"/entities/{kind}/{name}").text)
        assert "Ada read keys" not in page, name
        assert "No alerts in the last 7 days name it." in page
        assert "No incidents name it." in page


@pytest.mark.full
def test_tables_beyond_those_of_one_query_are_counted(owner, monkeypatch):
    whole = owner.get(f"/entities/address/{ADDRESS}").text
    monkeypatch.setattr(entity_logs, "TABLES_A_QUERY", 1)
    parted = owner.get(f"/entities/address/{ADDRESS}").text
    counted = [
        re.findall(r'SigninLogs</a></td><td class="table__number">(\d+)</td>', one) for one in (whole, parted)
    ]
    assert counted == [["2"], ["2"]]
    assert re.findall(r"in \d+ of \d+ tables?", whole) == re.findall(r"in \d+ of \d+ tables?", parted) != []


def test_what_nothing_names_says_so(owner):
    said = plain(owner.get("/entities/address/203.0.113.9").text)
    assert "No rows in the last 7 days name it" in said
    assert "No alerts in the last 7 days name it." in said
    assert "No incidents name it." in said


def test_addresses_of_entities_are_escaped(owner):
    page = owner.get("/entities/user/<b>x</b>").text
    assert "<b>x</b>" not in page
    assert owner.get("/entities/nothing/x").status_code == 404


def test_who_reads_a_part_sees_no_logs_of_others(visitor, sandbox):
    reader = visitor(("Reader", f"/subscriptions/{sandbox}"))
    page = reader.get(f"/entities/address/{ADDRESS}")
    assert page.status_code == 200
    assert "SigninLogs" not in page.text
    assert "Ada read keys" not in page.text
    assert "Your roles do not include incidents of a workspace." in page.text
    assert "No incidents name it." not in page.text


def test_the_search_for_an_address_leads_there(owner):
    assert f'href="/entities/address/{ADDRESS}"' in owner.get(f"/search?q={ADDRESS}").text
    assert "/entities/address/" not in owner.get("/search?q=CVE-2024-3094").text


def test_an_incident_leads_to_the_pages_of_its_entities(owner):
    page = owner.get("/incidents/1").text
    assert f'href="/entities/user/{USER}"' in page
    assert f'href="/entities/address/{ADDRESS}"' in page
    assert json.dumps(ADDRESS) not in page


RISKY = "11111111-aaaa-4bbb-8ccc-000000000001"


@pytest.fixture(scope="module")
def risk(instance):
    """A detection on the user that the sign-ins are of, at their address."""
    found = RiskDetection(
        id="risk-1", kind=IdentityKind.USER, identity=RISKY, event_type="unfamiliarFeatures", level=RiskLevel.HIGH, happened=LATELY,
        detected=LATELY, updated=LATELY, name=USER, display_name="Ada", address=ADDRESS, reasons=["first sign-in from PT in 30 days"],
    )  # fmt: skip
    with instance.state.transaction(product="a test") as session:
        RiskLedger(instance.state, "default", LATELY).add_detections(session, [found])


@pytest.mark.usefixtures("risk")
def test_a_user_has_its_risk_history_and_sign_ins_in_words(owner):
    page = plain(owner.get(f"/entities/user/{USER}").text)
    assert "At risk Risk level high." in page
    assert "Unfamiliar sign-in properties" in page
    assert "first sign-in from PT in 30 days" in page
    assert "Risk history At risk , high" in page.replace("At risk, high", "At risk , high")
    assert "Sign-ins by place" in page
    assert "atRisk" not in page
    assert "unfamiliarFeatures" not in page


@pytest.mark.usefixtures("risk")
def test_an_address_says_who_is_risky_there_and_whose_network_it_is(owner):
    page = owner.get(f"/entities/address/{ADDRESS}").text
    assert "Unfamiliar sign-in properties" in page
    assert f"/entities/user/{USER}" in page
    tor = plain(owner.get("/entities/address/185.220.101.1").text)
    assert "Country DE" in tor
    assert "Origin A tor exit (Tor)" in tor
    assert "No risk was detected." in tor


@pytest.mark.usefixtures("risk")
def test_who_may_not_read_risks_sees_none(visitor, sandbox):
    page = plain(visitor(("Reader", f"/subscriptions/{sandbox}")).get(f"/entities/user/{USER}").text)
    assert "Identity risk" not in page


@pytest.mark.usefixtures("risk")
@pytest.mark.parametrize("path", [f"user/{USER}", f"address/{ADDRESS}"])
def test_every_query_for_the_risk_of_an_entity_is_bounded(owner, monkeypatch, path):
    asked, rows = [], Lake.rows

    def note(lake, text, *given, **options):
        asked.append((options.get("timeout"), text))
        return rows(lake, text, *given, **options)

    monkeypatch.setattr(Lake, "rows", note)
    assert owner.get(f"/entities/{path}").status_code == 200
    assert any("AADUserRiskEvents" in text for _, text in asked)
    assert [text for timeout, text in asked if timeout is None] == []
