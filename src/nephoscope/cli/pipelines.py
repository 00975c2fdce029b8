"""Show pipeline runs, their history per repository, work items, and code to cloud."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, TypedDict, TypeVar, Unpack

import click

from nephoscope.cli.session.list_output import list_options, show_list
from nephoscope.cli.session.options import evaluation_options, filter_options
from nephoscope.cli.session.service_context import build_context
from nephoscope.cli.session.state_access import has_state, open_state
from nephoscope.cli.terminal.messages import print_message, usage_error
from nephoscope.state import NotFoundError

if TYPE_CHECKING:
    from nephoscope.cli.session.estate_options import EstateOptions
    from nephoscope.service.pipelines import RecordedRun
    from nephoscope.service.service_context import ServiceContext
    from nephoscope.state import State
    from nephoscope.state.estate.pipelines import PipelineRun

REPOSITORIES = ("repository", "default_branch", "open", "critical", "high", "last_run")
RUNS = ("started", "repository", "tool", "branch", "pull_request", "failed", "new", "fixed", "reopened", "id")
FINDINGS = ("standing", "severity", "place", "title", "rule")
ITEMS = ("status", "severity", "repository", "place", "title", "opened", "id")
POSTURE = ("state", "severity", "repository", "recommendation")
ORIGINS = ("place", "repository", "certain", "run")
_Result = TypeVar("_Result")


@click.group("pipelines")
def command() -> None:
    """Manage results of CI pipelines: the newest run of the default branch opens and closes work items."""


@command.command("list")
@list_options
@click.pass_obj
def list_(data: Path, /, output: str) -> None:
    """List repositories with their open work items and last run."""

    def rows(context: ServiceContext) -> list[dict[str, object]]:
        kept = context.state.pipelines
        counts = kept.open_counts()
        return [
            {
                "repository": one.shown, "default_branch": one.default_branch, "open": sum(counts.get(one.name, {}).values()),
                "critical": counts.get(one.name, {}).get("Critical", 0), "high": counts.get(one.name, {}).get("High", 0),
                "last_run": next((run.started for run in kept.runs([one.name], 1)), None),
            }
            for one in kept.repositories()
        ]  # fmt: skip

    found: list[dict[str, object]] = _read(data, rows)
    show_list(found, REPOSITORIES, output, "no pipeline has sent results yet")


@command.command("runs")
@click.argument("repository", default="")
@click.option(
    "--top", type=click.IntRange(1, 1000), default=50, show_default=True, help="Maximum number of runs."
)
@list_options
@click.pass_obj
def runs(data: Path, /, repository: str, top: int, output: str) -> None:
    """List the newest runs of REPOSITORY, or of all."""
    names = [repository.lower()] if repository else None
    found = _read(data, lambda context: context.state.pipelines.runs(names, top))
    show_list([_run_row(one) for one in found], RUNS, output, "no runs")


@command.command("show")
@click.argument("run")
@list_options
@click.pass_obj
def show(data: Path, /, run: str, output: str) -> None:
    """Show the findings of a RUN, compared with the default branch."""
    from nephoscope.service.pipelines import run_document

    with open_state(data) as state:
        context = _context(data, state)
        try:
            found = state.pipelines.run(run)
        except NotFoundError as error:
            usage_error(str(error))
        document = run_document(context, found)
    rows = [
        {
            "standing": one.standing.value, "severity": one.finding.severity.value,
            "place": f"{one.finding.region.file}:{one.finding.region.line}", "title": one.title, "rule": one.finding.rule,
            "message": one.finding.message, "subject": one.finding.subject, "fingerprint": one.fingerprint,
        }
        for one in document.findings
    ]  # fmt: skip
    show_list(rows, FINDINGS, output, "the run has no findings")
    for file in document.unread:
        print_message(f"{file}: not assessed")
    if found.note:
        print_message(f"no work items changed: {found.note}")


@command.command("items")
@click.argument("repository", default="")
@click.option("--all", "every", is_flag=True, help="Include closed work items.")
@list_options
@click.pass_obj
def items(data: Path, /, repository: str, output: str, *, every: bool) -> None:
    """List work items of REPOSITORY, or of all, newest first."""
    from nephoscope.state.estate.pipelines import WorkItemStatus

    names = [repository.lower()] if repository else None
    statuses = () if every else (WorkItemStatus.OPEN,)
    found = _read(data, lambda context: context.state.pipelines.items(names, statuses))
    rows = [
        {
            "status": one.status.value, "severity": one.severity, "repository": one.repository,
            "place": f"{one.file}:{one.line}", "title": one.title, "opened": one.opened, "id": one.id, "rule": one.rule,
            "message": one.message, "subject": one.subject, "closed": one.closed, "reopened": one.reopened,
        }
        for one in found
    ]  # fmt: skip
    show_list(rows, ITEMS, output, "no work items")


@command.command("origin")
@click.argument("resource", metavar="ID")
@list_options
@click.pass_obj
def origin(data: Path, /, resource: str, output: str) -> None:
    """Show the templates that deployed the resource ID, with lines."""
    from nephoscope.service.code_to_cloud import find_origins

    rows = [
        {
            "place": f"{one.planned.file}:{one.planned.line}", "repository": one.planned.repository, "certain": one.certain,
            "run": one.planned.run,
        }
        for one in _read(data, lambda context: find_origins(context, resource))
    ]  # fmt: skip
    show_list(rows, ORIGINS, output, "no run planned this resource")


@command.command("send")
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option(
    "--server",
    metavar="URL",
    envvar="NEPHOSCOPE_SERVER",
    help="URL of the server to send to (default: the data folder).",
)
@click.option("--repository", metavar="NAME", help="Repository, such as github.com/contoso/shop.")
@click.option("--branch", metavar="NAME", help="Branch, or the source branch of a pull request.")
@click.option("--commit", metavar="ID", help="Commit.")
@click.option("--run-id", metavar="ID", help="Unique ID of the pipeline run, different for each attempt.")
@click.option("--url", metavar="URL", help="URL of the pipeline run.")
@click.option(
    "--pull-request", metavar="NUMBER", help="Record the findings for this run only, without work items."
)
@click.option(
    "--default-branch", metavar="NAME", help="Default branch, whose runs open and close work items."
)
@click.option(
    "--category",
    default="",
    metavar="NAME",
    help="Category that separates several runs of one tool over a repository.",
)
@click.option(
    "--partial", is_flag=True, help="Mark the results as partial: the tool scanned only some files."
)
@click.pass_obj
def send(
    data: Path, /, file: Path, server: str | None, category: str, *, partial: bool, **given: str | None
) -> None:
    """Send the results of a tool in FILE: the gate's JSON, SARIF, CycloneDX, ZAP's JSON or XML, or JUnit.
    Repository, commit and run are detected in GitHub Actions, Azure Pipelines and GitLab CI; options
    override them. The program's token is read from NEPHOSCOPE_TOKEN.
    """
    from nephoscope.cli.session.pipeline_upload import prepare, store_locally, upload

    body = prepare(file, os.environ, given, category, partial=partial)
    told = upload(server, body) if server else store_locally(data, body)
    counts = told.run.counts
    words = ", ".join(f"{counts[name]:,} {name}" for name in ("failed", "new", "fixed", "reopened"))
    click.echo(f"{'sent before: ' if told.repeated else ''}run {told.run.id}: {words}")
    if told.run.note:
        click.echo(f"no work items changed: {told.run.note}")


class _CollectOptions(TypedDict):
    recording: Path | None
    repositories: tuple[str, ...]
    endpoint: str | None
    tenant: str
    credential: str


@command.command("collect")
@click.argument("platform", type=click.Choice(("github", "gitlab", "azure-devops")))
@click.argument("organization", default="")
@click.option(
    "--connector", default="", metavar="ID",
    help=("Security connector in Azure that the organization belongs to; access to its " "subscription controls who can see it."),
)  # fmt: skip
@click.option(
    "--out",
    type=click.Path(file_okay=False, path_type=Path),
    metavar="FOLDER",
    help="Write the snapshot to this new folder.",
)
@click.option(
    "--from", "recording", type=click.Path(exists=True, file_okay=False, path_type=Path), metavar="FOLDER",
    help="Read the responses from a recording and send no request (see --script).",
)  # fmt: skip
@click.option(
    "--repository", "repositories", multiple=True, metavar="NAME", help="Read only this repository."
)
@click.option(
    "--endpoint",
    metavar="URL",
    help=(
        "REST endpoint of a self-hosted server (GitHub https://HOST/api/v3, GitLab "
        "https://HOST/api/v4) or a proxy."
    ),
)
@click.option("--tenant", default="", metavar="ID", help="Tenant of the connector's subscription.")
@click.option(
    "--credential",
    default="default",
    metavar="KIND",
    help="Credential for Azure DevOps without a token, as in `collect`.",
)
@click.option(
    "--script",
    is_flag=True,
    help="Print the gh, glab or az commands that create a recording, and send no request.",
)
def collect(
    platform: str,
    organization: str,
    connector: str,
    out: Path | None,
    *,
    script: bool,
    **given: Unpack[_CollectOptions],
) -> None:
    """Collect the settings of a GitHub or Azure DevOps ORGANIZATION, or a GitLab group, into a snapshot for
    `nephoscope scan`. Only GET requests are sent, and secret values are never read. The token is read
    from GITHUB_TOKEN, GITLAB_TOKEN or SYSTEM_ACCESSTOKEN; Azure DevOps also accepts the sign-in of
    `collect`. Exits 3 if something could not be read: its policies end Unknown.
    """
    import sys

    from nephoscope.cli.session.devops_collection import (
        DevOpsRequest,
        collect_devops,
        find_platform,
        tell_collection,
    )

    if script:
        from nephoscope.collect.devops.export_script import script as export_script

        click.echo(export_script(find_platform(platform)), nl=False)
        return
    for name, value in (("ORGANIZATION", organization), ("--connector", connector), ("--out", out)):
        if not value:
            usage_error(f"{name} is missing: see `nephoscope pipelines collect --help` for requirements")
    assert out is not None
    found = collect_devops(DevOpsRequest(platform, organization, connector, **given), out)
    click.echo(out)
    tell_collection(found)
    sys.exit(3 if found.gaps.found else 0)


@command.command("rejudge")
@click.argument("advisories", nargs=-1, required=True, type=click.Path(exists=True, path_type=Path))
@click.pass_obj
def rejudge(data: Path, /, advisories: tuple[Path, ...]) -> None:
    """Reassess the newest builds against ADVISORIES: the components in their bill of materials (CycloneDX)
    are matched with current advisories. ADVISORIES are files, archives or folders of a published feed
    (OSV, CSAF, NVD ...). Work items open and close as after a pipeline run; builds without changes get no
    new run. If an advisory cannot be read, no work item is closed and the command exits 3.
    """
    import sys

    from nephoscope.cli.session.advisory_files import AdvisoryFiles
    from nephoscope.service.build_reevaluation import rejudge_builds

    files = AdvisoryFiles(advisories)
    with open_state(data, keeps=True) as state:
        found = rejudge_builds(_context(data, state), files.records, whole=lambda: not files.refusals)
    for build, recorded in found:
        click.echo(
            f"{build.repository.shown} ({build.run.tool}, {len(build.components):,} components): {_describe_rerun(recorded)}"
        )
    if not found:
        print_message("no build has a bill of materials: send one in CycloneDX with `pipelines send`")
    for refusal in files.refusals:
        print_message(f"not read: {refusal.place}: {refusal.reason}")
    sys.exit(3 if files.refusals else 0)


@command.command("posture")
@evaluation_options
@filter_options
@list_options
@click.pass_obj
def posture(data: Path, /, output: str, **options: Unpack[EstateOptions]) -> None:
    """List the security settings of organizations and repositories in TARGET, or in the last scan (collected
    by `pipelines collect`).
    """
    from nephoscope.cli.session.session import build_report
    from nephoscope.estate.devops_documents import repository_name

    rows = [
        {
            "state": row.assessment.state.value, "severity": row.recommendation.severity.value, "repository": name,
            "recommendation": row.recommendation.name, "why": row.assessment.description, "resource": row.assessment.resource,
        }
        for row in build_report(data, options).rows
        if (name := repository_name(row.assessment.resource))
    ]  # fmt: skip
    show_list(
        rows, POSTURE, output, "no repository was assessed: collect some with `nephoscope pipelines collect`"
    )


@command.command("remove")
@click.argument("repository")
@click.pass_obj
def remove(data: Path, /, repository: str) -> None:
    """Delete REPOSITORY with its runs and work items."""
    from nephoscope.posture.pipelines.repository_name import RepositoryNameError
    from nephoscope.service.pipelines import remove_repository

    with open_state(data) as state:
        try:
            remove_repository(_context(data, state), repository)
        except (RepositoryNameError, NotFoundError) as error:
            usage_error(str(error))


def _describe_rerun(recorded: RecordedRun | None) -> str:
    """Say what judging a build again came to."""
    if recorded is None:
        return "unchanged"
    counts = recorded.run.counts
    return ", ".join(f"{counts[name]:,} {name}" for name in ("failed", "new", "fixed", "reopened", "unknown"))


def _run_row(one: PipelineRun) -> dict[str, object]:
    return {
        "started": one.started, "repository": one.repository, "tool": one.tool, "branch": one.branch,
        "pull_request": one.pull_request, **one.counts, "id": one.id, "category": one.category, "commit": one.commit_id,
        "run_id": one.run_id, "url": one.url, "decides": one.decides, "note": one.note, "severities": one.severities,
    }  # fmt: skip


def _context(data: Path, state: State) -> ServiceContext:
    return build_context(data, state)


def _read(data: Path, call: Callable[[ServiceContext], list[_Result]]) -> list[_Result]:
    """Call with the context of a data folder; nothing where the folder has no state yet."""
    if not has_state(data):
        return []
    with open_state(data) as state:
        return call(_context(data, state))
