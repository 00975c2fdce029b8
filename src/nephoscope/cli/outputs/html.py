"""HTML: one self-contained file that a manager can read; no script, nothing fetched."""

from __future__ import annotations

import base64
import hashlib
from collections import Counter
from functools import partial
from importlib.resources import files
from itertools import islice
from typing import TYPE_CHECKING, TextIO

from jinja2 import Environment, StrictUndefined
from markupsafe import Markup

from nephoscope.cli.outputs.table import NO_CONTROL, explain_weighting, format_score
from nephoscope.cli.terminal.sanitize_output import format_count
from nephoscope.posture.reports.report import choose_listed_groups, list_failing_recommendations
from nephoscope.posture.reports.resource_label import label_resource
from nephoscope.posture.reports.row_selection import RowSelection
from nephoscope_policy.model.state import ComplianceState, Severity

if TYPE_CHECKING:
    from nephoscope.posture.reports.report_interface import ReportView

#: Resources listed under a recommendation; the JSON output has all.
MAX_RESOURCES = 25
READS = RowSelection(
    frozenset({ComplianceState.NON_COMPLIANT}), frozenset({ComplianceState.NON_COMPLIANT}), MAX_RESOURCES
)


def render(report: ReportView, out: TextIO) -> None:
    """Write the page; its policy allows the one style sheet inside it by hash, and nothing else."""
    folder = files("nephoscope.cli.outputs") / "templates"
    style = (folder / "report.css").read_text(encoding="utf-8")
    # Autoescape covers everything that comes from an estate; only our own style sheet is marked safe.
    environment = Environment(autoescape=True, undefined=StrictUndefined, trim_blocks=True)
    template = environment.from_string((folder / "report.html.jinja").read_text(encoding="utf-8"))
    digest = base64.b64encode(hashlib.sha256(style.encode()).digest()).decode()
    out.write(template.render(style=Markup(style), style_hash=digest, **_build_template_values(report)))  # noqa: S704 - our own file
    out.write("\n")


def _build_template_values(report: ReportView) -> dict[str, object]:
    severities: Counter[Severity] = Counter()
    for group, count in report.group_sizes.items():
        if group.state is ComplianceState.NON_COMPLIANT:
            severities[report.metadata(group.key).severity] += count
    shown = [one for one in reversed(Severity) if severities[one] or one is Severity.HIGH]
    return {
        "report": report,
        "label": partial(label_resource, report),
        "title": "the sample estate" if report.scope == "sample:" else report.scope,
        "score": report.score,
        "percent": format_score(report.score),
        "weighting": explain_weighting(report.score),
        "resources": format_count(report.resources, "resource"),
        "subscriptions": format_count(report.subscriptions, "subscription"),
        "severities": [(severity, severities[severity]) for severity in shown],
        "unknown": report.states[ComplianceState.UNKNOWN] + report.states[ComplianceState.ERROR],
        "no_control": NO_CONTROL,
        "controls": sorted(report.score.assessed_controls, key=lambda item: -item.potential),
        "ranking": list_failing_recommendations(report),
        "listed": choose_listed_groups(report),
        "shown": sum(report.groups.values()),
        "findings": {
            group.key: list(islice(report.list_rows_of_group(group), MAX_RESOURCES))
            for group in report.groups
            if group.state is ComplianceState.NON_COMPLIANT
        },
        "counts": {
            group.key: count
            for group, count in report.groups.items()
            if group.state is ComplianceState.NON_COMPLIANT
        },
        "limit": MAX_RESOURCES,
        "causes": [
            (state, cause, count)
            for (state, cause), count in report.causes.most_common()
            if state in (ComplianceState.UNKNOWN, ComplianceState.ERROR)
        ],
        "trend": _build_trend_line(report),
    }


def _build_trend_line(report: ReportView) -> dict[str, str] | None:
    """The points of a 200 x 48 line over time, None before the second evaluation."""
    points = list(report.trend)
    if len(points) < 2:
        return None
    begin, end = points[0].when.timestamp(), points[-1].when.timestamp()
    span = (end - begin) or 1.0
    line = [
        f"{(point.when.timestamp() - begin) / span * 200:.1f},{46 - point.percentage * 44:.1f}"
        for point in points
    ]
    text = f"{points[0].percentage:.1%} on {points[0].when:%Y-%m-%d}, {points[-1].percentage:.1%} on {points[-1].when:%Y-%m-%d}"
    return {"points": " ".join(line), "text": text}
