"""A title that says what should be done becomes the finding of a resource that fails it, where that is clear."""

from __future__ import annotations

import pytest

from nephoscope.content.loader import load_documents
from nephoscope.posture.recommendations.finding_text import describe_failure, negate_title
from nephoscope.posture.recommendations.recommendation import Recommendation
from nephoscope.posture.recommendations.state_counts import StateCounts
from nephoscope_policy.model.state import ComplianceState

FINDINGS = {
    "Storage accounts should require secure transfer": "Storage accounts do not require secure transfer",
    "MFA should be enabled for subscription owners": "MFA is not enabled for subscription owners",
    "TLS certificates of apps should be renewed": "TLS certificates of apps are not renewed",
    "Management ports of virtual machines should be closed": "Management ports of virtual machines are not closed",
    "API Management should be deployed in a virtual network": "API Management is not deployed in a virtual network",
    "Azure Firewall Premium should have TLS inspection enabled": "Azure Firewall Premium does not have TLS inspection enabled",
    "Virtual machines and API Management should use encryption": "Virtual machines and API Management do not use encryption",
    "Storage accounts should not allow anonymous blob access": "Storage accounts allow anonymous blob access",
    "A SQL server should not have a public address": "A SQL server has a public address",
    "Azure Firewall should not pass unknown traffic": "Azure Firewall passes unknown traffic",
    "Azure SQL firewalls should not be open to the internet": "Azure SQL firewalls are open to the internet",
    "Web apps should be accessible over HTTPS only": "Web apps are accessible over more than HTTPS",
    "Front Door should forward HTTPS requests only": "Front Door forwards more than HTTPS requests",
    "Redis caches should have access keys disabled": "Redis caches have access keys enabled",
    "A cache should have access keys disabled": "A cache has access keys enabled",
    "Subscriptions should have at most three owners": "Subscriptions have more than three owners",
    "Repositories should have code scanning findings resolved": "Repositories have unresolved code scanning findings",
    "An alert should exist for deleting policy assignments": "No alert exists for deleting policy assignments",
    "Application Insights should disable public network access": "Application Insights does not disable public network access",
    "[Preview]: Grafana should be Zone Redundant": "[Preview]: Grafana is not Zone Redundant",
    "Machines should accept Microsoft Entra authentication only": "Machines accept more than Microsoft Entra authentication",
}
UNCLEAR = [
    "GitLab deploy keys should only read",
    "Web apps should require FTPS or have FTP disabled",
    "Roles should be assigned to groups instead of users",
    "Effect for policy: Key vaults should use private link",
    "Audit VMs that do not use managed disks",
    "Machines should be what should be",
]


@pytest.mark.parametrize("title", FINDINGS)
def test_a_title_is_turned_into_its_finding(title: str) -> None:
    assert negate_title(title) == FINDINGS[title]


@pytest.mark.parametrize("title", UNCLEAR)
def test_a_title_stays_where_its_finding_is_not_clear(title: str) -> None:
    assert negate_title(title) == ""


def test_a_failure_is_described_by_the_scanner_then_by_the_title() -> None:
    assert (
        describe_failure("Secrets should be removed", "Secrets found on {count} machines")
        == "Secrets found on machines"
    )
    assert describe_failure("Key vaults should use private link") == "Key vaults do not use private link"
    assert describe_failure("Audit unmanaged disks") == "Not met: Audit unmanaged disks"
    assert describe_failure(UNCLEAR[0]) == UNCLEAR[0]


def counts(passing: int, failing: int) -> StateCounts:
    return StateCounts({ComplianceState.COMPLIANT: passing, ComplianceState.NON_COMPLIANT: failing})


def test_a_finding_is_counted() -> None:
    keys = Recommendation("a", "Key vaults should use private link")
    assert keys.describe_finding(counts(3, 2)) == "Key vaults do not use private link: 2 of 5"
    scanned = Recommendation("b", "Secrets should be removed", finding="Secrets found on {count} machines")
    assert scanned.describe_finding(counts(3, 2)) == "Secrets found on 2 of 5 machines"
    assert Recommendation("c", UNCLEAR[0]).describe_finding(counts(0, 2)) == ""
    assert keys.describe_finding(counts(3, 0)) == ""


def test_shipped_titles_have_findings() -> None:
    """Few titles have no clear opposite; no finding is still a demand."""
    bodies = [document.json() for document in load_documents(kind="policies")]
    titles = {body["properties"]["displayName"] for body in bodies if "policyRule" in body["properties"]}
    found = {title: negate_title(title) for title in titles if " should " in title}
    assert len(found) > 380
    assert len([title for title, text in found.items() if not text]) < 0.04 * len(found)
    assert not [text for text in found.values() if " should " in text]
