"""What a scan found inside of a host or an image."""

from __future__ import annotations

import msgspec

from nephoscope.collect.images.layers import UnreadFile
from nephoscope.model.package import Package


class SetAsideEntry(msgspec.Struct, frozen=True):
    """An entry of a file that is no package that could be read."""

    path: str
    line: int
    reason: str


class FileContents(msgspec.Struct, frozen=True, omit_defaults=True):
    """The contents of one file: packages, what was set aside, what could not be read; its text where it names the operating system."""

    packages: tuple[Package, ...] = ()
    set_aside: tuple[SetAsideEntry, ...] = ()
    unread: tuple[UnreadFile, ...] = ()
    release: str = ""


class Contents(msgspec.Struct, frozen=True, omit_defaults=True):
    """The contents of a host or an image: the distribution with its release ('' where nothing tells), and its packages.

    Packages are in the order of path, line and name.

    `unread` and `set_aside` are what a scan could not read: nothing is known of what they hold.
    """

    family: str = ""
    release: str = ""
    packages: tuple[Package, ...] = ()
    set_aside: tuple[SetAsideEntry, ...] = ()
    unread: tuple[UnreadFile, ...] = ()
    files: int = 0
