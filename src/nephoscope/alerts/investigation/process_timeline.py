"""Process timeline: read the processes of an alert's machines and what they did, and build the tree around its process."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from nephoscope.alerts.investigation.incident_details import read_entities
from nephoscope.alerts.investigation.process_tree import (
    ProcessActivity,
    ProcessIndex,
    ProcessStart,
    ProcessTree,
    build_tree,
)
from nephoscope.alerts.rules.query_result import RuleResultRow, iterate_findings
from nephoscope.lake.errors import LakeError
from nephoscope.lake.queries.time_span import RowSpan
from nephoscope.model.entity import Entity
from nephoscope.state.incidents.alerts import StoredAlert
from nephoscope_kql.errors import KqlError

if TYPE_CHECKING:
    from nephoscope.lake.lake import Lake

BEFORE, AFTER, AROUND = timedelta(days=1), timedelta(hours=1), timedelta(hours=1)
MOST_STARTS, MOST_ROWS, MOST_SEEDS = 20_000, 5_000, 10
TIMEOUT = 120.0
_HOST = (
    "| extend Name = tolower(Computer) | extend Host = tostring(split(Name, '.')[0]) "
    "| where Host in ({hosts}) and (Name == Host or Name in ({names}) or Host in ({bare}))"
)
_STARTS = (
    f"_ProcessCreation {_HOST} | project TimeGenerated, Host, ProcessId, ParentProcessId, ProcessGuid, ParentProcessGuid, "
    f"Image, CommandLine, User, ParentImage, LogonId | top {MOST_STARTS} by TimeGenerated"
)
_DONE = (
    f"_ProcessActivity {_HOST} | project TimeGenerated, Host, ProcessId, Kind, Text, LogonId "
    f"| top {MOST_ROWS} by TimeGenerated asc"
)


def read_process_tree(lake: Lake, alert: StoredAlert, now: datetime) -> ProcessTree:
    """Return the tree around the processes that an alert names; its `error` says why there is none."""
    entities = read_entities(alert)
    hosts = [one for one in entities if one.kind == "Host" and shorten_host_name(one)]
    processes = [one for one in entities if one.kind == "Process"]
    if not hosts or not processes:
        return ProcessTree(error=f"the alert names no {'process' if hosts else 'machine'}")
    try:
        starts = [
            read_start(row)
            for row in _fetch_rows(
                lake, alert, _STARTS, hosts, (alert.started - BEFORE, alert.ended + AFTER), now
            )
        ]
        seeds = find_seeds(starts, processes, alert)
        if not seeds:
            return ProcessTree(error="no log has the start of the process that the alert names")
        span = (min(one.at for one in seeds) - AROUND, alert.ended + AFTER)
        done = [read_activity(row) for row in _fetch_rows(lake, alert, _DONE, hosts, span, now)]
    except (KqlError, LakeError, OSError) as error:
        return ProcessTree(error=str(error) or type(error).__name__)
    return build_tree(ProcessIndex(starts), seeds, done)


def read_process_trees(lake: Lake, alerts: Iterable[StoredAlert], now: datetime) -> dict[str, ProcessTree]:
    """Return the trees of the alerts that name a process, by alert id."""
    return {
        one.id: read_process_tree(lake, one, now)
        for one in alerts
        if any(each.kind == "Process" for each in read_entities(one))
    }


def shorten_host_name(entity: Entity) -> str:
    """Return the first label of a host's name in lower case, as logs with and without the domain share it."""
    return (entity.get("HostName") or entity.get("NetBiosName")).partition(".")[0].lower()


def find_seeds(
    starts: Iterable[ProcessStart], processes: Iterable[Entity], alert: StoredAlert
) -> list[ProcessStart]:
    """Return the newest starts in the alert's time of a process with the id and command line of an entity."""
    wanted = [(parse_process_id(one.get("ProcessId")), one.get("CommandLine").strip()) for one in processes]
    found = [
        one
        for one in starts
        if alert.started - AROUND <= one.at <= alert.ended
        and any(
            (pid < 0 or pid == one.pid) and (not command or command == one.command) and (pid >= 0 or command)
            for pid, command in wanted
        )
    ]
    return sorted(found, key=lambda one: one.at)[-MOST_SEEDS:]


def _fetch_rows(
    lake: Lake,
    alert: StoredAlert,
    query: str,
    hosts: Sequence[Entity],
    span: tuple[datetime, datetime],
    now: datetime,
) -> list[RuleResultRow]:
    named = {
        "hosts": [shorten_host_name(one) for one in hosts],
        "names": [one.title.lower() for one in hosts],
        "bare": [shorten_host_name(one) for one in hosts if not one.get("DnsDomain")],
    }
    text = query.format(**{name: f"dynamic({json.dumps(values)})" for name, values in named.items()})
    until = min(span[1], now)
    table = lake.rows(
        text, workspace=alert.workspace, now=now, timeout=TIMEOUT, span=RowSpan(span[0], until, now)
    )
    return list(iterate_findings(table))


def read_start(row: RuleResultRow) -> ProcessStart:
    """Return the start of a process as `_ProcessCreation` has it."""
    return ProcessStart(
        row.get_text("Host"), row.list_times()[0],
        parse_process_id(row.get_text("ProcessId")), parse_process_id(row.get_text("ParentProcessId")),
        row.get_text("ProcessGuid"), row.get_text("ParentProcessGuid"), row.get_text("Image"), row.get_text("CommandLine").strip(),
        row.get_text("User"), row.get_text("ParentImage"), row.get_text("LogonId"),
    )  # fmt: skip


def read_activity(row: RuleResultRow) -> ProcessActivity:
    """Return the activity of a process as `_ProcessActivity` has it."""
    pid = parse_process_id(row.get_text("ProcessId"))
    return ProcessActivity(
        row.get_text("Host"),
        row.list_times()[0],
        pid,
        row.get_text("Kind"),
        row.get_text("Text"),
        row.get_text("LogonId"),
    )


def parse_process_id(text: str) -> int:
    """Return the number of a process id that a log writes in decimal or, as the Security log does, with 0x; -1 for none."""
    try:
        return int(text, 16) if text[:2].lower() == "0x" else int(text)
    except ValueError:
        return -1
