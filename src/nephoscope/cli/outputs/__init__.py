"""Output formats: a file a format; each exports `render(report, out)` and `READS`, the rows that it reads."""

from __future__ import annotations

import importlib
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, TextIO, cast

from nephoscope.cli.terminal.messages import exit_with_usage_error
from nephoscope_policy.model.state import ComplianceState

if TYPE_CHECKING:
    from nephoscope.posture.reports.report_interface import ReportView
    from nephoscope.posture.reports.row_selection import RowSelection

Renderer = Callable[["ReportView", TextIO], None]


def list_formats() -> list[str]:
    """Return the names of the output formats, the table first."""
    names = sorted(path.stem for path in Path(__file__).parent.glob("*.py") if path.stem != "__init__")
    return sorted(names, key=lambda name: name != "table")


def select_rows(name: str, states: Sequence[str] = ()) -> RowSelection:
    """Return the rows that a format reads; those in states that a person asks for are listed one by one."""
    from msgspec.structs import replace

    extract = cast("RowSelection", importlib.import_module(f"nephoscope.cli.outputs.{name}").READS)
    return replace(extract, states=extract.states | {ComplianceState(one) for one in states})


def check_states(name: str, states: Sequence[str]) -> None:
    """Refuse states of which a format has nothing to say: SARIF without findings closes every alert of a code scanning service."""
    if name == "sarif" and states and ComplianceState.NON_COMPLIANT not in states:
        exit_with_usage_error("-o sarif contains findings only: remove --state, or add --state NonCompliant")


def load_renderer(name: str) -> Renderer:
    """Return the `render` function of a format, imported now."""
    return cast("Renderer", importlib.import_module(f"nephoscope.cli.outputs.{name}").render)
