"""Build alerts from the rows of a rule's query: grouping, stable names, details."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any

from nephoscope.alerts.detection.row_identity import RowName, name_rows, sort_by_time
from nephoscope.alerts.detection.row_tenants import RowTenants, TenantRows
from nephoscope.alerts.detection.suppression_filter import RowGroup, build_suppression_key, divide_run
from nephoscope.alerts.detection.templates import MAX_DESCRIPTION, MAX_NAME, fill_template
from nephoscope.alerts.entities.entity_mapping import extract_entities, merge_entities
from nephoscope.alerts.rules.query_result import RuleResultRow
from nephoscope.alerts.rules.rule import AnalyticRule
from nephoscope.alerts.rules.tactics import TACTICS
from nephoscope.alerts.rules.window import RuleWindow
from nephoscope.alerts.suppression.condition import SuppressionSubject
from nephoscope.model.alert import Alert
from nephoscope.model.entity import Entity
from nephoscope_kql.plan.row_identity import UNKNOWN, RowIdentity
from nephoscope_policy.model.state import Severity

MOST = 150
"""Alerts that one run of a rule may raise: the last one stands for all further rows, as in Sentinel."""
KEPT_VALUES = 50
_ONE_TENANT = RowTenants()


def build_alerts(
    rule: AnalyticRule,
    window: RuleWindow,
    rows: Sequence[RuleResultRow],
    now: datetime,
    count: int | None = None,
    identity: RowIdentity = UNKNOWN,
    tenants: RowTenants = _ONE_TENANT,
) -> list[Alert]:
    """The alerts of a run: none where the trigger does not hold, one for all rows, or one a row (at most MOST); of each tenant.

    `identity` says what tells the rows apart: alerts of rows have their names by it, wherever the rows stand among others.
    `count` is how many rows there were where `rows` are only the first of them: the trigger and the last alert count them all.
    Where rows are about several tenants, those that were not looked at count for none of them.
    What suppressions and learning hold back are alerts too, which say so.
    """
    parts = tenants.divide(rows if identity.ordered else sort_by_time(rows))
    if len(parts) == 1 and count is not None:
        return _build_tenant_alerts(rule, window, parts[0], count, now, identity)
    return [
        alert
        for part in parts
        for alert in _build_tenant_alerts(rule, window, part, len(part.rows), now, identity)
    ]


def _build_tenant_alerts(
    rule: AnalyticRule, window: RuleWindow, own: TenantRows, found: int, now: datetime, identity: RowIdentity
) -> list[Alert]:
    """The alerts of one tenant's rows; `found` is how many there were."""
    if not rule.triggers_at(found):
        return []
    parts = [RowGroup(own.rows, found)]
    if rule.tuning.suppressions or rule.tuning.learning:
        parts = divide_run(
            rule, own.rows, [to_suppression_subject(rule, row) for row in own.rows], found, window.end
        )
    return [alert for part in parts for alert in _build_alerts(rule, window, part, now, identity, own.name)]


def to_suppression_subject(rule: AnalyticRule, row: RuleResultRow) -> SuppressionSubject:
    """Return what suppressions see of a row."""
    details = {name: [text] for name, column in rule.custom_details if (text := row.get_text(column))}
    return SuppressionSubject(extract_entities(row, rule.mappings), details)


def _build_alerts(
    rule: AnalyticRule, window: RuleWindow, part: RowGroup, now: datetime, identity: RowIdentity, tenant: str
) -> list[Alert]:
    # what is held back has a name of its own, so that late rows never hide among it
    prefix = f"held by {part.hold.by}\n" if part.hold else ""
    if not rule.one_alert_a_row or not part.rows:
        return [_build_alert(rule, window, part, RowName(tenant + prefix, tenant + prefix), now)]
    rows = part.rows
    single, rest = (rows, []) if len(rows) < MOST else (rows[: MOST - 1], rows[MOST - 1 :])
    unseen = part.events - len(rows)
    parts = [RowGroup([row], 1, part.hold) for row in single]
    if rest:
        parts.append(RowGroup(rest, len(rest) + unseen, part.hold))
    elif unseen:
        parts[-1] = replace(parts[-1], events=1 + unseen)
    names = name_rows(single, identity, prefix)
    if rest:
        text = f"{tenant}{prefix}the rest#1"
        names.append(RowName(text, text))
    return [_build_alert(rule, window, each, name, now) for each, name in zip(parts, names, strict=True)]


def _build_alert(
    rule: AnalyticRule, window: RuleWindow, part: RowGroup, name: RowName, now: datetime
) -> Alert:
    rows, hold = part.rows, part.hold
    first = rows[0] if rows else RuleResultRow({}, {})
    # of an NRT rule the window says when rows came, not when they happened
    span = window.get_row_span(rule)
    moments = sorted(
        moment for row in rows for moment in row.list_times() if span.start <= moment <= span.end
    )
    override = rule.override
    return Alert(
        id=_compute_id(rule.id, window, name.text),
        rule=rule.id,
        name=fill_template(override.name or rule.name, first, MAX_NAME),
        description=fill_template(override.description or rule.description, first, MAX_DESCRIPTION),
        severity=_choose_severity(rule, first),
        start=moments[0] if moments else window.start,
        end=moments[-1] if moments else window.end,
        generated=now,
        tactics=_list_tactics(rule, first),
        techniques=rule.techniques,
        entities=_merge_row_entities(rule, rows),
        events=part.events,
        custom_details={name: _list_distinct_values(rows, column) for name, column in rule.custom_details},
        remediation=rule.remediation,
        query=rule.query,
        properties={name: first.get_text(column) for name, column in override.properties},
        held_by=hold.by if hold else "",
        held_as=hold.words if hold else "",
        learned=_find_learned_keys(rule, rows) if hold and hold.learn else (),
        group=name.group,
        traits=name.traits,
    )


def _find_learned_keys(rule: AnalyticRule, rows: Sequence[RuleResultRow]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(build_suppression_key(to_suppression_subject(rule, row)) for row in rows))


def _merge_row_entities(rule: AnalyticRule, rows: Sequence[RuleResultRow]) -> tuple[Entity, ...]:
    return merge_entities(extract_entities(row, rule.mappings) for row in rows)


def _compute_id(rule: str, window: RuleWindow, group: str) -> str:
    """A GUID over the rule, the end of its window and the group."""
    text = json.dumps([rule, window.end.isoformat(), group], ensure_ascii=False).encode()
    digest = hashlib.blake2b(text, digest_size=16).hexdigest()
    return "-".join((digest[:8], digest[8:12], digest[12:16], digest[16:20], digest[20:]))


def _choose_severity(rule: AnalyticRule, row: RuleResultRow) -> Severity:
    """Return what the row says where the rule asks it, and says one of the four words; else the rule's."""
    text = row.get_text(rule.override.severity).lower() if rule.override.severity else ""
    return next((one for one in Severity if one.value.lower() == text), rule.severity)


def _list_tactics(rule: AnalyticRule, row: RuleResultRow) -> tuple[str, ...]:
    text = row.get_text(rule.override.tactics) if rule.override.tactics else ""
    given: Any = text.split(",")
    if text.startswith("["):
        given = json.loads(text)
    known = [TACTICS.get("".join(str(one).split()).lower()) for one in given]
    return tuple(one for one in known if one) or rule.tactics


def _list_distinct_values(rows: Sequence[RuleResultRow], column: str) -> list[str]:
    return list(dict.fromkeys(text for row in rows if (text := row.get_text(column))))[:KEPT_VALUES]
