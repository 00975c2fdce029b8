"""Everyday records raise nothing above Informational, drawn attacks do: over all shipped rules, not one rule's own cases."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

import msgspec
import pytest
import yaml
from detection_engine import NOW, DetectionEngine
from host_attacks import moved_to_now
from labelled_events import shares

from nephoscope.alerts.documents.duration import parse_duration
from nephoscope.alerts.rule_tests.rule_test_rows import Row, expand_rows
from nephoscope.alerts.rules.rule import AnalyticRule
from nephoscope.model.alert import Alert
from nephoscope_policy.model.state import Severity

pytestmark = pytest.mark.full

CASES = Path(__file__).parents[1] / "cases" / "detections"
Raised = Sequence[tuple[AnalyticRule, Alert]]


class RecordedCase(msgspec.Struct, forbid_unknown_fields=True, frozen=True):
    """What was recorded: `log` is text as a program writes it, `tables` are rows.

    `techniques` are those of an attack, `missed` is why it is not found.
    """

    note: str
    techniques: tuple[str, ...] = ()
    missed: str = ""
    log: str = ""
    tables: dict[str, list[Row]] = {}


def read_recorded(name: str) -> list[RecordedCase]:
    document = yaml.safe_load((CASES / name).read_text())
    return msgspec.convert(document["cases"], list[RecordedCase])


def build_tables(engine: DetectionEngine, case: RecordedCase) -> dict[str, list[Row]]:
    """Return the rows of a case; a text becomes rows by the real formats."""
    read = engine.rows_of(case.log.encode(), case.note) if case.log else {}
    tables = {name: list(rows) for name, rows in moved_to_now(read).items()}
    for name, items in case.tables.items():
        rows = expand_rows(items, None).rows
        assert not {column for row in rows for column in row} - engine.tables[name].types.keys()
        tables.setdefault(name, []).extend(dict(_resolve_times(row)) for row in rows)
    return tables


def _resolve_times(row: Row) -> Iterator[tuple[str, object]]:
    for name, value in row.items():
        ago = name == "TimeGenerated" and isinstance(value, str) and value.startswith("-")
        yield name, NOW - parse_duration(str(value)[1:]) if ago else value


def raise_all(cases: Sequence[RecordedCase]) -> dict[str, Raised]:
    """Return what all rules raise for each case, by its note."""
    engine = DetectionEngine()
    raised = engine.alerts_together([build_tables(engine, case) for case in cases])
    return {
        case.note: [(rule, alert) for rule, alerts in found.values() for alert in alerts]
        for case, found in zip(cases, raised, strict=True)
    }


def describe(raised: Raised) -> list[str]:
    return [f"{alert.severity.value} {Path(rule.place.file).stem}: {alert.name}" for rule, alert in raised]


EVERYDAY = [*read_recorded("everyday.yaml"), *read_recorded("drawn_everyday.yaml")]


@pytest.fixture(scope="module")
def everyday() -> Mapping[str, Raised]:
    return raise_all(EVERYDAY)


@pytest.mark.parametrize("case", EVERYDAY, ids=lambda case: case.note)
def test_an_everyday_record_raises_nothing(case: RecordedCase, everyday: Mapping[str, Raised]) -> None:
    grave = [one for one in everyday[case.note] if one[1].severity is not Severity.INFORMATIONAL]
    assert describe(grave) == []


FAMILIES = [*read_recorded("families.yaml"), *read_recorded("drawn_techniques.yaml")]


@pytest.fixture(scope="module")
def families() -> Mapping[str, Raised]:
    return raise_all(FAMILIES)


@pytest.mark.parametrize("case", FAMILIES, ids=lambda case: case.note)
def test_a_drawn_attack_is_found_by_its_technique(case: RecordedCase, families: Mapping[str, Raised]) -> None:
    grave = [one for one in families[case.note] if one[1].severity is not Severity.INFORMATIONAL]
    found = [one for one in grave if shares(one[0].techniques, case.techniques)]
    assert bool(found) is not bool(case.missed), describe(families[case.note])
