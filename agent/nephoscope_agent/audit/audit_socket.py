"""Audit socket: rules of the agent in the kernel, and its records by the multicast group, which never makes a process wait."""

from __future__ import annotations

import contextlib
import errno
import struct
from collections.abc import Iterator

from nephoscope_agent.audit.rules import build_rule
from nephoscope_agent.netlink import AUDIT, NetlinkSocket

_GET, _SET, _ADD_RULE, _DELETE_RULE = 1000, 1001, 1011, 1012
_READ_LOG = 1
#: mask, enabled, failure, pid, rate_limit, backlog_limit, lost, backlog, feature_bitmap, backlog_wait_time
_STATUS = struct.Struct("=10I")
_ENABLED_MASK, _BACKLOG_MASK = 0x1, 0x10
#: Records that may wait in the kernel.
_BACKLOG = 8192
_LOCKED = 2


class AuditStatus:
    """What the kernel says of its audit system."""

    def __init__(self, payload: bytes) -> None:
        padded = payload[: _STATUS.size].ljust(_STATUS.size, b"\0")
        _, self.enabled, _, self.daemon, _, self.backlog_limit, self.lost, self.backlog, _, _ = (
            _STATUS.unpack(padded)
        )


class AuditSocket:
    """Reads records beside a daemon that may run, or without one; the rules that it adds are removed at `close`."""

    def __init__(self, rules: list[str]) -> None:
        self._records = NetlinkSocket(AUDIT, _READ_LOG)
        self._control = NetlinkSocket(AUDIT)
        self._added: list[bytes] = []
        self.refused: list[str] = []
        try:
            self._before = self.query_status()
            if self._before.enabled != _LOCKED:
                self._enable()
        except OSError:
            self._records.close()
            self._control.close()
            raise
        for rule in rules:
            self._add(rule)

    def fileno(self) -> int:
        """Return the descriptor of the records."""
        return self._records.fileno()

    @property
    def drop_count(self) -> int:
        """How often records were dropped before the agent read them, and how many the kernel lost."""
        found: int = self._records.lost + max(0, self.query_status().lost - self._before.lost)
        return found

    def query_status(self) -> AuditStatus:
        """Ask the kernel for its status."""
        return AuditStatus(self._control.ask(_GET))

    def read_records(self) -> Iterator[tuple[int, str]]:
        """Yield the type and the text of each record that waits."""
        for type_, body in self._records.receive():
            yield type_, body.rstrip(b"\0").decode("utf-8", "replace")

    def close(self) -> None:
        """Remove the rules that were added, and put back whether the kernel audits."""
        for rule in self._added:
            with contextlib.suppress(OSError):
                self._control.request(_DELETE_RULE, rule)
        if not self._before.enabled:
            with contextlib.suppress(OSError):
                self._set(_ENABLED_MASK, 0, self._before.backlog_limit)
                self._set(_BACKLOG_MASK, 0, self._before.backlog_limit)
        self._control.close()
        self._records.close()

    def _enable(self) -> None:
        if self._before.backlog_limit < _BACKLOG:
            self._set(_BACKLOG_MASK, 0, _BACKLOG)
        if not self._before.enabled:
            self._set(_ENABLED_MASK, 1, _BACKLOG)

    def _set(self, mask: int, enabled: int, backlog: int) -> None:
        self._control.request(_SET, _STATUS.pack(mask, enabled, 0, 0, 0, backlog, 0, 0, 0, 0))

    def _add(self, text: str) -> None:
        rule = build_rule(text)
        try:
            self._control.request(_ADD_RULE, rule)
        except OSError as error:
            # a rule of an agent that was killed is still there, and is ours by its key
            if error.errno != errno.EEXIST:
                self.refused.append(f"{text}: {error.strerror}")
                return
        self._added.append(rule)
