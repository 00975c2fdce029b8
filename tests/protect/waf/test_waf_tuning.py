"""Tuning of web application firewalls: rows become hits, normal use becomes a candidate, and attacks do not."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pyarrow as pa
import pytest

import nephoscope_kql as kql
from nephoscope.protect.waf.exclusions import build_exclusion, find_false_positives
from nephoscope.protect.waf.rule_hits import QUERY, RuleHit, parse_part, read_hits

NOW = datetime(2026, 6, 1, tzinfo=UTC)
GATEWAY = "/subscriptions/s/resourceGroups/g/providers/Microsoft.Network/applicationGateways/gw"


def row(
    source: str, rule: str = "942430", part: str = "ARGS:comment", hours: float = 1.0, **more: str
) -> dict[str, Any]:
    return {
        "TimeGenerated": NOW - timedelta(hours=hours), "ClientIp": source, "RuleId": rule, "Action": "Blocked", "PolicyId": "default",
        "RuleSetType": "OWASP CRS", "RuleSetVersion": "3.2", "Message": "Restricted SQL Characters", "Hostname": "shop",
        "Site": "Global", "RequestUri": "/post?id=1", "DetailedData": f"{{'--' found within [{part}:text]}}", "DetailedMessage": "",
        "_ResourceId": GATEWAY, **more,
    }  # fmt: skip


def hits(rows: list[dict[str, Any]]) -> list[RuleHit]:
    tables = {"AGWFirewallLogs": pa.Table.from_pylist(rows)}
    return read_hits(kql.run(QUERY.format(days=14), tables, now=NOW))


USERS = [row(f"198.51.100.{n}", hours=6 * n + 1) for n in range(8)]
ATTACK = [
    row("203.0.113.9", rule, "ARGS:id", hours=h) for rule in ("941100", "942100", "930100") for h in (1, 30)
]


def test_what_many_users_send_is_a_candidate_with_its_exclusion() -> None:
    (found,) = find_false_positives(hits([*USERS, *ATTACK]))
    assert (found.rule, found.part, found.sources, found.hits, found.blocked) == (
        "942430",
        "ARGS:comment",
        8,
        8,
        8,
    )
    assert (found.host, found.paths, found.days) == ("shop", ("/post",), 2)
    assert found.exclusion == {
        "matchVariable": "RequestArgNames", "selectorMatchOperator": "Equals", "selector": "comment",
        "exclusionManagedRuleSets": [
            {
                "ruleSetType": "OWASP", "ruleSetVersion": "3.2",
                "ruleGroups": [{"ruleGroupName": "REQUEST-942-APPLICATION-ATTACK-SQLI", "rules": [{"ruleId": "942430"}]}],
            }
        ],
    }  # fmt: skip


@pytest.mark.parametrize(
    ("note", "rows"),
    [
        ("one attacker", [row("203.0.113.9", hours=h) for h in range(1, 60)]),
        ("few addresses", USERS[:4]),
        ("one day", [row(f"198.51.100.{n}", hours=n + 1) for n in range(8)]),
        ("scanners that match rules of several kinds", [*USERS, *(row(f"198.51.100.{n}", "930100", "ARGS:f") for n in range(8))]),
        ("the rule that adds up scores", [row(f"198.51.100.{n}", "949110", hours=6 * n + 1) for n in range(8)]),
        ("rows before the window", [row(f"198.51.100.{n}", hours=24 * 15 + 6 * n) for n in range(8)]),
    ],
)  # fmt: skip
def test_what_is_no_normal_use_is_no_candidate(note: str, rows: list[dict[str, Any]]) -> None:
    assert find_false_positives(hits(rows)) == [], note


def test_a_candidate_whose_part_is_not_logged_has_no_exclusion() -> None:
    (found,) = find_false_positives(
        hits([{**one, "DetailedData": "", "DetailedMessage": "matched"} for one in USERS])
    )
    assert (found.part, found.exclusion) == ("", None)


@pytest.mark.parametrize(
    ("part", "rule_set", "variable", "selector", "group"),
    [
        ("ARGS:q", "OWASP_CRS", "RequestArgNames", "q", "REQUEST-942-APPLICATION-ATTACK-SQLI"),
        ("ARGS_NAMES:q", "OWASP", "RequestArgKeys", "q", "REQUEST-942-APPLICATION-ATTACK-SQLI"),
        ("REQUEST_COOKIES:session", "Microsoft_DefaultRuleSet", "RequestCookieNames", "session", "SQLI"),
        ("REQUEST_HEADERS:referer", "Microsoft_DefaultRuleSet", "RequestHeaderNames", "referer", "SQLI"),
    ],
)
def test_exclusions_name_the_part_as_azure_does(
    part: str, rule_set: str, variable: str, selector: str, group: str
) -> None:
    (hit,) = hits([row("198.51.100.1", "942100", part, RuleSetType=rule_set)])
    found: Any = build_exclusion(hit)
    assert (found["matchVariable"], found["selector"]) == (variable, selector)
    assert found["exclusionManagedRuleSets"][0]["ruleGroups"][0]["ruleGroupName"] == group


@pytest.mark.parametrize("part", ["", "REQUEST_URI", "TX:score", "ARGS:"])
def test_other_parts_have_no_name(part: str) -> None:
    assert parse_part(part) == ("", "")
