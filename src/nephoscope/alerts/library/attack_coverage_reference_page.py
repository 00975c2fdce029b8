"""The reference page of what the shipped content covers of ATT&CK (docs/reference/attack-coverage.md)."""

from __future__ import annotations

from nephoscope.alerts.library import hunting
from nephoscope.alerts.library.attack_coverage import CoverageRule, build_technique_cells, render_markdown
from nephoscope.alerts.rules.rule_files import load_shipped_rules

HEAD = """# ATT&CK coverage

Generated from the shipped content by `make docs`: which techniques the [detections](detections.md) and hunting queries
that come along speak of, as they say themselves; a technique stands under those of a rule's tactics that ATT&CK has it under.
`nephoscope content coverage` prints the same with what was imported; `-o navigator` makes a layer for the ATT&CK Navigator.
"""


def render_page() -> str:
    """The page."""
    sources = [
        CoverageRule(one) for one in (*load_shipped_rules().rules, *hunting.load_shipped_queries().rules)
    ]
    return "\n".join([HEAD, *render_markdown(build_technique_cells(sources))]) + "\n"
