"""The health of sources, and logs that are missing, as rows that a command prints."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from nephoscope.ingest.live.live_source import SETTINGS
from nephoscope.ingest.live.source_setup import summarize_errors, validate_settings
from nephoscope.state.ingestion.source_errors import KEPT, SourceErrorSummary

if TYPE_CHECKING:
    from nephoscope.lake.lake import Lake
    from nephoscope.state import State
    from nephoscope.state.ingestion.source_health import SourceHealth
    from nephoscope.state.ingestion.sources import Source


def build_health_rows(state: State) -> list[dict[str, object]]:
    """A row for each source and each of its tables, beside what is usual there."""
    from nephoscope.ingest.live.health.health_table import read_rows

    return [
        {
            "source": one.health.source, "table": one.health.table, "status": one.status,
            "lastEvent": one.health.last_event, "lastSeen": one.health.last_seen, "rows": one.health.rows,
            "lastHour": one.last_hour, "expected": one.expected,
            "delay": None if one.delay is None else round(one.delay, 1), "quarantine": f"{one.bad_share:.1%}", "untimed": one.untimed,
            "lag": one.health.lag, "detail": one.detail, "workspace": one.health.workspace,
            **build_error_summary(one.health),
        }
        for one in read_rows(state, datetime.now(UTC))
    ]  # fmt: skip


def build_error_summary(health: SourceHealth | None) -> dict[str, object]:
    """The last errors of the parts of a source, and how many there are in all, for a program."""
    standing = summarize_errors(health)
    errors = [
        {"key": one.key, "error": one.error, "since": one.since, "at": one.at} for one in standing.errors
    ]
    return {"errors": errors, "errorCount": standing.count}


def list_open_errors(state: State, source: Source) -> list[dict[str, object]]:
    """A row for each part of a source that fails, the last ones first; one more where not all of them are kept."""
    wrong = validate_settings(state, source)
    open_errors = state.source_errors.all(source.name, KEPT + 1).get(
        (source.name, source.workspace), SourceErrorSummary()
    )
    rows: list[dict[str, object]] = [
        {"part": one.key or "completely", "error": one.error, "since": one.since, "last": one.at}
        for one in open_errors.errors
        if one.key != SETTINGS
    ]
    now: dict[str, object] = {"part": SETTINGS, "error": wrong, "since": None, "last": None}
    return [now, *rows] if wrong else rows


def build_missing_rows(lake: Lake, state: State, data: Path, days: int) -> list[dict[str, object]]:
    """A row for each resource whose logs did not arrive for so many days; a usage error where no estate is stored."""
    from nephoscope.estate.estate_store import StoreError
    from nephoscope.ingest.live.health.health_table import find_resources_missing_logs

    try:
        found = find_resources_missing_logs(lake, state, data, datetime.now(UTC), days)
    except StoreError as error:
        raise click.UsageError(str(error)) from error
    if found is None:
        raise click.UsageError("no estate is stored: run `nephoscope scan TARGET`")
    names = ("resource", "type", "reason", "setting", "last")
    return [{name: getattr(one, name) for name in names} for one in found]


def shorten_rows(rows: Sequence[Mapping[str, Any]]) -> tuple[list[dict[str, object]], tuple[str, ...]]:
    """Rows of missing logs as a terminal has room for, with their columns: names for ids, the subscription where there are several."""
    parts = [str(row["resource"]).split("/") for row in rows]
    several = len({one[2] for one in parts if len(one) > 2}) > 1
    found = [
        {
            "resource": _format_name(one), "group": one[4] if len(one) > 4 else "",
            "subscription": one[2][:8] if len(one) > 2 else "", "type": str(row["type"]).removeprefix("microsoft."),
            "reason": row["reason"], "setting": row["setting"], "last": row["last"].date() if row["last"] else None,
        }
        for one, row in zip(parts, rows, strict=True)
    ]  # fmt: skip
    shown = {name for row in found for name, value in row.items() if value}
    columns = ("resource", "group", "subscription", "type", "reason", "setting", "last")
    return found, tuple(name for name in columns if name in shown and (several or name != "subscription"))


def _format_name(parts: list[str]) -> str:
    """The names of a resource and of what it is within, without its types."""
    return "/".join(parts[8::2]) if len(parts) > 8 else parts[-1]
