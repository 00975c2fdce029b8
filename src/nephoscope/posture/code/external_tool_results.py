"""Results of external tools: results of other programs over the same files, in the gate's report."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from nephoscope.collect.templates.arm.template_repository import Repository
    from nephoscope.posture.code.code_report import CodeReport


class ForeignChecks(Protocol):
    """Whoever adds the findings of other programs to a report."""

    def extend(self, report: CodeReport, opened: Sequence[tuple[Repository, Sequence[str]]]) -> CodeReport:
        """Give the report with what is found in files of repositories besides."""
        ...
