"""Application control: executions that the accepted policy does not allow are reported, and refused where its mode says so.

Programs whose hash an order blocks are refused, also without a policy.
"""

from __future__ import annotations

import os
import select
import time
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

from nephoscope_agent.blocked_hashes import BLOCKED, list_blocked
from nephoscope_agent.execution_guard import ExecutionGuard, Refusal
from nephoscope_agent.execution_policy import POLICY, ExecutionPolicy, ExecutionPolicyError, load_policy
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
    """Keeps a guard while there is a policy or a blocked hash; a guard that ends blocks nothing, and the server is told."""

    name = "applications"
    interval = 30.0

    def __init__(self, context: SensorContext) -> None:
        super().__init__(context)
        self._guard: Any = None
        self._poll: Any = None
        self._changed, self._known = "", (0, frozenset[str]())

    def open(self) -> None:
        settings = self.context.settings
        if not settings.application_control and "block" not in settings.responses:
            raise SensorUnavailableError("not enabled: set application_control in the settings of the agent")
        self._start()

    def fileno(self) -> int:
        return self._poll.fileno() if self._poll is not None else -1

    def collect(self, now: float) -> list[Row]:
        if self._find_rules(now) != self._known:
            # a policy of mode None and no blocked hash end the guard
            self._start()
        rows: list[Row] = []
        if self._guard is None:
            return rows
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
        settings = self.context.settings
        self._known = self._find_rules(time.time())
        blocked, problem = self._known[1], ""
        policy = ExecutionPolicy("None", "", frozenset(), (), frozenset())
        if settings.application_control:
            try:
                policy = load_policy(self.context.folder, settings.update_key, settings.resource)
            except ExecutionPolicyError as error:
                problem = str(error)
        if policy.mode == "None" and "block" not in settings.responses:
            raise SensorUnavailableError(problem or "no policy is accepted for this machine")
        if self._poll is None:
            self._poll = select.epoll()
        before, self._guard, self._changed = self._guard, None, policy.changed
        if policy.mode != "None" or blocked:
            guarded = settings.controlled or list(_mount_points())
            self._guard = ExecutionGuard(replace(policy, blocked=blocked), guarded)
            self._poll.register(self._guard.fileno(), select.EPOLLIN)
        if before is not None:
            before.close()
        self.limits[:] = _describe_limits(settings.application_control, problem or policy.mode, len(blocked))

    def _find_rules(self, now: float) -> tuple[int, frozenset[str]]:
        """When the policy changed last, and the hashes that are blocked now."""
        try:
            blocked = list_blocked(self.context.folder, now)
        except ValueError as error:
            raise SensorUnavailableError(f"{BLOCKED} cannot be read: {error}") from error
        return _find_policy_modification_time(self.context), blocked

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


def _describe_limits(is_controlled: bool, mode: str, blocked: int) -> list[str]:
    if not is_controlled and not blocked:
        return ["no policy is asked for and no hash is blocked: executions are not judged"]
    told = [f"the mode of the policy is {mode}"] if is_controlled else []
    return [_NOT_SEEN, *told, *([f"{blocked} hashes are blocked"] if blocked else [])]


def _find_policy_modification_time(context: SensorContext) -> int:
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
