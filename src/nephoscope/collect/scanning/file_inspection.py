"""File inspection: secrets, malware and permissions, checked as files pass."""

from __future__ import annotations

import hashlib
import stat
from collections.abc import Iterator

import msgspec

from nephoscope.collect.images.tar_entries import EntryKind, TarEntry
from nephoscope.collect.malware.archive_members import is_archive
from nephoscope.collect.malware.malware_match import ContentScan
from nephoscope.collect.malware.malware_scanner import MAX_SCANNED
from nephoscope.collect.scanning.scan_contents import FileContents, UnexaminedFile
from nephoscope.collect.scanning.scan_options import LookedFor
from nephoscope.collect.secrets import secrets_in_files
from nephoscope.collect.secrets.secret_location import SecretPlace
from nephoscope.collect.secrets.secrets_in_files import find_secrets, may_hold_secrets

#: Programs that install others, by the name of their file.
PACKAGE_MANAGERS = frozenset(
    (
        "apt",
        "apt-get",
        "aptitude",
        "apk",
        "dnf",
        "dnf5",
        "microdnf",
        "tdnf",
        "yum",
        "zypper",
        "pacman",
        "opkg",
        "emerge",
    )
)
_SPECIAL = stat.S_ISUID | stat.S_ISGID
#: One byte more than is looked at tells that a file is longer.
_MAX_SECRETS = secrets_in_files.MAX_SIZE + 1
_PROGRAM_FOLDERS = frozenset(("bin", "sbin"))
#: What programs, scripts and archives begin with: ELF, PE, Mach-O, Java's classes, `#!`.
_PROGRAMS = (b"\x7fELF", b"MZ", b"\xcf\xfa\xed\xfe", b"\xce\xfa\xed\xfe", b"\xca\xfe\xba\xbe", b"#!")


class ContentInspector:
    """Looks at every file of a layer or a root."""

    def __init__(self, wanted: LookedFor) -> None:
        self._wanted = wanted

    def count_bytes_wanted(self, path: str, entry: TarEntry) -> int:
        """Return how many bytes of a file are looked at."""
        malware = min(entry.size, MAX_SCANNED) if self._wanted.malware else 0
        secrets = min(entry.size, _MAX_SECRETS) if self._wanted.secrets and may_hold_secrets(path) else 0
        return max(malware, secrets)

    def inspect(self, path: str, entry: TarEntry, content: bytes) -> FileContents | None:
        """Return what a file is found to be, None for nothing."""
        mode = read_mode(path, entry) if self._wanted.permissions else 0
        if not content:
            return FileContents(mode=mode) if mode else None
        places, unsearched = self._find_secrets(path, content)
        scan = self._scan_content(path, entry.size, content)
        unexamined = (*unsearched, *_list_unexamined_files(scan))
        is_hashed = (
            self._wanted.malware is not None and entry.size == len(content) and is_hashed_content(content)
        )
        digest = hashlib.sha256(content).hexdigest() if is_hashed else ""
        found = FileContents(
            secrets=places, malware=scan.matches, unexamined=unexamined, sha256=digest, mode=mode
        )
        return found if found != FileContents() else None

    def _find_secrets(
        self, path: str, content: bytes
    ) -> tuple[tuple[SecretPlace, ...], tuple[UnexaminedFile, ...]]:
        if not (self._wanted.secrets and may_hold_secrets(path)):
            return (), ()
        scan = find_secrets(path, content[:_MAX_SECRETS], key=self._wanted.secret_key)
        reason = f"only its first {secrets_in_files.MAX_SIZE} bytes or {secrets_in_files.MAX_FINDINGS} secrets were examined"
        unexamined = UnexaminedFile("secrets", reason)
        return scan.places, () if scan.is_complete else (unexamined,)

    def _scan_content(self, path: str, size: int, content: bytes) -> ContentScan:
        if self._wanted.malware is None:
            return ContentScan()
        scan = self._wanted.malware.scan(path, content[:MAX_SCANNED])
        if size <= MAX_SCANNED:
            return scan
        return ContentScan(
            scan.matches, (*scan.unscanned, f"only the first {MAX_SCANNED} of {size} bytes were examined")
        )

    def join(self, one: FileContents, other: FileContents) -> FileContents:
        """Return what was found in the same file at two times as one."""
        return msgspec.structs.replace(
            one,
            secrets=(*one.secrets, *other.secrets),
            malware=(*one.malware, *other.malware),
            unexamined=(*one.unexamined, *other.unexamined),
            sha256=one.sha256 or other.sha256,
            mode=one.mode or other.mode,
        )

    def finish(self) -> dict[str, FileContents]:
        """Return what is told of malware only when all files have passed, by path."""
        scans = self._wanted.malware.finish() if self._wanted.malware else {}
        return {
            path: FileContents(
                malware=scan.matches,
                unexamined=tuple(_list_unexamined_files(scan)),
            )
            for path, scan in scans.items()
        }


def _list_unexamined_files(scan: ContentScan) -> Iterator[UnexaminedFile]:
    for reason in scan.unscanned:
        yield UnexaminedFile("malware", reason)
    for reason in scan.failed:
        yield UnexaminedFile("malware", reason, may_pass=True)


def is_hashed_content(content: bytes) -> bool:
    """Return whether the digest of a content is kept: programs, scripts and archives are known by theirs."""
    return content.startswith(_PROGRAMS) or is_archive(content)


def read_mode(path: str, entry: TarEntry) -> int:
    """Return type and permissions of a file or folder that is noted, 0 for another; an entry that is only a link has none."""
    folder, _, name = path.rpartition("/")
    mode = stat.S_IMODE(entry.mode)
    if entry.kind is EntryKind.DIRECTORY:
        return stat.S_IFDIR | mode if name in _PROGRAM_FOLDERS else 0
    if entry.kind is EntryKind.SYMLINK:
        return 0
    in_programs = folder.rpartition("/")[2] in _PROGRAM_FOLDERS
    noted = mode & _SPECIAL or (in_programs and (mode & stat.S_IWOTH or name in PACKAGE_MANAGERS))
    return stat.S_IFREG | mode if noted else 0
