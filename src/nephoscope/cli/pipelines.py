"""Show pipeline runs, their history per repository, work items, and code to cloud."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, TypedDict, Unpack

import click

from nephoscope.cli.session.list_output import add_list_format_option, show_list
from nephoscope.cli.session.operation_commands import add_operations
from nephoscope.cli.session.options import add_evaluation_options, add_filter_options
from nephoscope.cli.session.service_context import build_context
from nephoscope.cli.session.state_access import open_state
from nephoscope.cli.terminal.messages import exit_with_usage_error, print_message
from nephoscope.operations.posture import pipelines, work_items

if TYPE_CHECKING:
    from nephoscope.cli.session.estate_options import EstateOptions
    from nephoscope.service.pipelines import RecordedRun

POSTURE = ("state", "severity", "repository", "recommendation")


@click.group("pipelines")
def command() -> None:
    """Manage results of CI pipelines: the newest run of the default branch opens and closes work items."""


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
    from nephoscope.cli.session.pipeline_upload import prepare_run_upload, store_locally, upload_run

    body = prepare_run_upload(file, os.environ, given, category, partial=partial)
    answer = upload_run(server, body) if server else store_locally(data, body)
    counts = answer.run.counts
    words = ", ".join(f"{counts[name]:,} {name}" for name in ("failed", "new", "fixed", "reopened"))
    click.echo(f"{'sent before: ' if answer.repeated else ''}run {answer.run.id}: {words}")
    if answer.run.note:
        click.echo(f"no work items changed: {answer.run.note}")


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
        report_collection,
    )

    if script:
        from nephoscope.collect.devops.export_script import render_export_script as export_script

        click.echo(export_script(find_platform(platform)), nl=False)
        return
    for name, value in (("ORGANIZATION", organization), ("--connector", connector), ("--out", out)):
        if not value:
            exit_with_usage_error(
                f"{name} is missing: see `nephoscope pipelines collect --help` for requirements"
            )
    assert out is not None
    found = collect_devops(DevOpsRequest(platform, organization, connector, **given), out)
    click.echo(out)
    report_collection(found)
    sys.exit(3 if found.gaps.sorted_gaps else 0)


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
    from nephoscope.service.build_reevaluation import reevaluate_builds

    files = AdvisoryFiles(advisories)
    with open_state(data, keeps=True) as state:
        found = reevaluate_builds(
            build_context(data, state), files.read_records, whole=lambda: not files.refusals
        )
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
@add_evaluation_options
@add_filter_options
@add_list_format_option
@click.pass_obj
def posture(data: Path, /, output: str, **options: Unpack[EstateOptions]) -> None:
    """List the security settings of organizations and repositories in TARGET, or in the last scan (collected
    by `pipelines collect`).
    """
    from nephoscope.cli.session.session import build_report
    from nephoscope.estate.devops_documents import extract_repository_name

    rows = [
        {
            "state": row.assessment.state.value, "severity": row.recommendation.severity.value, "repository": name,
            "recommendation": row.recommendation.name, "why": row.assessment.description, "resource": row.assessment.resource,
        }
        for row in build_report(data, options).rows
        if (name := extract_repository_name(row.assessment.resource))
    ]  # fmt: skip
    show_list(
        rows, POSTURE, output, "no repository was assessed: collect some with `nephoscope pipelines collect`"
    )


def _describe_rerun(recorded: RecordedRun | None) -> str:
    """Say what judging a build again came to."""
    if recorded is None:
        return "unchanged"
    counts = recorded.run.counts
    return ", ".join(f"{counts[name]:,} {name}" for name in ("failed", "new", "fixed", "reopened", "unknown"))


add_operations(command, pipelines.OPERATIONS, work_items.OPERATIONS)
