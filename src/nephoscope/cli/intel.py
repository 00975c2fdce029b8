"""Import, list and remove threat intelligence, and monitor its feeds."""

from __future__ import annotations

import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from nephoscope.cli.session.filter_options import workspace_option
from nephoscope.cli.session.lake_access import flush_pending, open_lake
from nephoscope.cli.session.operation_commands import add_operations
from nephoscope.cli.session.secret_input import pair
from nephoscope.cli.session.service_context import build_context
from nephoscope.cli.session.state_access import find_workspace
from nephoscope.cli.terminal.messages import print_message
from nephoscope.operations.detection import threat_intelligence

if TYPE_CHECKING:
    from collections.abc import Iterator

    from nephoscope.ingest.threat_intelligence.indicator import IntelItem, RefusedItem, Retraction
    from nephoscope.ingest.threat_intelligence.indicator_files import IndicatorFileOptions
    from nephoscope.lake.lake import Lake
    from nephoscope.state import State

_BAD = 3
_SHOWN = 20
_WORKSPACE = workspace_option()


@click.group("intel")
def command() -> None:
    """Manage threat intelligence: malicious addresses, domains, URLs, file hashes and senders."""


@command.command("import")
@_WORKSPACE
@click.argument(
    "files", nargs=-1, required=True, type=click.Path(exists=True, dir_okay=False, path_type=Path)
)
@click.option(
    "--format", "form", type=click.Choice(["auto", "stix", "misp", "csv"]), default="auto", show_default=True,
    help="Format of the files: STIX 2.1, a MISP export, or a table.",
)  # fmt: skip
@click.option(
    "--source",
    default="",
    metavar="NAME",
    help="Name of the source (default: the file name without its extension).",
)
@click.option(
    "--map", "mapped", multiple=True, metavar="MEANING=COLUMN",
    help=("Mapping of table columns to value, id, confidence, valid_until and others (see the " "guide)."),
)  # fmt: skip
@click.option(
    "--delimiter", default="", metavar="CHARACTER", help="Delimiter of a table (default: detected)."
)
@click.option(
    "--encoding",
    default="",
    metavar="NAME",
    help="Encoding of a table (default: UTF-8, or its byte order mark).",
)
@click.option(
    "--confidence",
    type=click.IntRange(0, 100),
    help="Confidence of indicators that have none (default: unset).",
)
@click.option(
    "--days",
    type=click.IntRange(0, 3650),
    default=0,
    show_default=True,
    help="Lifetime in days of indicators without an end; 0 = unlimited.",
)
@click.pass_obj
def import_(data: Path, /, files: tuple[Path, ...], workspace: str, **options: Any) -> None:
    """Import threat intelligence from FILES. Importing the same data again changes nothing; a newer version
    from the same source replaces an object. Records that cannot be parsed are reported with their
    location, go to _Quarantine, and make the command exit 3.
    """
    from nephoscope.ingest.threat_intelligence.indicator_files import IndicatorFileOptions

    columns = dict(pair(one) for one in options["mapped"])
    worst = 0
    with open_lake(data) as (lake, state):
        name = find_workspace(state, workspace).name
        for path in files:
            reading = IndicatorFileOptions(
                options["form"], columns, options["delimiter"], options["encoding"], options["confidence"], options["days"],
                options["source"] or path.stem,
            )  # fmt: skip
            worst = max(worst, _import(data, lake, state, name, path, reading))
        flush_pending(data, lake, state)
        lake.flush()
    if worst:
        sys.exit(worst)


def _import(
    data: Path, lake: Lake, state: State, workspace: str, path: Path, reading: IndicatorFileOptions
) -> int:
    """Import one file; the exit code that it is worth."""
    from nephoscope.ingest.threat_intelligence.indicator_files import UnreadableError, items
    from nephoscope.service.threat_intelligence import import_objects

    now = datetime.now(UTC)
    refused: list[RefusedItem] = []
    try:
        given = _drop_refused(items(path, reading, now), refused)
        kept = import_objects(build_context(data, state), workspace, reading.source, given, origin=path.name)
        refused.extend(kept.refused)
        click.echo(f"{path}: {kept}" + (f", {len(refused):,} refused" if refused else ""))
    except UnreadableError as error:
        print_message(str(error))
        return _BAD
    finally:
        _quarantine(lake, workspace, path, refused)
    for one in refused[:_SHOWN]:
        print_message(f"{path}: {one.place}: {one.reason}")
    if len(refused) > _SHOWN:
        print_message(
            f"{path}: {len(refused) - _SHOWN:,} more; `nephoscope query '_Quarantine'` has them all"
        )
    return _BAD if refused else 0


def _drop_refused(
    found: Iterator[IntelItem | Retraction | RefusedItem], refused: list[RefusedItem]
) -> Iterator[IntelItem | Retraction]:
    from nephoscope.ingest.threat_intelligence.indicator import RefusedItem

    for one in found:
        if isinstance(one, RefusedItem):
            refused.append(one)
        else:
            yield one


def _quarantine(lake: Lake, workspace: str, path: Path, refused: list[RefusedItem]) -> None:
    """What was refused, as rows; the same file again adds none."""
    from hashlib import sha256

    from nephoscope.lake.writing.quarantine import QuarantineEntry
    from nephoscope.model.secret_redaction import redact_text

    bad = [
        QuarantineEntry(
            str(path),
            one.place,
            one.reason,
            redact_text(one.raw),
            "threat intelligence",
            "ThreatIntelIndicators",
        )
        for one in refused
    ]
    if bad:
        told = sha256("\n".join(f"{one.source} {one.place} {one.reason}" for one in bad).encode()).hexdigest()
        lake.writer().append(workspace, {}, bad=bad, producer=f"intel/{told}", sequence=0)


@command.command("refresh")
@_WORKSPACE
@click.pass_obj
def refresh(data: Path, /, workspace: str) -> None:
    """Update the threat intelligence tables: expire objects and refresh rows that are a week old. `detect`
    does this automatically.
    """
    from nephoscope.ingest.threat_intelligence.indicator_store import refresh as refreshed

    with open_lake(data) as (lake, state):
        count = refreshed(state, find_workspace(state, workspace).name, datetime.now(UTC))
        flush_pending(data, lake, state)
        click.echo(f"{count:,} objects written")


add_operations(command, threat_intelligence.OPERATIONS)
