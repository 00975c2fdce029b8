"""The navigation of each visitor leads to pages that they may see; lists are of what they may read."""

from __future__ import annotations

import html
import re
from dataclasses import dataclass

import pytest
from tests.web.conftest import LATELY

from nephoscope.lake.schema.row_conversion import to_arrow_rows

GROUP = "/resourcegroups/rg-sbx-dev"
ROLES = ("Reader", "Security Reader", "Security Admin", "Contributor", "Owner")
SCOPES = ("/", "/subscriptions/{}", "/subscriptions/{}" + GROUP, "/workspaces/default", "/workspaces/other")


@dataclass(frozen=True)
class Frame:
    """What stands beside a page: the addresses of the navigation."""

    text: str

    @property
    def addresses(self) -> list[str]:
        (side,) = re.findall(r'<nav class="nav".*?</nav>', self.text, re.DOTALL)
        return [html.unescape(one) for one in re.findall(r'<li><a class="nav__link" href="([^"]+)"', side)]


@pytest.fixture(scope="module", autouse=True)
def logs(instance, sandbox):
    """Rows of the subscription in one table, of none in another, and a second workspace."""
    instance.state.workspaces.add("other")
    place = instance.state.workspaces.get("default")
    for name, where in (("AzureActivity", f"/subscriptions/{sandbox}"), ("SigninLogs", "")):
        rows = [{"TimeGenerated": LATELY, "_ResourceId": where}]
        made = to_arrow_rows(instance.lake.tables[name], rows, workspace=place, now=LATELY).table
        instance.lake.writer().append("default", {name: made}, producer=name, sequence=0)
    instance.lake.flush()


@pytest.mark.sampled(4)
@pytest.mark.parametrize("scope", SCOPES)
@pytest.mark.parametrize("role", ROLES)
def test_no_entry_is_refused(visitor, sandbox, role, scope):
    client = visitor((role, scope.format(sandbox)))
    first = next(one for one in ("/", "/logs") if client.get(one).status_code == 200)
    addresses = Frame(client.get(first).text).addresses
    assert first in addresses
    assert {one: client.get(one).status_code for one in addresses} == dict.fromkeys(addresses, 200)


def tables(text: str) -> set[str]:
    own = text.partition("Estate tables")[0]
    return set(re.findall(r'<details><summary class="text-code">(\w+)</summary>', own))


def test_the_tables_of_logs_are_those_with_rows_of_the_visitor(owner, visitor, sandbox):
    assert tables(owner.get("/logs").text) >= {"AzureActivity", "SigninLogs"}
    assert tables(owner.get("/logs", params={"scope": sandbox}).text) == {"AzureActivity"}
    reader = visitor(("Reader", f"/subscriptions/{sandbox}"))
    for _ in range(2):
        assert tables(reader.get("/logs").text) == {"AzureActivity"}


@pytest.mark.parametrize(
    ("scope", "places", "chosen"),
    [
        ("/", ["default", "other", "estate"], "default"),
        ("/workspaces/other", ["other"], "other"),
        ("/subscriptions/{}" + GROUP, ["estate"], "estate"),
    ],
)
def test_a_query_is_asked_where_the_visitor_may(visitor, sandbox, scope, places, chosen):
    text = visitor(("Reader", scope.format(sandbox))).get("/logs").text
    (select,) = re.findall(r'<select name="workspace">.*?</select>', text)
    assert re.findall(r"<option[^>]*>(\w+)<", select) == places
    assert f"<option selected>{chosen}<" in select


def test_the_overview_leads_to_no_incidents_that_are_refused(owner, visitor, sandbox):
    reader = visitor(("Reader", f"/subscriptions/{sandbox}"))
    assert 'href="/incidents"' in owner.get("/").text
    assert 'href="/incidents"' not in reader.get("/").text


def test_what_is_of_everybody_is_shown_to_who_may_read_it_everywhere(owner, visitor, sandbox):
    lesser = visitor(("Owner", f"/subscriptions/{sandbox}"))
    assert owner.get("/settings/people").status_code == 200
    for address in ("/settings/audit", "/settings/audit?format=csv", "/settings/people?format=csv"):
        assert lesser.get(address).status_code == 403
    assert "/settings/people" not in Frame(lesser.get("/settings").text).addresses
    source = 'href="/sources/logs/drop"'
    assert source in owner.get("/sources?show=sources").text
    for show in ("tenants", "sources"):
        text = lesser.get(f"/sources?show={show}").text
        assert source not in text
        assert text.count("Requires permission to read sources in all scopes.") == 1
    assert len(lesser.get("/sources?format=csv").text.splitlines()) == 1


@pytest.mark.parametrize(
    ("former", "now"),
    [
        ("/settings/identity-risks", "/identity/risks"),
        ("/settings/administrators?sort=name&page=2", "/identity/administrators?sort=name&page=2"),
        ("/settings/conditional-access/gaps", "/identity/conditional-access/gaps"),
        ("/settings/identity-risks/item/user%3Aa%2Fb", "/identity/risks/item/user%3Aa/b"),
        ("/settings/risk-policies/act/create", "/identity/risk-policies/act/create"),
    ],
)
def test_former_addresses_lead_to_where_a_list_is_now(owner, former, now):
    told = owner.get(former, follow_redirects=False)
    assert (told.status_code, told.headers["location"]) == (308, now)
