"""Microsoft.Security/applications: which resources make up an application, of a subscription or of a connector.

Source: https://learn.microsoft.com/rest/api/defenderforcloud/applications (2022-07-01-preview)
"""

from __future__ import annotations

from nephoscope.api.wire.fault import bad
from nephoscope.api.wire.kept import Body, Kind, declare
from nephoscope.api.wire.operation import Surface

SURFACE = Surface("Applications", "Microsoft.Security")


def check(body: Body) -> None:
    """Fault where an application says not what it is made of."""
    properties = body["properties"]
    if not isinstance(properties.get("sourceResourceType"), str):
        raise bad("'sourceResourceType' must be a text.", "properties.sourceResourceType")
    sets = properties.get("conditionSets")
    if not isinstance(sets, list) or not all(
        isinstance(one, dict) and isinstance(one.get("conditions"), list) for one in sets
    ):
        raise bad("'conditionSets' must be a list, each with 'conditions'.", "properties.conditionSets")


declare(
    SURFACE,
    Kind(
        "Microsoft.Security/applications",
        "Application",
        "Recommendations are not grouped by it here.",
        check=check,
    ),
)
