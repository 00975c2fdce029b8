"""The page of web application firewalls: rules by what they match, candidates with the exclusion to copy, and whose rows it shows."""

from __future__ import annotations

import csv
import io
import json
from datetime import UTC, datetime, timedelta

import pytest
from tests.protect.waf.test_waf_tuning import row

from nephoscope.lake.schema.row_conversion import to_arrow_rows

PAGE = "/network/waf"
OWN = "7d1b6c4e-0000-0000-0000-000000000009"
GATEWAY = f"/subscriptions/{OWN}/resourcegroups/edge/providers/microsoft.network/applicationgateways/gw-shop"


@pytest.fixture(scope="module", autouse=True)
def _hits(instance):
    """Customers whose comments look like SQL, and one attacker who tries several rules."""
    now = datetime.now(UTC)
    users = [row(f"198.51.100.{n}", hours=6 * n + 1, Message="SQL <characters>") for n in range(8)]
    attack = [row("203.0.113.9", rule, "ARGS:id", hours=h) for rule in ("941100", "942100") for h in (1, 30)]
    rows = [
        {
            **one,
            "TimeGenerated": now - timedelta(hours=1 + 6 * n),
            "_ResourceId": GATEWAY,
            "_SubscriptionId": OWN,
        }
        for several in (users, attack)
        for n, one in enumerate(several)
    ]
    lake = instance.lake
    made = to_arrow_rows(
        lake.tables["AGWFirewallLogs"], rows, workspace=lake.workspace("default"), now=instance.now
    )
    lake.writer().append("default", {"AGWFirewallLogs": made.table}, producer="waf", sequence=0)
    lake.flush()


def rows(client, query: str) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(client.get(f"{PAGE}?format=csv&{query}").text)))


def test_rules_are_listed_by_what_they_match(owner):
    found = {one["Rule"]: one for one in rows(owner, "table=rules")}
    assert {name: (one["Hits"], one["Blocked"], one["Addresses"]) for name, one in found.items()} == {
        "942430": ("8", "8", "8"), "941100": ("2", "2", "1"), "942100": ("2", "2", "1"),
    }  # fmt: skip
    assert found["942430"]["Matches in"] == "ARGS:comment"
    likely = rows(owner, "table=rules&state=Candidate")
    assert [one["Rule"] for one in likely] == ["942430"]


def test_a_candidate_has_its_exclusion_to_copy(owner):
    page = owner.get(PAGE).text
    assert "Likely false positives" in page
    assert "SQL &lt;characters&gt;" in page
    assert "&#34;matchVariable&#34;: &#34;RequestArgNames&#34;" in page
    (one,) = rows(owner, "table=candidates")
    (listed,) = json.loads(owner.get(f"{PAGE}?format=json").text)
    assert json.loads(one["Exclusion"]) == listed
    assert (listed["selector"], one["Days"], one["Addresses"]) == ("comment", "2", "8")


def test_a_shorter_time_range_has_fewer_hits(owner):
    assert sum(int(one["Hits"]) for one in rows(owner, "table=rules&span=24h")) == 4 + 4


def test_who_reaches_another_subscription_sees_no_hits(visitor, sandbox, instance):
    other = visitor(("Reader", f"/subscriptions/{sandbox}"))
    page = other.get(PAGE)
    assert (page.status_code, "942430" in page.text) == (200, False)
    assert visitor(("Reader", f"/subscriptions/{OWN}")).get(PAGE).text.count("942430") > 0
    assert visitor().get(PAGE).status_code == 403
