"""The alert about rows of another machine, from the request to the incident, on the schedule that a server runs."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from importlib.resources import files
from pathlib import Path

import pytest

from nephoscope.alerts.rules.rule_files import find_rules
from nephoscope.alerts.scheduling.schedule import Schedule
from nephoscope.ingest.live.ingestion.endpoints import IngestionEndpoints
from nephoscope.lake.lake import Lake
from nephoscope.model.resource_binding import bind_resource
from nephoscope.state import State

NAME = "bound-sender-names-another-machine.yaml"
MACHINE = "/subscriptions/11111111-1111-4111-8111-111111111111/resourceGroups/rg/providers/Microsoft.HybridCompute/machines/web-01"
HOUR, MINUTE = timedelta(hours=1), timedelta(minutes=1)


def send(lake: Lake, state: State, *rows: dict[str, object]) -> datetime:
    """Send rows as web-01 does with its key; the hour in which one was set aside, else this one."""
    door = IngestionEndpoints(lake, state).for_workspace("default")
    stream = "Microsoft-Syslog"
    door.ingest_body(
        door.find_flows("default", stream), stream, json.dumps(rows).encode(), "", bind_resource(MACHINE)
    )
    lake.flush()
    found = (
        lake.query("_Quarantine | project tostring(bin(TimeGenerated, 1h))")[-1].table.column(0).to_pylist()
    )
    now = datetime.now(UTC).replace(minute=0, second=0, microsecond=0)
    return datetime.fromisoformat(found[0]) if found else now


@pytest.mark.parametrize(
    ("happened", "computer", "alerts"),
    [
        (timedelta(), "web-02", 1),
        (timedelta(days=20), "web-02", 1),  # set aside now, whenever the row says that it happened
        (timedelta(), "web-01", 0),
    ],
)
def test_the_schedule_raises_it_after_the_hour(
    lake: Lake, state: State, happened: timedelta, computer: str, alerts: int
) -> None:
    moment = datetime.now(UTC) - happened
    row = {"TimeGenerated": moment.isoformat(), "Computer": computer, "SyslogMessage": "session opened"}
    begin = send(lake, state, row)
    end = begin + HOUR
    (rule,) = find_rules(
        Path(str(files("nephoscope") / "content" / "detections" / "_Quarantine" / NAME))
    ).rules
    schedule = Schedule(lake, state, [rule], "default")
    for before in (begin + 30 * MINUTE, end, end + 4 * MINUTE):
        assert [alert for ran in schedule.tick(before) for alert in ran.taken.alerts] == []
    found = [alert for ran in schedule.tick(end + 6 * MINUTE) for alert in ran.taken.alerts]
    assert len(found) == alerts
    assert list(schedule.tick(end + 7 * MINUTE)) == []
    assert len(state.incidents.list_newest("default")) == alerts
    lake.flush()
    told = lake.query("SecurityAlert | project AlertSeverity, Description")[-1].table.to_pylist()
    assert [one["AlertSeverity"] for one in told] == ["High"] * alerts
    assert all("Set aside 1 row of Syslog: Computer is 'web-02'." in one["Description"] for one in told)
