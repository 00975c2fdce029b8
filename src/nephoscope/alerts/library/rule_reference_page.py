"""The reference page of the own detections, made from the shipped rules (docs/reference/detections.md)."""

from __future__ import annotations

from collections import Counter
from itertools import groupby
from pathlib import Path

from nephoscope.alerts.documents.duration import format_duration
from nephoscope.alerts.rules.rule import AnalyticRule
from nephoscope.alerts.rules.rule_files import load_shipped_rules
from nephoscope.alerts.rules.tactics import order_tactics

HEAD = """# Detections

Generated from the shipped rules by `make docs`. A detection is an analytic rule in Sentinel's format,
`src/nephoscope/content/detections/<Table>/<name>.yaml`, and `<name>.test.yaml` beside it has the rows that prove it;
`nephoscope content test DIR` runs those of any folder.

## How a test file looks

```yaml
base:                                   # what the rows of all cases have in common, a row a table
  Syslog: {Computer: web-1, ProcessName: sshd}
cases:
- note: a success after sixteen failures
  tables:
    Syslog:
    - {repeat: 16, TimeGenerated: '-{10+n}m', SyslogMessage: 'Failed password for admin from 203.0.113.9 port {40010+n} ssh2'}
    - {TimeGenerated: -5m, SyslogMessage: Accepted password for admin from 203.0.113.9 port 50999 ssh2}
  alerts: 1
  entities: [Account admin, Host web-1, IP 203.0.113.9]
- note: the same at a machine of a test
  base: {Syslog: {Computer: lab-1}}     # what all rows of this case have instead
  tables: {Syslog: [{repeat: 16, TimeGenerated: '-{10+n}m'}]}
  alerts: 0
```

`cases` is a list. Each case has a `note`, `tables` (table -> rows), `alerts` (how many the rule must raise), and, where they
matter, the `entities` of its alerts, their `severity` and `watchlists` (alias -> search keys). `now` is when the window ends.
In a column of datetimes `-10m` is that long before it. A rule needs a case that raises an alert and one that raises none.

| in a row | means |
|---|---|
| `Column: value` | adds or replaces a column of the base row; of a bag only what is given (JSON merge patch, RFC 7396) |
| `Column: null` | the row lacks this column of the base row |
| `repeat: 20` | twenty rows; in texts `{n}` counts from 0 |
| `{5+n}`, `{100-2*n}`, `{1+n:02}` | counts from 5, down from 100 by twos, with leading zeros; a text that is one counter is a number |
| `each: {Column: [a, b, c]}` | a row for each value; lists of several columns are equally long |
| `rows: [...]` beside `repeat` or `each` | these rows in turn, again and again; columns beside it are those of all of them |

`base` may be left out: a row is then what it says. An error names the file and the line.
"""


def render_page() -> str:
    """The page: what there is in numbers, and a table of rules for each table of logs."""
    rules = sorted(load_shipped_rules().rules, key=lambda one: (_get_folder_name(one), one.name))
    lines = [HEAD, "## What there is", "", *_format_counts(rules), ""]
    for name, several in groupby(rules, key=_get_folder_name):
        lines += [
            f"## {name}",
            "",
            "| detection | severity | tactics | techniques | every | over |",
            "|---|---|---|---|---|---|",
        ]
        lines += [_format_line(rule) for rule in several]
        lines.append("")
    return "\n".join(lines).rstrip() + "\n"


def _get_folder_name(rule: AnalyticRule) -> str:
    return Path(rule.place.file).parent.name


def _format_line(rule: AnalyticRule) -> str:
    cells = [rule.name, rule.severity.value, ", ".join(rule.tactics), ", ".join(rule.techniques)]
    return f"| {' | '.join([*cells, format_duration(rule.frequency), format_duration(rule.period)])} |"


def _format_counts(rules: list[AnalyticRule]) -> list[str]:
    tactics = Counter(tactic for rule in rules for tactic in rule.tactics)
    techniques = {technique for rule in rules for technique in rule.techniques}
    lines = ["| tactic | detections |", "|---|---|"]
    lines += [f"| {tactic} | {tactics[tactic]} |" for tactic in order_tactics(list(tactics))]
    return [f"{len(rules)} detections of {len(techniques)} techniques of MITRE ATT&CK.", "", *lines]
