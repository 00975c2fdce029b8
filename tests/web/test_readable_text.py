"""What programs write into texts is said in the words of people."""

from __future__ import annotations

import pytest

from nephoscope.web.rendering.readable_text import humanize_choice, humanize_members


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("atRisk", "At risk"),
        ("suspiciousSignins: from a new place", "Suspicious signins: from a new place"),
        ("securityProfile.encryptionAtHost is false", "securityProfile.encryptionAtHost is false"),
        ("servicePrincipal:4f6c", "servicePrincipal:4f6c"),
        ("user", "user"),
        ("", ""),
        ('from ["192.0.2.7","192.0.2.8"]; agents: ["curl"].', "from 192.0.2.7, 192.0.2.8; agents: curl."),
        ("[1, 2]", "[1, 2]"),
        (
            "Not collected: microsoft.graph/roleassignments, microsoft.graph/policies",
            "Not collected: Entra role assignment, Entra policy",
        ),
        (
            "which databases: microsoft.dbformysql/flexibleservers/firewallrules/resourcegroups/rg/providers/x/y/mysql-dev",
            "which databases: MySQL firewall rule mysql-dev",
        ),
        ("microsoft.unknown/things", "unknown/things"),
        (
            "/resourcegroups/rg/providers/microsoft.web/sites/x",
            "/resourcegroups/rg/providers/microsoft.web/sites/x",
        ),
        ("an id of microsoft.com", "an id of microsoft.com"),
    ],
)
def test_names_lists_and_types(text: str, said: str) -> None:
    assert humanize_members(text) == said


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("medium", "Medium"),
        ("not collected", "Not collected"),
        ("servicePrincipal", "Service principal"),
        ("adm-1@contoso.com", "adm-1@contoso.com"),
        ("", ""),
    ],
)
def test_choices_begin_with_a_capital(text: str, said: str) -> None:
    assert humanize_choice(text) == said
