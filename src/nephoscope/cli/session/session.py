"""One invocation that judges an estate: from options to a report, with progress on a terminal and errors in plain words."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory

import msgspec

from nephoscope.cli.session.estate_options import EstateOptions
from nephoscope.cli.session.input_checks import (
    check_earlier_snapshot,
    check_estates,
    check_options,
    parse_date,
    refuse_empty,
)
from nephoscope.cli.session.progress_lines import ProgressLines, WaitingLines
from nephoscope.cli.session.service_context import build_context
from nephoscope.cli.session.state_access import find_state_url, has_state
from nephoscope.cli.terminal.messages import exit_with_usage_error, print_message
from nephoscope.collect.facts.fact_reader import FactReader
from nephoscope.collect.facts.fact_recording import settle_retractions
from nephoscope.collect.resources import SnapshotError
from nephoscope.collect.resources.subscription_spool import PART
from nephoscope.estate.coverage import merge
from nephoscope.estate.estate import Estate
from nephoscope.estate.estate_store import StoreError
from nephoscope.estate.evaluation_lease import EstateTurn, TurnTakenError, acquire_estate_turn
from nephoscope.estate.log_queries import Logs
from nephoscope.posture.evaluation.finished_run import EvaluationRun
from nephoscope.posture.history.evaluation_diff import Changes
from nephoscope.posture.recommendations.report_row import ReportFilter
from nephoscope.posture.reports.multi_tenant_report import CombinedReport, combine_reports
from nephoscope.posture.reports.partial_report import PartedReport
from nephoscope.posture.reports.report import Report
from nephoscope.posture.reports.report_interface import ReportView
from nephoscope.posture.reports.row_selection import RowSelection
from nephoscope.posture.scans.known_scopes import UnknownScopeError
from nephoscope.posture.scans.partitioned_scan import FROM_BYTES, ComparisonBase, PartedScan, ReportSelection
from nephoscope.posture.scans.run_recording import (
    Recorder,
    compare_with_date,
    compare_with_runs,
    list_tenant_reports,
)
from nephoscope.posture.scans.scan import (
    EstateScan,
    NoSuchScopeError,
    Progress,
    ScanRequest,
    read_last_scan_request,
    save_request,
)
from nephoscope.service.assessments import announce_request
from nephoscope.state import State, StateError
from nephoscope.state.leases.lease_holder import create_holder_name
from nephoscope.state.leases.lease_renewal import Turns
from nephoscope_policy.catalog import NotHeldError
from nephoscope_policy.documents import ContentError
from nephoscope_policy.errors import PolicyError
from nephoscope_policy.model.state import ComplianceState, Severity


def build_report(data: Path, options: EstateOptions) -> Report:
    """Load, judge and compare one tenant as the options say; ends the process with code 2 and a sentence where it cannot be done."""
    with _refuse_impossible(), show_progress_line() as progress:
        scan = _open_estate_scan(data, options, progress)
        report = _build_report(scan, [scan.estate()], options)
    assert isinstance(report, Report)
    return report


def build_combined_report(data: Path, options: EstateOptions) -> ReportView:
    """Load and judge every tenant of a target; ends as `build_report`."""
    with _refuse_impossible(), show_progress_line() as progress:
        scan = _open_estate_scan(data, options, progress)
        return _build_report(scan, scan.load_estates(), options)


@contextmanager
def open_report(data: Path, options: EstateOptions, extract: RowSelection) -> Iterator[ReportView]:
    """The report of a scan that records, in parts where the options or the size of the estate say so; ends as `build_report`.

    In parts it has only the rows of the extract, and lives until the context ends.
    """
    with TemporaryDirectory(prefix="nephoscope-") as folder:
        with _refuse_impossible(), _open_scan(data, options) as (scan, turn):
            how = options["in_parts"]
            if how == "always" or (how == "auto" and scan.size() >= FROM_BYTES):
                report: ReportView = _make_partial_report(scan, Path(folder), options, extract, turn)
            else:
                report = _build_report(scan, scan.load_estates(), options, turn)
        yield report


@contextmanager
def _open_scan(data: Path, options: EstateOptions) -> Iterator[tuple[EstateScan, EstateTurn | None]]:
    """A scan, and the turn of what it finds to be kept; None where nothing is kept, and then nobody is waited for.

    What is live is collected before, since that may take long; what is judged is what was there when the turn came.
    """
    with show_progress_line() as progress:
        scan = _open_estate_scan(data, options, progress)
        if options["no_history"] or options["since"] is not None:
            yield scan, None
            return
        scan.collect()
    with (
        State.open_folder(data, find_state_url()) as state,
        Turns(state.leases, create_holder_name()) as turns,
        acquire_estate_turn(turns, options["wait"], WaitingLines()) as turn,
        show_progress_line() as progress,
    ):
        announce_request(build_context(data, state), scan.request)
        now = options["at"] or datetime.now(UTC)
        yield replace(scan, progress=progress, now=now), turn
        settle_retractions(state, now)


@contextmanager
def _refuse_impossible() -> Iterator[None]:
    """Ends the process with code 2 and a sentence where what was asked for is not possible."""
    try:
        yield
    except TurnTakenError as error:
        exit_with_usage_error(
            f"{error}: nothing was changed; wait longer with --wait SECONDS, or use --no-history"
        )
    except (
        SnapshotError, ContentError, NotHeldError, PolicyError, StoreError, NoSuchScopeError, UnknownScopeError
    ) as error:  # fmt: skip
        exit_with_usage_error(str(error))
    except StateError as error:
        exit_with_usage_error(f"{error}; --no-history evaluates without storing results")


def _open_estate_scan(data: Path, options: EstateOptions, progress: Progress) -> EstateScan:
    check_options(options)
    request = _build_request(data, options)
    return EstateScan(
        request,
        data,
        options["at"] or datetime.now(UTC),
        progress,
        facts=FactReader(lambda: _open_state(data)),
        logs=partial(_open_logs, data),
    )


@contextmanager
def _open_logs(data: Path, estate: Estate, now: datetime) -> Iterator[Logs | None]:
    """What analyzers ask of logs."""
    from nephoscope.posture.scans.point_in_time_logs import open_frozen_logs

    with _open_state(data) as state, open_frozen_logs(data, state, estate, now) as logs:
        yield logs


@contextmanager
def _open_state(data: Path) -> Iterator[State | None]:
    """The state, None where nothing was ever kept."""
    if not has_state(data):
        yield None
        return
    with State.open_folder(data, find_state_url(), copy=True) as state:
        yield state


def _build_report(
    scan: EstateScan, estates: Sequence[Estate], options: EstateOptions, turn: EstateTurn | None = None
) -> Report | CombinedReport:
    request = scan.request
    check_estates(estates, request.label, request.scope)
    wanted = _build_report_filter(options)
    if wanted.chooses_resources:
        known = scan.list_known_scopes(merge([estate.coverage for estate in estates]))
        for estate in estates:
            known.add(estate)
        known.check(wanted)
    before = _load_runs_before(scan, options["since"])
    earlier = {run.estate.tenant: run for run in before or ()}
    runs = [scan.run(estate, earlier.get(estate.tenant)) for estate in estates]
    report = combine_reports(
        [Report(run, request.label, filter=wanted, top=options.get("top") or 15) for run in runs]
    )
    _print_notices(report, wanted)
    return _compare_with_history(report, scan, before, options, turn)


def _make_partial_report(
    scan: EstateScan, folder: Path, options: EstateOptions, extract: RowSelection, turn: EstateTurn | None
) -> PartedReport:
    parted = PartedScan(scan, folder, options["part_size"] or PART)
    if not any(one.records or one.whole.quarantine for one in parted.surveys):
        refuse_empty(scan.request.label)
    since = options["since"] or ""
    snapshot = since if since and Path(since).exists() else ""
    compared = ComparisonBase(
        None if options["no_history"] else Recorder(scan.data, scan.request.series, turn),
        snapshot,
        parse_date(since) if since and not snapshot else None,
    )
    if compared.recorder is not None and compared.date is not None:
        _check_recorded_before(compared.recorder, since)
    shown = ReportSelection(
        extract, _build_report_filter(options), options.get("group_by") or "", options.get("top") or 15
    )
    report = parted.report(shown, compared)
    _print_notices(report, shown.filter)
    return report


def _print_notices(report: ReportView, filter_: ReportFilter) -> None:
    """Say what could not be used, and that a filter fits nothing."""
    for problem in report.errors:
        if problem.error:
            print_message(f"{problem.place}: {problem.reason}")
    if filter_ != ReportFilter() and report.group_sizes and not report.groups:
        print_message("no assessed resource matches the filters")


def _build_request(data: Path, options: EstateOptions) -> ScanRequest:
    """The request of the options; without a target that of the last scan, which the options then amend."""
    request = ScanRequest(
        targets=options["targets"],
        policies=options["policies"],
        initiatives=options["initiatives"],
        parameters=options["parameters"],
        decisions=options["decisions"],
        assigned=options["assigned"],
        scope=options["scope"],
        history=options["history"] or "default",
        tenant=options["tenant"],
    )
    if request.targets:
        return request
    last = read_last_scan_request(data)
    if last is None:
        exit_with_usage_error("no TARGET: use a snapshot, or `sample:` for the bundled sample estate")
    given = {
        name: value
        for name in ("policies", "initiatives", "parameters", "decisions", "assigned", "scope", "tenant")
        if (value := getattr(request, name))
    }
    if options["history"]:
        given["history"] = options["history"]
    return msgspec.structs.replace(last, **given)


def _load_runs_before(scan: EstateScan, since: str | None) -> list[EvaluationRun] | None:
    """The runs over the tenants of the snapshot that --since names, None where it names a date or nothing."""
    if since is None or not Path(since).exists():
        return None
    earlier = scan.load_estates([since])
    check_earlier_snapshot(earlier, since)
    return [scan.run(estate) for estate in earlier]


def _with_changes(report: Report | CombinedReport, changes: Changes) -> Report | CombinedReport:
    if isinstance(report, Report):
        return replace(report, changes=changes)
    return CombinedReport(tuple(replace(part, changes=changes) for part in report.parts), changes)


def _compare_with_history(
    report: Report | CombinedReport,
    scan: EstateScan,
    before: list[EvaluationRun] | None,
    options: EstateOptions,
    turn: EstateTurn | None,
) -> Report | CombinedReport:
    """The report with what changed: since --since, or since the evaluation before where it is this one's turn to be kept."""
    runs = [part.run for part in list_tenant_reports(report)]
    if before is not None:
        return _with_changes(report, compare_with_runs(before, runs))
    if options["no_history"]:
        return report
    recorder = Recorder(scan.data, scan.request.series, turn, scan.logs)
    if options["since"] is not None:
        changes = compare_with_date(recorder, runs, parse_date(options["since"]))
        if changes is None:
            _check_recorded_before(recorder, options["since"])
        report = _with_changes(report, changes or Changes())
    elif turn is not None:
        report = _with_changes(report, recorder.record(report))
        save_request(scan.repeatable, scan.data)
    elif options.get("delta") and isinstance(report, Report) and not report.filter.chooses_resources:
        report = replace(report, delta=recorder.explain_score_change(report, scan.assess))
    return report if report.filter.chooses_resources else replace(report, trend=recorder.list_trend_points())


def _check_recorded_before(recorder: Recorder, since: str) -> None:
    """Say that there is no evaluation before a date to compare with: then no change is shown, as nothing is known to be new."""
    with recorder.explain_damage():
        first = next(iter(recorder.history.list_evaluations(recorder.scope)), None)
    if first is None or first.when >= parse_date(since):
        known = f"the first is of {first.when:%Y-%m-%d %H:%M} UTC" if first else "there is none"
        print_message(f"--since {since}: no earlier evaluation to compare with ({known}); no change is shown")


def _build_report_filter(options: EstateOptions) -> ReportFilter:
    return ReportFilter(
        subscriptions=tuple(options.get("subscriptions") or ()),
        resource_groups=tuple(options.get("resource_groups") or ()),
        types=tuple(options.get("types") or ()),
        tags=tuple(options.get("tags") or ()),
        severities=tuple(Severity(word) for word in options.get("severities") or ()),
        states=tuple(ComplianceState(word) for word in options.get("states") or ()),
    )


@contextmanager
def show_progress_line() -> Iterator[Progress]:
    """A progress line on a terminal, a line now and then elsewhere."""
    if not sys.stderr.isatty():
        yield ProgressLines()
        return
    from rich.console import Console
    from rich.progress import BarColumn, TaskID, TextColumn, TimeRemainingColumn
    from rich.progress import Progress as Bar

    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        TextColumn("{task.percentage:>3.0f}%"),
        TimeRemainingColumn(),
    )
    with Bar(*columns, console=Console(stderr=True), transient=True) as bar:
        tasks: dict[str, TaskID] = {}

        def update_progress(what: str, done: int, total: int) -> None:
            if what not in tasks:
                tasks[what] = bar.add_task(what, total=total or None)
            bar.update(tasks[what], completed=done, total=total or None)

        yield update_progress
