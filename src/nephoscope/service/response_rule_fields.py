"""Response rules as fields: a form has one for each usual action, and YAML for others."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

import msgspec
import yaml

from nephoscope.automation.rule_formats.response_condition import ResponseCondition
from nephoscope.automation.rule_formats.response_rules import ResponseRuleFile

#: Settings of an incident action -> its fields.
_INCIDENT = {
    "owner": "owner", "severity": "incident_severity", "close": "close", "comment": "comment", "tags": "tags", "tasks": "tasks",
}  # fmt: skip
_WEBHOOK = {"url": "webhook", "secret": "webhook_secret"}
_MAIL = {"to": "mail"}
#: The actions that have fields, in the order in which a form writes them.
_FIELDS: Sequence[tuple[str, Mapping[str, str]]] = (
    ("incident", _INCIDENT),
    ("webhook", _WEBHOOK),
    ("mail", _MAIL),
)


class FieldValueError(ValueError):
    """A value that cannot be read; `field` is where it stands."""

    def __init__(self, message: str, field: str) -> None:
        super().__init__(message)
        self.field = field


@dataclass(frozen=True, slots=True)
class ActionFields:
    """Fields of actions: those of the usual ones by name, and the YAML of the others."""

    values: Mapping[str, object]
    others: str


def read_condition(line: str) -> dict[str, object]:
    """Return the condition of a line such as `severity in High, Medium`; values with commas are a JSON array."""
    parts = line.split(None, 2)
    if len(parts) != 3:
        raise FieldValueError(
            f"conditions must be lines such as severity in High, Medium (got {line})", "conditions"
        )
    name, operator, rest = parts
    return {"property": name, "operator": operator, "values": _read_values(rest)}


def write_condition(one: ResponseCondition) -> str:
    """Return a condition as a line."""
    plain = not any("," in value or value != value.strip() or value.startswith("[") for value in one.values)
    values = ", ".join(one.values) if plain else json.dumps(one.values, ensure_ascii=False)
    return f"{one.property} {one.operator} {values}"


def read_actions(given: Mapping[str, object], others: str) -> list[dict[str, object]]:
    """Return the actions of fields, and those of YAML behind them. Raises FieldValueError."""
    found = []
    for kind, fields in _FIELDS:
        settings = {name: given[field] for name, field in fields.items() if given.get(field)}
        if settings:
            found.append({"action": kind, **settings})
    found += _parse_conditions(others)
    if not found:
        raise FieldValueError("an action is required", "owner")
    return found


def write_actions(actions: Iterable[Mapping[str, object]]) -> ActionFields:
    """Return actions as fields, as far as these have all that they say and keep their order; the rest as YAML."""
    values: dict[str, object] = {}
    rest = list(actions)
    for kind, fields in _FIELDS:
        if rest and rest[0].get("action") == kind and set(rest[0]) <= {"action", *fields}:
            first = rest.pop(0)
            values |= {fields[name]: value for name, value in first.items() if name != "action"}
    plain = msgspec.to_builtins(rest, str_keys=True)
    others = yaml.safe_dump(plain, sort_keys=False, allow_unicode=True) if rest else ""
    return ActionFields(values, others)


def list_fields(file: ResponseRuleFile) -> Iterator[tuple[str, object]]:
    """Yield the fields of a rule beside those that its file has under the same name."""
    yield "conditions", [write_condition(one) for one in file.conditions]
    actions = write_actions(file.actions)
    for _, fields in _FIELDS:
        for field in fields.values():
            yield field, actions.values.get(field, "")
    yield "others", actions.others


def _read_values(text: str) -> list[str]:
    if text.startswith("["):
        try:
            return msgspec.json.decode(text, type=list[str])
        except msgspec.DecodeError as error:
            raise FieldValueError(f"values must be a JSON array of strings: {error}", "conditions") from error
    return [one.strip() for one in text.split(",") if one.strip()]


def _parse_conditions(text: str) -> list[dict[str, object]]:
    if not text.strip():
        return []
    try:
        found = yaml.safe_load(text)
        return msgspec.convert(found, list[dict[str, object]])
    except (yaml.YAMLError, msgspec.ValidationError) as error:
        raise FieldValueError(
            f"other actions must be a YAML list of actions: {str(error).splitlines()[0]}", "others"
        ) from error
