"""Content coverage of ATT&CK and status of imported rules, for a command."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

import click

from nephoscope.cli.session.content_library import MOST_SHOWN, load_rule_packs
from nephoscope.cli.session.lake_access import open_lake
from nephoscope.cli.session.list_output import show_list
from nephoscope.cli.session.state_access import find_workspace, has_state, open_state
from nephoscope.cli.terminal.messages import print_message
from nephoscope.cli.terminal.sanitize_output import escape_controls, format_count

if TYPE_CHECKING:
    from nephoscope.alerts.library.attack_coverage import CoverageRule, TechniqueCoverage
    from nephoscope.state.rules.rule_switches import SwitchState


def print_coverage(data: Path, workspace: str, output: str, *, every: bool) -> None:
    """Print which techniques what is run speaks of; of `every` rule, those that are off too."""
    from nephoscope.alerts.library.attack_coverage import build_technique_cells

    found = build_technique_cells(
        one for one in _list_sources(data, _load_switched_content(data, workspace)) if every or one.on
    )
    _FORMS[output](found)


def _load_switched_content(data: Path, workspace: str) -> SwitchState:
    from nephoscope.state.rules.rule_switches import SwitchState

    if not has_state(data):
        return SwitchState({}, {})
    with open_state(data) as state:
        return state.rule_switches.load_switches(find_workspace(state, workspace).name)


def _list_sources(data: Path, switched: SwitchState) -> Iterator[CoverageRule]:
    from nephoscope.alerts.library.content_listing import list_coverage_sources

    return list_coverage_sources(load_rule_packs(data), switched)


def _print_coverage_table(found: list[TechniqueCoverage]) -> None:
    from nephoscope.alerts.library.attack_coverage import count_by_tactic

    show_list(count_by_tactic(found), ("tactic", "techniques", "detections", "hunting"), "table")


def _print_json(found: list[TechniqueCoverage]) -> None:
    from nephoscope.alerts.library.attack_coverage import count_by_tactic

    rows = [
        {
            "tactic": one.tactic,
            "technique": one.technique,
            "detections": one.detections,
            "hunting": one.hunting,
        }
        for one in found
    ]
    click.echo(
        json.dumps({"tactics": count_by_tactic(found), "techniques": rows}, indent=2, ensure_ascii=False)
    )


def _print_markdown(found: list[TechniqueCoverage]) -> None:
    from nephoscope.alerts.library.attack_coverage import render_markdown

    click.echo(escape_controls("\n".join(["# ATT&CK coverage", "", *render_markdown(found)])))


def _print_navigator(found: list[TechniqueCoverage]) -> None:
    from nephoscope.alerts.library.attack_coverage import build_navigator_layer

    click.echo(json.dumps(build_navigator_layer(found, "nephoscope"), indent=2, ensure_ascii=False))


_FORMS: dict[str, Callable[[list[TechniqueCoverage]], None]] = {
    "table": _print_coverage_table, "json": _print_json, "markdown": _print_markdown, "navigator": _print_navigator,
}  # fmt: skip


def test_imported_content(data: Path, *, verbose: bool) -> None:
    """Judge every imported rule and query anew and tell how each stands."""
    from nephoscope.alerts.library.content_import import PackImporter
    from nephoscope.alerts.library.content_listing import WorkspaceTables, list_rows

    packs = load_rule_packs(data)
    if not packs:
        return
    now = datetime.now(UTC)
    with open_lake(data) as (lake, state):
        for pack in packs:
            place = find_workspace(state, pack.workspace).name
            judged = PackImporter(lake, state, place).reimport(pack, now)
            held = WorkspaceTables.of(lake, place)
            found = [row for row in list_rows(judged, held) if row["standing"] != "saved"]
            counts = Counter(row["standing"] for row in found)
            parts = ", ".join(f"{count:,} {word}" for word, count in counts.most_common())
            click.echo(
                f"{pack.name}: {format_count(len(found), 'imported rule or query', 'imported rules and queries')}: {parts}"
            )
            shown = (
                found if verbose else [row for row in found if row["standing"] in ("refused", "unsupported")]
            )
            for row in shown if verbose else shown[:MOST_SHOWN]:
                click.echo(escape_controls(f"  {row['name'] or row['file']}: {row['status']}"))
            if len(shown) > MOST_SHOWN and not verbose:
                print_message(f"{len(shown) - MOST_SHOWN:,} more of {pack.name}: --verbose lists all")
