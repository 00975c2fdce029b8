"""Log files of containers on Kubernetes nodes, as container runtimes write them (CRI) -> ContainerLogV2.

A line is a time, the stream, whether the line is whole (F) or a part of one (P), and what the container wrote. Where a format reads
what the container wrote, such as the access log of a proxy, the rows are those of that format.
Source: the logging format of the Kubernetes container runtime interface (kubelet-cri-logging).
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from nephoscope.ingest.logs.log_format import BadRecordError, LogRow
from nephoscope.ingest.logs.timestamps import parse_moment

if TYPE_CHECKING:
    from collections.abc import Iterator

    from nephoscope.ingest.logs.log_format import RecordFault, StreamContext

TABLE = "ContainerLogV2"
_LINE = re.compile(
    r"(?P<time>\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}(?:\.\d{1,9})?(?:Z|[+-]\d{2}:\d{2})) "
    r"(?P<stream>stdout|stderr) [FP](?:| (?P<text>.*))",
    re.DOTALL,
)


def read_container_message(line: str) -> str:
    """Return what a container wrote, '' where the line is none of a container's log."""
    match = _LINE.fullmatch(line)
    return (match["text"] or "") if match else ""


@dataclass(frozen=True, slots=True)
class ContainerLogFormat:
    """The format of log files of containers."""

    name: str = "container-log"
    title: str = "Log files of containers on Kubernetes nodes (CRI)"
    tables: tuple[str, ...] = (TABLE,)

    def recognizes_line(self, line: str) -> bool:
        """Return whether a line has a time and the stream of a container."""
        return line[:1] in ("1", "2") and _LINE.fullmatch(line) is not None

    def build_rows_of_line(self, line: str, context: StreamContext) -> Iterator[LogRow | RecordFault]:  # noqa: ARG002 - the protocol
        """The row of a line."""
        match = _LINE.fullmatch(line)
        time = parse_moment(match["time"]) if match else None
        if match is None or time is None:
            raise BadRecordError("the line has no time and stream of a container")
        yield LogRow(
            TABLE, {"TimeGenerated": time, "LogMessage": match["text"] or "", "LogSource": match["stream"]}
        )


FORMAT = ContainerLogFormat()
