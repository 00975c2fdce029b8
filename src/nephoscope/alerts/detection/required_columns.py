"""Required columns: columns that a rule's mappings need beside the rows of its query."""

from __future__ import annotations

from collections.abc import Container, Iterator
from dataclasses import dataclass

from nephoscope.alerts.detection.templates import list_template_columns
from nephoscope.alerts.rules.rule import AnalyticRule


@dataclass(frozen=True, slots=True)
class RuleColumn:
    """A column that a rule asks for: the JSON path among the rule's properties, and who asks, in words."""

    path: str
    asks: str
    column: str

    def __str__(self) -> str:
        return f"{self.asks} asks for the column {self.column}, which the query does not give"


def describe_missing_columns(rule: AnalyticRule, columns: Container[str]) -> tuple[str, ...]:
    """A sentence for each column that a rule asks for and its query does not give, each once."""
    return tuple(dict.fromkeys(str(one) for one in list_required_columns(rule) if one.column not in columns))


def list_required_columns(rule: AnalyticRule) -> Iterator[RuleColumn]:
    """All that a rule asks for."""
    yield from _list_entity_columns(rule)
    for name, column in rule.custom_details:
        yield RuleColumn(f"customDetails.{name}", f"customDetails.{name}", column)
    given = rule.override
    alone = [
        *(("alertDisplayNameFormat", name) for name in list_template_columns(given.name)),
        *(("alertDescriptionFormat", name) for name in list_template_columns(given.description)),
        ("alertSeverityColumnName", given.severity),
        ("alertTacticsColumnName", given.tactics),
    ]
    for asks, column in alone:
        if column:
            yield RuleColumn(f"alertDetailsOverride.{asks}", asks, column)
    for at, (name, column) in enumerate(given.properties):
        path = f"alertDetailsOverride.alertDynamicProperties[{at}].value"
        yield RuleColumn(path, f"the dynamic property {name}", column)


def _list_entity_columns(rule: AnalyticRule) -> Iterator[RuleColumn]:
    mapped = [one for one in rule.mappings if one.kind]
    for at, mapping in enumerate(mapped):
        for n, (_, column) in enumerate(mapping.fields):
            path = f"entityMappings[{at}].fieldMappings[{n}].columnName"
            yield RuleColumn(path, f"the entity mapping of {mapping.kind}", column)
    whole = [column for one in rule.mappings if not one.kind for _, column in one.fields]
    for at, column in enumerate(whole):
        yield RuleColumn(f"sentinelEntitiesMappings[{at}].columnName", "sentinelEntitiesMappings", column)
