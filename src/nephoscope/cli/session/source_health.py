"""How sources are, and which resources send no logs, as rows of a list."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from pathlib import Path

    from nephoscope.lake.state import State


def health_rows(state: State) -> list[dict[str, Any]]:
    """A row a source and table: the last event, the rate, what is usual, and what is not as usual."""
    from datetime import UTC, datetime, timedelta

    from nephoscope.sources.live.health.judging import findings, standing

    now = datetime.now(UTC)
    rates = state.source_health.rates(since=now - timedelta(days=8))
    rows = []
    for one in state.source_health.all():
        whole = [rate for rate in rates if (rate.source, rate.workspace) == (one.source, one.workspace)]
        own = [rate for rate in whole if rate.table == one.table]
        stands, wrong = standing(one, own, now, whole), findings(one, own, now, whole)
        detail = "; ".join(finding.detail for finding in wrong) or one.error
        rows.append(
            {
                "source": one.source, "table": one.table, "status": ", ".join(finding.kind for finding in wrong) or "ok",
                "lastEvent": one.last_event, "lastSeen": one.last_seen, "rows": one.rows, "lastHour": stands.rate,
                "expected": stands.expected, "delay": None if stands.delay is None else round(stands.delay, 1),
                "quarantine": f"{stands.bad_share:.1%}", "lag": one.lag, "detail": detail, "workspace": one.workspace,
            }
        )  # fmt: skip
    return rows


def missing_rows(lake: Any, state: State, data: Path, days: int) -> list[dict[str, Any]]:
    """A row a resource of the estate whose logs have not come for so many days; UsageError where no estate is kept."""
    from datetime import UTC, datetime, timedelta

    from nephoscope.estate.store import EstateStore, StoreError
    from nephoscope.sources.live.health.missing import last_rows, missing

    now = datetime.now(UTC)
    try:
        resources = list(EstateStore(data).current())
    except StoreError as error:
        raise click.UsageError(str(error)) from error
    if not resources:
        raise click.UsageError("no estate is stored here: nephoscope scan TARGET keeps one")
    workspaces = [one.name for one in state.workspaces.all()]
    last = last_rows(lake, data, workspaces, now, timedelta(days=30 + days))
    found = missing(resources, last, now, timedelta(days=days))
    return [
        {
            "resource": one.resource,
            "type": one.type,
            "reason": one.reason,
            "setting": one.setting,
            "last": one.last,
        }
        for one in found
    ]
