"""Review rule quality and reduce false positives."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, TypedDict, TypeVar, Unpack

import click

from nephoscope.cli.session.lake_access import flush_pending, open_lake
from nephoscope.cli.session.list_output import FORMATS, format_option, list_options, show_list
from nephoscope.cli.session.options import Instant
from nephoscope.cli.session.rule_settings import COMMANDS, call_rule_service, of_workspace, rules_option
from nephoscope.cli.session.service_context import build_context
from nephoscope.cli.session.state_access import find_workspace, open_state
from nephoscope.cli.terminal.messages import print_message, usage_error

if TYPE_CHECKING:
    from nephoscope.alerts.rules.rule import AnalyticRule
    from nephoscope.alerts.tuning.advice import TuningAdvisor
    from nephoscope.alerts.tuning.replay import ReplayResult

REPORT = (
    "rule", "alerts", "held", "incidents", "false", "benign", "true", "open", "precision", "hoursToClose", "runs", "errors",
    "seconds", "rows",
)  # fmt: skip
ADVICE = ("id", "rule", "advice", "confidence", "hides", "of", "closedFalse", "evidence")
EXPIRES = 90
_Command = TypeVar("_Command", bound=Callable[..., object])


def _time(days: int) -> Callable[[_Command], _Command]:
    def add(command: _Command) -> _Command:
        to = click.option(
            "--to", "until", type=Instant(), metavar="TIME", help="End of the period (default: now)."
        )
        since = click.option(
            "--from",
            "since",
            type=Instant(),
            metavar="TIME",
            help=f"Start of the period (default: {days} days before).",
        )
        return since(to(command))

    return add


def _span(since: datetime | None, until: datetime | None, days: int) -> tuple[datetime, datetime]:
    end = until or datetime.now(UTC)
    begin = since or end - timedelta(days=days)
    if begin >= end:
        usage_error("--from must be before --to")
    return begin, end


@click.group("tuning")
def command() -> None:
    """Review rule quality and reduce false positives."""


@command.command("report")
@of_workspace
@rules_option
@_time(30)
@format_option(*FORMATS, "markdown")
@click.pass_obj
def report(
    data: Path,
    /,
    workspace: str,
    folders: tuple[Path, ...],
    since: datetime | None,
    until: datetime | None,
    output: str,
) -> None:
    """Show alerts, classifications and run cost by rule."""
    from nephoscope.alerts.tuning.rule_quality import rate_rules, row
    from nephoscope.cli.session.rule_selection import load_rules

    begin, end = _span(since, until, 30)
    with open_state(data) as state:
        own = find_workspace(state, workspace).name
        names = {one.id: one.name for one in load_rules(data, state, own, folders)}
        rows = [row(one) for one in rate_rules(state, own, begin, end, names)]
    if output == "markdown":
        _markdown(rows, REPORT)
        return
    show_list(rows, REPORT, output, "no rule has run")


def _markdown(rows: list[dict[str, object]], columns: tuple[str, ...]) -> None:
    click.echo(f"| {' | '.join(columns)} |")
    click.echo("|" + "---|" * len(columns))
    for one in rows:
        cells = ("" if one[name] is None else str(one[name]).replace("|", "\\|") for name in columns)
        click.echo(f"| {' | '.join(cells)} |")


class _AdviceOptions(TypedDict):
    folders: tuple[Path, ...]
    since: datetime | None
    until: datetime | None


@command.command("advice")
@of_workspace
@rules_option
@_time(30)
@click.option("--rule", "wanted", metavar="ID|NAME", help="Show only suggestions for this rule.")
@list_options
@click.pass_obj
def advice(
    data: Path, /, workspace: str, wanted: str | None, output: str, **options: Unpack[_AdviceOptions]
) -> None:
    """Suggest changes to rules, with the alerts that each would have hidden. Each suggestion is tested by
    running the alerting windows again. None hides a true positive or an alert of an open incident with
    several rules. Confidence: proven = every alert was classified as benign, likely = most of them,
    review = other evidence.
    """
    with _open_advising(data, workspace, options, wanted) as (advising, rules):
        rows = [one.document() for one in advising.list_advice(rules)]
    show_list(rows, ADVICE, output, "no suggestions")


@contextmanager
def _open_advising(
    data: Path, workspace: str, options: _AdviceOptions, wanted: str | None = None
) -> Iterator[tuple[TuningAdvisor, list[AnalyticRule]]]:
    """Who looks at the alerts, and the rules that are looked at."""
    from nephoscope.alerts.tuning.advice import TuningAdvisor
    from nephoscope.cli.session.rule_selection import find_rule, load_rules

    begin, end = _span(options["since"], options["until"], 30)
    with open_lake(data) as (lake, state):
        flush_pending(data, lake, state)
        own = find_workspace(state, workspace).name
        rules = load_rules(data, state, own, options["folders"])
        yield TuningAdvisor(state, lake, own, begin, end), [find_rule(rules, wanted)] if wanted else rules


@command.command("apply")
@click.argument("ids", nargs=-1, required=True, metavar="ID...")
@of_workspace
@rules_option
@_time(30)
@click.option("--expires", type=Instant(), metavar="TIME", help="Expiry (default: 90 days from now).")
@click.pass_obj
def apply(
    data: Path,
    /,
    ids: tuple[str, ...],
    workspace: str,
    expires: datetime | None,
    **options: Unpack[_AdviceOptions],
) -> None:
    """Apply the suggestions IDs, each tested again first; use the same --from and --to as for `tuning
    advise`.
    """
    from nephoscope.service.tuning import apply_advice

    now = datetime.now(UTC)
    with _open_advising(data, workspace, options) as (advising, rules):
        for wanted in dict.fromkeys(ids):
            found = next(advising.list_advice(rules, wanted), None)
            if found is None:
                usage_error(f"suggestion {wanted!r} not found: see `tuning advice`")
            context = build_context(data, advising.state)
            apply_advice(context, advising.workspace, found, expires or now + timedelta(days=EXPIRES))
            print_message(
                f"{found.rule.name}: {found.proposal.text}; it would have hidden {len(found.hides)} of {found.of} alerts"
            )


@command.command("undo")
@click.argument("id_", metavar="ID")
@of_workspace
@click.pass_obj
def undo(data: Path, /, id_: str, workspace: str) -> None:
    """Undo the applied suggestion ID; later changes by users are preserved."""
    from nephoscope.service.tuning import undo_advice

    gone = call_rule_service(data, workspace, lambda context, own: undo_advice(context, own, id_))
    print_message(f"{gone:,} changes undone")


@command.command("replay")
@click.argument("rule")
@of_workspace
@rules_option
@_time(7)
@format_option("table", "json")
@click.pass_obj
def replay(
    data: Path,
    /,
    rule: str,
    workspace: str,
    folders: tuple[Path, ...],
    since: datetime | None,
    until: datetime | None,
    output: str,
) -> None:
    """Run RULE (its ID or name) with its current settings over past windows, without writing anything. Exits
    3 if a window could not run.
    """
    from nephoscope.alerts.tuning.effective_rules import EffectiveTuning
    from nephoscope.alerts.tuning.replay import replay as over
    from nephoscope.cli.session.rule_selection import find_rule, load_rules

    begin, end = _span(since, until, 7)
    now = datetime.now(UTC)
    with open_lake(data) as (lake, state):
        flush_pending(data, lake, state)
        own = find_workspace(state, workspace).name
        found = find_rule(load_rules(data, state, own, folders), rule)
        tuned = EffectiveTuning.load(state, lake, own, now).rule(found)
        done = over(lake, tuned, own, begin, min(end, now), now)
    _print_replay(done, begin, end, output)
    if done.errors:
        sys.exit(3)


def _print_replay(done: ReplayResult, begin: datetime, end: datetime, output: str) -> None:
    found = done.document()
    document = {"rule": found.pop("rule"), "from": begin.isoformat(), "to": end.isoformat(), **found}
    if output == "json":
        click.echo(json.dumps(document, indent=2, ensure_ascii=False))
        return
    click.echo(
        f"{done.rule.name}: {done.windows:,} windows, {done.rows:,} rows, {len(done.raised):,} "
        f"alerts in {done.incidents:,} incidents, {document['held']:,} suppressed, "
        f"{done.seconds:.1f} s"
    )
    for text in done.rule.tuning.shown:
        click.echo(f"tuned: {text}")
    show_list(
        [{"day": day, "alerts": count} for day, count in done.days().items()], ("day", "alerts"), output
    )
    show_list(
        [{"entity": name, "alerts": count} for name, count in done.entities()], ("entity", "alerts"), output
    )
    for moment, text in done.errors[:3]:
        click.echo(f"window until {moment.isoformat()}: {text}", err=True)


for _one in COMMANDS:
    command.add_command(_one)
