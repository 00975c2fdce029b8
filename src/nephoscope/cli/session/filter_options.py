"""Filter options: workspace and maximum count."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

import click

from nephoscope_policy.model.state import Severity

_Command = TypeVar("_Command", bound=Callable[..., object])


def add_workspace_option(help_text: str = "Workspace to use.") -> Callable[[_Command], _Command]:
    """`--workspace`, the one named default where it is not given."""
    return click.option(
        "--workspace", "-w", default="default", show_default=True, metavar="NAME", help=help_text
    )


def add_severity_option() -> Callable[[_Command], _Command]:
    """`--severity`, the least that is listed, as the severities that are (`severities`)."""

    def expand_severity(_: click.Context, __: click.Parameter, word: str) -> list[str]:
        least = Severity(word.capitalize()).rank
        return [one.value for one in Severity if one.rank >= least]

    return click.option(
        "--severity",
        "severities",
        type=click.Choice([one.value for one in Severity], case_sensitive=False),
        default=Severity.INFORMATIONAL.value,
        callback=expand_severity,
        help="Minimum severity.",
    )


def add_limit_option() -> Callable[[_Command], _Command]:
    """`--most`, of a list whose newest come first."""
    return click.option(
        "--most",
        type=click.IntRange(1, 10_000),
        default=100,
        show_default=True,
        help="Maximum number of rows, newest first.",
    )
