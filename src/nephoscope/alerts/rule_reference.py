"""The reference page of the own detections, made from the shipped rules (docs/reference/detections.md)."""

from __future__ import annotations

from collections import Counter
from itertools import groupby
from pathlib import Path

from nephoscope.alerts.duration import written
from nephoscope.alerts.rule import Rule
from nephoscope.alerts.rules import shipped
from nephoscope.alerts.storyline import ordered

HEAD = """# Detections

Generated from the shipped rules by `make docs`. A detection is an analytic rule in Sentinel's format,
`src/nephoscope/content/detections/<Table>/<name>.yaml`, and `<name>.test.yaml` beside it has the rows that prove it;
`nephoscope content test DIR` runs those of any folder.

## How a test file looks

`cases:`, a list; each case has a `note`, `tables` (table -> rows), `alerts` (how many the rule must raise), and, where they
matter, the `entities` of its alerts and their `severity`. `now` is when the window ends. In a column of datetimes `-10m` is
that long before it. A rule needs a case that raises an alert and one that raises none.
"""


def page() -> str:
    """The page: what there is in numbers, and a table of rules for each table of logs."""
    rules = sorted(shipped().rules, key=lambda one: (_folder(one), one.name))
    lines = [HEAD, "## What there is", "", *_numbers(rules), ""]
    for name, several in groupby(rules, key=_folder):
        lines += [
            f"## {name}",
            "",
            "| detection | severity | tactics | techniques | every | over |",
            "|---|---|---|---|---|---|",
        ]
        lines += [_line(rule) for rule in several]
        lines.append("")
    return "\n".join(lines).rstrip() + "\n"


def _folder(rule: Rule) -> str:
    return Path(rule.place.file).parent.name


def _line(rule: Rule) -> str:
    cells = [rule.name, rule.severity.value, ", ".join(rule.tactics), ", ".join(rule.techniques)]
    return f"| {' | '.join([*cells, written(rule.frequency), written(rule.period)])} |"


def _numbers(rules: list[Rule]) -> list[str]:
    tactics = Counter(tactic for rule in rules for tactic in rule.tactics)
    techniques = {technique for rule in rules for technique in rule.techniques}
    lines = ["| tactic | detections |", "|---|---|"]
    lines += [f"| {tactic} | {tactics[tactic]} |" for tactic in ordered(list(tactics))]
    return [f"{len(rules)} detections of {len(techniques)} techniques of MITRE ATT&CK.", "", *lines]
