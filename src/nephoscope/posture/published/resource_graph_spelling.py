"""Resource Graph spelling of document members that differ from the API's.

KQL tells letters by their case, so that a query which is written for one spelling finds nothing of the other. Azure's own words:
`properties.resourceDetails.Id` and `.Source` of an assessment in Resource Graph, `id` and `source` in the API; of a sub-assessment
`id` and `source` in both.

Source: https://learn.microsoft.com/azure/governance/resource-graph/samples/samples-by-table#securityresources
"""

from __future__ import annotations

from collections.abc import Mapping

#: Lower-cased type -> the member of its properties whose own members begin with a capital letter.
_CAPITAL = {"microsoft.security/assessments": "resourceDetails"}


def format_properties(type_: str, properties: object) -> object:
    """The properties of a document of a lower-cased type as a row of Resource Graph has them."""
    name = _CAPITAL.get(type_)
    if not name or not isinstance(properties, Mapping):
        return properties
    details = properties.get(name)
    if not isinstance(details, Mapping):
        return properties
    return {**properties, name: {capitalize_word(word): value for word, value in details.items()}}


def capitalize_word(name: str) -> str:
    """A word with its first letter as a capital."""
    return name[:1].upper() + name[1:]
