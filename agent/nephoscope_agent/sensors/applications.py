"""Application control: executions that the accepted policy does not allow are reported, and refused where its mode says so."""

from __future__ import annotations

import os
import select
from collections.abc import Iterator
from typing import Any

from nephoscope_agent.execution_guard import ExecutionGuard, Refusal
from nephoscope_agent.execution_policy import POLICY, PolicyError, load_policy
from nephoscope_agent.process_table import initiating_columns, split_path
from nephoscope_agent.row import Row, Sensor, SensorUnavailableError, format_time
from nephoscope_agent.sensor_context import SensorContext

#: File systems of which programs are executed; those of the kernel itself hold none.
_HOLDING = frozenset({
    "ext2", "ext3", "ext4", "xfs", "btrfs", "zfs", "f2fs", "tmpfs", "overlay", "squashfs", "erofs", "vfat", "exfat", "ntfs3",
    "iso9660", "nfs", "nfs4", "cifs", "9p", "virtiofs",
})  # fmt: skip
_NOT_SEEN = (
    "scripts that are given to an interpreter, programs in memory (memfd) and code that a process loads are not seen: allow no"
    " interpreter that the machine does not need"
)


class ApplicationsSensor(Sensor):
    """Keeps a guard while the settings ask for application control; a guard that ends blocks nothing, and the server is told."""

    name = "applications"
    interval = 30.0

    def __init__(self, context: SensorContext) -> None:
        super().__init__(context)
        self._guard: Any = None
        self._poll: Any = None
        self._changed, self._read = "", 0

    def open(self) -> None:
        if not self.context.settings.application_control:
            raise SensorUnavailableError("not enabled: set application_control in the settings of the agent")
        self._start()

    def fileno(self) -> int:
        return self._poll.fileno() if self._poll is not None else -1

    def collect(self, now: float) -> list[Row]:
        if _policy_modified_at(self.context) != self._read:
            # a policy of mode None ends the guard
            self._start()
        rows: list[Row] = []
        try:
            for one in self._guard.read():
                if one.problem:
                    self._tell(one.problem)
                else:
                    rows.append(self._row(one, now))
        except EOFError as error:
            raise SensorUnavailableError(
                "the guard ended: every program may be executed until it starts again"
            ) from error
        return rows

    def close(self) -> None:
        if self._guard is not None:
            self._guard.close()
            self._guard = None
        if self._poll is not None:
            self._poll.close()
            self._poll = None

    def _start(self) -> None:
        """Start a guard of the policy that is kept now, in place of another one."""
        settings, self._read = self.context.settings, _policy_modified_at(self.context)
        try:
            policy = load_policy(self.context.folder, settings.update_key, settings.resource)
        except PolicyError as error:
            raise SensorUnavailableError(str(error)) from error
        if policy.mode == "None":
            raise SensorUnavailableError("no policy is accepted for this machine")
        started, before = ExecutionGuard(policy, settings.controlled or list(_mount_points())), self._guard
        self._guard, self._changed = started, policy.changed
        if self._poll is None:
            self._poll = select.epoll()
        self._poll.register(started.fileno(), select.EPOLLIN)
        if before is not None:
            before.close()
        self.limits[:] = [_NOT_SEEN, f"the mode of the policy is {policy.mode}"]

    def _tell(self, problem: str) -> None:
        if problem not in self.limits and len(self.limits) < 20:
            self.limits.append(problem)

    def _row(self, one: Refusal, now: float) -> Row:
        """A refusal as Defender for Endpoint names it."""
        return Row(
            "DeviceEvents",
            {
                "TimeGenerated": format_time(now), "Timestamp": format_time(now),
                "ActionType": "AppControlExecutableBlocked" if one.blocked else "AppControlExecutableAudited",
                **split_path(one.path), "SHA256": one.sha256, "AdditionalFields": {"policyChanged": self._changed},
                **initiating_columns(self.context.processes.find(one.pid), self.context.settings.root),
            },
        )  # fmt: skip


def _policy_modified_at(context: SensorContext) -> int:
    try:
        return os.stat(context.folder / POLICY).st_mtime_ns
    except OSError:
        return 0


def _mount_points() -> Iterator[str]:
    """One mount point of each file system that programs are executed of."""
    known = set()
    with open("/proc/self/mountinfo", encoding="utf-8", errors="surrogateescape") as file:
        for line in file:
            mount, _, rest = line.partition(" - ")
            words, kind = mount.split(), rest.split()[0]
            place = (
                words[4]
                .replace("\\040", " ")
                .replace("\\011", "\t")
                .replace("\\012", "\n")
                .replace("\\134", "\\")
            )
            if kind in _HOLDING and words[2] not in known and os.path.isdir(place):
                known.add(words[2])
                yield place
