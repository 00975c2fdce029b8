"""Scan contents: packages and files found in a host or an image."""

from __future__ import annotations

from typing import Literal

import msgspec

from nephoscope.collect.images.layers import UnreadLayerFile
from nephoscope.collect.malware.malware_match import MalwareMatch
from nephoscope.collect.secrets.secret_location import SecretPlace
from nephoscope.model.missing_inventory import explain_absence
from nephoscope.model.package import Package

#: The most packages, and entries that are none, of one host or image.
MAX_ENTRIES = 250_000


class SetAsideEntry(msgspec.Struct, frozen=True):
    """An entry of a file that is no package that could be read."""

    path: str
    line: int
    reason: str


class UnexaminedFile(msgspec.Struct, frozen=True, omit_defaults=True):
    """A file that was not looked at for secrets or malware, or not as a whole, and why; `may_pass`: the next time it may be."""

    part: Literal["secrets", "malware"]
    reason: str
    may_pass: bool = False


class FileContents(msgspec.Struct, frozen=True, omit_defaults=True):
    """The contents of one file: packages, what was set aside, what could not be read; its text where it names the operating system.

    `secrets` and `malware` are found as the file passes, and `unexamined` says of what it was not looked at in full. `sha256` is that
    of a program, a script or an archive. `mode` are the type and the permissions of what runs with its owner's rights, may be written
    by everybody in a folder of programs, is such a folder, or manages packages; 0 for everything else.
    """

    packages: tuple[Package, ...] = ()
    set_aside: tuple[SetAsideEntry, ...] = ()
    unread: tuple[UnreadLayerFile, ...] = ()
    release: str = ""
    secrets: tuple[SecretPlace, ...] = ()
    malware: tuple[MalwareMatch, ...] = ()
    unexamined: tuple[UnexaminedFile, ...] = ()
    sha256: str = ""
    mode: int = 0

    @property
    def holds_packages(self) -> bool:
        """Return whether a reader of packages read it, or it names the operating system."""
        return bool(self.packages or self.set_aside or self.unread or self.release)

    @property
    def is_final(self) -> bool:
        """Return whether another scan by the same rules would come to the same."""
        return not any(one.may_pass for one in self.unexamined)

    @property
    def entries(self) -> int:
        """The number of what was found: packages, what was set aside, what could not be read."""
        return len(self.packages) + len(self.set_aside) + len(self.unread)


class InventoryContents(msgspec.Struct, frozen=True, omit_defaults=True):
    """The contents of a host or an image: the distribution with its release ('' where nothing tells), and its packages.

    Packages are in the order of path, line and name.

    `unread` and `set_aside` are what a scan could not read: nothing is known of what they hold.
    """

    family: str = ""
    release: str = ""
    packages: tuple[Package, ...] = ()
    set_aside: tuple[SetAsideEntry, ...] = ()
    unread: tuple[UnreadLayerFile, ...] = ()
    files: int = 0

    @property
    def absence(self) -> str:
        """Explain why the packages cannot be all, although no file was refused; '' where they can."""
        return explain_absence(self.family, self.release, self.packages)
