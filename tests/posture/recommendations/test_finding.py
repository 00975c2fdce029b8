"""What a failure is called, and what a scanner found, as a text of the group."""

from __future__ import annotations

import pytest

from nephoscope.content.loader import load_documents
from nephoscope.posture.recommendations.recommendation import Recommendation
from nephoscope.posture.recommendations.state_counts import StateCounts
from nephoscope_policy.model.assessment import get_failure_title
from nephoscope_policy.model.state import ComplianceState

SECRETS = Recommendation(
    "k", "Plain-text secrets should be removed from machines", finding="Secrets found on {count} machines"
)


@pytest.mark.parametrize(
    ("name", "title"),
    [
        ("Web apps should not allow every origin (CORS)", "Web apps should not allow every origin (CORS)"),
        ("[Preview]: Disks should be encrypted", "[Preview]: Disks should be encrypted"),
        ("Disks are encrypted", "Not met: Disks are encrypted"),
    ],
)
def test_a_failure_never_reads_as_if_all_were_well(name: str, title: str) -> None:
    assert get_failure_title(name) == title


def counts(failing: int, passing: int, unknown: int = 0, broken: int = 0) -> StateCounts:
    found = {
        ComplianceState.NON_COMPLIANT: failing,
        ComplianceState.COMPLIANT: passing,
        ComplianceState.UNKNOWN: unknown,
        ComplianceState.ERROR: broken,
    }
    return StateCounts({**found, ComplianceState.NOT_APPLICABLE: 7, ComplianceState.EXEMPT: 2})


@pytest.mark.parametrize(
    ("counts", "text"),
    [
        (counts(1, 20), "Secrets found on 1 of 21 machines"),
        (counts(1200, 1800), "Secrets found on 1,200 of 3,000 machines"),
        (counts(1, 3, 20, 2), "Secrets found on 1 of 4 machines, 22 not assessed"),
        (counts(0, 21), ""),
        (counts(0, 0, 21), ""),
    ],
)
def test_the_finding_counts_what_fails_of_what_was_assessed(counts: StateCounts, text: str) -> None:
    assert SECRETS.describe_finding(counts) == text


def test_a_figure_is_of_what_was_assessed() -> None:
    several = counts(1, 3, 20, 2)
    assert (several.unhealthy, several.healthy, several.assessed_count) == (1, 3, 4)
    assert (several.not_assessed, several.excluded_count) == (22, 9)
    assert several.describe() == "1 of 4 failing, 22 not assessed"


def test_a_recommendation_without_a_finding_takes_it_from_its_name() -> None:
    found = Recommendation("k", "Disks should be encrypted").describe_finding(counts(1, 1))
    assert found == "Disks are not encrypted: 1 of 2"


def test_findings_of_the_pack_count_once() -> None:
    stated = [
        one.json()["properties"]["metadata"]["nephoscope"].get("finding")
        for one in load_documents(kind="policies")
    ]
    findings = [one for one in stated if one]
    assert len(findings) >= 16
    assert len(set(findings)) >= 12
    assert [one for one in findings if one.count("{count}") != 1 or one.endswith(".")] == []
