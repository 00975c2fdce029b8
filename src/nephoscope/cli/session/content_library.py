"""Content library commands: import, list and enable detection content."""

from __future__ import annotations

import sys
from collections import Counter
from collections.abc import Iterable
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from nephoscope.cli.session.lake_access import flush_pending_rows, open_lake
from nephoscope.cli.session.list_output import show_list
from nephoscope.cli.session.service_context import build_context
from nephoscope.cli.session.state_access import find_workspace, has_state
from nephoscope.cli.terminal.messages import exit_with_usage_error
from nephoscope.cli.terminal.sanitize_output import escape_controls, format_count
from nephoscope.files.json_tree import get_tree
from nephoscope.service.local_user import LocalUser

if TYPE_CHECKING:
    from nephoscope.alerts.library.content_discovery import CheckoutContent
    from nephoscope.alerts.library.content_import import PackImport
    from nephoscope.alerts.library.content_packs import RulePack
    from nephoscope.posture.policies.policy_packs import ImportedContent

NOT_TAKEN = 3
MOST_SHOWN, MOST_NEEDED = 10, 6
COLUMNS = ("kind", "name", "version", "status", "file")
LIST = ("on", "kind", "severity", "name", "pack", "status", "id")


def read_content(path: Path, sigma: str) -> CheckoutContent:
    """Return what a folder or file holds of detection content."""
    from nephoscope.alerts.library.content_discovery import read
    from nephoscope.cli.session.session import show_progress_line

    with show_progress_line() as progress:
        return read(path, sigma, progress)


def import_rules(
    data: Path,
    path: Path,
    name: str,
    reading: CheckoutContent,
    *,
    verbose: bool,
    enable: bool,
    workspace: str,
    output: str,
) -> None:
    """Keep what was read as a pack and tell how each rule stands; ends with 3 where something was not taken."""
    from nephoscope.alerts.library import content_listing
    from nephoscope.alerts.library.content_import import PackImporter
    from nephoscope.alerts.library.content_packs import PackError
    from nephoscope.cli.session.session import show_progress_line
    from nephoscope.service.content import import_pack

    if reading.empty:
        exit_with_usage_error(f"{path}: no rule, hunting query, parser or watchlist found")
    now = datetime.now(UTC)
    with open_lake(data) as (lake, state), show_progress_line() as progress:
        flush_pending_rows(data, lake, state)
        place = find_workspace(state, workspace).name
        take = partial(
            PackImporter(lake, state, place, LocalUser.current().author, progress).store_pack,
            reading,
            name,
            path,
            now,
        )
        try:
            found = import_pack(
                build_context(data, state), place, name, take, origin=str(path.resolve()), enable=enable
            )
        except PackError as error:
            exit_with_usage_error(str(error))
        rows = list(content_listing.list_rows(found.pack, content_listing.WorkspaceTables.of(lake, place)))
        on = state.rule_switches.load_switches(place).packs.get(found.pack.name, False)
    if output == "table":
        _print_summary(found, rows, verbose=verbose, on=on)
    else:
        show_list(rows, COLUMNS, output)
    if any(row["standing"] in ("refused", "unsupported") for row in rows):
        sys.exit(NOT_TAKEN)


def _print_summary(found: PackImport, rows: list[dict[str, Any]], *, verbose: bool, on: bool) -> None:
    from nephoscope.alerts.library.content_listing import UNKNOWN, WAITS

    pack = found.pack
    kinds = Counter(one.kind for one in pack.pieces)
    several = [
        format_count(kinds["rule"], "rule"),
        format_count(kinds["hunting"], "hunting query", "hunting queries"),
        format_count(kinds["function"], "function"),
        format_count(kinds["watchlist"], "watchlist"),
    ]
    click.echo(f"{pack.name}: {', '.join(several)} taken from {format_count(found.files, 'file')}")
    parts = [f"{len(names):,} {word}" for word, names in found.changes.items() if names]
    click.echo(f"  {', '.join(parts) or 'unchanged'}")
    standings = Counter(row["standing"] for row in rows if row["kind"] in ("rule", "hunting", ""))
    for word in ("runs", WAITS, UNKNOWN, "unsupported", "refused"):
        if not standings[word]:
            continue
        needed = Counter(name for row in rows if row["standing"] == word for name in row["needs"])
        most = ", ".join(f"{name} {count}" for name, count in needed.most_common(MOST_NEEDED))
        click.echo(f"  {standings[word]:>6,}  {word}" + (f", most often {most}" if most else ""))
    for why, count in sorted(found.passed.items()):
        click.echo(f"  {count:>6,}  skipped: {why}")
    shown = [row for row in rows if verbose or row["standing"] in ("refused", "unsupported")]
    for row in shown if verbose else shown[:MOST_SHOWN]:
        notes = f" ({'; '.join(row['notes'])})" if row["notes"] else ""
        row_text = ": ".join(one for one in (row["file"].rstrip(": "), row["name"], row["status"]) if one)
        click.echo(escape_controls(f"  {row_text}{notes}"))
    if not verbose and len(shown) > MOST_SHOWN:
        click.echo(f"  ... and {len(shown) - MOST_SHOWN:,} more: --verbose lists all")
    if verbose:
        for word, names in found.changes.items():
            for name in names:
                click.echo(escape_controls(f"  {word}: {name}"))
    if kinds["rule"]:
        click.echo(
            "its rules are enabled"
            if on
            else (
                f"its rules are disabled: enable them with `nephoscope content enable {pack.name}`, or "
                "one rule by its name"
            )
        )


def show_packs(data: Path, policies: Iterable[ImportedContent], output: str) -> None:
    """Print the packs of policies, alias tables and rules."""
    rows = [{"name": one.name, "holds": "policies", "size": one.size, "from": one.source} for one in policies]
    rows += [
        {"name": one.name, "holds": "rules", "size": len(one.pieces), "from": one.origin}
        for one in load_rule_packs(data)
    ]
    if output != "table":
        show_list(rows, ("name", "holds", "size", "from"), output)
        return
    for row in rows:
        click.echo(escape_controls(f"{row['name']}  {row['size']:,}  {row['from']}"))


def load_rule_packs(data: Path) -> list[RulePack]:
    """The imported packs of rules; the command ends where one is spoilt."""
    from nephoscope.alerts.library.content_listing import load_packs
    from nephoscope.alerts.library.content_packs import PackError

    try:
        return load_packs(data)
    except PackError as error:
        exit_with_usage_error(str(error))


def list_rules(data: Path, text: str, workspace: str, output: str) -> None:
    """Print the rules and hunting queries whose name, id or pack contains a text."""
    from nephoscope.alerts.library.content_listing import WorkspaceTables, list_content_rules
    from nephoscope.state.rules.rule_switches import SwitchState

    held, switched = WorkspaceTables(), SwitchState({}, {})
    if has_state(data):
        with open_lake(data) as (lake, state):
            place = find_workspace(state, workspace).name
            held = WorkspaceTables.of(lake, place)
            switched = state.rule_switches.load_switches(place)
    wanted = text.casefold()
    found = [
        {
            "on": one.on, "kind": one.kind, "severity": one.severity, "name": one.name, "pack": one.pack,
            "status": one.status.partition(": ")[0] if output == "table" else one.status, "id": one.id,
            "version": one.version, "tactics": list(one.tactics), "techniques": list(one.techniques),
        }
        for one in list_content_rules(load_rule_packs(data), switched, held)
        if any(wanted in word.casefold() for word in (one.name, one.id, one.pack))
    ]  # fmt: skip
    found.sort(key=lambda row: (row["pack"], row["name"]))
    show_list(found, LIST, output, f"no rule name contains {text!r}")


def find_rule_document(data: Path, name: str) -> dict[str, object] | None:
    """The document of a rule or hunting query by its id or name, None where there is none."""
    from nephoscope.alerts.rules.renamed_rules import choose_rules
    from nephoscope.alerts.rules.rule_files import load_shipped_rules, read_document

    wanted = name.casefold()
    for pack in load_rule_packs(data):
        for one in pack.list_query_pieces():
            if wanted in (one.id, one.name.casefold()):
                return {**one.document, "pack": pack.name, "file": one.source}
    for rule in choose_rules(load_shipped_rules().rules, name):
        return get_tree(read_document(Path(rule.place.file)))
    return None
