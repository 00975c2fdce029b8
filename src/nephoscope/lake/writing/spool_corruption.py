"""Spool corruption: report the lost rows of a corrupt frame in the quarantine."""

from __future__ import annotations

from typing import TYPE_CHECKING

from nephoscope.lake.writing.quarantine import QuarantineEntry

if TYPE_CHECKING:
    from nephoscope.lake.spool.append_frame import SpoolFrame
    from nephoscope.lake.spool.segments import Segment
    from nephoscope.lake.writing.writer import Writer


def quarantine_damage(writer: Writer, segment: Segment, frame: SpoolFrame) -> None:
    """Put an entry into the quarantine for each table whose rows a damaged frame held; the same frame again adds none."""
    for part in frame.header.parts:
        bad = QuarantineEntry(
            str(segment.path),
            f"byte {frame.start}",
            f"the spool was damaged on disk: {part.rows} rows of producer {frame.header.producer} are lost",
            "",
            "spool",
            part.table,
        )
        producer = f"damage-{segment.writer}-{segment.number}-{frame.start}-{part.table}"
        writer.append(part.workspace, {}, bad=[bad], producer=producer, sequence=0)
