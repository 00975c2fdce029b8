"""File integrity monitoring of hosts: the baseline, scans against it, and approvals."""

from __future__ import annotations

from fnmatch import fnmatchcase
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

from nephoscope.protect.files.change_rows import TABLE, build_change_row
from nephoscope.protect.files.file_change import FileChange, compare_files, restore_unread_records
from nephoscope.protect.files.file_scan import scan_files
from nephoscope.protect.files.monitored_host import MonitoredHost, load_host, save_host
from nephoscope.service.actors import ROOT_SCOPE
from nephoscope.service.audited_values import describe_difference

if TYPE_CHECKING:
    from collections.abc import Sequence

    from nephoscope.protect.files.file_record import FileRecord
    from nephoscope.protect.files.monitoring_settings import MaintenanceWindow, MonitoringSettings
    from nephoscope.service.service_context import ServiceContext

READ, WRITE = (f"Microsoft.Security/fileIntegrityMonitoring/{one}" for one in ("read", "write"))
#: Paths in the audit entry of an approval.
_MOST_TOLD = 100


class IntegrityScan(msgspec.Struct, frozen=True):
    """A scan: changes that are new since the last one, all that differ from the baseline, and the maintenance window of now."""

    new: tuple[FileChange, ...]
    open: tuple[FileChange, ...]
    files: int
    window: MaintenanceWindow | None


def start_monitoring(
    context: ServiceContext, name: str, root: Path, settings: MonitoringSettings
) -> MonitoredHost:
    """Approve the files of a root as they are now as the baseline of a host.

    Raises DeniedError; MonitoredHostError for a name that cannot be; MonitoringScanError.
    """
    now = context.now
    context.require(WRITE)
    found = scan_files(root, settings.rules)
    host = MonitoredHost(name, str(root), settings, found, found, now, context.actor.name, now)
    with context.change_files(WRITE, ROOT_SCOPE, f"monitored host {name}", act="start", files=len(found)):
        save_host(context.data, host)
    return host


def change_settings(context: ServiceContext, name: str, settings: MonitoringSettings) -> None:
    """Change the rules and maintenance windows of a host; raises DeniedError, MonitoredHostError."""
    host = load_host(context.data, name)
    difference = describe_difference(msgspec.to_builtins(host.settings), msgspec.to_builtins(settings))
    with context.change_files(WRITE, ROOT_SCOPE, f"monitored host {name}", act="settings", **difference):
        save_host(context.data, msgspec.structs.replace(host, settings=settings))


def scan_host(
    context: ServiceContext, name: str, resource: str = "", workspace: str = "default"
) -> IntegrityScan:
    """Compare a host with its baseline; each new change becomes a row, and one within a maintenance window is approved.

    Raises DeniedError, MonitoredHostError, MonitoringScanError.
    """
    context.require(WRITE)
    host, now = load_host(context.data, name), context.now
    found = restore_unread_records(host.seen, scan_files(Path(host.root), host.settings.rules))
    new, window = compare_files(host.seen, found), host.settings.find_window(now)
    approved = host.approved
    if window is not None:
        approved = _approve_files(approved, found, {one.path for one in new})
    with context.state.transaction() as session:
        for one in new:
            row = build_change_row(one, name, resource, window, now)
            context.state.outbox.add(session, workspace, TABLE, row)
        if window is not None and new:
            paths_found = [one.path for one in new[:_MOST_TOLD]]
            target, reason = f"monitored host {name}", window.reason
            context.enter(
                session, WRITE, target, act="approve", reason=reason, changes=len(new), paths=paths_found
            )
    save_host(context.data, msgspec.structs.replace(host, approved=approved, seen=found, scanned_at=now))
    return IntegrityScan(tuple(new), tuple(compare_files(approved, found)), len(found), window)


def approve_changes(
    context: ServiceContext, name: str, patterns: Sequence[str], reason: str
) -> list[FileChange]:
    """Approve what the last scan saw at paths that patterns match (none: everywhere) as the baseline; returns what was approved.

    Raises DeniedError, MonitoredHostError.
    """
    host = load_host(context.data, name)
    changes = compare_files(host.approved, host.seen)
    chosen = [
        one for one in changes if not patterns or any(fnmatchcase(one.path, pattern) for pattern in patterns)
    ]
    approved = _approve_files(host.approved, host.seen, {one.path for one in chosen})
    paths_approved = [one.path for one in chosen[:_MOST_TOLD]]
    with context.change_files(
        WRITE,
        ROOT_SCOPE,
        f"monitored host {name}",
        act="approve",
        reason=reason,
        changes=len(chosen),
        paths=paths_approved,
    ):
        save_host(
            context.data,
            msgspec.structs.replace(
                host, approved=approved, approved_at=context.now, approved_by=context.actor.name
            ),
        )
    return chosen


def _approve_files(
    approved: dict[str, FileRecord], found: dict[str, FileRecord], paths: set[str]
) -> dict[str, FileRecord]:
    kept = {path: one for path, one in approved.items() if path not in paths}
    return kept | {path: found[path] for path in paths if path in found}
