"""Alert timeline: how many alerts of each severity there were in each part of the time range."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from nephoscope.state.incidents.alert_filter import AlertFilter
from nephoscope.web.page_data.visible_alerts import list_visible_alerts_everywhere
from nephoscope.web.rendering.formatting import count_text, spell_duration
from nephoscope.web.rendering.stacked_columns import draw_columns, stack_columns
from nephoscope.web.visits.request_context import SPANS
from nephoscope_policy.model.state import SEVERITIES_OF_INCIDENTS

if TYPE_CHECKING:
    from collections.abc import Mapping

    from nephoscope.web.visits.request_context import Visit

#: Times that stand below the columns.
LABELS = 7
#: Time range -> how long a column of it lasts.
STEPS = {
    "1h": timedelta(minutes=5),
    "24h": timedelta(hours=1),
    "7d": timedelta(hours=6),
    "30d": timedelta(days=1),
    "90d": timedelta(days=3),
}


@dataclass(frozen=True, slots=True)
class AlertTimeline:
    """The columns: where each begins, and its counts by severity, the gravest first."""

    step: timedelta
    starts: tuple[datetime, ...]
    severities: tuple[str, ...]
    counts: tuple[tuple[int, ...], ...]

    @property
    def total(self) -> int:
        """The alerts of all columns."""
        return sum(map(sum, self.counts))


def count_alerts(visit: Visit) -> AlertTimeline | None:
    """Count the alerts that the visitor may see; None where that is none of any workspace."""
    visible = list_visible_alerts_everywhere(visit)
    if not visible:
        return None
    step = STEPS[visit.span]
    count = round(SPANS[visit.span][1] / step)
    starts = tuple(visit.since + step * at for at in range(count))
    looked = AlertFilter(since=visit.since)
    found = Counter[tuple[int, str]]()
    for one in visible:
        found += one.count_by_time(looked, [start + step for start in starts])
    names = tuple(one.value for one in SEVERITIES_OF_INCIDENTS)
    return AlertTimeline(
        step, starts, names, tuple(tuple(found[at, name] for name in names) for at in range(count))
    )


def draw_alerts(timeline: AlertTimeline) -> Mapping[str, object]:
    """The drawing of a timeline, with the times that stand below it."""
    every = max(1, len(timeline.starts) // LABELS)
    columns = stack_columns([f"chart-part--{one.lower()}" for one in timeline.severities], timeline.counts)
    found = Counter(
        {name: sum(one[at] for one in timeline.counts) for at, name in enumerate(timeline.severities)}
    )
    said = ", ".join(f"{found[name]:,} {name.lower()}" for name in timeline.severities if found[name])
    return {
        "svg": draw_columns(columns, f"{count_text(timeline.total, 'alert')} over time: {said}"),
        "high": columns.high,
        "middle": columns.middle,
        "labels": [name_time(one, timeline.step) for one in timeline.starts[::every]],
        "kinds": [(name, found[name]) for name in timeline.severities if found[name]],
        "step": spell_duration(timeline.step),
    }


def name_time(when: datetime, step: timedelta) -> str:
    """Name the time of a column as short as the length of the columns allows."""
    return f"{when:%b} {when.day}" if step >= timedelta(hours=6) else f"{when:%H:%M}"
