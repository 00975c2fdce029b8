"""Microsoft.SecurityInsights: data connectors and their definitions as a workspace has them, kept as documents.

Source: https://learn.microsoft.com/rest/api/securityinsights/data-connectors (2023-02-01), data-connector-definitions (2024-09-01)
"""

from __future__ import annotations

from nephoscope.api.wire.fault import bad
from nephoscope.api.wire.kept import Body, Kind, declare
from nephoscope.api.wire.operation import Surface
from nephoscope.api.wire.workspace import WORKSPACE

SURFACE = Surface("Data connectors", "Microsoft.SecurityInsights")
EFFECT = "No logs are fetched by it here: `nephoscope sources` does that."


def check(body: Body) -> None:
    """Fault where a connector says no kind."""
    if not isinstance(body.get("kind"), str) or not body["kind"]:
        raise bad("A data connector needs a 'kind'.", "kind")


for _word, _operations, _check in (
    ("dataConnectors", "DataConnectors", check),
    ("dataConnectorDefinitions", "DataConnectorDefinitions", check),
    ("officeConsents", "OfficeConsents", None),
):
    declare(
        SURFACE,
        Kind(
            f"Microsoft.SecurityInsights/{_word}",
            _operations,
            EFFECT,
            WORKSPACE,
            _check,
            etag=_check is not None,
        ),
    )
