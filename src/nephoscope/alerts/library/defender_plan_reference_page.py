"""The reference page of the plans of Defender for Cloud, made from content/plans (docs/reference/defender-plans.md)."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from nephoscope.alerts.library.defender_plans import Counterpart, DefenderPlan, load_plans
from nephoscope.alerts.rules.rule import AnalyticRule
from nephoscope.alerts.rules.rule_files import load_shipped_rules

HEAD = """# Plans of Defender for Cloud

Generated from `src/nephoscope/content/plans` by `make docs`. For each alert type that Microsoft publishes, by plan: the own
detections that find what it stands for and the logs they read, or why none can. An own detection is no copy of Microsoft's:
it judges the same thing by the logs that a company has, mostly against two weeks of its own history. Alert types of Windows
and Linux machines are not listed: they come from the agent of Defender for Endpoint. Where a detection finds a part, both
stand there.

Several detections read a watchlist where the workspace has one, by its column `SearchKey`; where it has none, nothing is left out:

| watchlist | what it holds | what it does |
|---|---|---|
| `KnownEgress` | addresses or ranges of the company's own ways out and partners | no new place, no exfiltration |
| `KnownScanners` | addresses of scanners and testers | no scan, no attack tool |
| `KnownResolvers` | addresses of name servers that may ask outside | no way around the resolver |
| `KnownServices` | domains or hosts that machines call at regular times | no beacon, no tunnel |
| `AnonymityNetworks` | addresses of Tor and proxies | judged like threat intelligence |
"""


def render_page() -> str:
    """The page: what there is in numbers, then a table for each plan."""
    rules = {Path(rule.place.file).stem: rule for rule in load_shipped_rules().rules}
    known = [_complete_plan(plan, rules, load_plans()) for plan in load_plans()]
    lines = [
        HEAD,
        "| plan | alert types | with a detection | not possible | own detections |",
        "|---|---|---|---|---|",
    ]
    lines += [_format_counts(plan) for plan in known]
    for plan in known:
        lines += ["", f"## {plan.title}", "", f"Source of the alert types: <{plan.source}>.", ""]
        lines += ["| alert type | own detection | log |", "|---|---|---|"]
        lines += [_format_line(one, rules) for one in plan.alerts]
        lines += [_format_row("beyond Microsoft's", [rules[name]]) for name in plan.beyond]
    return "\n".join(lines) + "\n"


def _complete_plan(
    plan: DefenderPlan, rules: dict[str, AnalyticRule], known: tuple[DefenderPlan, ...]
) -> DefenderPlan:
    """The plan with the detections of its tables that no plan names: a new file needs no second list."""
    named: frozenset[str] = frozenset().union(*(one.list_detections() for one in known))
    ours = {name for name, rule in rules.items() if Path(rule.place.file).parent.name in plan.tables}
    return replace(plan, beyond=tuple(sorted({*plan.beyond, *(ours - named)})))


def _format_counts(plan: DefenderPlan) -> str:
    types = sum(len(one.types) for one in plan.alerts)
    found = sum(len(one.types) for one in plan.alerts if one.detections)
    return f"| {plan.title} | {types} | {found} | {types - found} | {len(plan.list_detections())} |"


def _format_line(one: Counterpart, rules: dict[str, AnalyticRule]) -> str:
    types = "<br>".join(f"`{name}`" for name in one.types)
    if not one.detections:
        return f"| {types} | not possible because {one.reason} | - |"
    return _format_row(types, [rules[name] for name in one.detections], one.reason)


def _format_row(types: str, found: list[AnalyticRule], reason: str = "") -> str:
    names = "<br>".join(rule.name for rule in found)
    part = f"<br>in part: {reason}" if reason else ""
    logs = ", ".join(dict.fromkeys(table for rule in found for table in rule.tables))
    return f"| {types} | {names}{part} | {logs} |"
