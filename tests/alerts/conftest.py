"""A lake of one test, with its state, and rows in it."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from datetime import datetime, timedelta
from typing import Any

import pytest
from tests.arrangement import by_itself

from nephoscope.alerts.incidents.incident_service import IncidentService
from nephoscope.alerts.scheduling.backfill import LookBack
from nephoscope.alerts.scheduling.schedule import Schedule
from nephoscope.alerts.tuning.trial_runner import TrialRunner
from nephoscope.automation.engine import AutomationEngine
from nephoscope.lake.lake import Lake
from nephoscope.lake.schema.row_conversion import to_arrow_rows


@pytest.fixture(scope="session", autouse=True)
def _loops_are_the_products() -> Iterator[None]:
    """What runs without a person says by itself that it changes what people decide."""
    loops = (
        (IncidentService, "store_outcome"),
        (LookBack, "run"),
        (AutomationEngine, "tick"),
        (Schedule, "run_all_rules_once"),
        (Schedule, "tick"),
        (TrialRunner, "run_next"),
    )
    with pytest.MonkeyPatch.context() as patch:
        for kind, name in loops:
            by_itself(patch, kind, name)
        yield


@pytest.fixture
def put(lake: Lake) -> Callable[..., None]:
    """Put rows into a table; `came` is when they came (default: a minute after the newest of them)."""
    count = 0

    def putting(table: str, *rows: Mapping[str, Any], came: datetime | None = None) -> None:
        nonlocal count
        moment = came or max(row["TimeGenerated"] for row in rows) + timedelta(minutes=1)
        made = to_arrow_rows(lake.tables[table], rows, workspace=lake.workspace("default"), now=moment)
        assert made.bad == []
        lake.writer().append("default", {table: made.table}, producer=f"test-{count}", sequence=0)
        count += 1
        lake.flush()

    return putting
