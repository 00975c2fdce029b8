"""The columns that a rule asks its query for beside the rows: what is not there leaves an alert without entities, details, words."""

from __future__ import annotations

from collections.abc import Container, Iterator

from nephoscope.alerts.rule import Rule
from nephoscope.alerts.wording import columns_in


def lacking(rule: Rule, columns: Container[str]) -> tuple[str, ...]:
    """A sentence for each column that a rule asks for and its query does not give, each once."""
    told = (
        f"{asks} asks for the column {name}, which the query does not give"
        for asks, name in _wanted(rule)
        if name not in columns
    )
    return tuple(dict.fromkeys(told))


def _wanted(rule: Rule) -> Iterator[tuple[str, str]]:
    """(who asks, the column)."""
    for mapping in rule.mappings:
        asks = f"the entity mapping of {mapping.kind}" if mapping.kind else "sentinelEntitiesMappings"
        yield from ((asks, column) for _, column in mapping.fields)
    yield from ((f"customDetails.{name}", column) for name, column in rule.custom_details)
    given = rule.override
    yield from (("alertDisplayNameFormat", name) for name in columns_in(given.name))
    yield from (("alertDescriptionFormat", name) for name in columns_in(given.description))
    alone = (("alertSeverityColumnName", given.severity), ("alertTacticsColumnName", given.tactics))
    yield from ((asks, column) for asks, column in alone if column)
    yield from ((f"the dynamic property {name}", column) for name, column in given.properties)
