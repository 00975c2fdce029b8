"""Executions by polling /proc, where the audit netlink is not to be had."""

from __future__ import annotations

import os

from nephoscope_agent.accounts import user_name
from nephoscope_agent.process_table import Process, initiating_columns, split_path
from nephoscope_agent.row import Row, Sensor, SensorUnavailableError, format_time
from nephoscope_agent.sensor_context import SensorContext


class ProcessPollingSensor(Sensor):
    """Compares the processes of /proc once a second."""

    name = "processes"
    interval = 1.0

    def __init__(self, context: SensorContext) -> None:
        super().__init__(context)
        self._seen: dict[int, tuple[float, str]] = {}

    def open(self) -> None:
        if self.context.audited:
            raise SensorUnavailableError("the audit netlink reports executions")
        self.limits.append(
            "executions are polled: a program that ends within a second, and what a process executed before the last one, are not seen"
        )
        if not os.access("/proc/1/exe", os.R_OK) and os.geteuid() != 0:
            self.limits.append("the paths of other users' programs are not readable")
        # what runs already is no execution
        self._changes()

    def collect(self, now: float) -> list[Row]:
        if self.context.audited:
            raise SensorUnavailableError("the audit netlink reports executions")
        return [execution_row(self.context, one, now) for one in self._changes()]

    def _changes(self) -> list[Process]:
        """The processes that are new or execute another program than before."""
        table, found, seen = self.context.processes, [], {}
        for pid in (int(name) for name in os.listdir("/proc") if name.isdecimal()):
            started = table.find_start_time(pid)
            if not started:
                continue
            try:
                program = os.readlink(f"/proc/{pid}/exe")
            except OSError:
                program = ""
            seen[pid] = (started, program)
            if self._seen.get(pid) == seen[pid]:
                continue
            process = table.read(pid)
            if process is None:
                continue
            table.remember(process)
            if process.pid != os.getpid() and process.parent != 2 and pid != 2:
                found.append(process)
        self._seen = seen
        return found


def execution_row(context: SensorContext, process: Process, now: float) -> Row:
    """Return the row of DeviceProcessEvents of an execution."""
    root = context.settings.root
    parent = context.processes.find(process.parent)
    above = context.processes.find(parent.parent) if parent is not None else None
    return Row(
        "DeviceProcessEvents",
        {
            "TimeGenerated": format_time(now),
            "Timestamp": format_time(now),
            "ActionType": "ProcessCreated",
            **split_path(process.program),
            "FileName": os.path.basename(process.program) or process.name,
            "ProcessId": process.pid,
            "ProcessCommandLine": process.command,
            "ProcessCreationTime": format_time(process.started),
            "CreatedProcessSessionId": process.session,
            "AccountName": user_name(process.uid, root),
            "AccountSid": str(process.uid),
            **context.hashes.hash_file(process.program),
            **initiating_columns(parent, root),
            **(
                {"InitiatingProcessParentFileName": os.path.basename(above.program) or above.name}
                if above
                else {}
            ),
        },
    )
