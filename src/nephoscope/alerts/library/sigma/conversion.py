"""From a Sigma rule to an analytic rule in Sentinel's format, or why not, with the line that it is about."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from msgspec.structs import replace
from sigma.collection import SigmaCollection
from sigma.correlations import SigmaCorrelationRule
from sigma.exceptions import SigmaError
from sigma.rule import SigmaRule

from nephoscope.alerts.entities.column_entities import WRITTEN_OUT, build_entity_mappings
from nephoscope.alerts.library.content_item import ContentItem, ContentKind, UnusableContent
from nephoscope.alerts.library.sigma.backend import NoColumnError, TableBackend
from nephoscope.alerts.library.sigma.tables import COMPUTED, SigmaPipeline, SigmaTarget, find_sigma_targets
from nephoscope.alerts.rules.tactics import TACTICS
from nephoscope_policy.model.source_location import Place

#: Sigma asks for single events and has no schedule.
EVERY = "1h"
SEVERITIES = {
    "critical": "High",
    "high": "High",
    "medium": "Medium",
    "low": "Low",
    "informational": "Informational",
}
_TECHNIQUE = re.compile(r"t\d{4}(?:\.\d{3})?", re.IGNORECASE)
_WORDS = re.compile(r"'([^']+)'|field name encountered: ([^\s.]+)|column (\S+)")
_ENDINGS = re.compile(r"(?:: |\. )Please use .*| \(while .*\)$|\n.*", re.DOTALL)


def convert_sigma_file(
    documents: Sequence[Any], text: str, place: Place, source: str, wanted: SigmaPipeline
) -> Iterator[ContentItem | UnusableContent]:
    """The rules of a file, each turned into a rule or told why not."""
    plain = [one for one in documents if not (isinstance(one, dict) and "correlation" in one)]
    for one in documents:
        if one not in plain:
            where, title = _locate_key(text, place, "correlation"), str(one.get("title", ""))
            yield UnusableContent(
                where, source, title, ("correlation rules are not turned into KQL",), unsupported=True
            )
    if plain:
        yield from _convert_rules(plain, text, place, source, wanted)


def _convert_rules(
    documents: Sequence[Any], text: str, place: Place, source: str, wanted: SigmaPipeline
) -> Iterator[ContentItem | UnusableContent]:
    try:
        collection = SigmaCollection.from_dicts(list(documents), collect_errors=True)
    except (SigmaError, ValueError, TypeError, AttributeError, KeyError) as error:
        yield UnusableContent(
            place, source, _find_title(documents), (f"not a Sigma rule: {_format_error_text(error)}",)
        )
        return
    if not collection.rules:
        reasons = tuple(_format_error_text(error) for error in collection.errors) or ("not a Sigma rule",)
        yield UnusableContent(
            _locate_reason(text, place, " ".join(reasons)), source, _find_title(documents), reasons
        )
    for number, rule in enumerate(collection.rules):
        if isinstance(rule, SigmaCorrelationRule):
            continue
        given = documents[number] if len(documents) == len(collection.rules) else {}
        yield _build_piece(rule, given, text, place, source, wanted)


def _build_piece(
    rule: SigmaRule, given: Any, text: str, place: Place, source: str, wanted: SigmaPipeline
) -> ContentItem | UnusableContent:
    title = str(rule.title or "")
    if rule.errors:
        reasons = tuple(_format_error_text(error) for error in rule.errors)
        modifier = any("modifier" in one.lower() for one in reasons)
        return UnusableContent(
            _locate_reason(text, place, " ".join(reasons)), source, title, reasons, unsupported=modifier
        )
    several = find_sigma_targets(rule.logsource, wanted)
    if not several:
        why = f"no table for the log source {_format_log_source(rule)}"
        return UnusableContent(_locate_key(text, place, "logsource"), source, title, (why,), unsupported=True)
    failed: list[tuple[SigmaTarget, BaseException]] = []
    for target in several:
        try:
            query = _convert_query(given, target)
        except Exception as error:  # noqa: BLE001 - the boundary to a library that raises many kinds for rules of others
            failed.append((target, error))
            continue
        notes = tuple(f"not asked of {one.table}: {_format_error_text(error)}" for one, error in failed)
        return _make_piece(rule, query, target, place, source, notes)
    reasons = tuple(dict.fromkeys(f"{one.table}: {_format_error_text(error)}" for one, error in failed))
    where = _locate_reason(text, place, _format_error_text(failed[0][1]), failed[0][0])
    return UnusableContent(where, source, title, reasons, unsupported=True)


def _convert_query(given: Mapping[str, Any], target: SigmaTarget) -> str:
    """The KQL of a rule; the rule is read anew, as a pipeline changes it."""
    backend = TableBackend(
        target.pipeline(), target.table, target.find_column_types(), event_data=target.event_data
    )
    queries = [
        _add_computed_columns(one, target.table)
        for one in backend.convert(SigmaCollection.from_dicts([dict(given)]))
    ]
    whole = queries[0] if len(queries) == 1 else "union " + ", ".join(f"({one})" for one in queries)
    added = WRITTEN_OUT.get(target.table, {})
    extend = ", ".join(f"{name} = {value}" for name, value in added.items())
    return f"{whole}\n| extend {extend}" if extend else str(whole)


def _add_computed_columns(query: str, table: str) -> str:
    """The query with the columns that it asks for and the table has not, written before its condition."""
    for name, expression in COMPUTED.get(table, {}).items():
        if re.search(rf"\b{name}\b", query):
            query = query.replace(f"{table}\n", f"{table}\n| extend {name} = {expression}\n", 1)
    return query


def _make_piece(
    rule: SigmaRule, query: str, target: SigmaTarget, place: Place, source: str, notes: tuple[str, ...]
) -> ContentItem:
    columns = {*target.find_column_types(), *WRITTEN_OUT.get(target.table, {})}
    id_ = str(rule.id) if rule.id else _to_guid(str(rule.title), source)
    version = str(rule.modified or rule.date or "")
    description = str(rule.description or "").strip()
    if rule.falsepositives:
        description += f"\nKnown false positives: {'; '.join(map(str, rule.falsepositives))}"
    document = {
        "id": id_, "name": str(rule.title), "description": description.strip(), "kind": "Scheduled",
        "severity": SEVERITIES.get(rule.level.name.lower() if rule.level else "", "Medium"),
        "queryFrequency": EVERY, "queryPeriod": EVERY, "triggerOperator": "gt", "triggerThreshold": 0,
        "tactics": _list_tactics(rule), "relevantTechniques": _list_techniques(rule), "query": query,
        "entityMappings": build_entity_mappings(columns), "version": version,
    }  # fmt: skip
    if rule.status is not None and rule.status.name in ("DEPRECATED", "UNSUPPORTED"):
        notes = (*notes, f"its authors call it {rule.status.name.lower()}")
    return ContentItem(ContentKind.RULE, id_, str(rule.title), version, source, document, place, notes)


def _list_tactics(rule: SigmaRule) -> list[str]:
    names = [re.sub(r"[^a-z]", "", one.name.lower()) for one in rule.tags if one.namespace == "attack"]
    return list(dict.fromkeys(TACTICS[one] for one in names if one in TACTICS))


def _list_techniques(rule: SigmaRule) -> list[str]:
    names = [
        one.name.upper() for one in rule.tags if one.namespace == "attack" and _TECHNIQUE.fullmatch(one.name)
    ]
    return list(dict.fromkeys(names))


def _format_log_source(rule: SigmaRule) -> str:
    one = rule.logsource
    parts = (("product", one.product), ("category", one.category), ("service", one.service))
    return ", ".join(f"{name} {value}" for name, value in parts if value)


def _format_error_text(error: BaseException) -> str:
    """Return what is wrong, without the library's lists of everything that would do."""
    return _ENDINGS.sub("", str(error)).strip() or type(error).__name__


def _to_guid(title: str, source: str) -> str:
    digest = hashlib.blake2b(f"{source}\n{title}".encode(), digest_size=16).hexdigest()
    return "-".join((digest[:8], digest[8:12], digest[12:16], digest[16:20], digest[20:]))


def _find_title(documents: Sequence[object]) -> str:
    return next((str(one["title"]) for one in documents if isinstance(one, dict) and one.get("title")), "")


def _locate_reason(text: str, place: Place, reason: str, target: SigmaTarget | None = None) -> Place:
    """The line of the field or modifier that a reason names."""
    for match in _WORDS.finditer(reason):
        word = next(one for one in match.groups() if one).rstrip(".,:")
        known = [field for field, column in target.fields.items() if column == word] if target else []
        for name in (*known, word):
            found = re.search(
                rf"^[ \t-]*['\"]?(?:{re.escape(name)}\b|[\w.-]+\|(?:\w+\|)*{re.escape(name)}\b)",
                text,
                re.MULTILINE,
            )
            if found:
                return replace(place, line=text.count("\n", 0, found.end()) + 1)
    return _locate_key(text, place, "detection")


def _locate_key(text: str, place: Place, key: str) -> Place:
    found = re.search(rf"^{key}\s*:", text, re.MULTILINE)
    return replace(place, line=text.count("\n", 0, found.start()) + 1) if found else place


__all__ = ["NoColumnError", "convert_sigma_file"]
