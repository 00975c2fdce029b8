"""A file an analyzer: from a view of the estate to assessments under Azure's well-known keys."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

    from nephoscope.analyze.analyzer_runner import Analysis, Earlier
    from nephoscope.estate.estate_view import View

__all__ = ["run"]


def run(view: View, only: Iterable[str] | None = None, earlier: Earlier | None = None) -> Analysis:
    """Run the analyzers over a view; see running.run."""
    from nephoscope.analyze.analyzer_runner import run as run_

    return run_(view, only, earlier)
