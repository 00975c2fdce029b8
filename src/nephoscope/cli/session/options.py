"""The options of every command that judges an estate."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from typing import TypeVar

import click

from nephoscope.cli.code_outputs import list_code_formats
from nephoscope.cli.outputs import list_formats
from nephoscope.model.utc_time import assume_utc
from nephoscope_policy.model.state import ComplianceState, Severity

_Command = TypeVar("_Command", bound=Callable[..., object])

_FILE = click.Path(exists=True)
#: The years of times that are given, so that days can be added and subtracted.
_YEARS = range(1900, 9000)


class Instant(click.ParamType[datetime]):
    """A date or an instant in ISO 8601; without a zone it is UTC."""

    name = "time"

    def convert(self, value: object, param: click.Parameter | None, ctx: click.Context | None) -> datetime:
        """The aware instant."""
        if isinstance(value, datetime):
            return value
        try:
            moment = datetime.fromisoformat(str(value))
        except ValueError:
            self.fail(
                f"must be a date or time such as 2026-11-24 or 2026-11-24T10:00:00Z (got {value!r})",
                param,
                ctx,
            )
        if moment.year not in _YEARS:
            self.fail(f"must lie between {_YEARS[0]} and {_YEARS[-1]} (got {value!r})", param, ctx)
        return assume_utc(moment)


class Setting(click.ParamType[tuple[str, object]]):
    """NAME=VALUE, the value as JSON where it is JSON, else as text."""

    name = "name=value"

    def convert(
        self, value: object, param: click.Parameter | None, ctx: click.Context | None
    ) -> tuple[str, object]:
        """The pair."""
        if isinstance(value, tuple):
            return value
        name, equals, text = str(value).partition("=")
        if not equals or not name:
            self.fail(f"must be NAME=VALUE (got {value!r})", param, ctx)
        try:
            return name, json.loads(text)
        except ValueError:
            return name, text


class ReportOption(click.ParamType[tuple[str, Path]]):
    """FORMAT=FILE, a format that findings in files have."""

    name = "format=file"

    def convert(
        self, value: object, param: click.Parameter | None, ctx: click.Context | None
    ) -> tuple[str, Path]:
        """The pair."""
        if isinstance(value, tuple):
            return value
        name, _, path = str(value).partition("=")
        if name not in list_code_formats() or not path:
            self.fail(
                f"must be FORMAT=FILE with one of {', '.join(list_code_formats())} (got {value!r})",
                param,
                ctx,
            )
        return name, Path(path)


class WordChoice(click.Choice[str]):
    """One of a set of words, in any case."""

    def __init__(self, words: type[Severity] | type[ComplianceState]) -> None:
        super().__init__([word.value for word in words], case_sensitive=False)


_JUDGED_BY = (
    click.argument("targets", nargs=-1, metavar="[TARGET]..."),
    click.option(
        "--policies",
        multiple=True,
        type=_FILE,
        metavar="DIR",
        help="Folder or file of definitions and initiatives to evaluate.",
    ),
    click.option(
        "--initiative",
        "initiatives",
        multiple=True,
        metavar="NAME_OR_ID",
        help="Initiative to evaluate (default: nephoscope).",
    ),
    click.option(
        "--parameter",
        "parameters",
        multiple=True,
        type=Setting(),
        help="Parameter of the initiative; the value may be JSON.",
    ),
    click.option(
        "--decisions",
        multiple=True,
        type=_FILE,
        metavar="FILE",
        help="Assignments, exemptions and attestations as ARM JSON.",
    ),
    click.option(
        "--assigned", is_flag=True, help="Evaluate the assignments in the estate and in --decisions."
    ),
    click.option("--scope", default="", metavar="ID", help="Evaluate only resources at or below this scope."),
    click.option(
        "--tenant",
        default="",
        metavar="ID",
        help="Evaluate only this tenant. Targets that state no tenant are its own where none does.",
    ),
    click.option(
        "--at", type=Instant(), help="Evaluation time (for expiry of exemptions and dates in rules)."
    ),
    click.option(
        "--since",
        metavar="SNAPSHOT|DATE|COMMIT",
        help=(
            "Compare with another snapshot or an evaluation in the history; for files, fail only on "
            "findings that are new since a commit."
        ),
    ),
    click.option("--history", metavar="NAME", help="Name of the estate in the history (default: default)."),
    click.option("--no-history", is_flag=True, help="Neither read nor write the history in the data folder."),
)
_WAITING = (
    click.option(
        "--wait",
        type=click.FloatRange(0),
        default=600.0,
        show_default="600",
        metavar="SECONDS",
        help=("Maximum time to wait for another evaluation of the same data folder, such as the server's."),
    ),
)
_DIVIDED = (
    click.option(
        "--in-parts",
        type=click.Choice(["auto", "always", "never"]),
        default="auto",
        show_default=True,
        envvar="NEPHOSCOPE_IN_PARTS",
        show_envvar=True,
        help="Evaluate in parts from disk, with constant memory; auto: from 128 MiB of JSON.",
    ),
    click.option(
        "--part-size",
        type=click.IntRange(1),
        metavar="N",
        envvar="NEPHOSCOPE_PART_SIZE",
        show_envvar=True,
        help="Resources in each part, without splitting subscriptions (default: 10000).",
    ),
)
_PLACED = (
    click.option(
        "--subscription",
        "subscriptions",
        multiple=True,
        metavar="ID|NAME",
        help="Include only this subscription (* is a wildcard).",
    ),
    click.option(
        "--resource-group",
        "resource_groups",
        multiple=True,
        metavar="NAME",
        help="Include only this resource group (* is a wildcard).",
    ),
    click.option(
        "--type",
        "types",
        multiple=True,
        metavar="TYPE",
        help="Include only resources of this type (* is a wildcard).",
    ),
    click.option(
        "--tag", "tags", multiple=True, metavar="NAME[=VALUE]", help="Include only resources with this tag."
    ),
)
_FILTERED = (
    *_PLACED,
    click.option(
        "--severity",
        "severities",
        multiple=True,
        type=WordChoice(Severity),
        help="Show only this severity; totals are unaffected.",
    ),
    click.option(
        "--state",
        "states",
        multiple=True,
        type=WordChoice(ComplianceState),
        help="Show only assessments with this status; totals are unaffected.",
    ),
    click.option("--group-by", metavar="TAG", help="Group findings by the value of this tag, such as owner."),
)


def _build_output_options(extra: tuple[str, ...] = ()) -> tuple[Callable[[_Command], _Command], ...]:
    return (
        click.option(
            "--output",
            "-o",
            type=click.Choice([*list_formats(), *extra]),
            default="table",
            show_default=True,
            help="Output format.",
        ),
        click.option(
            "--output-file",
            type=click.Path(dir_okay=False, path_type=Path),
            help="Write the output to this file.",
        ),
        click.option(
            "--top",
            type=click.IntRange(1),
            default=15,
            show_default=True,
            help="Maximum number of recommendations in the table.",
        ),
    )


def add_allowed_openings_option(help_: str) -> Callable[[_Command], _Command]:
    """Return the option of the list of allowed openings, with what it is for."""
    return click.option(
        "--allowed-openings",
        type=click.Path(exists=True, dir_okay=False, path_type=Path),
        metavar="FILE",
        help=help_,
    )


_TEMPLATES = (
    click.option(
        "--parameters-file",
        "parameters_files",
        multiple=True,
        type=click.Path(exists=True, dir_okay=False, path_type=Path),
        metavar="FILE",
        help="Parameters file of a template (default: the files next to it).",
    ),
    click.option(
        "--location", metavar="REGION", help="Region of the resource group that templates are deployed to."
    ),
    click.option(
        "--report",
        "reports",
        multiple=True,
        type=ReportOption(),
        help="Also write findings in files in this format to this file.",
    ),
    click.option(
        "--deploy-to",
        default="",
        metavar="ID",
        help=("ID of the resource group, subscription or management group that templates are deployed " "to."),
    ),
    click.option(
        "--baseline",
        type=click.Path(exists=True, dir_okay=False, path_type=Path),
        metavar="FILE",
        help="Ignore findings in files that are in this baseline.",
    ),
    add_allowed_openings_option(
        "List of the openings of planned resources that may face the internet; others are findings (default: "
        ".nephoscope/allowed-openings.json of the repository, if there is one)."
    ),
    click.option(
        "--write-baseline",
        type=click.Path(dir_okay=False, path_type=Path),
        metavar="FILE",
        help="Write the findings in files as a baseline.",
    ),
    click.option(
        "--fail-on-policy",
        "failing_policies",
        multiple=True,
        metavar="ID",
        help=("Exit 1 if a finding in a file is of this policy or rule, regardless of severity (* is a " "wildcard)."),
    ),
    click.option(
        "--pass-policy",
        "passing_policies",
        multiple=True,
        metavar="ID",
        help="Never fail on findings of this policy or rule (* is a wildcard).",
    ),
    click.option("--fix", is_flag=True, help="Apply the fixes of findings in files to the files."),
    click.option(
        "--results", "results", multiple=True, type=click.Path(exists=True, dir_okay=False, path_type=Path), metavar="FILE",
        help=("Include the findings of another tool in the gate: SARIF, CycloneDX, ZAP's JSON or XML, " "JUnit."),
    ),
    click.option(
        "--cache/--no-cache", default=True, envvar="NEPHOSCOPE_SCAN_CACHE", show_envvar=True,
        help="Reuse cached results of unchanged files from the data folder.",
    ),
    click.option(
        "--cache-size", type=click.IntRange(0, 1 << 20), default=256, show_default=True, metavar="MIB",
        envvar="NEPHOSCOPE_SCAN_CACHE_SIZE", show_envvar=True, help="Size limit of the cache of file results.",
    ),
    click.option(
        "--tools", type=click.Choice(("installed", "none", "all")), default="installed", show_default=True,
        help=("Check workflows and Dockerfiles with zizmor and hadolint as well; `all` fails if one is " "not installed."),
    ),
)  # fmt: skip
_GATE = (
    click.option("--fail-on", type=WordChoice(Severity),
                 help="Exit 1 if a finding has this severity or a higher one, shown or not."),
    click.option("--fail-on-unknown", is_flag=True, help="Exit 3 if a result is Unknown."),
)  # fmt: skip


def add_evaluation_options(command: _Command) -> _Command:
    """Add the options that say what is judged by what."""
    return _add_options(command, _JUDGED_BY)


def add_wait_option(command: _Command) -> _Command:
    """Add the option that says how long another evaluation is waited for."""
    return _add_options(command, _WAITING)


def add_parts_options(command: _Command) -> _Command:
    """Add the options that say whether an estate is judged in parts."""
    return _add_options(command, _DIVIDED)


def add_resource_options(command: _Command) -> _Command:
    """Add the options that choose which resources are looked at."""
    return _add_options(command, _PLACED)


def add_filter_options(command: _Command) -> _Command:
    """Add the options that choose which rows are shown."""
    return _add_options(command, _FILTERED)


def add_output_options(command: _Command) -> _Command:
    """Add the options of the output."""
    return _add_options(command, _build_output_options())


def add_code_output_options(command: _Command) -> _Command:
    """Add the options of the output, with the formats that findings in files have."""
    known = list_formats()
    return _add_options(
        command, _build_output_options(tuple(name for name in list_code_formats() if name not in known))
    )


def add_template_options(command: _Command) -> _Command:
    """Add the options for templates and other files of a repository."""
    return _add_options(command, _TEMPLATES)


def add_exit_code_options(command: _Command) -> _Command:
    """Add the options of the exit code."""
    return _add_options(command, _GATE)


def _add_options(command: _Command, options: tuple[Callable[[_Command], _Command], ...]) -> _Command:
    for option in reversed(options):
        command = option(command)
    return command
