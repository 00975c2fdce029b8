"""Why a resource fails, in a sentence: names are short, and nothing of an expression is truncated."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nephoscope.posture.reports.reason_text import format_reasons, name_subject
from nephoscope.posture.reports.report import Report
from nephoscope.posture.scans.scan import EstateScan, ScanRequest
from nephoscope_policy.model.assessment import Reason

PAIRS = {")": "(", "]": "["}
ALIASES = st.builds(
    lambda namespace, words, star: f"{namespace}/{'/'.join(words)}{star}",
    st.sampled_from(["Microsoft.Network", "microsoft.insights", "Microsoft.KeyVault.Data"]),
    st.lists(st.sampled_from(["vaults", "securityRules[*]", "config-x", "a.b[*].c"]), min_size=1, max_size=3),
    st.sampled_from(["", "[*]", ".default", "[*].name"]),
)
SUBJECTS = st.one_of(
    st.recursive(ALIASES, lambda inner: st.builds("count({})".format, inner), max_leaves=3),
    st.builds("[concat(field('{}'), '/', field('{}'))]".format, ALIASES, ALIASES),
    st.builds("tags['{}']".format, st.sampled_from(["a/b", "contoso.com/env/x", "plain"])),
)


def reason(subject: str, actual: Any = 1, message: str = "") -> Reason:
    return Reason("policyRule.if", subject, "equals", 0, actual, "", message)


def balanced(text: str) -> bool:
    """Whether every parenthesis and bracket of a text has its other."""
    open_: list[str] = []
    for letter in text:
        if letter in PAIRS.values():
            open_.append(letter)
        elif letter in PAIRS and (not open_ or open_.pop() != PAIRS[letter]):
            return False
    return not open_


@pytest.mark.parametrize(
    ("subject", "said"),
    [
        ("Microsoft.Storage/storageAccounts/networkAcls.defaultAction", "networkAcls.defaultAction"),
        ("count(Microsoft.Network/networkSecurityGroups/securityRules[*])", "count(securityRules[*])"),
        ("count(count(Microsoft.Web/sites/a[*].b[*]))", "count(count(a[*].b[*]))"),
        ("[length(field('Microsoft.Sql/servers/protocols[*]'))]", "[length(field('protocols[*]'))]"),
        ("[first(split(field('id'), '/'))]", "[first(split(field('id'), '/'))]"),
        ("tags['contoso.com/environment']", "tags['contoso.com/environment']"),
        ("location", "location"),
        ("value", "value"),
    ],
)
def test_what_was_read_is_named_short(subject: str, said: str) -> None:
    assert name_subject(subject) == said
    assert format_reasons([reason(subject)]) == f"{said} is 1"


@given(SUBJECTS)
def test_nothing_of_an_expression_is_cut_off(subject: str) -> None:
    assert balanced(subject)
    assert balanced(name_subject(subject))
    assert name_subject(name_subject(subject)) == name_subject(subject)
    assert balanced(format_reasons([reason(subject)]))


def test_a_message_is_told_as_it_is() -> None:
    assert (
        format_reasons([reason("count(a/b)", message="the array (of a/b) is absent")])
        == "the array (of a/b) is absent"
    )


def test_every_reason_of_the_sample_is_whole(tmp_path) -> None:
    scan = EstateScan(ScanRequest(("sample:",)), tmp_path, datetime(2026, 11, 1, 12, tzinfo=UTC))
    report = Report(scan.run(scan.estate()), "sample:")
    said = {report.reason_of(row) for row in report.all_rows()}
    assert any("count(" in one for one in said)
    # a value that is cut ends in dots, and may leave its own brackets open
    assert [one for one in said if "..." not in one and not balanced(one)] == []


@pytest.mark.parametrize(
    ("actual", "members", "said"),
    [
        (0, (), "count(securityRules[*]) is 0"),
        (2, ("ssh", "rdp"), "count(securityRules[*]) is 2 (ssh, rdp)"),
        (12, tuple("abcdefghij"), "count(securityRules[*]) is 12 (a, b, c and 9 more)"),
    ],
)
def test_a_count_names_what_it_took(actual: int, members: tuple[str, ...], said: str) -> None:
    subject = "count(Microsoft.Network/networkSecurityGroups/securityRules[*])"
    assert format_reasons([Reason("policyRule.if", subject, "greater", 0, actual, members=members)]) == said
