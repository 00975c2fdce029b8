"""What runs by itself: entries of cron, timers and services of systemd."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from nephoscope_agent.inventory_sensor import InventorySensor, configuration, device_event
from nephoscope_agent.regular_file import open_regular
from nephoscope_agent.row import Row, Values

_SYSTEM_TABLES = ("/etc/crontab", "/etc/cron.d/*", "/etc/anacrontab")
_USER_TABLES = ("/var/spool/cron/crontabs/*", "/var/spool/cron/*")
_SCRIPTS = (
    "/etc/cron.hourly/*",
    "/etc/cron.daily/*",
    "/etc/cron.weekly/*",
    "/etc/cron.monthly/*",
    "/etc/init.d/*",
    "/etc/rc.local",
)
_UNITS = (
    "/etc/systemd/system",
    "/usr/lib/systemd/system",
    "/lib/systemd/system",
    "/usr/local/lib/systemd/system",
)
_LARGEST = 1 << 18


class SchedulesSensor(InventorySensor):
    """Compares tables of cron, scripts that run at times, and units of systemd that start something."""

    name = "schedules"
    interval = 60.0

    def read(self) -> dict[str, Values]:
        found = {
            f"{one['path']}|{one['command']}|{one['schedule']}": one
            for one in (*self._list_cron_jobs(), *self._list_units())
        }
        spool = self.context.settings.resolve_path("/var/spool/cron")
        hidden = spool.is_dir() and not _is_readable(spool)
        self.limits[:] = ["the tables of cron of users are not readable"] if hidden else []
        return found

    def _list_cron_jobs(self) -> Iterator[Values]:
        for pattern in _SYSTEM_TABLES:
            for path in self._list_matching_paths(pattern):
                yield from self._list_entries(path, with_user=not path.name.startswith("anacron"))
        for pattern in _USER_TABLES:
            for path in self._list_matching_paths(pattern):
                yield from self._list_entries(path, with_user=False)
        for pattern in _SCRIPTS:
            for path in self._list_matching_paths(pattern):
                yield self._build_values(
                    "script", path, path.parent.name, "root", str(self._shorten_path(path))
                )

    def _list_entries(self, path: Path, *, with_user: bool) -> Iterator[Values]:
        for line in _list_lines(path):
            words = line.split()
            count = 1 if line.startswith("@") else 5
            if "=" in words[0] or len(words) <= count + with_user:
                continue
            user = words[count] if with_user else path.name
            yield self._build_values(
                "cron", path, " ".join(words[:count]), user, " ".join(words[count + with_user :])
            )

    def _list_units(self) -> Iterator[Values]:
        seen = set()
        for folder in _UNITS:
            for path in self._list_matching_paths(f"{folder}/*"):
                if path.suffix not in (".service", ".timer") or path.name in seen:
                    continue
                seen.add(path.name)
                fields = _read_unit_fields(path)
                schedule = (
                    fields.get("OnCalendar") or fields.get("OnBootSec") or fields.get("OnUnitActiveSec", "")
                )
                command = fields.get("ExecStart") or fields.get("Unit", "")
                yield self._build_values(path.suffix[1:], path, schedule, fields.get("User", "root"), command)

    def _list_matching_paths(self, pattern: str) -> list[Path]:
        root = Path(self.context.settings.root)
        try:
            return sorted(one for one in root.glob(pattern.lstrip("/")) if one.is_file())
        except OSError:
            return []

    def _shorten_path(self, path: Path) -> str:
        return f"/{path.relative_to(self.context.settings.root)}"

    def _build_values(self, kind: str, path: Path, schedule: str, user: str, command: str) -> Values:
        return {
            "kind": kind,
            "path": self._shorten_path(path),
            "schedule": schedule,
            "user": user,
            "command": command,
        }

    def describe(self, values: Values) -> list[Row]:
        name = values["path"].rpartition("/")[2]
        more = {
            "SvcPath": values["command"],
            "SvcAccount": values["user"],
            "SvcStartupType": values["schedule"],
        }
        return [
            configuration(
                "Daemons", name, SvcController=values["kind"], FileSystemPath=values["path"], **more
            )
        ]

    def describe_change(self, before: Values | None, after: Values | None) -> list[Row]:
        values = after or before or {}
        what = "Service" if values["kind"] == "service" else "ScheduledTask"
        action = "Created" if before is None else "Deleted" if after is None else "Updated"
        if what == "Service":
            action = {"Created": "Installed"}.get(action, action)
        return [
            device_event(
                f"{what}{action}", FileName=values["path"].rpartition("/")[2], FolderPath=values["path"],
                ProcessCommandLine=values["command"], AccountName=values["user"], AdditionalFields={"schedule": values["schedule"]},
            )
        ]  # fmt: skip


def _is_readable(folder: Path) -> bool:
    """Whether a folder and those in it can be listed."""
    try:
        for one in folder.iterdir():
            if one.is_dir():
                next(one.iterdir(), None)
    except OSError:
        return False
    return True


_known: dict[str, tuple[tuple[int, int], list[str]]] = {}


def _list_lines(path: Path) -> list[str]:
    """The lines of a file without comments; read again where the file has changed."""
    try:
        found = path.stat()
        stamp = (found.st_mtime_ns, found.st_size)
        kept = _known.get(str(path))
        if kept is not None and kept[0] == stamp:
            return kept[1]
        with open_regular(str(path)) as file:
            text = file.read(_LARGEST).decode("utf-8", "replace")
    except OSError:
        return []
    lines = [line.strip() for line in text.splitlines() if line.strip() and not line.lstrip().startswith("#")]
    _known[str(path)] = (stamp, lines)
    return lines


def _read_unit_fields(path: Path) -> dict[str, str]:
    pairs = (line.split("=", 1) for line in _list_lines(path) if "=" in line)
    return {name.strip(): value.strip() for name, value in pairs}
