"""Files of the host that the security baseline reads: their status, and the text of configuration, without secrets.

What is not listed here never leaves the machine, except where a link of a listed file leads to what everybody may read. A folder is
`listed` when all its children are told; a path that is not told and whose folder is not listed is not known to the server.
"""

from __future__ import annotations

import os
import re
import stat
from fnmatch import fnmatchcase

from nephoscope_agent.accounts import read_entries
from nephoscope_agent.regular_file import open_regular
from nephoscope_agent.row import Values
from nephoscope_agent.settings import Settings

#: Files whose text is told; `**` stands for what lies in a folder, a few levels deep.
TEXTS = (
    "etc/passwd", "etc/shadow", "etc/group", "etc/login.defs", "usr/etc/login.defs", "etc/default/useradd", "etc/os-release",
    "usr/lib/os-release", "etc/fstab", "etc/issue", "etc/issue.net", "etc/motd", "etc/environment", "etc/profile",
    "etc/profile.d/*.sh", "etc/bash.bashrc", "etc/bashrc", "root/.bash_login", "root/.bash_profile", "root/.bashrc",
    "root/.cshrc", "root/.profile", "root/.zshrc", "etc/ssh/sshd_config", "etc/ssh/sshd_config.d/*",
    "usr/etc/ssh/sshd_config", "usr/etc/ssh/sshd_config.d/*", "etc/pam.d/*", "usr/lib/pam.d/*", "usr/etc/pam.d/*",
    "etc/security/*.conf", "etc/security/limits.d/*.conf", "etc/security/*.conf.d/*.conf", "etc/sysctl.conf",
    "etc/sysctl.d/*", "run/sysctl.d/*", "usr/local/lib/sysctl.d/*", "usr/lib/sysctl.d/*", "lib/sysctl.d/*",
    "etc/modprobe.d/*", "run/modprobe.d/*", "usr/local/lib/modprobe.d/*", "usr/lib/modprobe.d/*", "lib/modprobe.d/*",
    "lib/modules/*/modules.dep", "lib/modules/*/modules.builtin", "etc/systemd/**", "run/systemd/system/**",
    "run/systemd/journald.conf.d/*", "usr/lib/systemd/system/**", "lib/systemd/system/**", "usr/local/lib/systemd/**",
    "usr/lib/systemd/*.conf.d/*.conf", "usr/lib/systemd/journald.conf", "usr/lib/systemd/profile.d/*", "etc/init.d/*",
    "etc/rc?.d/*", "etc/inetd.conf", "etc/xinetd.d/*", "etc/xinetd.conf", "etc/rsyslog.conf", "etc/rsyslog.d/*",
    "etc/syslog-ng/syslog-ng.conf", "etc/syslog-ng/conf.d/*", "etc/nftables.conf", "etc/nftables/*", "etc/nftables.d/*",
    "etc/iptables/*", "etc/sysconfig/iptables", "etc/sysconfig/nftables.conf", "etc/sysconfig/network",
    "etc/sysconfig/network-scripts/ifcfg-*", "etc/systemd/scripts/*", "etc/ufw/ufw.conf", "etc/default/*",
    "etc/firewalld/firewalld.conf", "etc/firewalld/zones/*", "usr/lib/firewalld/zones/*", "etc/network/interfaces",
    "etc/network/interfaces.d/*", "etc/postfix/main.cf", "etc/samba/smb.conf", "etc/osconfig/osconfig.json",
    "etc/hosts.allow", "etc/hosts.deny", "etc/selinux/config", "etc/apparmor.d/disable/*", "etc/cron.daily/logrotate",
    "boot/grub/grub.cfg", "boot/grub/grub.conf", "boot/grub/menu.lst", "boot/grub/user.cfg", "boot/grub2/grub.cfg",
    "boot/grub2/user.cfg", "boot/efi/EFI/*/grub.cfg", "boot/efi/EFI/*/user.cfg", "boot/loader/entries/*.conf",
    "var/lib/dpkg/status", "var/lib/dpkg/status.d/*", "lib/apk/db/installed", "usr/lib/apk/db/installed",
    "var/lib/pacman/local/*/desc", "var/lib/rpm/rpmdb.sqlite", "var/lib/rpm/Packages.db", "var/lib/rpm/Packages",
    "usr/lib/sysimage/rpm/rpmdb.sqlite", "usr/lib/sysimage/rpm/Packages.db", "usr/lib/sysimage/rpm/Packages",
)  # fmt: skip
#: Files and folders of which only the status is told.
PRESENT = (
    "etc/group-", "etc/gshadow", "etc/gshadow-", "etc/passwd-", "etc/shadow-", "etc/anacrontab", "etc/crontab",
    "etc/cron.allow", "etc/cron.deny", "etc/at.allow", "etc/at.deny", "etc/cron.d", "etc/cron.daily", "etc/cron.hourly",
    "etc/cron.monthly", "etc/cron.weekly", "usr/bin/at", "usr/bin/crontab", "usr/sbin/atd", "usr/sbin/cron", "usr/sbin/crond",
    "usr/sbin/init", "sbin/init", "usr/bin/sshd", "usr/sbin/sshd", "usr/local/sbin/sshd", "usr/lib/systemd/systemd",
    "lib/systemd/systemd", "usr/lib/systemd/systemd-sysctl", "lib/systemd/systemd-sysctl", "var/log/journal", "var/log/*",
    "boot/vmlinuz-*", "dev/shm", "tmp", "var/tmp", "home",
)  # fmt: skip
_DEEPEST, _MOST_LINKS = 3, 40
_MOST_BYTES = 24 << 20
_MOST_FILE = 12 << 20
_FIRST_USER, _NOBODY = 1000, 65_534
_GRUB_HASH = re.compile(rb"(grub\.pbkdf2\.\w+\.|\$\d\$)\S+")
#: A boot loader's password without a hash, alone or behind a name.
_GRUB_PASSWORD = re.compile(rb"(?m)^([ \t]*password[ \t=]+(?:\S+[ \t]+)?)(?!\S*hidden)\S+[ \t]*$")
#: Passwords in addresses, and values of settings that are named like a secret.
_ADDRESS_PASSWORD = re.compile(rb"(://[^\s/:@]*:)[^\s/@]+@")
_SECRET_VALUE = re.compile(
    rb"(?i)((?:passw(?:or)?d|passphrase|secret|token|(?:api|access|private)[_-]?key)[ \t]*=[ \t]*|wpa-psk[ \t]+)"
    rb"(?:\"[^\"\n]*\"|'[^'\n]*'|[^\s,;\"']+)"
)
_PRIVATE_KEY = b"PRIVATE KEY-----"
#: Folders of text that people write; package databases elsewhere are binary.
_WRITTEN = ("etc/", "root/", "run/", "usr/etc/", "usr/local/")
#: How a hash names its algorithm, which tells nothing of the password.
_ALGORITHM = re.compile(rb"[!*]*(\$\w+\$)?")


class ExaminedFiles:
    """Entries by path without the leading slash; of `listed` folders all children are told, `absent` paths are not there."""

    def __init__(self, settings: Settings) -> None:
        self._root, self._settings = str(settings.resolve_path("")), settings
        self.entries: dict[str, Values] = {}
        self.listed: set[str] = set()
        self.absent: set[str] = set()
        self._bytes = 0

    def collect(self) -> Values:
        """Read everything and return it as JSON."""
        for pattern in TEXTS:
            self._tell(pattern.split("/"), "", with_text=True)
        for pattern in PRESENT:
            self._tell(pattern.split("/"), "", with_text=False)
        for home in self._list_homes():
            self._tell([*home.split("/"), ".*"], "", with_text=False)
        return {"entries": self.entries, "listed": sorted(self.listed), "absent": sorted(self.absent)}

    def _list_homes(self) -> set[str]:
        """The home folders of root and of people."""
        users = read_entries(self._settings.resolve_path("/etc/passwd"), 7)
        return {
            entry[5].strip("/")
            for entry in users
            if entry[2].isdecimal() and (int(entry[2]) == 0 or _FIRST_USER <= int(entry[2]) < _NOBODY) and entry[5].strip("/")
        }  # fmt: skip

    def _tell(
        self, parts: list[str], folder: str, *, with_text: bool, links: int = 0, origin: str = ""
    ) -> None:
        """Tell what a pattern matches below a folder, and each folder on the way; `origin` is the path with the first link."""
        while parts:
            part, *parts = parts
            if part == "**":
                self._list_matches_below(folder, with_text, _DEEPEST)
                return
            if any(mark in part for mark in "*?["):
                for name in self._list_folder(folder):
                    if fnmatchcase(name, part) and (not name.startswith(".") or part.startswith(".")):
                        self._tell([name, *parts], folder, with_text=with_text, links=links, origin=origin)
                return
            path = f"{folder}/{part}".lstrip("/")
            entry = self._read_entry(path)
            if entry is None:
                return
            if entry["kind"] == "link":
                if links < _MOST_LINKS:
                    self._tell(
                        _resolve(folder, entry["link"], parts), "", with_text=with_text, links=links + 1,
                        origin=origin or "/".join([path, *parts]),
                    )  # fmt: skip
                return
            folder = path
        if with_text and folder:
            self._add_text(folder, origin)

    def _list_matches_below(self, folder: str, with_text: bool, depth: int) -> None:
        for name in self._list_folder(folder):
            self._tell([name], folder, with_text=with_text)
            path = f"{folder}/{name}"
            if depth > 1 and self.entries.get(path, {}).get("kind") == "folder":
                self._list_matches_below(path, with_text, depth - 1)

    def _read_entry(self, path: str) -> Values | None:
        """The status of a path, links not followed; None where it is not there or not known."""
        if path in self.entries:
            return self.entries[path]
        try:
            status = os.lstat(os.path.join(self._root, path))
        except (FileNotFoundError, NotADirectoryError):
            self.absent.add(path)
            return None
        except OSError:
            return None
        kind = _name_kind(status.st_mode)
        entry: Values = {"kind": kind, "mode": stat.S_IMODE(status.st_mode), "uid": status.st_uid, "gid": status.st_gid}  # fmt: skip
        if kind == "link":
            try:
                entry["link"] = os.readlink(os.path.join(self._root, path))
            except OSError:
                return None
        self.entries[path] = entry
        return entry

    def _list_folder(self, folder: str) -> list[str]:
        if folder and self.entries.get(folder, {}).get("kind") != "folder":
            return []
        try:
            names = sorted(os.listdir(os.path.join(self._root, folder)))
        except OSError as error:
            self.entries[folder]["reason"] = (error.strerror or "unreadable").lower()
            return []
        for name in names:
            self._read_entry(f"{folder}/{name}")
        self.listed.add(folder)
        return names

    def _add_text(self, path: str, origin: str) -> None:
        entry = self.entries[path]
        if entry["kind"] != "file" or "text" in entry or "reason" in entry:
            return
        if origin and not _is_listed(path) and not self._is_public(path):
            entry["reason"] = "a link leads to it, and not everybody may read it"
            return
        try:
            with open_regular(os.path.join(self._root, path), follow=False) as file:
                content = file.read(_MOST_FILE + 1)
        except OSError as error:
            entry["reason"] = (error.strerror or "unreadable").lower()
            return
        if len(content) > _MOST_FILE or self._bytes + len(content) > _MOST_BYTES:
            entry["reason"] = "it is too large for the report of an agent"
            return
        if _PRIVATE_KEY in content:
            entry["reason"] = "it holds a private key"
            return
        self._bytes += len(content)
        told = hide_secrets(path, content)
        entry["text"] = (hide_secrets(origin, told) if origin else told).decode("latin-1")

    def _is_public(self, path: str) -> bool:
        """Return whether everybody may read a file: its own rights and those of each folder above it."""
        if not self.entries[path]["mode"] & stat.S_IROTH:
            return False
        while path := path.rpartition("/")[0]:
            if not self.entries[path]["mode"] & stat.S_IXOTH:
                return False
        return True


def _is_listed(path: str) -> bool:
    """Return whether a path itself is among the files whose text is told."""
    return any(
        path.startswith(one[:-2]) if one.endswith("**") else one.count("/") == path.count("/") and fnmatchcase(path, one)
        for one in TEXTS
    )  # fmt: skip


def hide_secrets(path: str, content: bytes) -> bytes:
    """Return a content without passwords, their hashes and tokens: that one is set stays visible, and that an account is locked."""
    if path in ("etc/passwd", "etc/shadow", "etc/group"):
        return b"\n".join(_hide_hash(line) for line in content.split(b"\n"))
    if path.startswith("boot/"):
        return _GRUB_PASSWORD.sub(rb"\1hidden", _GRUB_HASH.sub(rb"\1hidden", content))
    if path.startswith(_WRITTEN):
        return _SECRET_VALUE.sub(rb"\1hidden", _ADDRESS_PASSWORD.sub(rb"\1hidden@", content))
    return content


def _hide_hash(line: bytes) -> bytes:
    fields = line.split(b":")
    if len(fields) > 1 and fields[1].strip(b"x*!"):
        told = _ALGORITHM.match(fields[1])
        fields[1] = (told[0] if told else b"") + b"hidden"
    return b":".join(fields)


def _resolve(folder: str, target: str, rest: list[str]) -> list[str]:
    """The parts of a path behind a link, which stays inside the root."""
    done = [] if target.startswith("/") else [one for one in folder.split("/") if one]
    for part in target.split("/"):
        if part == "..":
            done = done[:-1]
        elif part not in ("", "."):
            done.append(part)
    return [*done, *rest]


def _name_kind(mode: int) -> str:
    if stat.S_ISREG(mode):
        return "file"
    if stat.S_ISDIR(mode):
        return "folder"
    return "link" if stat.S_ISLNK(mode) else "other"
