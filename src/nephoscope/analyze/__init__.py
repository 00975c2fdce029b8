"""A file an analyzer: from a view of the estate to assessments under Azure's well-known keys."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

    from nephoscope.analyze.analyzer_runner import AnalyzerOutput, PreviousAnalysis
    from nephoscope.estate.estate_view import EstateView

__all__ = ["run"]


def run(
    view: EstateView, only: Iterable[str] | None = None, earlier: PreviousAnalysis | None = None
) -> AnalyzerOutput:
    """Run the analyzers over a view; see running.run."""
    from nephoscope.analyze.analyzer_runner import run as run_

    return run_(view, only, earlier)
