"""Results of pipelines: runs that are sent, repositories, work items, and what of the code stands in the cloud."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from typing import TYPE_CHECKING, Annotated

import msgspec

from nephoscope.operations.declaration.operation import (
    ApiRoute,
    CommandLine,
    MissingError,
    OperationCall,
    OperationGroup,
    convert_not_found_error,
    translate_errors,
)
from nephoscope.operations.declaration.operation_page import Row
from nephoscope.operations.declaration.request_field import describe
from nephoscope.operations.declaration.schemas import PLAIN, AnyJson, Shape, Text, to_shape
from nephoscope.posture.pipelines.repository_name import RepositoryNameError

if TYPE_CHECKING:
    from nephoscope.state.estate.pipeline_records import PipelineRepository, PipelineRun

OPERATIONS = OperationGroup("pipelines", "Pipelines", "A run")
READ, WRITE, DELETE = (f"Microsoft.Security/pipelineRuns/{one}" for one in ("read", "write", "delete"))
#: Bytes of a run with its document.
MOST_BYTES = 24 << 20
Repository = Annotated[
    str, describe("Such as github.com/contoso/shop.", max_length=1000, pattern=PLAIN, metavar="REPOSITORY")
]
RunKey = Annotated[
    str, describe("ID of the run.", min_length=1, max_length=200, pattern=PLAIN, metavar="RUN")
]
Key = Annotated[str, msgspec.Meta(min_length=1, max_length=200, pattern=PLAIN)]
Top = Annotated[int, msgspec.Meta(ge=1, le=1000, description="Maximum number of items.")]


class PipelineRunUpload(Shape, frozen=True, kw_only=True):
    """A run: `document` is what the tool wrote, the text of it where it is XML; `runId` differs for each attempt.

    `pullRequest` is its number; `partial` says that the tool looked at some files only; `started` is now where it is absent.
    """

    repository: Repository
    branch: Key
    commit: Key
    run_id: Key
    document: dict[str, AnyJson] | str
    url: Text = ""
    pull_request: Text = ""
    default_branch: Text = ""
    category: Text = ""
    repository_url: Text = ""
    started: datetime | None = None
    partial: bool = False


class PipelineRunShape(Shape, frozen=True, kw_only=True):
    """A run: `decides` where it changed work items, else `note` says why not; `counts` and `severities` are of its findings."""

    id: str
    repository: str
    tool: str
    category: str
    run_id: str
    branch: str
    commit: str
    pull_request: str
    url: str
    started: datetime
    author: str
    decides: bool
    note: str
    counts: dict[str, int]
    severities: dict[str, int]


class PipelineRunReceipt(Shape, frozen=True, kw_only=True):
    """The run as it is kept; `repeated` where it was sent before, and nothing changed."""

    run: PipelineRunShape
    repeated: bool


class PipelineFindingShape(Shape, frozen=True, kw_only=True):
    """A finding of a run: `standing` is New, Reopened, Unchanged, Fixed, Suppressed or Unknown."""

    standing: str
    rule: str
    title: str
    severity: str
    file: str
    line: int
    message: str
    subject: str
    fingerprint: str


class PipelineRunDetail(Shape, frozen=True, kw_only=True):
    """A run with its findings, and the files that it could not judge."""

    run: PipelineRunShape
    findings: tuple[PipelineFindingShape, ...]
    unread: tuple[str, ...]


class PipelineRunList(Shape, frozen=True, kw_only=True):
    """The newest runs."""

    value: tuple[PipelineRunShape, ...]


class PipelineRepositoryShape(Shape, frozen=True, kw_only=True):
    """A repository; `open` counts its open work items by severity, `total` is how many there are."""

    name: str
    default_branch: str
    url: str
    open: dict[str, int]
    total: int
    critical: int
    high: int
    last_run: datetime | None


class PipelineRepositoryList(Shape, frozen=True, kw_only=True):
    """The repositories that the caller may read."""

    value: tuple[PipelineRepositoryShape, ...]


class DefaultBranch(Shape, frozen=True, kw_only=True):
    """The branch whose runs decide."""

    repository: Repository
    default_branch: Key


class OriginShape(Shape, frozen=True, kw_only=True):
    """A place of a template; `certain` where the whole id of the resource was planned, else the template may have made it."""

    repository: str
    file: str
    line: int
    run: str
    certain: bool


class OriginList(Shape, frozen=True, kw_only=True):
    """The templates that made a resource."""

    value: tuple[OriginShape, ...]


class RepositoryQuery(Shape, frozen=True, kw_only=True):
    """Query for one repository, '' for all."""

    repository: Annotated[Repository, describe("Such as github.com/contoso/shop.", argument=True)] = ""
    top: Annotated[int, describe("Maximum number of items.", ge=1, le=1000)] = 100


class OneRepository(Shape, frozen=True, kw_only=True):
    """A repository by its name."""

    repository: Annotated[Repository, describe("Such as github.com/contoso/shop.", argument=True)] = ""


class ResourceQuery(Shape, frozen=True, kw_only=True):
    """Query for one resource, by its id."""

    resource: Annotated[
        str, describe("ID of the resource.", max_length=2000, pattern=PLAIN, argument=True, metavar="ID")
    ] = ""


def _list_run_rows(found: PipelineRunList) -> list[Row]:
    return [{**row, **row["counts"]} for row in msgspec.to_builtins(found.value, builtin_types=(datetime,))]


def list_places(found: Iterable[Shape]) -> list[Row]:
    """Return rows of a command, with the file and line of each as one column."""
    rows: list[dict[str, object]] = msgspec.to_builtins(tuple(found), builtin_types=(datetime,))
    return [{**row, "place": f"{row['file']}:{row['line']}"} for row in rows]


def _list_notes(found: PipelineRunDetail) -> list[str]:
    unread = [f"{file}: not assessed" for file in found.unread]
    return unread + ([f"no work items changed: {found.run.note}"] if found.run.note else [])


@OPERATIONS.operation(WRITE, ApiRoute("PUT", "/pipelines/runs", scoped=None, most=MOST_BYTES))
def put_run(call: OperationCall, body: PipelineRunUpload) -> PipelineRunReceipt:
    """Take in what a tool wrote (the gate's JSON, SARIF 2.1.0, CycloneDX, ZAP, JUnit); the default branch's newest run decides."""
    from nephoscope.posture.pipelines.repository_name import get_repository_scope
    from nephoscope.posture.pipelines.results.result_reader import read_results
    from nephoscope.posture.pipelines.results.tool_results import ResultsError
    from nephoscope.service.pipelines import NewPipelineRun, record_run

    call.service.require(WRITE, get_repository_scope(body.repository))
    with (
        translate_errors("document", ResultsError, named=True),
        translate_errors("repository", RepositoryNameError, named=True),
    ):
        results = read_results(body.document)
        given = {
            name: getattr(body, name) for name in body.__struct_fields__ if name not in ("commit", "document")
        }
        receipt = record_run(call.service, NewPipelineRun(**given, commit_id=body.commit, results=results))
    return PipelineRunReceipt(run=_build_run_shape(receipt.run), repeated=receipt.repeated)


@OPERATIONS.operation(
    READ, ApiRoute("GET", "/pipelines/repositories", scoped=None),
    CommandLine(
        "list", columns=("name", "defaultBranch", "total", "critical", "high", "lastRun"), nothing="no pipeline has sent results yet",
    ),
)  # fmt: skip
def list_repositories(call: OperationCall) -> PipelineRepositoryList:
    """List repositories with their open work items and last run."""

    counts = call.state.pipelines.open_counts()
    found = _list_readable_repositories(call)
    return PipelineRepositoryList(
        value=tuple(_build_repository(call, one, counts.get(one.name, {})) for one in found)
    )


@OPERATIONS.operation(WRITE, ApiRoute("PATCH", "/pipelines/repositories", scoped=None))
def change_repository(call: OperationCall, body: DefaultBranch) -> PipelineRepositoryShape:
    """Change the branch whose runs decide from now on."""
    from nephoscope.service.pipelines import set_default_branch

    with translate_errors("repository", RepositoryNameError, named=True):
        changed = set_default_branch(call.service, body.repository, body.default_branch)
    return _build_repository(call, changed, call.state.pipelines.open_counts().get(changed.name, {}))


@OPERATIONS.operation(
    DELETE, ApiRoute("DELETE", "/pipelines/repositories", 204, scoped=None), CommandLine("remove")
)
def remove_repository(call: OperationCall, query: OneRepository) -> None:
    """Delete a repository with its runs and work items."""
    from nephoscope.service.pipelines import remove_repository

    with (
        translate_errors("repository", RepositoryNameError, named=True),
        convert_not_found_error(f"The repository {query.repository[:100]}"),
    ):
        remove_repository(call.service, query.repository)


@OPERATIONS.operation(
    READ, ApiRoute("GET", "/pipelines/runs", scoped=None),
    CommandLine(
        "runs", columns=("started", "repository", "tool", "branch", "pullRequest", "failed", "new", "fixed", "reopened", "id"),
        rows=_list_run_rows, nothing="no runs",
    ),
)  # fmt: skip
def list_runs(call: OperationCall, query: RepositoryQuery) -> PipelineRunList:
    """List the newest runs of a repository, or of all."""
    found = call.state.pipelines.runs(list_names(call, query.repository), query.top)
    return PipelineRunList(value=tuple(map(_build_run_shape, found)))


@OPERATIONS.operation(
    READ, ApiRoute("GET", "/pipelines/runs/{id}", scoped=None),
    CommandLine(
        "show", columns=("standing", "severity", "place", "title", "rule"), rows=lambda found: list_places(found.findings),
        nothing="the run has no findings", notes=_list_notes,
    ),
)  # fmt: skip
def get_run(call: OperationCall, id: RunKey) -> PipelineRunDetail:  # noqa: A002
    """Show the findings of a run, compared with the default branch."""
    from nephoscope.access.authenticator import DeniedError
    from nephoscope.service.pipelines import run_document
    from nephoscope.state import NotFoundError

    _list_readable_repositories(call)
    try:
        found = call.state.pipelines.run(id)
        document = run_document(call.service, found)
    except (NotFoundError, DeniedError) as error:
        raise MissingError(f"The run {id[:100]}") from error
    findings = tuple(
        PipelineFindingShape(
            standing=one.standing.value, rule=one.finding.rule, title=one.title, severity=one.finding.severity.value,
            file=one.finding.region.file, line=one.finding.region.line, message=one.finding.message,
            subject=one.finding.subject, fingerprint=one.fingerprint,
        )
        for one in document.findings
    )  # fmt: skip
    return PipelineRunDetail(run=_build_run_shape(found), findings=findings, unread=document.unread)


@OPERATIONS.operation(
    READ, ApiRoute("GET", "/pipelines/origins", scoped=None),
    CommandLine(
        "origin", columns=("place", "repository", "certain", "run"), rows=lambda found: list_places(found.value),
        nothing="no run planned this resource",
    ),
)  # fmt: skip
def list_origins(call: OperationCall, query: ResourceQuery) -> OriginList:
    """List the templates and lines that made a resource, as the newest runs of default branches planned it."""
    from nephoscope.service.code_to_cloud import find_origins

    _list_readable_repositories(call)
    found = find_origins(call.service, query.resource)
    return OriginList(value=tuple(to_shape(OriginShape, one.planned, certain=one.certain) for one in found))


def _list_readable_repositories(call: OperationCall) -> list[PipelineRepository]:
    """The repositories of the caller; DeniedError where roles reach none at all."""
    from nephoscope.service.pipelines import list_readable_repositories

    if not call.service.actor.has_in_any_repository(READ):
        call.service.require(READ)
    return list_readable_repositories(call.service)


def list_names(call: OperationCall, repository: str) -> list[str]:
    """Return the names of the repositories that the caller may read, or the one. DeniedError where roles reach none at all."""

    names = [one.name for one in _list_readable_repositories(call)]
    return names if not repository else [one for one in names if one == repository.lower()]


def _build_run_shape(one: PipelineRun) -> PipelineRunShape:
    return to_shape(PipelineRunShape, one, commit=one.commit_id)


def _build_repository(
    call: OperationCall, one: PipelineRepository, counts: dict[str, int]
) -> PipelineRepositoryShape:
    last = next((run.started for run in call.state.pipelines.runs([one.name], 1)), None)
    return to_shape(
        PipelineRepositoryShape, one, name=one.shown, open=counts, total=sum(counts.values()), critical=counts.get("Critical", 0),
        high=counts.get("High", 0), last_run=last,
    )  # fmt: skip
