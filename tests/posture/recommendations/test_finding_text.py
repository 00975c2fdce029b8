"""A title that says what should be done becomes the finding of a resource that fails it, where that is clear."""

from __future__ import annotations

import pytest

from nephoscope.posture.recommendations.finding_text import describe_failure, negate_title
from nephoscope.posture.recommendations.recommendation import Recommendation

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
    "[Preview]: Grafana should be Zone Redundant": "[Preview]: Grafana is not Zone Redundant",
    "Machines should accept Microsoft Entra authentication only": "Machines do not accept Microsoft Entra authentication only",
}
UNCLEAR = [
    "Subscriptions should have at most three owners",
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
    scanned = Recommendation("a", "Secrets should be removed", finding="Secrets found on {count} machines")
    assert describe_failure(scanned) == "Secrets found on machines"
    assert (
        describe_failure(Recommendation("b", "Key vaults should use private link"))
        == "Key vaults do not use private link"
    )
    assert describe_failure(Recommendation("c", "Audit unmanaged disks")) == "Not met: Audit unmanaged disks"
    assert describe_failure(Recommendation("d", UNCLEAR[0])) == UNCLEAR[0]
