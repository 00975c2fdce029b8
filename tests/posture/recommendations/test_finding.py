"""What a failure is called, and what a scanner found, as a text of the group."""

from __future__ import annotations

import pytest

from nephoscope.content.loader import documents
from nephoscope.posture.recommendations.recommendation import Recommendation
from nephoscope_policy.model.assessment import failure_title

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
    assert failure_title(name) == title


@pytest.mark.parametrize(
    ("failing", "judged", "text"),
    [(1, 21, "Secrets found on 1 of 21 machines"), (1200, 3000, "Secrets found on 1,200 of 3,000 machines"), (0, 21, "")],
)  # fmt: skip
def test_the_finding_counts_what_fails(failing: int, judged: int, text: str) -> None:
    assert SECRETS.describe_finding(failing, judged) == text


def test_a_recommendation_without_a_finding_says_it_by_its_name() -> None:
    assert Recommendation("k", "Disks should be encrypted").describe_finding(1, 2) == ""


def test_findings_of_the_pack_count_once() -> None:
    stated = [
        one.json()["properties"]["metadata"]["nephoscope"].get("finding")
        for one in documents(kind="policies")
    ]
    findings = [one for one in stated if one]
    assert len(findings) >= 16
    assert len(set(findings)) >= 12
    assert [one for one in findings if one.count("{count}") != 1 or one.endswith(".")] == []
