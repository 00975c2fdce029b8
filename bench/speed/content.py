"""All built-in definitions of mode All or Indexed as one plan, each with effects switched on and values for what has no default."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import Any

from nephoscope.content.loader import load_documents
from nephoscope.posture.policies.evaluation_plan import EvaluationPlan
from nephoscope_policy import catalog_cache
from nephoscope_policy.assignment import Assignment
from nephoscope_policy.catalog import PolicyCatalog
from nephoscope_policy.catalog_entry import CatalogEntry
from nephoscope_policy.definition import Definition
from nephoscope_policy.tree import Parameter

_SAMPLES: dict[str, Any] = {
    "string": "x",
    "array": ["x"],
    "object": {"x": "y"},
    "boolean": True,
    "integer": 1,
    "float": 1.5,
    "datetime": "2026-01-01T00:00:00Z",
}


def catalog(shared: Path, cache: Path) -> PolicyCatalog:
    """The built-ins, through the catalog's own cache."""
    return catalog_cache.load(load_documents(shared / "corpora/azure-policy"), cache)


def judged(found: PolicyCatalog) -> list[tuple[CatalogEntry, Definition]]:
    """The newest version of every All/Indexed definition that resources decide."""
    pairs = [
        (entry, found.parse_entry(entry))
        for entry in found.definitions()
        if not entry.static and not entry.fault
    ]
    return [
        (entry, definition) for entry, definition in pairs if definition.mode.lower() in ("all", "indexed")
    ]


def parameters(definition: Definition) -> dict[str, Any]:
    """A value for every parameter without a default; an effect that only its default switches off is switched on."""
    given: dict[str, Any] = {}
    for one in definition.parameters.values():
        value = _value(one)
        if value is not None:
            given[one.name.lower()] = value
    return given


def _value(one: Parameter) -> Any:
    allowed = [value for value in one.allowed or () if str(value).lower() != "disabled"]
    if not one.has_default:
        value = allowed[0] if allowed else _SAMPLES[one.type]
        return [value] if one.type == "array" and not isinstance(value, list) else value
    if "effect" in one.name.lower() and str(one.default).lower() == "disabled" and allowed:
        return allowed[0]
    return None


def plan(found: PolicyCatalog) -> EvaluationPlan:
    """Every judged definition assigned to the whole tenant."""
    assignments = [
        Assignment.for_whole_tenant(entry.id, entry.name, parameters(definition))
        for entry, definition in judged(found)
    ]
    return EvaluationPlan(found, tuple(assignments))


def by_type(found: PolicyCatalog) -> tuple[Counter[str], frozenset[str]]:
    """How many judged definitions name each type, and the types that they look up."""
    counts: Counter[str] = Counter()
    looked_up: set[str] = set()
    for entry, _ in judged(found):
        counts.update(entry.types or ())
        looked_up |= entry.related_types
    return counts, frozenset(looked_up)
