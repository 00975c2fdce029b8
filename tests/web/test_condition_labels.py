"""The conditions that decided a verdict are said in words; what is no condition stays as it is."""

from __future__ import annotations

import pytest

from nephoscope.posture.reports.reason_text import format_reasons
from nephoscope.web.rendering.condition_labels import humanize_conditions
from nephoscope_policy.model.assessment import Reason


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("count(securityRules[*]) is 1 (allow-everything)", "Security rules: allow-everything"),
        ("count(rules[*]) is 5 (a, b, c and 2 more)", "Rules: a, b, c and 2 more"),
        ("count(privateEndpointConnections[*]) is 0", "Private endpoint connections: none"),
        ("count(web.cors.allowedOrigins[*]) is 2", "Allowed origins: 2"),
        ("ipRules[*]: the array is absent", "IP rules: none"),
        ('status.code is "Unhealthy"', "Status in Defender for Cloud: Unhealthy"),
        ("supportsHttpsTrafficOnly is false", "Supports HTTPS traffic only: no"),
        ('minimumTlsVersion is "TLS1_0"', "Minimum TLS version: TLS 1.0"),
        ('minTlsVersion is "1.0"', "Minimum TLS version: 1.0"),
        ("web.http20Enabled is false", "HTTP/2 enabled: no"),
        ("isEncrypted is false", "Encrypted: no"),
        ('sku.name is "Basic"', "SKU name: Basic"),
        ('name is ""', "Name: empty"),
        (
            "Microsoft.Sql/servers/administrators.azureADOnlyAuthentication is absent",
            "Azure AD only authentication: not set",
        ),
        ("parameters.enableNoPublicIp.value is false", "Enable no public IP: no"),
        ("there is no Microsoft.Insights/diagnosticSettings", "No diagnostic setting"),
        ("there is no microsoft.resources/links named 'x'", "No resource link named 'x'"),
        ("there is no microsoft.eventhub/namespaces/privateendpointconnections", "No private endpoint connection"),
        (
            'url is "https://a; b"; vnetConfiguration is null',
            "URL: https://a; b; VNet configuration: not set",
        ),
        ("[parameters('onlyLocked')] is true", "[parameters('onlyLocked')] is true"),
        ('profile is {"a": 1}', 'profile is {"a": 1}'),
        ("no second factor: viewer@contoso.com", "no second factor: viewer@contoso.com"),
        ("1 finding is open", "1 finding is open"),
        ("", ""),
    ],
)  # fmt: skip
def test_conditions_in_words(text: str, said: str) -> None:
    assert humanize_conditions(text) == said


def test_what_a_verdict_says_is_understood() -> None:
    counted = Reason(
        "", "count(Microsoft.Network/networkSecurityGroups/securityRules[*])", "greater", 0, 2, members=("a", "b")
    )  # fmt: skip
    flag = Reason("", "Microsoft.Web/sites/httpsOnly", "equals", True, False)
    assert humanize_conditions(format_reasons([counted, flag])) == "Security rules: a, b; HTTPS only: no"
