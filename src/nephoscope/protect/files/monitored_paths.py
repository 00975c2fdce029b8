"""Monitored paths: rules that say which files are watched, and those that are recommended for each operating system."""

from __future__ import annotations

from fnmatch import fnmatchcase
from typing import Literal

import msgspec


class PathRule(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Files to watch: a path from the root, whose last part may have wildcards; a folder stands for all below it.

    `exclude` are patterns of paths, `*` being any text.
    """

    path: str
    exclude: tuple[str, ...] = ()

    def is_excluded(self, path: str) -> bool:
        """Return whether a path is left out."""
        return any(fnmatchcase(path, pattern) for pattern in self.exclude)


_NOISE = (
    "/etc/mtab",
    "/etc/resolv.conf",
    "/etc/adjtime",
    "/etc/ld.so.cache",
    "*.swp",
    "*~",
    "/etc/.pwd.lock",
)
_LINUX = (
    PathRule("/bin"), PathRule("/boot", ("/boot/grub/grubenv",)), PathRule("/sbin"), PathRule("/usr/bin"), PathRule("/usr/sbin"),
    PathRule("/usr/local/bin"), PathRule("/usr/local/sbin"), PathRule("/etc", _NOISE), PathRule("/lib/systemd/system"),
    PathRule("/usr/lib/systemd/system"), PathRule("/usr/lib/modules-load.d"), PathRule("/root/.ssh"), PathRule("/root/.bashrc"),
    PathRule("/root/.profile"), PathRule("/root/.bash_profile"), PathRule("/opt/sbin"), PathRule("/opt/bin"),
    PathRule("/var/spool/cron", ("*/atspool/*", "*/atjobs/.SEQ")),
)  # fmt: skip
_WINDOWS = tuple(
    PathRule(path)
    for path in (
        r"C:\autoexec.bat", r"C:\boot.ini", r"C:\config.sys", r"C:\Windows\system.ini", r"C:\Windows\win.ini",
        r"C:\Windows\regedit.exe",
        r"C:\Windows\System32\userinit.exe", r"C:\Windows\explorer.exe", r"C:\Windows\System32\drivers\etc\hosts",
        r"C:\Program Files\Microsoft Security Client\msseces.exe",
        r"HKLM\SOFTWARE\Microsoft\Windows\CurrentVersion\Run", r"HKLM\SOFTWARE\Microsoft\Windows\CurrentVersion\RunOnce",
        r"HKLM\SOFTWARE\Microsoft\Windows NT\CurrentVersion\Winlogon", r"HKLM\SOFTWARE\Microsoft\Windows NT\CurrentVersion\Windows",
        r"HKLM\SYSTEM\CurrentControlSet\Control\Session Manager\KnownDLLs", r"HKLM\SYSTEM\CurrentControlSet\Services",
        r"HKLM\SYSTEM\CurrentControlSet\Control\SecurePipeServers\winreg",
    )
)  # fmt: skip


def list_recommended_paths(system: Literal["linux", "windows"]) -> tuple[PathRule, ...]:
    """Return the rules that are recommended for an operating system."""
    return _LINUX if system == "linux" else _WINDOWS
