"""Types of resources are called by their names, children behind the name of their parent."""

from __future__ import annotations

import pytest

from nephoscope.web.rendering.resource_type_names import name_type


@pytest.mark.parametrize(
    ("type_", "name"),
    [
        ("microsoft.automation/automationaccounts/variables", "Automation account variable"),
        ("microsoft.apimanagement/service/apis/operations", "API Management service API operation"),
        ("microsoft.sql/servers/databases/auditingsettings", "SQL database auditing setting"),
        ("microsoft.hybridcompute/machines/extensions", "Machine extension"),
        ("microsoft.unknown/things/extensions", "unknown/things/extensions"),
        ("microsoft.unknown/extensions", "unknown/extensions"),
        ("microsoft.sql/servers/privateendpointconnections", "Private endpoint connection"),
    ],
)
def test_a_type_is_called_by_its_name(type_: str, name: str) -> None:
    assert name_type(type_) == name
