"""Content upload: extract, read, check and store content that a client sends."""

from __future__ import annotations

import tempfile
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

from nephoscope.alerts.library.content_discovery import read
from nephoscope.alerts.library.content_import import PackImport, PackImporter
from nephoscope.alerts.library.content_listing import WorkspaceTables, list_rows
from nephoscope.alerts.library.content_packs import PackError, build_slug
from nephoscope.alerts.library.upload_extraction import SINGLE, UploadError, unpack_upload

if TYPE_CHECKING:
    from nephoscope.lake.lake import Lake
    from nephoscope.state import State

#: Bytes of what is sent, and pieces in it: each is judged while the server does other things.
MOST_BYTES, MOST_PIECES = 8 << 20, 300
_ONE = threading.Lock()


class UploadBusyError(UploadError):
    """Another one is being judged."""


@dataclass(frozen=True, slots=True)
class Upload:
    """A file that was sent: its name, its bytes, and what the pack is to be called ('' = as the file)."""

    file: str
    data: bytes
    name: str = ""

    @property
    def plain(self) -> str:
        """The name of the file without folders."""
        return self.file.replace("\\", "/").rpartition("/")[2]

    @property
    def pack(self) -> str:
        """The name of the pack."""
        return build_slug(self.name or self.plain.partition(".")[0])

    @property
    def archive(self) -> str:
        """Return what the files in it are found below: its name, '' of one file."""
        return "" if self.plain.lower().endswith(SINGLE) else self.plain


def import_upload(
    lake: Lake, state: State, workspace: str, by: str, upload: Upload, now: datetime
) -> PackImport:
    """Keep what was sent as a pack, its rules off; a pack without any usable piece is not kept, and says why in its refusals.

    UploadError where nothing of it can be looked at, UploadBusyError where another one is being judged.
    """
    if len(upload.data) > MOST_BYTES:
        raise UploadError(
            f"at most {MOST_BYTES >> 20} MiB are accepted; `nephoscope content import` takes more"
        )
    if not _ONE.acquire(blocking=False):
        raise UploadBusyError("another upload is being checked: try again in a minute")
    try:
        with tempfile.TemporaryDirectory(prefix="nephoscope-content-") as folder:
            unpack_upload(upload.file, upload.data, Path(folder))
            reading = read(Path(folder), called=upload.archive)
            if reading.empty and not reading.unread:
                raise UploadError("it contains no rule, hunting query, parser or watchlist")
            if len(reading.pieces) > MOST_PIECES:
                raise UploadError(
                    f"the maximum is {MOST_PIECES} rules; use `nephoscope content import` for more"
                )
            return PackImporter(lake, state, workspace, by).store_pack(
                reading, upload.pack, Path(upload.file), now
            )
    except PackError as error:
        raise UploadError(str(error)) from error
    finally:
        _ONE.release()


def build_report(lake: Lake, workspace: str, imported: PackImport) -> Iterator[dict[str, object]]:
    """A row a piece: whether it runs in the workspace, what it needs, why it cannot be used."""
    held = WorkspaceTables.of(lake, workspace)
    return list_rows(imported.pack, held)
