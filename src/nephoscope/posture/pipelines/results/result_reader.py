"""Results of any tool that a reader knows."""

from __future__ import annotations

from typing import Protocol

from nephoscope.posture.pipelines.results import cyclonedx, gate_report, junit, sarif, zap
from nephoscope.posture.pipelines.results.tool_results import ResultsError, ToolResults


class ResultsReader(Protocol):
    """A module that reads one format."""

    def recognizes(self, document: object) -> bool:
        """Tell whether a document is of the format."""

    def read(self, document: object) -> ToolResults:
        """Read a document that it claims; raises ResultsError."""


#: Each claims and reads one format; a document belongs to the first that claims it.
_READERS: dict[str, ResultsReader] = {
    "gate": gate_report,
    "sarif": sarif,
    "cyclonedx": cyclonedx,
    "zap": zap,
    "junit": junit,
}


def read_results(document: object) -> ToolResults:
    """Read what a tool wrote: decoded JSON, or the text of XML. Raises ResultsError with the place where it cannot be read."""
    for reader in _READERS.values():
        if reader.recognizes(document):
            return reader.read(document)
    raise ResultsError(
        "unsupported format: use the gate's JSON (scan -o json), SARIF 2.1.0, CycloneDX JSON, "
        "ZAP's JSON or XML, JUnit XML"
    )
