"""Updates should wait some days."""

from __future__ import annotations

from collections.abc import Iterator

from nephoscope.collect.templates.yaml_tree import YamlNode
from nephoscope.posture.code.code_rule import CodeRule
from nephoscope.posture.code.rule_match import CodeMatch
from nephoscope_policy.model.state import Severity

RULE = CodeRule(
    id="dependabot-cooldown",
    title="Updates should wait some days",
    severity=Severity.MEDIUM,
    description=(
        "A package that was taken over is mostly found within days: an update that waits does not bring it."
    ),
    steps=("Add cooldown: with default-days: 7.",),
    equivalents=("zizmor:dependabot-cooldown",),
)


def check(root: YamlNode) -> Iterator[CodeMatch]:
    """Give each ecosystem whose updates do not wait."""
    updates = root.get("updates")
    for entry in updates.items if updates is not None else []:
        cooldown = entry.get("cooldown")
        days = cooldown.get("default-days") if cooldown is not None else None
        if cooldown is None:
            yield CodeMatch(entry.span, "updates do not wait: a package that was taken over comes at once")
        elif days is None or (days.text.isdigit() and int(days.text) < 7):
            place = days or cooldown
            yield CodeMatch(place.span, "updates wait less than 7 days")
