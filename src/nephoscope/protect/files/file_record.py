"""Record of a file: what identifies its content, and who may use it."""

from __future__ import annotations

import msgspec

#: The attributes whose change is a change of the file, in the order in which they are shown.
CONTENT = ("kind", "sha256", "size", "link")
ATTRIBUTES = ("mode", "uid", "gid", "xattrs")


class FileRecord(msgspec.Struct, frozen=True, omit_defaults=True):
    """A file by its path from the root; `kind` is file, folder, link or other, `sha256` '' where the content was not hashed.

    `text` is the content of a small configuration file, for a later comparison; secrets are never kept. `problem` says why the file
    was not read as a whole.
    """

    path: str
    kind: str
    mode: int = 0
    uid: int = 0
    gid: int = 0
    size: int = 0
    sha256: str = ""
    link: str = ""
    xattrs: dict[str, str] = {}
    text: str | None = None
    problem: str = ""

    def describe(self) -> str:
        """Return the values as one line, as sensors write them."""
        shown = {
            "sha256": self.sha256, "size": self.size, "mode": f"{self.mode:04o}", "uid": self.uid, "gid": self.gid, "link": self.link,
            "xattrs": self.xattrs,
        }  # fmt: skip
        return ", ".join(
            f"{name}={value}" for name, value in shown.items() if value or name in ("uid", "gid")
        )
