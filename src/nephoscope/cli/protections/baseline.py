"""Judge a Linux root, disk or image by the security baseline."""

from __future__ import annotations

import sys
from contextlib import ExitStack
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

import click

from nephoscope.cli.session.list_output import add_format_option, show_list
from nephoscope.cli.session.options import WordChoice
from nephoscope.cli.terminal.messages import exit_with_usage_error, print_message
from nephoscope_policy.model.state import Severity

if TYPE_CHECKING:
    from nephoscope.protect.baseline.baseline_evaluation import BaselineResult
    from nephoscope.protect.baseline.examined_system import ExaminedSystem
    from nephoscope.protect.baseline.file_view import FileView
    from nephoscope.protect.baseline.host_facts import HostFacts

COLUMNS = ("state", "severity", "name", "title", "reason", "place")
FINDING, NOT_JUDGED = 1, 3


@click.command("baseline")
@click.argument("target", default="/", metavar="[ROOT|IMAGE]")
@click.option(
    "--tag", default="", metavar="NAME", help="Image to read from a layout or archive that holds several."
)
@click.option(
    "--platform", default="linux/amd64", show_default=True, metavar="OS/ARCH", help="Platform of the image."
)
@click.option(
    "--insecure", is_flag=True, help="Connect to the registry without TLS (always the case for localhost)."
)
@click.option(
    "--facts", "facts_file", type=click.Path(exists=True, dir_okay=False, path_type=Path), metavar="FILE",
    help="JSON document of live facts of the running host, as its agent reports them.",
)  # fmt: skip
@click.option(
    "--keep", is_flag=True, help="Store the results as facts of the machine --resource for policies."
)
@click.option("--resource", default="", metavar="ID", help="With --keep: resource ID of the machine.")
@click.option(
    "--tenant",
    default="",
    metavar="ID",
    help="With --keep: tenant ID, for a subscription that is in no snapshot.",
)
@click.option("--all", "everything", is_flag=True, help="Also show rules that pass or do not apply.")
@click.option(
    "--fail-on", type=WordChoice(Severity), help="Exit 1 if a failed rule has this severity or a higher one."
)
@click.option("--fail-on-unknown", is_flag=True, help="Exit 3 if a result is Unknown.")
@add_format_option("table", "json", "csv", "sarif")
@click.pass_obj
def command(
    data: Path, /, target: str, tag: str, platform: str, insecure: bool, facts_file: Path | None, everything: bool,
    fail_on: Severity | None,
    fail_on_unknown: bool, output: str, keep: bool, resource: str, tenant: str,
) -> None:  # fmt: skip
    """Judge ROOT (this host, a mounted disk, an unpacked image) or IMAGE (an OCI layout, an archive, a name
    in a registry) by the rules of the Linux security baseline. Rules that only a running host can answer
    are Unknown without --facts. A file that cannot be read makes its rules Unknown.
    """
    from nephoscope.protect.baseline.baseline_evaluation import assess_baseline
    from nephoscope.protect.baseline.examined_system import ExaminedSystem

    if keep != bool(resource):
        raise click.UsageError("--keep needs --resource, and --resource needs --keep")
    facts = _read_facts(facts_file) if facts_file else None
    system = ExaminedSystem(_open_view(target, tag, platform, insecure), facts)
    results = assess_baseline(system)
    if keep:
        _save_baseline_results(data, resource, system, tenant)
    shown = [one for one in results if everything or one.state.value in ("Fail", "Unknown")]
    _print_baseline_results(target, shown, output)
    print_message(_summarize_baseline_results(results))
    sys.exit(_choose_exit_code(results, fail_on, fail_on_unknown))


def _read_facts(file: Path) -> HostFacts:
    import msgspec

    from nephoscope.protect.baseline.host_facts import HostFacts

    try:
        return msgspec.json.decode(file.read_bytes(), type=HostFacts)
    except msgspec.DecodeError as error:
        exit_with_usage_error(f"{file}: {error}")


def _open_view(target: str, tag: str, platform: str, insecure: bool) -> FileView:
    from nephoscope.cli.session.image_targets import open_image_target
    from nephoscope.collect.images.errors import ImageError
    from nephoscope.collect.images.layout import is_layout
    from nephoscope.protect.baseline.folder_view import FolderView
    from nephoscope.protect.baseline.image_view import open_image_view

    path = Path(target)
    if path.is_dir() and not is_layout(path):
        if not any((path / one).exists() for one in ("etc", "usr", "bin", "var")):
            exit_with_usage_error(f"{target} is not a Linux root: it has neither etc nor usr")
        return FolderView(path)
    try:
        with ExitStack() as stack:
            return open_image_view(open_image_target(stack, target, tag, platform, insecure))
    except ImageError as error:
        exit_with_usage_error(str(error))


def _save_baseline_results(data: Path, resource: str, system: ExaminedSystem, tenant: str) -> None:
    from nephoscope.cli.session.service_context import open_context
    from nephoscope.collect.facts.report_errors import FactError
    from nephoscope.protect.baseline.machine_report import make_machine_report
    from nephoscope.service.machine_reports import keep_machine_report

    with open_context(data, keeps=True) as service:
        try:
            made = make_machine_report(resource.rstrip("/"), system, service.now, tenant)
            keep_machine_report(service, made)
        except (FactError, ValueError) as error:
            exit_with_usage_error(str(error))
    for id_ in made.withdrawn:
        print_message(f"not stored, because the result is Unknown: {id_.rpartition('/')[2]}")


def _print_baseline_results(target: str, results: list[BaselineResult], output: str) -> None:
    if output == "sarif":
        from nephoscope.cli.outputs.sarif import render_code
        from nephoscope.cli.session.baseline_findings import build_baseline_report

        render_code(build_baseline_report(target, results, datetime.now(UTC)), sys.stdout)
        return
    show_list([_build_row(one) for one in results], COLUMNS, output, "no failed rules")


def _build_row(one: BaselineResult) -> dict[str, object]:
    rule, verdict = one.rule, one.verdict
    place = verdict.evidence[0].place if verdict.evidence else ""
    evidence = [{"path": item.path, "line": item.line, "value": item.value} for item in verdict.evidence]
    return {
        "state": verdict.state.value, "severity": rule.severity.value, "name": rule.name, "title": rule.title,
        "reason": verdict.reason, "place": place, "id": rule.id, "cis": rule.cis, "expected": rule.expected, "fix": rule.fix,
        "evidence": evidence,
    }  # fmt: skip


def _summarize_baseline_results(results: tuple[BaselineResult, ...]) -> str:
    from collections import Counter

    counts = Counter(one.state.value for one in results)
    states_text = ", ".join(
        f"{counts[state]:,} {state}"
        for state in ("Pass", "Fail", "NotApplicable", "Unknown")
        if counts[state]
    )
    return f"{len(results):,} rules: {states_text}"


def _choose_exit_code(
    results: tuple[BaselineResult, ...], fail_on: Severity | None, fail_on_unknown: bool
) -> int:
    if fail_on and any(
        one.state.value == "Fail" and one.rule.severity.rank >= fail_on.rank for one in results
    ):
        return FINDING
    return NOT_JUDGED if fail_on_unknown and any(one.state.value == "Unknown" for one in results) else 0
